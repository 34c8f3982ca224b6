"""Turns on PostgreSQL: one statement reads without a lock, one call writes and checks that nothing has changed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine

from ledger.identifiers import SheetKey
from ledger.store.failures import Conflict, InvariantBroken, OutcomeUnknown, StoreUnavailable
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

OPTIONS = (
    "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off "
    "-c enable_mergejoin=off -c synchronous_commit=on -c idle_in_transaction_session_timeout=15s"
)
"""Only key look-ups run here: a generic plan made while a table is empty would scan it for ever on this connection."""

READ = """
select 0, institution_id, '', state, 0, 0 from headers where institution_id = any($1::text[])
union all
select 1, institution_id, sheet_key, state, 0, 0 from unnest($2::text[], $3::text[]) a(i, k)
  cross join lateral (select * from sheets where institution_id = i and sheet_key = k offset 0) s
union all
select 2, institution_id, command_id, request_hash, first_version, last_version
  from unnest($4::text[], $5::text[]) a(i, k)
  cross join lateral (select * from commands where institution_id = i and command_id = k offset 0) c
"""  # one statement is one snapshot; `offset 0` keeps the planner from turning the look-ups into a join
LOCK = """
select pg_advisory_xact_lock(k) from (select distinct hashtextextended(i, 0) k from unnest($1::text[]) i order by 1) x
"""  # its own statement, before the read: a statement that waits for a lock sees what was there before it waited
SETTLE = "select settle($1::jsonb, $2::int)"

_encode = msgspec.json.Encoder().encode


def _numbered(lanes: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """The number of each event within its lane, from 1, and how many each lane gets."""
    counts: dict[int, int] = {}
    numbers = []
    for lane in lanes:
        counts[lane] = counts.get(lane, 0) + 1
        numbers.append(counts[lane])
    return numbers, counts


def _array(texts: Iterable[str]) -> str:
    quoted = ('"' + text.replace("\\", r"\\").replace('"', r"\"") + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def _columns(pairs: Iterable[tuple[str, str]]) -> tuple[str, str]:
    pairs = list(pairs)
    return _array(first for first, _ in pairs), _array(second for _, second in pairs)


class PostgresTurns:
    """Opens turns, one at a time, on one connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg.Connection[Any] | None = None
        self._cursor: psycopg.RawCursor[Any] | None = None

    @contextmanager
    def turn(self, lock: Sequence[str]) -> Iterator["PostgresTurn"]:
        """A turn; with `lock`, no other process gets a turn at these institutions until it ends."""
        cursor = self._connected()
        try:
            yield PostgresTurn(cursor, lock)
        finally:
            self._settle_down(cursor.connection)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> psycopg.RawCursor[Any]:
        if self._cursor is None or self._connection is None or self._connection.closed:
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            options["options"] = f"{options.get('options', '')} {OPTIONS}"
            try:
                self._connection = psycopg.Connection.connect(*arguments, autocommit=True, **options)
            except psycopg.OperationalError as error:
                raise StoreUnavailable(str(error)) from error
            self._cursor = psycopg.RawCursor(self._connection)
        return self._cursor

    @staticmethod
    def _settle_down(connection: psycopg.Connection[Any]) -> None:
        if connection.closed or connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        try:
            connection.execute("rollback")
        except psycopg.Error:
            connection.close()


class PostgresTurn:
    """Two round trips: what was read decides, and the write is refused when it has changed since."""

    def __init__(self, cursor: psycopg.RawCursor[Any], lock: Sequence[str]) -> None:
        self._connection = cursor.connection
        self._cursor = cursor
        self._lock = lock
        self._begun = False

    def read(
        self, institutions: Iterable[str], sheets: Iterable[SheetAddress], commands: Iterable[CommandAddress]
    ) -> Snapshot:
        """Everything that was asked for, as of one moment. Raises StoreUnavailable."""
        values = (_array(institutions), *_columns(sheets), *_columns(commands))
        try:
            rows = self._locked_read(values) if self._lock and not self._begun else self._ask(READ, values)
        except psycopg.Error as error:
            if self._connection.closed:  # it was stale: a new one may do, and nothing has been written yet
                raise Conflict(str(error)) from error
            raise _unrecorded(error) from error
        snapshot = Snapshot()
        for kind, institution_id, key, text, first, last in rows:
            if kind == 0:
                snapshot.headers[institution_id] = decode_header(text)
            elif kind == 1:
                snapshot.sheets[institution_id, SheetKey(key)] = decode_sheet(key, text)
            else:
                snapshot.commands[institution_id, key] = Known(text, first, last)
        return snapshot

    def write(self, events: list[ChainedEvent], settlement: Settlement, lanes: Sequence[int]) -> list[int]:
        """Record events with their rows and commit; see `rows.Turn`."""
        numbers, counts = _numbered(lanes)
        document = {
            "headers": settlement.headers,
            "commands": settlement.commands,
            "sheets": settlement.sheets,
            "lanes": sorted(counts.items()),
            "events": [
                (lane, n, event.originator_id, event.originator_version, event.topic, event.state.decode(), event.hash)
                for lane, n, event in zip(lanes, numbers, events, strict=True)
            ],
        }
        values = (_encode(document).decode(), len(settlement.headers))
        try:
            (((stride, *befores),),) = self._settle_and_commit(values) if self._begun else self._ask(SETTLE, values)
        except psycopg.Error as error:
            raise _refused(error, self._connection) from error
        before = dict(zip(sorted(counts), befores, strict=True))
        return [before[lane] + n * stride for lane, n in zip(lanes, numbers, strict=True)]

    def _ask(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        return self._cursor.execute(statement, values, prepare=True).fetchall()

    def _locked_read(self, values: tuple[Any, ...]) -> list[Any]:
        aside = psycopg.RawCursor(self._connection)
        self._begun = True
        with self._connection.pipeline():
            aside.execute("begin", prepare=True)
            aside.execute(LOCK, (_array(self._lock),), prepare=True)
            self._cursor.execute(READ, values, prepare=True)
        return self._cursor.fetchall()

    def _settle_and_commit(self, values: tuple[Any, ...]) -> list[Any]:
        with self._connection.pipeline():
            self._cursor.execute(SETTLE, values, prepare=True)
            psycopg.RawCursor(self._connection).execute("commit", prepare=True)
        return self._cursor.fetchall()


def _unrecorded(error: psycopg.Error) -> Exception:
    if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
        return Conflict(str(error))
    return StoreUnavailable(str(error))


def _refused(error: psycopg.Error, connection: psycopg.Connection[Any]) -> Exception:
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return InvariantBroken(str(error))
    if connection.closed or connection.broken or error.sqlstate is None:
        return OutcomeUnknown(str(error))  # the answer was lost, perhaps after the commit
    return _unrecorded(error)
