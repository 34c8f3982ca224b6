"""The reconciliation of a day: what the bank has not shown becomes a break with an owner; what differs is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from api.bankfiles.books import Standing, standing
from api.bankfiles.payments import Payments, keys_of, left_of
from api.bankfiles.posting import Poster
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.bankbooks import HORIZON
from ledger.log.openings import sheets_between
from ledger.log.records import one_moment
from ledger.sheets import Break
from ledger.statements import item_break_id

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
    with one_moment(ledger.engine) as connection:
        stands = standing(connection, institution_id)
        waiting = _waiting(connection, stands)
    header = stands.header
    shown_on = min(header.bank_through_on or date.min, on or date.max)
    overdue = [each for each in waiting if each.on <= shown_on - grace] if shown_on > date.min else []
    opened = 0 if dry_run else _open(ledger, institution_id, overdue, poster)
    return Reconciled(
        institution_id=institution_id,
        through_on=header.bank_through_on,
        bank_fen=header.bank_closing_fen,
        custody_fen=header.custody_cash_fen,
        in_transit_fen=sum(each.left_fen for each in waiting) if stands.since_on else header.custody_cash_fen,
        drift_fen=header.drift_fen,
        overdue=len(overdue),
        opened=opened,
        on=on,
    )


class _Waiting(NamedTuple):
    """A payment that moved custody and that the bank has not shown in full."""

    reference: str
    left_fen: int
    on: date


def _waiting(connection: Connection, stands: Standing) -> list[_Waiting]:
    """What the bank has not shown: of the horizon, and older what a break was opened for.

    Where the sums then differ, nobody looked for longer than the horizon: every payment since the first statement is
    looked at. Raises EscrowNotOpen, StatementIncomplete.
    """
    header = stands.header
    if not header.account_id:
        raise no.EscrowNotOpen(header.institution_id, "none")
    if stands.unfinished is not None:
        statement_id, taken = stands.unfinished
        raise no.StatementIncomplete(statement_id, taken.lines, taken.booked)
    if stands.since_on is None or header.bank_through_on is None:
        return []
    payments = Payments(connection, header.institution_id, stands.accounts)
    first = max(stands.since_on, header.bank_through_on - HORIZON)
    waiting = _since(payments, first)
    if first > stands.since_on:
        known = {each.reference for each in waiting}
        waiting += [each for each in _broken(payments) if each.reference not in known]
        wanted_fen = header.custody_cash_fen + header.drift_fen - header.bank_closing_fen
        if sum(each.left_fen for each in waiting) != wanted_fen:
            waiting = _since(payments, stands.since_on)
    return waiting


def _since(payments: Payments, first: date) -> list[_Waiting]:
    return [
        _Waiting(item.reference, item.left_fen, item.on)
        for item in payments.between(first, date.max)
        if item.moved and item.left_fen
    ]


def _broken(payments: Payments) -> Iterator[_Waiting]:
    """Payments with a break of their own, long ago or not."""
    breaks = sheets_between(payments.connection, payments.institution_id, "break:item-", "break:item.")
    while page := list(islice(breaks, BATCH)):
        references = [each.reference for each in page if isinstance(each, Break)]
        sheets = payments.sheets(key for reference in references for key in keys_of(reference))
        for reference in references:
            if left_fen := left_of(reference, sheets.get(keys_of(reference)[0])):
                yield _Waiting(reference, left_fen, date.min)


def _open(ledger: Ledger, institution_id: str, overdue: list[_Waiting], poster: Poster) -> int:
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
