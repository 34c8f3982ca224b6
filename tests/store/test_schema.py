"""What the database itself guarantees: append only, narrow rights, dense lanes, and the tables queries expect."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ledger.application import Ledger
from ledger.audit import audit
from ledger.store.failures import SchemaMissing, StoreUnavailable
from ledger.store.tables import metadata
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.store.savings import decide, evolve, pay


@pytest.fixture
def ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    ledger = opened(clock, decide)
    ledger.submit(pay(times=2))
    return ledger


@pytest.mark.parametrize(
    "statement",
    [
        "update events set state = '{}'",
        "update events set hash = 'x' where position = 1",
        "delete from events",
        "update commands set request_hash = 'x'",
        "delete from commands",
    ],
)
def test_not_even_the_owner_changes_what_was_recorded(ledger: Ledger, statement: str) -> None:
    with pytest.raises(DBAPIError, match="are never changed"), ledger.engine.begin() as connection:
        connection.execute(text(statement))
    assert audit(ledger, evolve=evolve).passed


@pytest.mark.parametrize("table", ["events", "commands"])
def test_recorded_tables_are_not_truncated(postgres_url: str, clock: Clock, table: str) -> None:
    ledger = Ledger(postgres_url, clock, decide)
    with pytest.raises(DBAPIError, match="are never changed"), ledger.engine.begin() as connection:
        connection.execute(text(f"truncate {table}"))
    ledger.close()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_database_has_the_columns_that_queries_expect(ledger: Ledger) -> None:
    found = inspect(ledger.engine)
    for table in metadata.tables.values():
        stored = {column["name"] for column in found.get_columns(table.name)}
        assert stored == {column.name for column in table.columns}
        assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == {c.name for c in table.primary_key}
        assert {index["name"] for index in found.get_indexes(table.name)} >= {i.name for i in table.indexes}


@pytest.fixture
def as_writer(postgres_url: str) -> Iterator[str]:
    """The same database for a login that is nothing but a member of the application's role."""
    admin = create_engine(postgres_url)
    with admin.begin() as connection:
        connection.execute(text("create role ledger_test_login login in role ledger_writer"))
    yield make_url(postgres_url).set(username="ledger_test_login").render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text("drop role ledger_test_login"))
    admin.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "insert into events select position + 1 from events",
        "update events set state = '{}'",
        "delete from events",
        "truncate events",
        "insert into commands values ('school', 'x', 'x', 1, 1)",
        "update headers set version = version + 1",
        "delete from sheets",
        "update lanes set head = 0",
        "drop table events",
        "alter table events disable trigger all",
        "set session_replication_role = replica",
    ],
)
def test_the_applications_role_writes_through_settle_alone(as_writer: str, clock: Clock, statement: str) -> None:
    ledger = Ledger(as_writer, clock, decide)
    ledger.submit(pay(times=2))
    ledger.submit(pay())
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), ledger.engine.begin() as connection:
        connection.execute(text(statement))
    assert audit(ledger, evolve=evolve).passed
    ledger.close()


def test_a_database_without_a_ledger_says_so(
    postgres_databases: PostgresDatabases, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("empty") / "empty.sqlite"
    empty = postgres_databases.create(empty=True)
    for url in (f"sqlite:///{path}", empty):
        with pytest.raises(SchemaMissing):
            Ledger(url, clock, decide)
    postgres_databases.drop(empty)


def test_a_database_that_is_away_says_so(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    for url in (f"sqlite:///{nowhere}/missing/ledger.sqlite", f"postgresql+psycopg://x@/x?host={nowhere}"):
        with pytest.raises(StoreUnavailable):
            Ledger(url, clock, decide)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "", "oracle://x"])
def test_other_databases_are_refused(url: str, clock: Clock) -> None:
    with pytest.raises(ValueError, match=r"ledger|DATABASE_URL"):
        Ledger(url, clock, decide)


def test_lanes_are_dense_each_and_never_share_a_position(postgres_databases: PostgresDatabases, clock: Clock) -> None:
    url = postgres_databases.create(empty=True)
    migrate(url, lanes=3)
    ledger = Ledger(url, clock, decide)
    for round_ in range(4):
        ledger.submit_all([pay(f"school-{n}", times=1 + n % 3) for n in range(9)], atomic=round_ % 2 == 0)
    assert ledger.lanes == 3
    seen: list[int] = []
    for lane in range(3):
        found = ledger.feed(lane=lane)
        assert [event.position for event in found] == list(range(lane + 1, ledger.position(lane) + 1, 3))
        assert {ledger.lane_of(event.institution_id) for event in found} == {lane}
        seen += [event.position for event in found]
    assert len(seen) == len(set(seen)) == 4 * 18
    assert audit(ledger, evolve=evolve).passed
    ledger.close()
    postgres_databases.drop(url)


def test_sqlite_has_one_lane(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="one lane"):
        migrate(f"sqlite:///{tmp_path_factory.mktemp('lanes') / 'ledger.sqlite'}", lanes=2)


@pytest.mark.parametrize(
    ("column", "index"), [("contract_id", "events_contract"), ("to_contract_id", "events_to_contract")]
)
def test_one_contract_is_found_by_its_index(sqlite_url: str, column: str, index: str) -> None:
    query = f"select * from events where originator_id = ? and {column} = ? order by originator_version"
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"explain query plan {query}", ("school", "c")).all()
    engine.dispose()
    assert index in str(plan)
