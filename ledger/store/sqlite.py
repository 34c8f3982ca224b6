"""Turns on SQLite: one writer at a time, everything inside one immediate transaction."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine

from ledger.store.failures import InvariantBroken, OutcomeUnknown, StoreUnavailable
from ledger.store.rows import (
    ChainedEvent,
    CommandAddress,
    Known,
    Settlement,
    SheetAddress,
    Snapshot,
    decode_header,
    decode_sheet,
)

PRAGMAS = ("journal_mode=wal", "synchronous=full", "wal_autocheckpoint=16384", "cache_size=-32768")
"""A rare checkpoint keeps the slowest commands fast."""
BUSY_SECONDS = 30.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.0001, 0.001

HEADER = "select state from headers where institution_id = ?"
SHEET = "select state from sheets where institution_id = ? and sheet_key = ?"
COMMAND = "select request_hash, first_version, last_version from commands where institution_id = ? and command_id = ?"
PUT_HEADER = """
insert into headers (institution_id, version, previous, state) values (?, ?, ?, ?)
  on conflict (institution_id)
  do update set version = excluded.version, previous = excluded.previous, state = excluded.state
"""
PUT_COMMAND = """
insert into commands (institution_id, command_id, request_hash, first_version, last_version) values (?, ?, ?, ?, ?)
"""
PUT_SHEET = """
insert into sheets (institution_id, sheet_key, state) values (?, ?, ?)
  on conflict (institution_id, sheet_key) do update set state = excluded.state
"""
TAKE_POSITIONS = "update lanes set head = head + ? * stride where lane = 0 returning head - ? * stride, stride"
PUT_EVENT = """
insert into events (position, lane, originator_id, originator_version, topic, state, hash) values (?, 0, ?, ?, ?, ?, ?)
"""


def connect(path: str) -> sqlite3.Connection:
    """A connection for a desk: durable on every commit, transactions opened by hand."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=64)
    for pragma in PRAGMAS:
        connection.execute(f"pragma {pragma}")
    return connection


def begin_immediate(connection: sqlite3.Connection, seconds: float = BUSY_SECONDS) -> None:
    """Take the write lock, asking for it often: SQLite's own waiting sleeps so long that a busy writer keeps it.

    The connection's own timeout should be 0. Raises sqlite3.OperationalError when it is not free in time.
    """
    until, pause = time.monotonic() + seconds, SHORTEST_PAUSE
    while True:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


class SqliteTurns:
    """Opens turns, one at a time, on one connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._path = engine.url.database or ""
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def turn(self, lock: Sequence[str]) -> Iterator["SqliteTurn"]:  # noqa: ARG002 - the whole file is the lock
        """A turn; SQLite has one writer at a time, so there is nothing more to lock."""
        try:
            connection = self._connection = self._connection or connect(self._path)
            begin_immediate(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        try:
            yield SqliteTurn(connection)
        finally:
            if connection.in_transaction:
                connection.rollback()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SqliteTurn:
    """Reads and writes under the write lock, which is taken first."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(
        self, institutions: Iterable[str], sheets: Iterable[SheetAddress], commands: Iterable[CommandAddress]
    ) -> Snapshot:
        """Everything that was asked for, as of one moment. Raises StoreUnavailable."""
        snapshot, ask = Snapshot(), self._connection.execute
        try:
            for institution_id in institutions:
                for (state,) in ask(HEADER, (institution_id,)):
                    snapshot.headers[institution_id] = decode_header(state)
            for address in sheets:
                for (state,) in ask(SHEET, address):
                    snapshot.sheets[address] = decode_sheet(address[1], state)
            for key in commands:
                for row in ask(COMMAND, key):
                    snapshot.commands[key] = Known(*row)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return snapshot

    def write(self, events: list[ChainedEvent], settlement: Settlement, lanes: Sequence[int]) -> list[int]:  # noqa: ARG002 - one writer at a time: lanes are for PostgreSQL
        """Record events with their rows and commit; see `rows.Turn`."""
        count, put = len(events), self._connection.executemany
        try:
            put(PUT_HEADER, settlement.headers)
            put(PUT_COMMAND, settlement.commands)
            put(PUT_SHEET, settlement.sheets)
            ((before, step),) = self._connection.execute(TAKE_POSITIONS, (count, count)).fetchall()
            positions = list(range(before + step, before + step * count + 1, step))
            put(PUT_EVENT, map(_event_row, positions, events))
        except sqlite3.IntegrityError as error:
            raise InvariantBroken(str(error)) from error
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        self._commit()
        return positions

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except sqlite3.Error as error:
            if error.sqlite_errorname in ("SQLITE_FULL", "SQLITE_BUSY"):
                raise StoreUnavailable(str(error)) from error  # the commit frame was not written
            raise OutcomeUnknown(str(error)) from error


def _event_row(position: int, event: ChainedEvent) -> tuple[int, str, int, str, str, str]:
    return (
        position,
        str(event.originator_id),
        event.originator_version,
        event.topic,
        event.state.decode(),
        event.hash,
    )
