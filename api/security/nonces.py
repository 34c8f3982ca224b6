"""What may be used once: nonces of signed requests, ids of client assertions. Written by one for all who wait."""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psycopg
from sqlalchemy import Engine

from ledger.store.failures import StoreUnavailable
from ledger.store.sqlite import begin_immediate

PURGED_EVERY_US: Final = 60_000_000
BUSY_SECONDS: Final = 10.0
Row = tuple[str, str, int]
"""Holder, nonce, until when it could be used again (µs UTC)."""


class Book(Protocol):
    """Where they are written. Not durable by itself: what is recorded later in the same database makes it so."""

    def write(self, rows: list[Row], purge_before: int | None) -> set[Row]:
        """Write these and commit; those that were not there yet. Raises StoreUnavailable."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


@dataclass(slots=True, eq=False)
class _Slip:
    row: Row
    fresh: bool | None = None


class Nonces:
    """Spends nonces, across threads and processes. `clock` gives µs since the epoch, UTC."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._book: Book = SqliteBook(engine) if engine.dialect.name == "sqlite" else PostgresBook(engine)
        self._clock = clock
        self._purged_at = 0
        self._mutex = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Slip] = []

    def spend(self, holder: str, nonce: str, until_at: int) -> bool:
        """Whether this is the first use; from now on it is not. Raises StoreUnavailable."""
        slip = _Slip((holder, nonce, until_at))
        with self._mutex:
            self._waiting.append(slip)
        with self._writing:
            if slip.fresh is None:
                self._write()
        if slip.fresh is None:
            raise StoreUnavailable("the nonce was not written")
        return slip.fresh

    def close(self) -> None:
        """Let go of the connection."""
        with self._writing:
            self._book.close()

    def _write(self) -> None:
        """Write for everybody who waits; of two that bring the same one, the first is fresh."""
        with self._mutex:
            slips, self._waiting = self._waiting, []
        rows: dict[tuple[str, str], Row] = {}
        for slip in slips:
            rows.setdefault(slip.row[:2], slip.row)
        now = self._clock()
        due = abs(now - self._purged_at) > PURGED_EVERY_US
        fresh = self._book.write(list(rows.values()), now if due else None)
        if due:
            self._purged_at = now
        for slip in slips:
            slip.fresh = slip.row in fresh
            fresh.discard(slip.row)


class SqliteBook:
    """On SQLite, without waiting for the disk: every commit of the log flushes the whole write-ahead log before it."""

    def __init__(self, engine: Engine) -> None:
        self._path = engine.url.database or ""
        self._connection: sqlite3.Connection | None = None

    def write(self, rows: list[Row], purge_before: int | None) -> set[Row]:
        """See `Book`."""
        try:
            connection = self._connected()
            begin_immediate(connection, BUSY_SECONDS)
            try:
                fresh = {row for row in rows if self._put(connection, row)}
                if purge_before is not None:
                    connection.execute("delete from access_nonces where until_at < ?", (purge_before,))
                connection.commit()
            finally:
                if connection.in_transaction:
                    connection.rollback()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return fresh

    def close(self) -> None:
        """See `Book`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=wal", "synchronous=normal", "wal_autocheckpoint=16384"):
                self._connection.execute(f"pragma {pragma}")
        return self._connection

    @staticmethod
    def _put(connection: sqlite3.Connection, row: Row) -> bool:
        return connection.execute("insert or ignore into access_nonces values (?, ?, ?)", row).rowcount == 1


class PostgresBook:
    """On PostgreSQL, committed without waiting: a later commit that waits flushes everything before it."""

    OPTIONS = "-c synchronous_commit=off -c jit=off"
    PUT = """
insert into access_nonces (holder, nonce, until_at)
  select * from unnest($1::text[], $2::text[], $3::bigint[]) on conflict do nothing returning holder, nonce, until_at
"""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cursor: psycopg.RawCursor[Any] | None = None

    def write(self, rows: list[Row], purge_before: int | None) -> set[Row]:
        """See `Book`."""
        columns = _columns(rows)
        try:
            cursor = self._connected()
            fresh = set(cursor.execute(self.PUT, columns, prepare=True).fetchall())
            if purge_before is not None:
                cursor.execute("delete from access_nonces where until_at < $1", (purge_before,))
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        return fresh

    def close(self) -> None:
        """See `Book`."""
        if self._cursor is not None:
            with suppress(psycopg.Error):
                self._cursor.connection.close()
            self._cursor = None

    def _connected(self) -> "psycopg.RawCursor[Any]":
        if self._cursor is None or self._cursor.connection.closed:
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            options["options"] = f"{options.get('options', '')} {self.OPTIONS}"
            self._cursor = psycopg.RawCursor(psycopg.Connection.connect(*arguments, autocommit=True, **options))
        return self._cursor


def _columns(rows: Iterable[Row]) -> tuple[list[str], list[str], list[int]]:
    holders, values, untils = zip(*sorted(rows), strict=True)
    return list(holders), list(values), list(untils)
