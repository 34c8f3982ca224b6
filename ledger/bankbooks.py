"""The bank's books that statements are held against: payments not shown yet, those shown lately, how far they go."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from ledger.matching import By

HORIZON = timedelta(days=92)
"""Payments and lines are remembered so long after the bank showed them: for overlaps, returns and reversals."""


Key = str | int


@dataclass(slots=True)
class Item:
    """One recorded or instructed payment; credits positive, debits negative, in fen."""

    reference: str
    signed_fen: int
    left_fen: int
    """What of it no statement has shown."""
    on: date
    serial: str = ""
    payer_ref: str = ""
    contract_id: str = ""
    names: tuple[str, ...] = ()
    """Ids by which a remittance text may name it."""
    moved: bool = True
    """Whether custody has moved by it; False while it is only instructed."""
    gone: bool = False
    """Reversed or returned: it explains nothing any more."""
    place: int = field(default=0, compare=False)
    """Where it stands among those that wait."""

    @property
    def kind(self) -> str:
        """`deposit`, `reversal`, `repayment`, `draw`, `release` or `refund`."""
        return self.reference.partition(":")[0]


ITEM_KEYS: dict[By, Callable[[Item], tuple[Key, ...]]] = {
    "serial": lambda item: (item.serial,) if item.serial else (),
    "named": lambda item: item.names,
    "contract": lambda item: (item.contract_id,) if item.contract_id else (),
    "payer": lambda item: (item.payer_ref,) if item.payer_ref else (),
    "amount": lambda item: (item.left_fen,),
}
"""The keys under which a payment can be found."""


@dataclass(frozen=True, slots=True)
class Want:
    """What a line looks for, beside a key: amount (fen) and serial numbers, so many days before or after its own."""

    signed_fen: int
    on: date
    days: int
    serials: Collection[str] = ()
    """Forms of its own serial number: two payments that look alike have two."""
    reversal: bool = False
    """It takes something back, and pays nobody."""

    def suits(self, item: Item) -> bool:
        """Whether a payment may be part of it, or it of the payment."""
        if (item.left_fen > 0) != (self.signed_fen > 0) or (self.reversal and item.kind != "reversal"):
            return False
        if item.serial and self.serials and item.serial not in self.serials:
            return False
        return abs(item.on - self.on).days <= self.days

    def nearness(self, item: Item) -> tuple[timedelta, date, str]:
        """What the nearest payment has least of."""
        return abs(item.on - self.on), item.on, item.reference


class Waiting(Protocol):
    """Payments that the bank has not shown in full, for one matching: what was taken is not found again."""

    def holds(self, by: By) -> bool:
        """Whether any payment has a key of this kind."""
        ...

    def present(self, by: By, keys: Iterable[Key]) -> set[Key]:
        """Which of these keys any payment has."""
        ...

    def fitting(self, by: By, key: Key, want: Want, at_most: int) -> Sequence[Item]:
        """So many of the payments of this key and amount that suit, the nearest first."""
        ...

    def group(self, by: By, key: Key, at_most: int) -> Sequence[Item]:
        """All payments of this key, by day and reference; none where it had more than so many."""
        ...

    def take(self, items: Iterable[Item]) -> None:
        """These are explained."""
        ...


@dataclass(slots=True)
class Taken:
    """One statement taken in, and how many of its new lines are booked."""

    lines: int
    booked: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the statements of an account go; `through_on` is None before the first."""

    account_id: str = ""
    closing_fen: int = 0
    through_on: date | None = None


class Books(Protocol):
    """What matching and overlap ask, in chunks: payments, contracts, lines, how far statements go."""

    @property
    def account_id(self) -> str:
        """The custody account; empty where no escrow was opened."""
        ...

    def waiting(self) -> Waiting:
        """Payments the bank has not shown in full, as they are before a matching."""
        ...

    def known(self, references: Iterable[str]) -> set[str]:
        """Which of these deposits and reversals are recorded."""
        ...

    def shown_like(self, kinds: Collection[str], signed_fens: Collection[int]) -> list[Item]:
        """Payments of these kinds and amounts that the bank has shown lately and that did not come back."""
        ...

    def registered(self, contract_ids: Iterable[str]) -> set[str]:
        """Which of these are contracts."""
        ...

    def taken(self, statement_id: str) -> Taken | None:
        """How far a statement is booked; None where it was never taken in."""
        ...

    def unfinished(self) -> tuple[str, Taken] | None:
        """The statement whose lines are not all booked."""
        ...

    def known_keys(self, statement_id: str) -> tuple[Mapping[str, int], Reach]:
        """Lines that other statements brought, with their signed fen, and how far those go: what this continues."""
        ...
