"""Nothing acknowledged is lost and nothing is counted twice: killed writers, a crashed server, lost answers."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from threading import Event, Lock

import pytest

from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.audit import audit
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from tests.conftest import Clock, PostgresDatabases, without_postgres
from tests.faults.relay import Relay
from tests.faults.writer import SCHOOLS, THREADS, numbered
from tests.postgres_server import DURABLE, PostgresServer, Unavailable, find_binaries, running_server
from tests.store.savings import decide, evolve, pay

ROOT = Path(__file__).parents[2]
WRITERS = 3


@pytest.fixture
def writers(database_url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that write and say what was acknowledged."""
    command = [sys.executable, "-m", "tests.faults.writer", database_url]
    with ExitStack() as stack:
        processes = []
        for writer in range(WRITERS):
            process = subprocess.Popen([*command, str(writer)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.callback(_bury, process)
            processes.append(process)
        yield processes


def _bury(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_what_a_killed_writer_was_told_is_there_and_the_rest_may_be_asked_again(
    writers: list[subprocess.Popen[str]], database_url: str, clock: Clock
) -> None:
    told = []
    for victim, process in enumerate(writers):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(40 + 25 * victim)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        whole = [[int(part) for part in line.split()] for line in lines if line.endswith("\n")]
        told.append({number: (first, last) for number, first, last in whole})
    ledger = Ledger(database_url, clock, decide)
    for writer, acknowledged in enumerate(told):
        assert len(acknowledged) >= 40
        for number in range(max(acknowledged) + THREADS + 1):
            receipt = ledger.submit(numbered(writer, number))
            if number in acknowledged:
                assert receipt.replayed
                assert (receipt.first_version, receipt.last_version) == acknowledged[number]
    _everything_once(ledger)
    ledger.close()


@pytest.fixture(scope="module")
def crashing_server() -> Iterator[PostgresServer]:
    """A server of our own with fsync on, to be crashed."""
    try:
        find_binaries()
    except Unavailable as reason:
        without_postgres(reason)
    with running_server(DURABLE) as server:
        yield server


def test_a_crashed_server_loses_nothing_it_acknowledged(crashing_server: PostgresServer, clock: Clock) -> None:
    databases = PostgresDatabases(crashing_server.url)
    url = databases.create()
    ledgers = [Ledger(url, clock, decide) for _ in range(2)]
    stop, told, mutex = Event(), dict[tuple[int, int], Receipt](), Lock()

    def write(writer: int) -> None:
        for number in count():
            if stop.is_set():
                return
            receipt = _until_answered(ledgers[writer % 2], writer, number)
            with mutex:
                told[writer, number] = receipt

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(write, writer) for writer in range(4)]
        for crash in range(1, 4):
            _wait_for(lambda reached=crash * 60: len(told) >= reached)
            crashing_server.crash_and_restart()
        _wait_for(lambda: len(told) >= 240)
        stop.set()
        for each in running:
            each.result()
    for (writer, number), receipt in told.items():
        assert ledgers[0].submit(numbered(writer, number)).events == receipt.events
    _everything_once(ledgers[0])
    for ledger in ledgers:
        ledger.close()
    databases.close()


@pytest.mark.parametrize("message", [1, 2, 3, 4])
def test_an_answer_that_is_lost_is_given_again(postgres_url: str, clock: Clock, tmp_path: Path, message: int) -> None:
    with Relay(postgres_url, tmp_path) as relay:
        ledger = Ledger(relay.url, clock, decide)
        ledger.submit(pay())
        order = pay(times=2)
        relay.lose_answer(message)
        try:
            first = ledger.submit(order)
        except OutcomeUnknown:
            assert message == 2, "only the answer to the write leaves the outcome open"
            first = None
        with suppress(StoreUnavailable):  # the answer that was lost may be one to this question
            ledger.submit(order)
        again = ledger.submit(order)
        assert again.replayed
        assert first is None or first.events == again.events
        assert ledger.position() == 3
        assert audit(ledger, evolve=evolve).passed
        ledger.close()


def test_a_write_that_never_arrived_is_not_recorded_by_magic(postgres_url: str, clock: Clock, tmp_path: Path) -> None:
    with Relay(postgres_url, tmp_path) as relay:
        ledger = Ledger(relay.url, clock, decide)
        ledger.submit(pay())
        order = pay()
        relay.lose_request(2)
        with pytest.raises(OutcomeUnknown):
            ledger.submit(order)
        assert not ledger.submit(order).replayed
        assert ledger.position() == 2
        ledger.close()


def _until_answered(ledger: Ledger, writer: int, number: int) -> Receipt:
    while True:
        try:
            return ledger.submit(numbered(writer, number))
        except OutcomeUnknown:
            continue
        except StoreUnavailable:
            time.sleep(0.02)  # the server is starting


def _wait_for(reached: object, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < until, "the writers stand still"
        time.sleep(0.005)


def _everything_once(ledger: Ledger) -> None:
    """Each command's events once, together and in order; numbers dense; rows the fold of the events."""
    log = ledger.feed(limit=1_000_000)
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    runs: dict[str, list[int]] = {}
    for event in log:
        runs.setdefault(event.envelope.command_id, []).append(event.version)
    for command_id, versions in runs.items():
        number = int(command_id.rpartition("-")[2])
        assert len(versions) == 1 + number % 3
        assert versions == list(range(versions[0], versions[0] + len(versions)))
    report = audit(ledger, evolve=evolve)
    assert report.passed, report.findings
    assert report.commands == len(runs)
    assert report.institutions == SCHOOLS
