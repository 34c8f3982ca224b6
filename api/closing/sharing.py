"""Who shares in a pot and by how much: computed from what is recorded, the same whenever and by whomever it is done."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from ledger.distribution import DistributionMethod, Due, Pot, distribute
from ledger.sheets import Contract, Refund
from projections.families import Family
from projections.notes import RefundNote


class Listed(NamedTuple):
    """One refund of a family that may share, and the name it is ordered by."""

    key: str
    contract_id: str
    refund_id: str


class ShareLine(NamedTuple):
    """A line of the list that two persons order."""

    contract_id: str
    refund_id: str
    due_fen: int
    share_fen: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who does not share this time, in families and fen."""

    late: int = 0
    late_fen: int = 0
    unverified: int = 0
    """Contracts with an open claim that nobody has agreed or ordered yet."""


@dataclass(frozen=True, slots=True)
class ShareList:
    """The lines of one distribution, in order, and the hash that stands for them."""

    method: DistributionMethod
    pot_fen: int
    cut_off_on: date
    lines: list[ShareLine]
    list_sha256: str

    @property
    def due_fen(self) -> int:
        """What the families on the list are owed."""
        return sum(line.due_fen for line in self.lines)

    @property
    def shared_fen(self) -> int:
        """What they get."""
        return sum(line.share_fen for line in self.lines)


@dataclass(slots=True)
class Claims:
    """The verified claims of one institution at one state of the ledger."""

    listed: list[Listed]
    dues: list[Due]
    waiting: Waiting

    def share(self, method: DistributionMethod, pots: Sequence[Pot], cut_off_on: date) -> list[ShareList]:
        """A list for each pot in order; what a pot leaves open is due from the next. No share is above what is due."""
        found = distribute(method, self.dues, pots, licensed=True)
        by_key = {each.key: each for each in self.listed}
        open_fen = [share.due_fen for share in found.shares]
        lists = []
        for index, pot in enumerate(pots):
            lines = []
            for place, share in enumerate(found.shares):
                who = by_key[share.contract_id]
                part_fen = share.parts_fen[index]
                lines.append(ShareLine(who.contract_id, who.refund_id, open_fen[place], part_fen))
                open_fen[place] -= part_fen
            owed = [line for line in lines if line.due_fen]
            lists.append(ShareList(method if index == 0 else "pool", pot.amount_fen, cut_off_on, owed, list_hash(owed)))
        return lists


def claims_of(families: Iterable[Family], cut_off_on: date) -> Claims:
    """What each family is owed and no distribution lets be paid yet, where it was verified by the cut-off."""
    listed: list[Listed] = []
    dues: list[Due] = []
    late = late_fen = unverified = 0
    for family in families:
        contract = family.contract
        if any(each.status in {"requested", "refused"} for each in family.refunds):
            unverified += 1
        owed = family.owed
        held_fen = _held_fen(family, owed)
        for refund, fen in owed:
            if not _verified(family, refund, cut_off_on):
                late, late_fen = late + 1, late_fen + fen
                continue
            key = _key(contract, refund, alone=len(owed) == 1)
            listed.append(Listed(key, contract.contract_id, refund.refund_id))
            dues.append(Due(key, fen, min(fen, held_fen)))
            held_fen -= min(fen, held_fen)
    return Claims(listed, dues, Waiting(late, late_fen, unverified))


def list_hash(lines: Iterable[ShareLine]) -> str:
    """The hash that an order of distribution names: chained over the list in its order."""
    chain = ""
    for line in lines:
        chain = chained(chain, line)
    return chain


def chained(chain: str, line: ShareLine) -> str:
    """The next link."""
    text = f"{chain}{line.contract_id}:{line.refund_id}:{line.due_fen}:{line.share_fen}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def _key(contract: Contract, refund: Refund, *, alone: bool) -> str:
    """Ties go by contract; the parts of a settlement are claims of their own."""
    return contract.contract_id if alone else f"{contract.contract_id}:{refund.refund_id}"


def _held_fen(family: Family, owed: Sequence[tuple[Refund, int]]) -> int:
    """What custody holds of this contract's own money for refunds that have no share yet."""
    contract = family.contract
    own_fen = max(0, contract.refund_payable_fen - contract.institution_receivable_fen)
    reserved_fen = contract.refund_payable_fen - sum(fen for _, fen in owed)
    return max(0, own_fen - max(0, reserved_fen))


def _verified(family: Family, refund: Refund, cut_off_on: date) -> bool:
    note = family.escrow.find(RefundNote, refund.refund_id)
    agreed_on = None if note is None else note.agreed_on or note.since_on
    return agreed_on is not None and agreed_on <= cut_off_on
