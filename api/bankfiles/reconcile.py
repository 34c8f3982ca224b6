"""The reconciliation of a day: what the bank has not shown becomes a break with an owner; what differs is told."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from api.bankfiles.books import read_books
from api.bankfiles.posting import Poster
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.bankbooks import Item
from ledger.statements import item_break_id
from ledger.store.rows import decode_header
from ledger.store.tables import headers

GRACE = timedelta(days=1)
"""A payment may take so long to appear in a statement before it is a break."""
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Bank and ledger of one institution, fen; all figures as of `through_on`, the last day that statements cover."""

    institution_id: str
    through_on: date | None
    bank_fen: int
    custody_fen: int
    in_transit_fen: int
    """Recorded in the ledger and not shown by the bank."""
    drift_fen: int
    """What breaks of bank lines say why the bank is above the ledger."""
    overdue: int
    """Payments that the bank should have shown by now."""
    opened: int
    """Breaks this run opened for them."""
    on: date | None = None
    """The day that was asked for."""

    @property
    def covered(self) -> bool:
        """Whether statements reach the day that was asked for."""
        return self.on is None or (self.through_on is not None and self.through_on >= self.on)

    @property
    def unexplained_fen(self) -> int:
        """What is left: not in transit, in no break. It must be zero."""
        if self.through_on is None:
            return 0
        return self.bank_fen - self.custody_fen - self.drift_fen + self.in_transit_fen


def reconcile(
    ledger: Ledger,
    institution_id: str,
    poster: Poster,
    *,
    grace: timedelta = GRACE,
    dry_run: bool = False,
    on: date | None = None,
) -> Reconciled:
    """Open a break for every payment that statements should have shown, and tell where bank and ledger stand.

    With `on`, the answer says whether statements cover that day, and only what was due by then is overdue.
    Safe to run again. Raises EscrowNotOpen, StatementIncomplete while an import is unfinished.
    """
    books = read_books(ledger, institution_id)
    if not books.account_id:
        raise no.EscrowNotOpen(institution_id, "none")
    for statement_id, taken in books.statements.items():
        if taken.booked < taken.lines:
            raise no.StatementIncomplete(statement_id, taken.lines, taken.booked)
    items = list(books.open_items())
    shown_on = min(books.reach.through_on or date.min, on or date.max)
    overdue = [item for item in items if item.moved and item.on + grace <= shown_on]
    opened = 0 if dry_run else _open(ledger, institution_id, overdue, poster)
    with ledger.engine.connect() as connection:
        state = connection.execute(
            select(headers.c.state).where(headers.c.institution_id == institution_id)
        ).scalar_one()
    header = decode_header(state)
    return Reconciled(
        institution_id=institution_id,
        through_on=books.reach.through_on,
        bank_fen=header.bank_closing_fen,
        custody_fen=header.custody_cash_fen,
        in_transit_fen=sum(item.left_fen for item in items if item.moved),
        drift_fen=header.drift_fen,
        overdue=len(overdue),
        opened=opened,
        on=on,
    )


def _open(ledger: Ledger, institution_id: str, overdue: list[Item], poster: Poster) -> int:
    opened = 0
    for start in range(0, len(overdue), BATCH):
        orders = [
            poster.order(
                institution_id,
                f".{item_break_id(item.reference)}.{item.left_fen}",
                c.OpenBreak(reference=item.reference),
            )
            for item in overdue[start : start + BATCH]
        ]
        opened += sum(isinstance(each, Receipt) and not each.replayed for each in ledger.submit_all(orders))
    return opened
