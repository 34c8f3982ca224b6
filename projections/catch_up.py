"""Taking in the next events: one batch, its rows and the checkpoint in one transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

import psycopg
from sqlalchemy import Connection, delete
from sqlalchemy.exc import DBAPIError

from ledger.events import ClosureDeclared, DistributionCompleted, EscrowFrozen, EscrowUnfrozen
from ledger.serialization import TOPICS, UnknownEvent, UnreadableEvent
from ledger.sheets import Contract, Deposit, Lesson
from ledger.store.tables import events
from projections.checkpoint import Parked, ask_for_review, list_parked, park, parked, positions, save_position
from projections.escrow_balance import add_events
from projections.folding import ABOUT_THE_INSTITUTION, FoldedEscrow, Missing, fold
from projections.log import LOG, LogRow, event_in, rows_of, sheets_named
from projections.state import State, folded_header, folded_sheet
from projections.writes import Writes

BATCH = 2_000

DATABASE = (DBAPIError, psycopg.Error, sqlite3.Error)
ABOUT = frozenset(TOPICS[kind] for kind in ABOUT_THE_INSTITUTION)
"""Stored names of the events that concern an institution as a whole."""
_CONCERNS_ALL = frozenset(
    TOPICS[kind] for kind in (ClosureDeclared, DistributionCompleted, EscrowFrozen, EscrowUnfrozen)
)
"""Events after which rows of sheets that they do not name are different."""
REVIEWED = tuple(f"{sheet.kind}:" for sheet in (Contract, Deposit, Lesson))
FIRST_REVIEWED, LAST_REVIEWED = f"{Contract.kind}:", f"{Lesson.kind};"
"""Sheets whose rows depend on whether the institution runs, and the range of keys they are in."""


@dataclass(slots=True)
class Batch:
    """What one transaction took in."""

    events: int = 0
    parked: list[Parked] = field(default_factory=list)


class RowsRefused(Exception):
    """The database refuses a row of the batch: take it in again, each stream for itself, to find whose it is."""


def take_batch(connection: Connection, lane: int, limit: int = BATCH, *, apart: bool = False) -> Batch:
    """Take in the next events of a lane. The caller holds the lock, and commits.

    A stream whose event cannot be folded is parked there; the others go on. With `apart` every stream is written for
    itself. Raises RowsRefused without `apart`.
    """
    before = positions(connection).get(lane, 0)
    query = LOG.where(events.c.lane == lane, events.c.position > before)
    rows = rows_of(connection, query.order_by(events.c.position).limit(limit))
    if not rows:
        return Batch()
    batch = Batch(len(rows))
    waiting = {stream.institution_id for stream in list_parked(connection)}
    by_stream = groupby(sorted(rows, key=attrgetter("institution_id")), attrgetter("institution_id"))
    streams = [list(own) for institution_id, own in by_stream if institution_id not in waiting]
    if apart:
        for stream in streams:
            batch.parked += _take_alone(connection, stream)
    else:
        batch.parked += _take_together(connection, streams)
    last = rows[-1].position
    add_events(connection, events.c.lane == lane, events.c.position > before, events.c.position <= last)
    save_position(connection, lane, last)
    return batch


def _take_together(connection: Connection, streams: Sequence[Sequence[LogRow]]) -> list[Parked]:
    writes = Writes(connection)
    found = [take_stream(connection, stream, writes) for stream in streams]
    try:
        writes.flush()
    except DATABASE as refusal:
        if _is_about_the_rows(refusal):
            raise RowsRefused from refusal
        raise
    return [stream for stream in found if stream is not None]


def _take_alone(connection: Connection, stream: Sequence[LogRow]) -> list[Parked]:
    savepoint = connection.begin_nested()
    writes = Writes(connection)
    try:
        found = take_stream(connection, stream, writes)
        writes.flush()
    except DATABASE as refusal:
        if not _is_about_the_rows(refusal):
            raise
        savepoint.rollback()
        found = _park(connection, stream[0], refusal)
    else:
        savepoint.commit()
    return [] if found is None else [found]


def _is_about_the_rows(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg.DataError | psycopg.IntegrityError | sqlite3.IntegrityError | sqlite3.DataError)


def take_stream(connection: Connection, rows: Sequence[LogRow], writes: Writes) -> Parked | None:
    """Fold the next events of one stream; where one cannot be folded, those before it, and park the stream there."""
    institution_id = rows[0].institution_id
    state = State(connection, folded_header, folded_sheet)
    good, failure = rows, None
    escrow, failed = _folded(state, institution_id, rows)
    if failed is not None:
        good, failure = rows[: rows.index(failed[0])], failed
        escrow, _ = _folded(state, institution_id, good)
    try:
        if good:
            writes.take(escrow, [row.version for row in good if row.topic in ABOUT], unchanged=state.unchanged(escrow))
    except DATABASE:
        raise
    except Exception as error:  # noqa: BLE001 - a view that fails must not stop the other streams
        good, failure = [], (rows[0], error)
    if any(row.topic in _CONCERNS_ALL for row in good):
        ask_for_review(connection, institution_id)
    return None if failure is None else _park(connection, *failure)


def _folded(
    state: State, institution_id: str, rows: Sequence[LogRow]
) -> tuple[FoldedEscrow, tuple[LogRow, Exception] | None]:
    escrow = state.escrow(institution_id)
    happened = []
    failure: tuple[LogRow, Exception] | None = None
    for row in rows:
        try:
            happened.append((row, event_in(row.topic, row.state)))
        except (UnknownEvent, UnreadableEvent) as error:
            failure = (row, error)
            break
    state.prefetch(escrow, (key for _, event in happened for key in sheets_named(event)))
    state.prefetch_refunds(escrow)
    for row, event in happened:
        try:
            fold(escrow, event, row.version)
        except DATABASE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this stream alone
            return escrow, (row, error)
    return escrow, failure


def _park(connection: Connection, row: LogRow, error: Exception) -> Parked:
    stream = Parked(row.institution_id, row.position, row.version, row.topic, type(error).__name__, detail_of(error))
    park(connection, stream)
    return stream


def detail_of(error: Exception) -> str:
    """What went wrong. Only our own errors speak: another's text might quote what was in the event."""
    if isinstance(error, UnknownEvent | UnreadableEvent | Missing):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"


def retry_stream(connection: Connection, stream: Parked, until: int, limit: int = BATCH) -> bool:
    """Go on with a parked stream up to a position of its lane; whether it has come further or is parked no more.

    The caller holds the lock, and commits.
    """
    state = State(connection, folded_header, folded_sheet)
    version = state.escrow(stream.institution_id).header.version
    query = LOG.where(events.c.originator_id == stream.institution_id, events.c.originator_version > version)
    query = query.where(events.c.position <= until).order_by(events.c.originator_version).limit(limit)
    rows = rows_of(connection, query)
    connection.execute(delete(parked).where(parked.c.institution_id == stream.institution_id))
    if not rows:
        return True
    stopped = _take_alone(connection, rows)
    if not stopped and len(rows) == limit:
        park(connection, Parked(stream.institution_id, rows[-1].position, rows[-1].version, "", "Waiting", ""))
    return not stopped or stopped[0].version > stream.version
