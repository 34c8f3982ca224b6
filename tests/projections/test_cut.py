"""An answer about an earlier knowledge time names the place in the log that was the last known then."""

from sqlalchemy import Engine, select

from ledger.application import Ledger, open_ledger
from ledger.store.tables import events
from projections.answers import Moment
from projections.checkpoint import positions
from projections.cut import cut_at
from projections.fund_history import list_fund_history
from projections.institution import list_institutions
from projections.reader import ReadModels
from projections.runner import Runner
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.projections.histories import tell


def recorded(engine: Engine) -> list[tuple[int, int]]:
    """Position and time of recording of every event."""
    with engine.connect() as connection:
        rows = connection.execute(select(events.c.position, events.c.recorded_at)).all()
        return [(position, recorded_at) for position, recorded_at in rows]


def test_the_cut_is_the_last_position_recorded_by_then(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels
) -> None:
    tell(ledger, clock, seed=3, steps=60, institutions=2)
    runner.catch_up()
    log = recorded(ledger.engine)
    instants = {at + shift for _, at in log for shift in (-1, 0, 1)}
    with ledger.engine.connect() as connection:
        here = positions(connection)
        for known_at in instants:
            expected = max((position for position, at in log if at <= known_at), default=0)
            assert cut_at(connection, here, known_at) == expected
    middle = sorted(at for _, at in log)[len(log) // 2]
    expected = max(position for position, at in log if at <= middle)
    moment = Moment(known_at=middle)
    assert list_institutions(reader, moment).position == expected
    (first, *_) = list_institutions(reader).data
    assert list_fund_history(reader, first.institution_id, moment).position == expected
    assert list_institutions(reader).position == len(log)


def test_nothing_was_known_before_the_first_event(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels
) -> None:
    tell(ledger, clock, seed=3, steps=5, institutions=1)
    runner.catch_up()
    assert list_institutions(reader, Moment(known_at=0)).position == 0
    assert list_institutions(reader, Moment(known_at=0)).data == []


def test_with_several_lanes_it_is_the_furthest_of_their_cuts(
    postgres_databases: PostgresDatabases, clock: Clock
) -> None:
    url = postgres_databases.create(empty=True)
    migrate(url, lanes=3)
    ledger = open_ledger(url, clock)
    tell(ledger, clock, seed=9, steps=40, institutions=4)
    Runner(ledger.engine).catch_up()
    log = recorded(ledger.engine)
    with ledger.engine.connect() as connection:
        here = positions(connection)
        for known_at in {at for _, at in log}:
            assert cut_at(connection, here, known_at) == max(position for position, at in log if at <= known_at)
    ledger.close()
    postgres_databases.drop(url)
