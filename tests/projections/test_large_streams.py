"""A stream too large for memory is written in parts while it is folded, and comes to the same rows."""

import pytest

from ledger.application import Ledger
from projections import refold
from projections.rebuild import REBUILDABLE, rebuild
from projections.runner import Runner
from tests.closing.schools import closed, drained, opened
from tests.conftest import Clock


def test_a_stream_that_is_written_in_parts_gives_the_same_rows(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(ledger, [1_000_00] * 40)
    drained(ledger, c7=1_000_00, c31=1_000_00)
    closed(ledger, clock)
    Runner(ledger.engine).catch_up()
    monkeypatch.setattr(refold, "MOST_SHEETS", 60)
    monkeypatch.setattr(refold, "CHUNK", 7)  # smaller than what one part holds, and across the events of a contract
    report = rebuild(ledger.engine, REBUILDABLE, dry=True)
    assert not report.parked
    assert not report.differences
