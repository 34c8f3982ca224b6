"""Stopped anywhere and asked again, an evening comes to what it would have come to: nothing lost, nothing twice."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ledger.answers import Answer, Receipt
from ledger.application import Ledger, open_ledger
from ledger.audit import audit
from ledger.decisions import decide
from ledger.orders import Order
from tests import examples as x
from tests.bankday import victim
from tests.bankday.day import school_with, texts
from tests.bankday.victim import NOW, SCHOOLS, evening
from tests.conftest import Clock

ROOT = Path(__file__).parents[2]
MOST_STOPS = 80
BLINDED = re.compile(rb',"statements_root":"[0-9a-f]{64}"')


def city(ledger: Ledger, clock: Clock, families: int = 7) -> None:
    """Schools with lessons that silence will confirm, money that goes, and refunds that are due."""
    for name in SCHOOLS:
        school = school_with(ledger, clock, families, name)
        for number in range(1, families + 1):
            school.asks(*x.taught("a", contract_id=f"c{number}"), x.claim("b", "c", contract_id=f"c{number}"))
        for number in range(1, 5):
            school.asks(x.request(f"f{number}", f"c{number}", requested_on=x.STARTS_ON))
            if number > 1:
                school.asks(x.approve(f"f{number}"))
        school.asks(x.open_mediation(contract_id="c7"), x.accept_mediation(x.STARTS_ON))


def outcome(ledger: Ledger) -> dict[str, list[bytes]]:
    """Every event of every school, without its envelope and without the root that envelopes blind."""
    return {name: [BLINDED.sub(b"", text) for text in texts(ledger, name)] for name in SCHOOLS}


@pytest.fixture
def undisturbed(sqlite_template: Path, tmp_path: Path) -> dict[str, list[bytes]]:
    """What an evening comes to that nobody stops."""
    path = tmp_path / "undisturbed.sqlite"
    shutil.copy(sqlite_template, path)
    clock = Clock()
    ledger = open_ledger(f"sqlite:///{path}", clock)
    city(ledger, clock)
    before = outcome(ledger)
    evening(f"sqlite:///{path}")
    after = outcome(ledger)
    ledger.close()
    assert all(len(after[name]) > len(before[name]) + 10 for name in SCHOOLS)
    return after


def test_a_process_that_is_killed_again_and_again_comes_to_the_same(
    database_url: str, opened: Callable[..., Ledger], clock: Clock, undisturbed: dict[str, list[bytes]]
) -> None:
    ledger = opened(clock)
    city(ledger, clock)
    for lines in (1, 4, 9, 13):
        _kill_after(database_url, lines)
    last = _run(database_url)
    last.communicate()
    assert last.returncode == 0
    assert outcome(ledger) == undisturbed
    assert audit(ledger).passed


def _run(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", victim.__name__, url]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _kill_after(url: str, lines: int) -> None:
    """Kill the process in the middle of what follows its first lines."""
    process = _run(url)
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


class Power(BaseException):
    """The plug is pulled."""


class Fragile(Ledger):
    """A ledger whose program stops at its n-th submission: before it, or right after it was recorded."""

    def __init__(self, url: str, left: int, *, after: bool) -> None:
        super().__init__(url, lambda: NOW, decide)
        self.left, self.after = left, after

    def submit(self, order: Order) -> Receipt:
        self._tick(before=True)
        receipt = super().submit(order)
        self._tick(before=False)
        return receipt

    def submit_all(self, orders: Sequence[Order], *, atomic: bool = False) -> list[Answer]:
        self._tick(before=True)
        answers = super().submit_all(orders, atomic=atomic)
        self._tick(before=False)
        return answers

    def _tick(self, *, before: bool) -> None:
        if before is not self.after:
            self.left -= 1
            if self.left < 0:
                raise Power


def _stopped(url: str, monkeypatch: pytest.MonkeyPatch, submissions: int, *, after: bool) -> bool:
    """Whether an evening was stopped after so many submissions. What the ledger refuses is asked every time."""
    fragile = Fragile(url, submissions, after=after)
    monkeypatch.setattr(victim, "open_ledger", lambda _url, _clock: fragile)
    try:
        evening(url)
    except Power:
        fragile.close()
        return True
    return False


@pytest.mark.parametrize("after", [False, True])
def test_stopped_at_each_submission_in_turn_it_comes_to_the_same(
    sqlite_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: dict[str, list[bytes]],
    after: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    url = f"sqlite:///{tmp_path / 'fragile.sqlite'}"
    shutil.copy(sqlite_template, tmp_path / "fragile.sqlite")
    clock = Clock()
    ledger = open_ledger(url, clock)
    city(ledger, clock)
    ledger.close()
    stops = 0
    while _stopped(url, monkeypatch, 1 + stops // 4, after=after):
        stops += 1
        assert stops < MOST_STOPS, "it never ends"
    assert stops > 7
    ledger = open_ledger(url, clock)
    assert outcome(ledger) == undisturbed
    assert audit(ledger).passed
    ledger.close()
