"""Flipped bits in the files of a database: found, or harmless because nothing that is stored changed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger.application import Ledger, open_ledger
from ledger.log.inspection import inspect_log
from ledger.store.failures import StoreUnavailable
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import audit_all
from tests.conftest import Clock, PostgresDatabases, migrate, without_postgres
from tests.faults.drill import Tally, dice, drill, rounds
from tests.log.schools import KEY, city
from tests.postgres_server import DURABLE, PostgresServer, Unavailable, find_binaries, running_server

ALL_OF_IT = (SQLAlchemyError, StoreUnavailable, sqlite3.Error, ValueError, LookupError, AssertionError, OSError)
"""What opening or reading a damaged database may end in."""

NOTE = "made_at"
"""When a checkpoint was made: a note that nobody signs and nothing rests on. It is not compared."""
Content = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city in one file, signed and taken in."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    migrate(f"sqlite:///{path}")
    clock = Clock()
    ledger = open_ledger(f"sqlite:///{path}", clock)
    city(ledger, clock)
    Runner(ledger.engine).catch_up()
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return path


def findings(ledger: Ledger) -> list[str]:
    """Who finds something: the audit, the inspection of the signed log, the comparison of the read models."""
    found = []
    if not audit_all(ledger).passed:
        found.append("audit")
    if not inspect_log(ledger.engine, [KEY.public()]).passed:
        found.append("signed log")
    if not found and rebuild(ledger.engine, dry=True).differences:
        found.append("read models compared")
    return found


def examined(url: str) -> list[str]:
    """The same on a database that may be too damaged to be opened."""
    try:
        ledger = open_ledger(url, Clock())
        try:
            return findings(ledger)
        finally:
            ledger.close()
    except ALL_OF_IT:
        return ["database unreadable"]


def content_of(path: Path) -> Content:
    """Everything a SQLite file holds."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        schema = [(str(row),) for row in connection.execute("select type, name, sql from sqlite_master order by 1, 2")]
        rows = {
            name: sorted(connection.execute(f"select {_columns(connection, name)} from {name} not indexed"), key=repr)
            for name in names
        }
    return {"": schema, **rows}


def _columns(connection: sqlite3.Connection, name: str) -> str:
    names = [row[1] for row in connection.execute(f"pragma table_info({name})")]
    return ", ".join(f'"{each}"' for each in names if each != NOTE)


def test_a_flipped_bit_of_a_database_file_is_found_or_changes_nothing(whole: Path, tmp_path: Path) -> None:
    right, size = content_of(whole), whole.stat().st_size
    path = tmp_path / "flipped.sqlite"
    with drill(12, "flipped bit in the database file", "SQLite", 400) as tally:
        tally.judges = "audit, signed log, content"
        for number in rounds(25, 400):
            chance = dice("bit", number)
            for old in tmp_path.iterdir():
                old.unlink()
            shutil.copy(whole, path)
            _flip(path, chance, size)
            tally.injected += 1
            _judge(path, right, tally)
        tally.undetected += examined(f"sqlite:///{whole}") != []  # no alarm about the file nobody touched


def _flip(path: Path, chance: Random, size: int) -> None:
    with path.open("r+b") as file:
        place = chance.randrange(size)
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))


def _judge(path: Path, right: Content, tally: Tally) -> None:
    before = path.read_bytes()
    if found := examined(f"sqlite:///{path}"):
        tally.count(f"found by {found[0]}")
        return
    path.write_bytes(before)  # examining may have written
    for beside in ("-wal", "-shm"):
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)
    _compare(content_of(path), right, tally)


def _compare(content: Content | None, right: Content, tally: Tally) -> None:
    """Where nobody found anything, everything that is stored must be what it was; indexes are made of it."""
    if content == right:
        tally.count("harmless: same content")
        return
    changed = "unreadable" if content is None else next(name for name in right if content.get(name) != right[name])
    tally.count(f"undetected in {changed or 'the schema'}")
    tally.undetected += 1


@pytest.fixture(scope="module")
def stoppable() -> Iterator[PostgresServer]:
    """A server of our own whose files can be changed while it is stopped."""
    try:
        find_binaries()
    except Unavailable as reason:
        without_postgres(reason)
    with running_server((*DURABLE, "recovery_init_sync_method=syncfs")) as server:
        yield server


DAMAGED = ("events", "headers", "sheets", "commands", "log_checkpoints", "log_directory")


def test_a_flipped_bit_of_a_table_s_file_on_postgresql_is_found_or_changes_nothing(stoppable: PostgresServer) -> None:
    databases = PostgresDatabases(stoppable.url)
    url, clock = databases.create(), Clock()
    ledger = open_ledger(url, clock)
    city(ledger, clock)
    Runner(ledger.engine).catch_up()
    ledger.close()
    right, files = _rows(url), _files(url, stoppable)
    with drill(12, "flipped bit in a table's file", "PostgreSQL", 40) as tally:
        tally.judges = "audit, signed log, content"
        for number in rounds(4, 40):
            chance = dice("table", number)
            path = files[chance.choice(DAMAGED)]
            stoppable.stop()
            good = path.read_bytes()
            _flip(path, chance, len(good))
            stoppable.start()
            tally.injected += 1
            _judge_rows(url, right, tally)
            stoppable.stop()
            path.write_bytes(good)
            stoppable.start()
        tally.undetected += examined(url) != []
    databases.close()


def _judge_rows(url: str, right: Content, tally: Tally) -> None:
    if found := examined(url):
        tally.count(f"found by {found[0]}")
    else:
        _compare(_rows(url), right, tally)


def _rows(url: str) -> Content | None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("set enable_indexscan = off"))
            connection.execute(text("set enable_indexonlyscan = off"))
            connection.execute(text("set enable_bitmapscan = off"))
            found = {name: connection.execute(text(f"select * from {name}")).mappings().all() for name in DAMAGED}
            return {
                name: sorted((tuple(each for key, each in row.items() if key != NOTE) for row in rows), key=repr)
                for name, rows in found.items()
            }
    except DBAPIError:
        return None
    finally:
        engine.dispose()


def _files(url: str, server: PostgresServer) -> dict[str, Path]:
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("checkpoint"))
        found = {
            name: server._folder
            / "data"
            / connection.execute(text(f"select pg_relation_filepath('{name}')")).scalar_one()
            for name in DAMAGED
        }
    engine.dispose()
    return found
