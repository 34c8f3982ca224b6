"""Several processes that write at once, killed one after the other: what each was told is there, once."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.application import Ledger
from ledger.audit import audit
from tests.conftest import Clock
from tests.faults.writer import SCHOOLS, THREADS, numbered
from tests.store.savings import decide, evolve

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
