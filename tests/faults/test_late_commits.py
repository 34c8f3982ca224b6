"""A commit that comes late while others go on: whoever reads the log by position skips nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from ledger.application import Ledger, open_ledger
from ledger.store.desk import Turns
from ledger.store.postgresql import SETTLE, PostgresTurn, PostgresTurns
from projections.reader import ReadModels
from projections.runner import Runner
from tests.conftest import PostgresDatabases, migrate
from tests.faults.drill import drill, rounds
from tests.faults.families import at, open_schools, order_of
from tests.faults.judging import judge
from tests.faults.shop import Told
from tests.projections.comparison import folded_rows, live_rows

LANES, SCHOOLS = 4, 8


class LateTurn(PostgresTurn):
    """Holds its transaction open between the writing of its rows, positions included, and the commit."""

    written: Event
    go_on: Event

    def _ask(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        if statement != SETTLE:
            return super()._ask(statement, values)
        aside = psycopg.RawCursor(self._connection)
        aside.execute("begin")
        rows = self._cursor.execute(statement, values).fetchall()
        self.written.set()
        assert self.go_on.wait(30)
        aside.execute("commit")
        return rows


class LateTurns:
    """Opens late turns on a connection of its own."""

    def __init__(self, turns: Turns) -> None:
        assert isinstance(turns, PostgresTurns)
        self._turns = turns
        self.written, self.go_on = Event(), Event()

    @contextmanager
    def turn(self, lock: Sequence[str]) -> Iterator[PostgresTurn]:
        """A turn whose commit waits to be told."""
        with self._turns.turn(lock) as turn:
            late = LateTurn(turn._cursor, lock)
            late.written, late.go_on = self.written, self.go_on
            yield late

    def close(self) -> None:
        """Close the connection."""
        self._turns.close()


@pytest.fixture
def laned(postgres_databases: PostgresDatabases) -> Iterator[Callable[[], Ledger]]:
    """Ledgers on one database whose log has four lanes."""
    url, ledgers = postgres_databases.create(empty=True), list[Ledger]()
    migrate(url, lanes=LANES)

    def open_one() -> Ledger:
        ledgers.append(open_ledger(url, at))
        return ledgers[-1]

    yield open_one
    for each in ledgers:
        each.close()
    postgres_databases.drop(url)


class Tail:
    """A consumer that follows every lane by position, as the events route lets it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = dict.fromkeys(range(LANES), 0)
        self.events: list[tuple[str, int]] = []

    def read(self) -> None:
        """What is new."""
        for lane, after in self._seen.items():
            for event in self._ledger.feed(after, 1_000, lane):
                self._seen[lane] = event.position
                self.events.append((event.institution_id, event.version))


def test_a_commit_that_comes_late_is_not_skipped(laned: Callable[[], Ledger]) -> None:
    ledger, late = laned(), laned()
    open_schools(ledger, SCHOOLS)
    runner, tail, told = Runner(ledger.engine, batch=7), Tail(ledger), Told()
    held = [LateTurns(desk._openers[0]) for desk in late._desks.desks]
    for desk, turns in zip(late._desks.desks, held, strict=True):
        desk._openers = [turns]
    done = dict.fromkeys(range(SCHOOLS), 0)

    def ask(door: Ledger, client: int) -> None:
        receipt = door.submit(order_of(client, done[client], SCHOOLS))
        told[client, done[client]] = receipt.first_version, receipt.last_version
        done[client] += 1

    with drill(6, "late commit while a projector tails", "PostgreSQL", 500) as tally:
        for number in rounds(40, 500):
            slow = number % SCHOOLS
            lane, desk = (
                ledger.lane_of(f"school-{slow}"),
                late._desks.desks.index(late._desks.desk_of(f"school-{slow}")),
            )
            held[desk].written.clear()
            held[desk].go_on.clear()
            thread = Thread(target=ask, args=(late, slow))
            thread.start()
            assert held[desk].written.wait(30)
            overtaken = [each for each in range(SCHOOLS) if ledger.lane_of(f"school-{each}") != lane][:2]
            for quick in overtaken:
                ask(ledger, quick)
            tail.read()
            runner.catch_up()
            held[desk].go_on.set()
            thread.join()
            tail.read()
            runner.catch_up()
            tally.injected += bool(overtaken)
        judge(ledger, told, SCHOOLS, tally)
        log = {(each.institution_id, each.version) for lane in range(LANES) for each in ledger.feed(0, 10**6, lane)}
        tally.lost += len(log - set(tail.events))
        tally.doubled += len(tail.events) - len(set(tail.events))
        tally.lost += live_rows(ReadModels(ledger.engine)) != folded_rows(ReadModels(ledger.engine))
