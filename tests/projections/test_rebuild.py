"""Rebuilding: from the first event, into shadow tables, compared, swapped."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, inspect, select, text, update

from ledger.application import Ledger
from projections import refold
from projections.contract_statement import contract_statement
from projections.database import metadata
from projections.reader import ReadModels
from projections.rebuild import REBUILDABLE, UnknownModel, rebuild
from projections.runner import Runner
from projections.shadow import LIVE_TABLES
from tests.conftest import Clock
from tests.projections.comparison import live_rows
from tests.projections.histories import go_on, tell


def every_row(connection: Connection) -> dict[str, list[Any]]:
    return {
        name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        for name, table in LIVE_TABLES.items()
    }


@pytest.fixture
def told(ledger: Ledger, clock: Clock, runner: Runner) -> Ledger:
    """A ledger with some history that has been taken in."""
    tell(ledger, clock, seed=11, steps=350, institutions=2)
    runner.catch_up()
    return ledger


def test_a_rebuild_gives_every_byte_that_catching_up_gave(told: Ledger) -> None:
    with told.engine.connect() as connection:
        before = every_row(connection)
    report = rebuild(told.engine)
    assert (report.differences, report.swapped, report.parked) == ((), True, ())
    assert report.events == told.position()
    with told.engine.connect() as connection:
        assert every_row(connection) == before
    assert all(before.values())


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_nothing_is_left_of_the_shadow_tables_and_the_indexes_keep_their_names(told: Ledger) -> None:
    def schema(engine: Engine) -> dict[str, set[str | None]]:
        there = inspect(engine)
        return {name: {index["name"] for index in there.get_indexes(name)} for name in there.get_table_names()}

    before = schema(told.engine)
    rebuild(told.engine)
    rebuild(told.engine, ["deadline"])
    assert schema(told.engine) == before


def test_large_streams_are_folded_in_pieces_to_the_same_rows(told: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refold, "MOST_SHEETS", 30)
    monkeypatch.setattr(refold, "CHUNK", 25)
    assert rebuild(told.engine).differences == ()


@pytest.mark.parametrize("model", REBUILDABLE)
def test_each_model_can_be_rebuilt_alone(told: Ledger, model: str) -> None:
    report = rebuild(told.engine, [model])
    assert (report.models, report.differences, report.swapped) == ((model,), (), True)


def test_a_model_that_nobody_knows_is_refused_by_name(told: Ledger) -> None:
    with pytest.raises(UnknownModel, match="ledger_of_dreams"):
        rebuild(told.engine, ["ledger_of_dreams"])


def test_a_damaged_row_is_found_and_only_replaced_when_told_to(told: Ledger, reader: ReadModels) -> None:
    right = live_rows(reader)
    with told.engine.begin() as connection:
        institution_id, contract_id = connection.execute(
            select(contract_statement.c.institution_id, contract_statement.c.contract_id).limit(1)
        ).one()
        connection.execute(
            update(contract_statement)
            .where(
                contract_statement.c.institution_id == institution_id, contract_statement.c.contract_id == contract_id
            )
            .values(paid_fen=contract_statement.c.paid_fen + 1)
        )
    damaged = live_rows(reader)
    report = rebuild(told.engine)
    assert not report.swapped
    (difference,) = report.differences
    assert (difference.table, difference.only_live, difference.only_rebuilt) == ("contract_statement", 1, 1)
    assert difference.sample == ((institution_id, contract_id),)
    assert live_rows(reader) == damaged
    assert not rebuild(told.engine, accept_differences=True, dry=True).swapped
    assert rebuild(told.engine, accept_differences=True).swapped
    assert live_rows(reader) == right


def test_what_is_recorded_during_a_rebuild_is_in_both(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels
) -> None:
    histories = tell(ledger, clock, seed=5, steps=150)
    runner.catch_up()

    def meanwhile(_done: int, _all: int) -> None:
        go_on(histories, seed=6, steps=80)
        runner.catch_up()

    report = rebuild(ledger.engine, progress=meanwhile)
    assert report.differences == ()
    assert report.positions == {0: ledger.position()}
    with reader.open() as reading:
        assert reading.positions == report.positions


def test_where_nothing_was_taken_in_a_rebuild_builds_everything(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels
) -> None:
    tell(ledger, clock, seed=8, steps=150)
    assert rebuild(ledger.engine).swapped
    assert runner.health().lag == 0
    built = live_rows(reader)
    with ledger.engine.begin() as connection:
        for name in ("checkpoint", *LIVE_TABLES):
            connection.execute(text(f"delete from {name}"))
    runner.catch_up()
    assert live_rows(reader) == built


def test_progress_ends_at_the_last_event(told: Ledger) -> None:
    seen: list[tuple[int, int]] = []
    rebuild(told.engine, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (told.position(), told.position())


def test_processes_share_the_work_on_postgresql(
    postgres_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.application import open_ledger  # noqa: PLC0415
    from projections import rebuild as module  # noqa: PLC0415

    monkeypatch.setitem(module.EVENTS_EACH, "postgresql", 50)
    ledger = open_ledger(postgres_url, clock)
    tell(ledger, clock, seed=3, steps=200, institutions=3)
    Runner(ledger.engine).catch_up()
    assert rebuild(ledger.engine, workers=2).differences == ()
    ledger.close()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_the_tables_that_the_program_expects(opened: Callable[..., Ledger], clock: Clock) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    with opened(clock).engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [each for each in compare_metadata(context, metadata) if "remove_table" not in str(each[0])]
        ours = [each for each in differences if not _is_about_other_tables(each)]
    assert ours == []


def _is_about_other_tables(difference: Any) -> bool:  # noqa: ANN401 - as Alembic gives it
    parts = difference if isinstance(difference, tuple) else difference[0]
    return parts[0] in {"remove_index", "remove_constraint"} and parts[1].table.name not in metadata.tables
