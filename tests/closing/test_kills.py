"""A run that is killed in the middle goes on where it stopped: nothing lost, nothing twice, the same figures."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import commands as c
from ledger.application import Ledger
from ledger.audit import audit
from ledger.events import (
    ClosureDeclared,
    DistributionCompleted,
    DistributionShareApproved,
    RefundOrdered,
    RiskDepositDrawn,
)
from tests.closing.schools import SCHOOL, drained, dues, opened, tell
from tests.conftest import Clock

ROOT = Path(__file__).parents[2]
FAMILIES = 24
CHUNK = "1"
"""Families in one command; a step is told by the one command, and what follows it in series is under way."""


@pytest.fixture
def school(opened_ledger: Ledger, clock: Clock) -> Ledger:
    """Two dozen families; custody is short."""
    opened(opened_ledger, [1_000_00 + 7 * number for number in range(FAMILIES)])
    drained(opened_ledger, c24=1_000_00, c23=1_000_00)
    clock.advance(days=20)
    return opened_ledger


@pytest.fixture
def opened_ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    """An empty ledger, once on each database."""
    return opened(clock)


def killed_after(url: str, deed: str, steps: int) -> None:
    """Start a run and kill it (-9) after so many steps."""
    command = [sys.executable, "-m", "tests.closing.runner", url, deed, CHUNK]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(steps):
            assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGKILL)
        process.stdout.read()


def finished(url: str, deed: str) -> None:
    """A run to its end."""
    subprocess.run([sys.executable, "-m", "tests.closing.runner", url, deed, CHUNK], cwd=ROOT, check=True)


def test_a_killed_closure_and_a_killed_distribution_go_on(school: Ledger, database_url: str) -> None:
    killed_after(database_url, "close", 12)
    before = [one.event for one in school.stream(SCHOOL)]
    assert 0 < sum(isinstance(each, RefundOrdered) for each in before) < FAMILIES
    finished(database_url, "close")
    position = school.position()
    finished(database_url, "close")
    assert school.position() == position
    events = [one.event for one in school.stream(SCHOOL)]
    refunds = [each for each in events if isinstance(each, RefundOrdered)]
    assert sum(isinstance(each, ClosureDeclared) for each in events) == 1
    assert len({each.contract_id for each in refunds}) == len(refunds) == FAMILIES

    killed_after(database_url, "distribute", 3)
    shares = [each for each in _events(school) if isinstance(each, DistributionShareApproved)]
    assert 0 < len(shares) < FAMILIES
    assert {row.allowed_fen for row in dues(school).values()} == {None}
    finished(database_url, "distribute")
    shares = [each for each in _events(school) if isinstance(each, DistributionShareApproved)]
    assert len({each.contract_id for each in shares}) == len(shares) == FAMILIES
    (done,) = (each for each in _events(school) if isinstance(each, DistributionCompleted))
    assert done.shared_fen == sum(each.share_fen for each in shares) == sum(r.amount_fen for r in refunds) - 2_000_00
    assert all(each.share_fen <= each.due_fen for each in shares)
    assert audit(school).passed


def test_a_killed_draw_goes_on_to_what_the_order_says(opened_ledger: Ledger, clock: Clock, database_url: str) -> None:
    school, names = opened_ledger, [f"c{number}" for number in range(1, 10)]
    opened(school, [1_000_00 for _ in names])
    tell(school, c.PlaceRiskDeposit(amount_fen=5_000_00, bank_serial="s"))
    drained(school, **dict.fromkeys(names, 200_00))
    clock.advance(days=20)
    finished(database_url, "close")
    killed_after(database_url, "draw", 1)
    assert 0 < drawn_fen(school) < 1_200_00
    finished(database_url, "draw")
    assert drawn_fen(school) == 1_200_00
    finished(database_url, "draw")
    assert drawn_fen(school) == 1_200_00
    assert audit(school).passed


def drawn_fen(ledger: Ledger) -> int:
    return sum(each.amount_fen for each in _events(ledger) if isinstance(each, RiskDepositDrawn))


def _events(ledger: Ledger) -> list[object]:
    return [one.event for one in ledger.stream(SCHOOL)]
