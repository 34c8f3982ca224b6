"""What the demo shows at the end, read from the read models: balances, what is due, what is missing."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from api.demo.cases import CASES
from projections.answers import Answer
from projections.escrow_balance import EscrowBalance, list_escrow_balances
from projections.institution import Institution, list_institutions
from projections.reading import MAX_PAGE, Reader
from projections.refunds_due import RefundDue, list_refunds_due

T = TypeVar("T")


@dataclass
class Debt:
    """What one institution's families are owed, fen."""

    families: int = 0
    open_fen: int = 0
    in_transit_fen: int = 0
    covered_fen: int = 0
    missing_fen: int = 0
    overdue: int = 0

    def add(self, due: RefundDue, today: date) -> None:
        """Count one family's claim."""
        self.families += 1
        self.open_fen += due.open_fen or 0
        self.in_transit_fen += due.in_transit_fen
        self.covered_fen += due.covered_fen or 0
        self.missing_fen += due.missing_fen or 0
        self.overdue += due.pay_by is not None and due.pay_by < today and bool(due.open_fen)


@dataclass(frozen=True)
class PublishedCase:
    """A published figure beside the ledger's own, fen."""

    id: str
    title: str
    published_fen: int
    ledger_fen: int | None

    @property
    def equal(self) -> bool:
        """Whether the ledger says the same."""
        return self.published_fen == self.ledger_fen


@dataclass(frozen=True)
class Findings:
    """Everything at the end of the story."""

    on: date
    institutions: Mapping[str, Institution]
    balances: Mapping[str, EscrowBalance]
    dues: tuple[RefundDue, ...]
    cases: tuple[PublishedCase, ...]
    debts: Mapping[str, Debt] = field(default_factory=dict)

    @property
    def shortfall_fen(self) -> int:
        """What is due and not there."""
        return sum(debt.missing_fen for debt in self.debts.values())


def find(reader: Reader, on: date, entitled_fen: Mapping[str, int]) -> Findings:
    """Read it all; `entitled_fen` is what the ledger said when each case's refund was asked for."""
    dues = tuple(_all(lambda after: list_refunds_due(reader, after=after, limit=MAX_PAGE)))
    debts: defaultdict[str, Debt] = defaultdict(Debt)
    for due in dues:
        debts[due.institution_id].add(due, on)
    return Findings(
        on=on,
        institutions={
            each.institution_id: each
            for each in _all(lambda after: list_institutions(reader, after=after, limit=MAX_PAGE))
        },
        balances={
            each.institution_id: each
            for each in _all(lambda after: list_escrow_balances(reader, after=after, limit=MAX_PAGE))
        },
        dues=dues,
        cases=tuple(
            PublishedCase(case.id, case.title, case.published_fen, entitled_fen.get(case.id)) for case in CASES
        ),
        debts=dict(debts),
    )


def _all(page: Callable[[str | None], Answer[list[T]]]) -> Iterator[T]:
    """Every row of a list, page by page."""
    after: str | None = None
    while True:
        answer = page(after)
        yield from answer.data
        if (after := answer.next) is None:
            return
