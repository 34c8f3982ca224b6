"""What guards the rows is as the migrations make it, or the audit says what is not."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, make_url, text

from ledger.application import Ledger, open_ledger
from ledger.audit import AuditReport
from ledger.store.factory import open_engine
from projections.rebuild import REBUILDABLE, rebuild
from projections.schema import audit_all, inspect_schema
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.log.schools import city


def compared(engine: Engine) -> AuditReport:
    report = AuditReport(findings=[])
    with engine.connect() as connection:
        inspect_schema(connection, report)
        connection.rollback()
    return report


def codes(engine: Engine) -> set[str]:
    return {each.code for each in compared(engine).findings}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    found = open_engine(database_url)
    yield found
    found.dispose()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    found = open_engine(postgres_url)
    yield found
    found.dispose()


def test_a_ledger_in_use_is_as_the_migrations_make_it(opened: Callable[..., Ledger], clock: Clock) -> None:
    ledger = opened(clock)
    city(ledger, clock)
    report = audit_all(ledger)
    assert report.passed, report.findings
    assert report.schema_objects is not None
    assert report.schema_objects > 100


@pytest.mark.parametrize("models", [REBUILDABLE, ("escrow_balance",), ("institution",)], ids=str)
def test_a_rebuild_leaves_nothing_that_the_audit_would_report(engine: Engine, models: tuple[str, ...]) -> None:
    rebuild(engine, models)
    rebuild(engine, models)
    assert codes(engine) == set()


def test_lanes_are_no_difference(postgres_databases: PostgresDatabases) -> None:
    url = postgres_databases.create(empty=True)
    migrate(url, lanes=4)
    engine = open_engine(url)
    assert codes(engine) == set()
    engine.dispose()
    postgres_databases.drop(url)


def test_what_is_not_this_programs_is_not_looked_at(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("create table somebodys (number integer check (number > 0))"))
        connection.execute(text("create index somebodys_index on events (topic)"))
        connection.execute(text("create view somebodys_view as select topic from events"))
    assert codes(engine) == set()


def test_nothing_of_the_comparison_stays_behind(postgres: Engine) -> None:
    compared(postgres)
    with postgres.connect() as connection:
        assert connection.scalar(text("select count(*) from pg_namespace where nspname like 'ledger%'")) == 0


def test_a_role_that_may_make_no_schema_is_told_that_nothing_was_compared(postgres_url: str) -> None:
    url = make_url(postgres_url)
    as_writer = url.set(query={**url.query, "options": "-c role=ledger_writer"})
    engine = open_engine(as_writer.render_as_string(hide_password=False))
    report = compared(engine)
    assert (report.schema_objects, report.findings) == (None, [])
    engine.dispose()


BY_HAND_ON_SQLITE = {
    "drop trigger events_refuse_update": {"schema_missing"},
    "drop trigger access_changes_refuse_delete": {"schema_missing"},
    "drop index events_stream": {"schema_missing"},
    "create trigger more after insert on events begin delete from commands; end": {"schema_foreign"},
    "create trigger more after insert on institution begin select 1; end": {"schema_foreign"},
    "create unique index more on events (state)": {"schema_foreign"},
    "alter table headers add column more text": {"schema_differs"},
    "drop table log_checkpoints": {"schema_missing"},
    "update alembic_version set version_num = '0099'": {"schema_unknown"},
    "update alembic_version set version_num = '0012'": {"schema_differs"},
    "delete from alembic_version": {"schema_unknown"},
}


@pytest.mark.parametrize("statement", BY_HAND_ON_SQLITE)
def test_what_somebody_did_to_the_schema_by_hand_is_found_on_sqlite(sqlite_url: str, statement: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert BY_HAND_ON_SQLITE[statement] <= codes(engine)
    engine.dispose()


def test_a_changed_character_of_the_schema_is_found_wherever_it_is(sqlite_url: str) -> None:
    """As a flipped bit does, below everything that checks what is written."""
    path, chance = sqlite_url.removeprefix("sqlite:///"), Random(5)
    with closing(sqlite3.connect(path)) as connection:
        texts = connection.execute("select rowid, sql from sqlite_master where sql is not null").fetchall()
    tried = 0
    for rowid, sql in chance.sample(texts, 30):
        place = chance.randrange(len(sql))
        changed = sql[:place] + chr(ord(sql[place]) ^ 1 << chance.randrange(6)) + sql[place + 1 :]
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma writable_schema = on")
            connection.execute("update sqlite_master set sql = ? where rowid = ?", (changed, rowid))
            connection.commit()
        engine = open_engine(sqlite_url)
        try:
            found = bool(codes(engine))
        except Exception as error:  # noqa: BLE001 - where the schema cannot be read at all, everybody sees it
            found = "malformed" in str(error) or "database" in str(error)
        engine.dispose()
        assert found, changed
        tried += 1
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma writable_schema = on")
            connection.execute("update sqlite_master set sql = ? where rowid = ?", (sql, rowid))
            connection.commit()
    assert tried == 30


BY_HAND_ON_POSTGRESQL = {
    "alter table events disable trigger events_are_never_changed": {"schema_differs"},
    "drop trigger commands_are_never_changed on commands": {"schema_missing"},
    "create or replace function refuse_change() returns trigger language plpgsql as $$ begin return new; end $$": {
        "schema_differs"
    },
    "alter function settle(jsonb, int) security invoker": {"schema_differs"},
    "drop function settle(jsonb, int)": {"schema_missing"},
    "alter table headers drop constraint custody_covers_what_is_owed": {"schema_missing"},
    "alter table headers drop constraint versions_grow, "
    "add constraint versions_grow check (previous >= 0 and version > previous) not valid": {"schema_differs"},
    "alter table sheets drop constraint unearned_fen_is_not_negative, "
    "add constraint unearned_fen_is_not_negative check (unearned_fen >= -1)": {"schema_differs"},
    "create rule quiet as on delete to events do instead nothing": {"schema_foreign"},
    "create trigger more before insert on events for each row execute function refuse_change()": {"schema_foreign"},
    "create trigger more after insert on institution for each statement execute function refuse_change()": {
        "schema_foreign"
    },
    "alter table events alter column hash drop not null": {"schema_differs"},
    "alter table log_checkpoints set unlogged": {"schema_differs"},
    "drop index events_stream": {"schema_missing"},
    "alter table commands enable row level security": {"schema_differs"},
    "alter table epochs rename to epochs_away": {"schema_missing"},
}


@pytest.mark.parametrize("statement", BY_HAND_ON_POSTGRESQL)
def test_what_somebody_did_to_the_schema_by_hand_is_found_on_postgresql(postgres: Engine, statement: str) -> None:
    with postgres.begin() as connection:
        connection.execute(text(statement))
    assert BY_HAND_ON_POSTGRESQL[statement] <= codes(postgres)


def test_an_audit_that_finds_the_schema_changed_does_not_pass(opened: Callable[..., Ledger], clock: Clock) -> None:
    ledger = opened(clock)
    city(ledger, clock)
    name = "events_refuse_delete" if ledger.engine.dialect.name == "sqlite" else "events_are_never_changed on events"
    with ledger.engine.begin() as connection:
        connection.execute(text(f"drop trigger {name}"))
    (finding,) = audit_all(ledger).findings
    assert (finding.code, finding.institution_id) == ("schema_missing", "")
    assert "trigger" in finding.detail


def test_a_row_that_differs_from_its_index_is_found_though_the_index_is_right(sqlite_url: str, clock: Clock) -> None:
    """As a flipped bit leaves it: who asks by the index is told what was, who reads the row is not."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(open_ledger(sqlite_url, clock)) as ledger:
        city(ledger, clock)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    content = path.read_bytes()
    row = re.search(rb"deposit:6[0-9]+\.[0-9]+\.s[0-9]+{", content)
    assert row is not None
    path.write_bytes(content[: row.start() + 8] + b"v" + content[row.start() + 9 :])
    with closing(open_ledger(sqlite_url, clock)) as ledger:
        assert {finding.code for finding in audit_all(ledger).findings} == {"file_damaged"}
