"""Fixtures: a terminal with two officers, in a folder of its own."""

from pathlib import Path

import pytest

from ledger.application import open_ledger
from tests.closing.schools import drained, opened
from tests.closing.terminal import Terminal
from tests.conftest import Clock


@pytest.fixture
def terminal(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Terminal:
    """Two officers; families are owed 6,000 once the school closes, 3,000 are in custody."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    ledger = open_ledger(database_url, Clock())
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    drained(ledger, c3=3_000_00)
    ledger.close()
    made = Terminal(database_url, monkeypatch, capsys)
    for name in ("officer-1", "officer-2"):
        assert made("user", "add", name, "--role", "regulator", "--scope", "jurisdiction=CN")[0] == 0
    return made
