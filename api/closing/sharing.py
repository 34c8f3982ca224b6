"""Who shares in a pot and by how much: computed from what is recorded, the same whenever and by whomever it is done."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress, islice
from operator import le, sub
from typing import NamedTuple, overload

from ledger.distribution import DistributionMethod, Pot, split
from ledger.sheets import Refund
from projections.families import Family
from projections.notes import RefundNote


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


class Lines(Sequence[ShareLine]):
    """The lines of a list by columns: ids as they are in `Claims`, amounts in 8 bytes each."""

    def __init__(
        self, contract_ids: list[str], refund_ids: list[str], due_fen: Sequence[int], share_fen: Sequence[int]
    ) -> None:
        self._columns = contract_ids, refund_ids, array("q", due_fen), array("q", share_fen)

    @property
    def due_fen(self) -> int:
        """What the families on the list are owed."""
        return sum(self._columns[2])

    @property
    def shared_fen(self) -> int:
        """What they get."""
        return sum(self._columns[3])

    def __len__(self) -> int:
        """How many there are."""
        return len(self._columns[0])

    def __iter__(self) -> Iterator[ShareLine]:
        """Each line, made as it is asked for."""
        return map(ShareLine, *self._columns)

    @overload
    def __getitem__(self, place: int) -> ShareLine: ...
    @overload
    def __getitem__(self, place: slice) -> "Lines": ...
    def __getitem__(self, place: int | slice) -> "ShareLine | Lines":
        """A line, or some of them."""
        contract_ids, refund_ids, due_fen, share_fen = self._columns
        if isinstance(place, slice):
            return Lines(contract_ids[place], refund_ids[place], due_fen[place], share_fen[place])
        return ShareLine(contract_ids[place], refund_ids[place], due_fen[place], share_fen[place])

    def __eq__(self, other: object) -> bool:
        """The same lines in the same order."""
        return isinstance(other, Lines) and self._columns == other._columns

    __hash__ = None  # type: ignore[assignment] # a list, as far as others are concerned


@dataclass(frozen=True, slots=True)
class ShareList:
    """The lines of one distribution, in order, and the hash that stands for them."""

    method: DistributionMethod
    pot_fen: int
    cut_off_on: date
    lines: Lines
    list_sha256: str

    @property
    def due_fen(self) -> int:
        """What the families on the list are owed."""
        return self.lines.due_fen

    @property
    def shared_fen(self) -> int:
        """What they get."""
        return self.lines.shared_fen


class Claims:
    """The verified claims of one institution at one state of the ledger, by columns: a distribution needs them all.

    A claim takes its two ids and two amounts, no object of its own: what 200,000 families are owed fits in memory.
    """

    def __init__(self) -> None:
        self.waiting = Waiting()
        self._keys: list[str] = []
        """Ties go by contract; the parts of a settlement are claims of their own."""
        self._contract_ids: list[str] = []
        self._refund_ids: list[str] = []
        self._due_fen, self._held_fen = array("q"), array("q")

    def add(self, contract_id: str, refund_id: str, due_fen: int, held_fen: int, *, alone: bool = True) -> None:
        """A refund that may share; `held_fen` is what custody holds of its contract's own money."""
        self._keys.append(contract_id if alone else f"{contract_id}:{refund_id}")
        self._contract_ids.append(contract_id)
        self._refund_ids.append(refund_id)
        self._due_fen.append(due_fen)
        self._held_fen.append(min(due_fen, held_fen))

    def share(self, method: DistributionMethod, pots: Sequence[Pot], cut_off_on: date) -> list[ShareList]:
        """A list for each pot in order; what a pot leaves open is due from the next. No share is above what is due."""
        self._sort()
        lists = []
        open_fen = self._due_fen
        for index, (pot, part) in enumerate(zip(pots, split(method, self._due_fen, self._held_fen, pots), strict=True)):
            lines = self._owed(open_fen, part)
            lists.append(
                ShareList(method if index == 0 else "pool", pot.amount_fen, cut_off_on, lines, list_hash(lines))
            )
            open_fen = array("q", map(sub, open_fen, part))
        return lists

    def _sort(self) -> None:
        """Into the order of keys, in which they mostly are."""
        keys = self._keys
        if all(map(le, keys, islice(keys, 1, None))):
            return
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys, self._contract_ids, self._refund_ids = (
            [column[place] for place in order] for column in (keys, self._contract_ids, self._refund_ids)
        )
        self._due_fen, self._held_fen = (
            array("q", (column[place] for place in order)) for column in (self._due_fen, self._held_fen)
        )

    def _owed(self, open_fen: Sequence[int], part: Sequence[int]) -> Lines:
        """The lines of claims that are owed anything still."""
        if all(open_fen):
            return Lines(self._contract_ids, self._refund_ids, open_fen, part)
        contract_ids, refund_ids = (list(compress(ids, open_fen)) for ids in (self._contract_ids, self._refund_ids))
        due_fen, share_fen = (list(compress(fen, open_fen)) for fen in (open_fen, part))
        return Lines(contract_ids, refund_ids, due_fen, share_fen)


def claims_of(families: Iterable[Family], cut_off_on: date) -> Claims:
    """What each family is owed and no distribution lets be paid yet, where it was verified by the cut-off."""
    claims = Claims()
    late = late_fen = unverified = 0
    for family in families:
        if any(each.status in {"requested", "refused"} for each in family.refunds):
            unverified += 1
        owed = family.owed
        held_fen = _held_fen(family, owed)
        for refund, fen in owed:
            if not _verified(family, refund, cut_off_on):
                late, late_fen = late + 1, late_fen + fen
                continue
            claims.add(family.contract.contract_id, refund.refund_id, fen, held_fen, alone=len(owed) == 1)
            held_fen -= min(fen, held_fen)
    claims.waiting = Waiting(late, late_fen, unverified)
    return claims


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
