"""Shares of a short pot: traced to each contract's own money, or pooled pro rata to what is still owed."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import sub
from typing import Literal, TypeAlias

import msgspec

from ledger.money import largest_remainder
from ledger.rejections import Rejection

DistributionMethod: TypeAlias = Literal["trace", "pool"]
PriorityRegime: TypeAlias = Literal["licensed_school", "company"]


@dataclass(unsafe_hash=True)
class ContractListedTwice(Rejection):
    """A distribution names each contract once."""

    contract_id: str


@dataclass(unsafe_hash=True)
class PaidAboveDue(Rejection):
    """A contract already received more than its verified due."""

    contract_id: str
    due_fen: int
    paid_fen: int


@dataclass(unsafe_hash=True)
class NegativeAmount(Rejection):
    """Dues, money held and pots are never negative."""

    name: str
    amount_fen: int


class Due(msgspec.Struct, frozen=True):
    """What one family is owed, verified, by one contract."""

    contract_id: str
    due_fen: int
    held_fen: int = 0
    """Money of this contract that is still in custody."""
    paid_fen: int = 0
    """What earlier distributions paid."""


class Pot(msgspec.Struct, frozen=True):
    """Money to distribute; pots are used in the order they are given."""

    name: str
    amount_fen: int


class PotUse(msgspec.Struct, frozen=True):
    """What became of a pot."""

    name: str
    amount_fen: int
    distributed_fen: int
    left_fen: int


class Share(msgspec.Struct, frozen=True):
    """What one contract gets now, in total and from each pot in order, and what stays open."""

    contract_id: str
    due_fen: int
    paid_before_fen: int
    share_fen: int
    parts_fen: tuple[int, ...]
    open_fen: int


class Distribution(msgspec.Struct, frozen=True):
    """A distribution to record as a decision: shares in the order of contract ids, whatever order came in."""

    method: DistributionMethod
    priority_regime: PriorityRegime
    pots: tuple[PotUse, ...]
    shares: tuple[Share, ...]


def distribute(method: DistributionMethod, dues: Iterable[Due], pots: Sequence[Pot], *, licensed: bool) -> Distribution:
    """Pays verified dues from the pots in order. None gets more than it is still owed.

    `trace`: the first pot is custody, and a contract gets from it what custody still holds for it; if the pot is
    short of that, pro rata to it. `pool`, and every later pot: pro rata to what is still owed, by largest remainder,
    ties by contract id, so that the shares sum to the pot exactly. A late claim shares in later distributions only.
    `licensed` decides the priority regime: a school pays families before wages (民促法 59; 法释〔2010〕20号), a company
    by Bankruptcy Law 113, whose second paragraph pays one rank proportionally.

    Raises ContractListedTwice, PaidAboveDue, NegativeAmount.
    """
    ordered = _checked(dues)
    open_fen = [due.due_fen - due.paid_fen for due in ordered]
    parts = split(method, open_fen, [due.held_fen for due in ordered], pots)
    for part in parts:
        open_fen = [left - paid for left, paid in zip(open_fen, part, strict=True)]
    return Distribution(
        method=method,
        priority_regime="licensed_school" if licensed else "company",
        pots=tuple(_used(pot, sum(part)) for pot, part in zip(pots, parts, strict=True)),
        shares=tuple(_shares(ordered, parts, open_fen)),
    )


def split(
    method: DistributionMethod, owed_fen: Sequence[int], held_fen: Sequence[int], pots: Sequence[Pot]
) -> list[Sequence[int]]:
    """What each claim gets from each pot in order; claims are in the order that decides ties.

    Arrays of 8 bytes a claim, so that a list of hundreds of thousands stays small. Raises NegativeAmount.
    """
    parts: list[Sequence[int]] = []
    open_fen: Sequence[int] = owed_fen
    for index, pot in enumerate(pots):
        if pot.amount_fen < 0:
            raise NegativeAmount(pot.name, pot.amount_fen)
        traced = method == "trace" and index == 0
        weights = array("q", map(min, held_fen, open_fen)) if traced else open_fen
        part = array("q", largest_remainder(min(pot.amount_fen, sum(weights)), weights))
        open_fen = array("q", map(sub, open_fen, part))
        parts.append(part)
    return parts


def _checked(dues: Iterable[Due]) -> list[Due]:
    ordered = sorted(dues, key=lambda due: due.contract_id)
    last = None
    for due in ordered:
        if due.contract_id == last:
            raise ContractListedTwice(due.contract_id)
        for amount_fen in (due.due_fen, due.held_fen, due.paid_fen):
            if amount_fen < 0:
                raise NegativeAmount(due.contract_id, amount_fen)
        if due.paid_fen > due.due_fen:
            raise PaidAboveDue(due.contract_id, due.due_fen, due.paid_fen)
        last = due.contract_id
    return ordered


def _used(pot: Pot, distributed_fen: int) -> PotUse:
    return PotUse(pot.name, pot.amount_fen, distributed_fen, pot.amount_fen - distributed_fen)


def _shares(ordered: list[Due], parts: list[Sequence[int]], open_fen: list[int]) -> Iterable[Share]:
    by_contract = zip(*parts, strict=True) if parts else ((),) * len(ordered)
    for due, part, left in zip(ordered, by_contract, open_fen, strict=True):
        yield Share(due.contract_id, due.due_fen, due.paid_fen, sum(part), tuple(part), left)
