"""Looking again at rows of sheets that no event named: after a closure, a freeze, a complete distribution."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from ledger.identifiers import SheetKey
from ledger.sheets import Contract, Deposit, Lesson, Refund
from projections.catch_up import REVIEWED
from projections.checkpoint import review
from projections.database import as_stored, delete_rows, insert_rows, rows_by_key
from projections.deadlines import deadline_table
from projections.folding import FoldedEscrow
from projections.refunds_due import refund_due
from projections.state import State, folded_header, folded_sheet
from projections.views import MODELS

REVIEWED_AT_ONCE = 1_000
_DEBTORS = frozenset({Contract.kind, Deposit.kind, Refund.kind})
_NAMES = ", ".join(f"t.{column.name}" for column in refund_due.columns)
_VIEWS = {model.table.name: model.views for model in MODELS}


def review_next(connection: Connection, limit: int = REVIEWED_AT_ONCE) -> int:
    """Look again at the next contracts, deposits or open lessons of an institution that stopped or was frozen.

    The caller holds the lock, and commits. Returns how many were looked at; 0 when nothing is left to do.
    """
    pending = connection.execute(select(review).limit(1)).first()
    if pending is None:
        return 0
    institution_id, after = pending
    mine = review.c.institution_id == institution_id
    state = State(connection, folded_header, folded_sheet)
    keys = _next_keys(state, institution_id, after, limit)
    if not keys:
        connection.execute(delete(review).where(mine))
        return 1
    escrow = state.escrow(institution_id)
    state.prefetch(escrow, keys)
    state.prefetch_refunds(escrow)
    _renew_debts(connection, escrow)
    _renew_windows(connection, escrow)
    connection.execute(update(review).where(mine).values(after=keys[-1]))
    return len(keys)


def _next_keys(state: State, institution_id: str, after: str, limit: int) -> list[SheetKey]:
    """Keys of contracts first, then of deposits, then of open lessons."""
    for prefix in REVIEWED:
        last = f"{prefix[:-1]};"
        if after < last and (keys := state.keys_between(institution_id, max(after, prefix), last, limit)):
            return keys
    return []


def _rows(escrow: FoldedEscrow, table: Table, kinds: Iterable[str]) -> tuple[list[str], list[Any]]:
    """The keys of the sheets of these kinds, and the rows they come to."""
    views = {kind: _VIEWS[table.name][kind] for kind in kinds}
    sheets = [(key, sheet) for key, sheet in list(escrow.sheets.items()) if sheet is not None and sheet.kind in views]
    return [key for key, _ in sheets], [row for _, sheet in sheets for row in views[sheet.kind](escrow, sheet)]


def _renew_debts(connection: Connection, escrow: FoldedEscrow) -> None:
    """Rows that are there already are left alone: most are, once a closure's refunds were ordered."""
    institution_id = escrow.header.institution_id
    subjects, rows = _rows(escrow, refund_due, _DEBTORS)
    there = {row[1]: row for row in rows_by_key(connection, refund_due, institution_id, "subject", subjects, _NAMES)}
    due = {row[1]: row for row in as_stored(connection, refund_due, rows)}
    stale = [subject for subject in subjects if there.get(subject) != due.get(subject)]
    delete_rows(connection, refund_due, "subject", [(institution_id, each) for each in stale if each in there])
    fresh = set(stale)
    insert_rows(connection, refund_due, [row for row in rows if row.subject in fresh])


def _renew_windows(connection: Connection, escrow: FoldedEscrow) -> None:
    subjects, rows = _rows(escrow, deadline_table, [Lesson.kind])
    delete_rows(connection, deadline_table, "subject", [(escrow.header.institution_id, each) for each in subjects])
    insert_rows(connection, deadline_table, rows)
