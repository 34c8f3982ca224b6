"""Fixtures: a migrated ledger on SQLite and on PostgreSQL, and a clock that only moves when told."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from ledger.application import Ledger, open_ledger
from ledger.store.factory import open_engine
from projections.migrations import upgrade
from tests.postgres_server import Unavailable, running_server

TEMPLATE = "ledger_template"


class Clock:
    """Microseconds since the epoch, UTC; starts on 1 September 2026, 10:00 in Beijing."""

    def __init__(self) -> None:
        self.now = datetime(2026, 9, 1, 2, tzinfo=UTC)

    def __call__(self) -> int:
        return int(self.now.timestamp()) * 1_000_000 + self.now.microsecond

    def advance(self, **amount: float) -> None:
        """Move by a timedelta, also backwards."""
        self.now += timedelta(**amount)


class PostgresDatabases:
    """Makes databases that hold an empty, migrated ledger."""

    def __init__(self, server_url: str) -> None:
        self._url = make_url(server_url)
        self._admin = create_engine(self._url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._names = (f"ledger_{os.getpid()}_{number}" for number in count())
        self._template = f"{TEMPLATE}_{os.getpid()}"
        self._do(f"create database {self._template}")
        migrate(self._of(self._template))

    def create(self, *, empty: bool = False) -> str:
        """URL of a new database; `empty` leaves the migrations to the caller."""
        name = next(self._names)
        self._do(f"create database {name}" + ("" if empty else f" template {self._template}"))
        return self._of(name)

    def drop(self, url: str) -> None:
        """Remove it, whoever is still connected."""
        self._do(f"drop database if exists {make_url(url).database} with (force)")

    def close(self) -> None:
        """Remove the template."""
        self._do(f"drop database if exists {self._template} with (force)")
        self._admin.dispose()

    def _of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _do(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


def migrate(url: str, *, lanes: int = 1) -> None:
    """Bring the database at `url` up to date."""
    engine = open_engine(url)
    upgrade(engine, lanes=lanes)
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    """A clock that only moves when told."""
    return Clock()


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What a test asked, by kind: the fault drill reads how much that was from the report of the run."""
    told: Counter[str] = Counter()
    yield told
    request.node.user_properties.append(("asked", told.total()))


def missing(what: str) -> NoReturn:
    """Skip, saying what is not there; where everything must run, fail."""
    if os.environ.get("CI") == "true" or os.environ.get("LEDGER_REQUIRE_PG") == "1":
        pytest.fail(f"required here: {what}")
    pytest.skip(f"not here: {what}")


def without_postgres(reason: Unavailable) -> NoReturn:
    """PostgreSQL is not there."""
    missing(f"PostgreSQL, {reason}")


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    """Databases on the server at LEDGER_TEST_PG_URL, or on one that is started for this run."""
    with ExitStack() as stack:
        try:
            url = os.environ.get("LEDGER_TEST_PG_URL") or stack.enter_context(running_server()).url
        except Unavailable as reason:
            without_postgres(reason)
        databases = PostgresDatabases(url)
        stack.callback(databases.close)
        yield databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds an empty, migrated ledger."""
    path = tmp_path_factory.mktemp("template") / "ledger.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a fresh ledger in a SQLite file."""
    path = tmp_path / "ledger.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """URL of a fresh ledger in a PostgreSQL database."""
    url = postgres_databases.create()
    yield url
    postgres_databases.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh ledger, once on each database."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers on the fresh database and closes them afterwards: `opened(clock)` or `opened(clock, decide)`."""
    with ExitStack() as stack:

        def open_one(clock: Callable[[], int], *rules: object) -> Ledger:
            one = Ledger(database_url, clock, *rules) if rules else open_ledger(database_url, clock)  # type: ignore[arg-type]
            stack.callback(one.close)
            return one

        yield open_one


@pytest.fixture
def ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    """An empty ledger with the rules of this program, once on each database."""
    return opened(clock)
