"""PostgreSQL stopped at once and restarted under load: what was acknowledged survives, the log continues."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from ledger.application import Ledger, open_ledger
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from tests.conftest import PostgresDatabases, without_postgres
from tests.faults.drill import Tally, dice, drill, rounds
from tests.faults.families import at, open_schools, order_of
from tests.faults.judging import judge
from tests.faults.shop import CLIENTS, SCHOOLS, Told, wait_for
from tests.postgres_server import DURABLE, PostgresServer, Unavailable, find_binaries, running_server


@pytest.fixture(scope="module")
def crashing_server() -> Iterator[PostgresServer]:
    """A server of our own with fsync on, to be crashed."""
    try:
        find_binaries()
    except Unavailable as reason:
        without_postgres(reason)
    with running_server((*DURABLE, "recovery_init_sync_method=syncfs")) as server:
        yield server


def test_a_server_that_stops_at_once_loses_nothing_it_acknowledged(crashing_server: PostgresServer) -> None:
    databases = PostgresDatabases(crashing_server.url)
    url = databases.create()
    doors = [open_ledger(url, at) for _ in range(2)]
    open_schools(doors[0], SCHOOLS)
    stop, told, chance = Event(), Told(), dice("restarts")
    with drill(2, "immediate stop and restart of PostgreSQL", "PostgreSQL", 200) as tally:
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [
                pool.submit(_ask_until, stop, doors[client % 2], client, told, tally) for client in range(CLIENTS)
            ]
            try:
                for _ in rounds(20, 200):
                    enough = len(told) + chance.randint(8, 120)
                    wait_for(lambda enough=enough: len(told) >= enough)  # type: ignore[misc]
                    tally.restore_seconds.append(_crash(crashing_server, told))
                    tally.injected += 1
            finally:
                stop.set()
            for each in running:
                each.result()
        judge(doors[0], told, SCHOOLS, tally)
        assert tally.found["outcome unknown"], "no command was on its way when the server stopped"
    for ledger in doors:
        ledger.close()
    databases.close()


def _crash(server: PostgresServer, told: Told) -> float:
    """Stop, start, and wait for the next acknowledgement; how long that took, s."""
    stopped = time.monotonic()
    server.crash_and_restart()
    before = len(told)
    wait_for(lambda: len(told) > before)
    return round(time.monotonic() - stopped, 3)


def _ask_until(stop: Event, ledger: Ledger, client: int, told: Told, tally: Tally) -> None:
    number = 0
    while not stop.is_set():
        receipt = None
        while receipt is None:
            try:
                receipt = ledger.submit(order_of(client, number, SCHOOLS))
            except OutcomeUnknown:
                tally.count("outcome unknown")
            except StoreUnavailable:
                time.sleep(0.01)  # the server is starting
        tally.count("replayed", receipt.replayed)
        told[client, number] = receipt.first_version, receipt.last_version
        number += 1
