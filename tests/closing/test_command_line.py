"""`ledger close` and `ledger distribute` at the terminal: two persons, a pack, a pot shared, one sentence."""

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from api.app import now
from api.cli import run
from ledger.application import open_ledger
from ledger.decisions.context import local_date
from tests.closing.schools import SCHOOL, drained, opened
from tests.conftest import Clock
from tests.packs.opening import Opened

PASSWORD = "correct horse battery staple"
OPENED_ON = date(2026, 9, 1)
"""The day of the test's clock: what follows is recorded on a later day, or on this one."""

Terminal = Callable[..., tuple[int, str, str]]


@pytest.fixture
def terminal(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Terminal:
    """Runs a command line, with the password on standard input: exit code, output, errors."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    ledger = open_ledger(database_url, Clock())
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    drained(ledger, c3=3_000_00)
    ledger.close()
    for name in ("officer-1", "officer-2"):
        assert ask("user", "add", name, "--role", "regulator", "--scope", "jurisdiction=CN")[0] == 0
    return ask


def test_two_officers_close_and_distribute(terminal: Terminal, tmp_path: Path) -> None:
    cut_off = ("--cut-off", max(local_date(now()), OPENED_ON).isoformat())
    closing = ("--cause", "abnormal", "--date", "2026-09-01", "--reason", "gone")
    assert terminal("close", SCHOOL, "--dry-run", "--date", "2026-09-01", "--json")[0] == 0
    code, told, said = terminal("close", SCHOOL, *closing, "--as", "officer-1", "--propose", "--json")
    assert code == 0, said
    approval = json.loads(told)["approval_id"]
    code, _, said = terminal("close", SCHOOL, "--approve", approval, "--as", "officer-1")
    assert (code, "officer-1" in said) == (2, True)
    code, told, said = terminal("close", SCHOOL, "--approve", approval, "--as", "officer-2", "--output", "pack.zip")
    assert code == 0, said
    assert [row["due_fen"] for row in Opened((tmp_path / "pack.zip").read_bytes()).csv("families.csv")] == [
        "100000", "200000", "300000",
    ]  # fmt: skip
    code, told, said = terminal("distribute", SCHOOL, *cut_off, "--json", "--lines")
    assert [line["share_fen"] for line in json.loads(told)["distributions"][0]["lines"]] == [50_000, 100_000, 150_000]
    code, told, said = terminal("distribute", SCHOOL, *cut_off, "--as", "officer-1", "--propose", "--json")
    assert code == 0, said
    approval = json.loads(told)["approval_id"]
    code, told, said = terminal("distribute", SCHOOL, "--approve", approval, "--as", "officer-2")
    assert (code, "3000.00" in told) == (0, True), said
    code, told, said = terminal("distribute", SCHOOL, "--resume", "--as", "officer-2")
    assert (code, "No distribution is running" in said) == (2, True)


def test_a_wrong_password_and_a_missing_officer_are_told_in_a_sentence(terminal: Terminal) -> None:
    for arguments in (("--as", "nobody"), ()):
        code, _, said = terminal("close", SCHOOL, *arguments)
        assert code == 2
        assert said.startswith("ledger: ")
        assert len(said.splitlines()) == 1


def test_packs_are_exported_for_an_institution_and_a_contract(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("export", "resolution-pack", SCHOOL, "r.zip")[0] == 0
    assert terminal("export", "evidence", "c1", "c.zip")[0] == 0
    assert terminal("export", "evidence", SCHOOL, "s.zip")[0] == 0
    assert Opened((tmp_path / "c.zip").read_bytes()).manifest["contract_id"] == "c1"
    assert Opened((tmp_path / "s.zip").read_bytes()).manifest["contract_id"] is None
    code, _, said = terminal("export", "evidence", "nobody", "x.zip")
    assert (code, "nobody" in said) == (2, True)
