"""What goes wrong while catching up: poison, crashes, several at once; and reading one's own write."""

import json
import threading
from datetime import date

import pytest
from sqlalchemy import Engine, text

from ledger import events as e
from ledger.application import Ledger, open_ledger
from ledger.escrow import Escrow
from ledger.store.tables import DERIVED_INSTANTS
from projections import catch_up
from projections.contract_statement import find_contract_statement
from projections.escrow_balance import get_escrow_balance
from projections.notes import NOTINGS
from projections.reader import ReadModels
from projections.rebuild import rebuild
from projections.runner import Runner
from tests import examples as ex
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.projections.comparison import folded_rows, live_rows
from tests.projections.histories import tell
from tests.projections.school import School

ON = date(2026, 8, 25)


@pytest.fixture
def schools(ledger: Ledger, clock: Clock) -> tuple[School, School]:
    """Two schools with a paid contract each."""
    both = School(ledger, clock, "school-a").on(ON), School(ledger, clock, "school-b").on(ON)
    for one in both:
        one.asks(ex.opening(), ex.contract(), ex.deposit())
    return both


def record_nonsense(engine: Engine, institution_id: str, version: int) -> None:
    """An event of a name that this program does not know."""
    state = json.dumps({"envelope": {"recorded_at": 1}, "event": {"effective_at": 1}})
    names, values = "", ""
    if engine.dialect.name == "postgresql":
        names, values = ", " + ", ".join(DERIVED_INSTANTS), ", 1, 1"
    with engine.begin() as connection:
        position = connection.execute(text("update lanes set head = head + 1 returning head")).scalar_one()
        connection.execute(
            text(
                "insert into events (position, lane, originator_id, originator_version, topic, state, hash"
                f"{names}) values (:position, 0, :id, :version, 'unheard_of.1', :state, 'x'{values})"
            ),
            {"position": position, "id": institution_id, "version": version, "state": state},
        )


def test_the_poster_reads_its_own_write_at_its_position(
    schools: tuple[School, School], runner: Runner, reader: ReadModels
) -> None:
    receipt = schools[0].asks(ex.contract("c7", student_id="child-7"))
    assert not runner.at_position(receipt.position)
    runner.wait_for(receipt.position)
    assert runner.at_position(receipt.position)
    answer = find_contract_statement(reader, "school-a", "c7")
    assert answer.data is not None
    assert answer.position >= receipt.position


def test_an_event_nobody_knows_parks_its_stream_and_the_others_go_on(
    schools: tuple[School, School], ledger: Ledger, runner: Runner, reader: ReadModels
) -> None:
    record_nonsense(ledger.engine, "school-a", 5)
    schools[1].asks(ex.contract("c2", student_id="child-2"))
    runner.catch_up()
    health = runner.health()
    assert (health.green, health.lag) == (False, 0)
    (stream,) = health.parked
    assert (stream.institution_id, stream.version, stream.error) == ("school-a", 5, "UnknownEvent")
    assert "unheard_of.1" in stream.detail
    assert find_contract_statement(reader, "school-a", "c1").data is not None, "what came before it stands"
    assert find_contract_statement(reader, "school-b", "c2").data is not None
    assert find_contract_statement(reader, "school-a", "c1").incomplete == 1
    assert find_contract_statement(reader, "school-b", "c1").incomplete == 0
    assert runner.retry_parked() == (stream,)
    assert rebuild(ledger.engine).differences == ()
    assert runner.health().parked == (stream,)


def test_a_parked_stream_is_taken_up_again_where_it_stopped(
    schools: tuple[School, School], runner: Runner, reader: ReadModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_escrow: Escrow, _event: object) -> None:
        raise ZeroDivisionError("the name of a child")

    with monkeypatch.context() as patch:
        patch.setitem(NOTINGS, e.ClassConsumptionConfirmed, broken)  # type: ignore[misc] # a dict of classes
        for one in schools:
            one.on(date(2026, 9, 2)).asks(ex.claim("l1"))
        schools[0].asks(ex.confirm("l1"), ex.claim("l2"))
        runner.catch_up()
        (stream,) = runner.health().parked
        assert stream.institution_id == "school-a"
        assert stream.error == "ZeroDivisionError"
        assert "child" not in stream.detail
        schools[0].asks(ex.claim("l3"))
        runner.catch_up()
        assert runner.health().lag == 0
        assert get_escrow_balance(reader, "school-a").data.earned_fen == ex.LESSON_FEN, "sums do not fold"
        assert runner.retry_parked() == (stream,)
    assert runner.retry_parked("school-b") == (stream,)
    assert runner.retry_parked() == ()
    assert runner.health().green
    assert live_rows(reader) == folded_rows(reader)


def test_a_long_parked_stream_is_caught_up_in_batches(
    ledger: Ledger, clock: Clock, reader: ReadModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(ledger.engine, batch=5)

    def broken(_escrow: Escrow, _event: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setitem(NOTINGS, e.ContractRegistered, broken)  # type: ignore[misc] # a dict of classes
        tell(ledger, clock, seed=4, steps=120, institutions=1)
        runner.catch_up()
        assert not runner.health().green
    assert runner.retry_parked() == ()
    assert live_rows(reader) == folded_rows(reader)


def test_rows_and_checkpoint_stand_or_fall_together(
    schools: tuple[School, School], runner: Runner, reader: ReadModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.catch_up()
    before = live_rows(reader)
    schools[0].on(date(2026, 9, 2)).asks(*ex.taught("l1"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("save_position", "add_events"):
        with monkeypatch.context() as patch:
            patch.setattr(catch_up, step, crash)
            with pytest.raises(KeyboardInterrupt):
                runner.catch_up()
        assert live_rows(reader) == before
        assert runner.health().lag == 2
    assert runner.catch_up() == 2
    assert live_rows(reader) == folded_rows(reader) != before


def test_several_who_catch_up_at_once_take_nothing_in_twice(ledger: Ledger, clock: Clock, reader: ReadModels) -> None:
    tell(ledger, clock, seed=2, steps=150)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(Runner(ledger.engine, batch=7).catch_up())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == ledger.position()
    assert live_rows(reader) == folded_rows(reader)


def test_a_worker_rests_when_there_is_nothing_to_do_and_stops_when_told(
    schools: tuple[School, School], runner: Runner
) -> None:
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        assert runner.health().lag == 0
        rests.append(seconds)
        if len(rests) == 1:
            schools[0].asks(ex.contract("c9", student_id="child-9"))

    runner.work(sleep, stopped=lambda: len(rests) == 2)
    assert len(rests) == 2


def test_lanes_are_caught_up_each_by_itself(postgres_databases: PostgresDatabases, clock: Clock) -> None:
    url = postgres_databases.create(empty=True)
    migrate(url, lanes=3)
    ledger = open_ledger(url, clock)
    tell(ledger, clock, seed=9, steps=150, institutions=4)
    runner, reader = Runner(ledger.engine, batch=11), ReadModels(ledger.engine)
    last = max(ledger.position(lane) for lane in range(3))
    runner.wait_for(last)
    assert runner.at_position(last)
    runner.catch_up()
    assert runner.health().lag == 0
    assert live_rows(reader) == folded_rows(reader)
    assert rebuild(ledger.engine).differences == ()
    ledger.close()
    postgres_databases.drop(url)
