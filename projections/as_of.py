"""Other moments: the events that had happened and were known by then, folded into a scratch copy of the read models."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, create_engine, or_, select
from sqlalchemy.pool import StaticPool

from ledger.store.tables import events
from projections.database import insert_rows, metadata
from projections.escrow_balance import balances_at, escrow_balance
from projections.folding import FoldedEscrow, attempt
from projections.log import LOG, LogRow, event_in, known, rows_of
from projections.reading import Reading
from projections.state import State, empty_escrow, fold_contract, folded_header, folded_sheet, institution_event
from projections.views import MODELS
from projections.writes import Writes

STREAMED = 2_000
SCRATCH_TABLES = {model.table.name: model.table for model in MODELS}
"""The read models a scratch copy has; the fold's own state is not needed for one question."""


@contextmanager
def scratch(reading: Reading, institution_id: str | None, contract_id: str | None) -> Iterator[tuple[Connection, int]]:
    """A database that holds the read models of another moment, and how many events could not be folded.

    In memory for one institution, in a temporary file for all. Costs a fold of the events in question: of a contract's
    own, of an institution's, or of all, institution by institution.
    """
    one_stream = institution_id is not None
    engine = create_engine("sqlite://", poolclass=StaticPool, creator=_in_memory if one_stream else _on_disk)
    try:
        with engine.connect() as connection:
            if not one_stream:
                _make_tables(connection)
            if contract_id is not None and institution_id is not None:
                left_out = _fold_contract(reading, connection, institution_id, contract_id)
            else:
                left_out = _fold_institutions(reading, connection, institution_id)
                insert_rows(connection, escrow_balance, balances_at(reading.log, reading.moment, institution_id))
            yield connection, left_out
    finally:
        engine.dispose()


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection, tables=[*SCRATCH_TABLES.values(), escrow_balance])


def _on_disk() -> sqlite3.Connection:
    """SQLite's own temporary file, which is held in memory while it is small."""
    return sqlite3.connect("", check_same_thread=False)


def _in_memory() -> sqlite3.Connection:
    """An empty scratch copy; making its tables each time would take longer than most questions."""
    raw = sqlite3.connect(":memory:", check_same_thread=False)
    raw.deserialize(_empty())
    return raw


@cache
def _empty() -> bytes:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        _make_tables(connection)
    raw: Any = engine.raw_connection().driver_connection
    image: bytes = raw.serialize()
    engine.dispose()
    return image


def _fold_institutions(reading: Reading, connection: Connection, institution_id: str | None) -> int:
    asked: Select[Any] = LOG if institution_id is None else LOG.where(events.c.originator_id == institution_id)
    query = known(asked, reading).order_by(events.c.originator_id, events.c.originator_version)
    writes, left_out = Writes(connection, SCRATCH_TABLES), 0
    for escrow, skipped in _folded_streams(_streamed(reading.log, query)):
        writes.take(escrow, fresh=True)
        left_out += skipped
        if writes.count >= STREAMED:
            writes.flush()
    writes.flush()
    return left_out


def _streamed(live: Connection, query: Select[Any]) -> Iterator[LogRow]:
    for part in live.execute(query, execution_options={"yield_per": STREAMED}).partitions():
        yield from (LogRow(*row) for row in part)


def _folded_streams(rows: Iterable[LogRow]) -> Iterator[tuple[FoldedEscrow, int]]:
    """Each stream folded; its rows come one after another."""
    escrow: FoldedEscrow | None = None
    left_out = 0
    for row in rows:
        if escrow is None or escrow.header.institution_id != row.institution_id:
            if escrow is not None:
                yield escrow, left_out
            escrow, left_out = empty_escrow(row.institution_id), 0
        left_out += not attempt(escrow, event_in(row.topic, row.state), row.version)
    if escrow is not None:
        yield escrow, left_out


def _fold_contract(reading: Reading, connection: Connection, institution_id: str, contract_id: str) -> int:
    around = State(reading.log, folded_header, folded_sheet).escrow(institution_id)
    escrow, left_out = fold_contract(contract_history(reading, institution_id, contract_id), contract_id, around)
    writes = Writes(connection, SCRATCH_TABLES)
    writes.take(escrow, fresh=True)
    writes.flush()
    return left_out


def contract_history(reading: Reading, institution_id: str, contract_id: str) -> list[LogRow]:
    """The events of a contract, and those about its institution, that had happened and were known."""
    columns = events.c
    of_contract = or_(columns.contract_id == contract_id, columns.to_contract_id == contract_id)
    about = select(institution_event.c.version).where(institution_event.c.institution_id == institution_id)
    rows = []
    for which in (of_contract, columns.originator_version.in_(about)):
        rows += rows_of(reading.log, known(LOG.where(columns.originator_id == institution_id, which), reading))
    return sorted(rows, key=attrgetter("version"))
