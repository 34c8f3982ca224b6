"""`ledger close` and `ledger distribute` at the terminal: two persons, a pack, a pot shared, one sentence."""

import json
from datetime import date
from pathlib import Path

from api.app import now
from ledger.decisions.context import local_date
from tests.closing.schools import SCHOOL
from tests.closing.terminal import Terminal
from tests.packs.opening import Opened

OPENED_ON = date(2026, 9, 1)
"""The day of the test's clock: what follows is recorded on a later day, or on this one."""


def test_two_officers_close_and_distribute(terminal: Terminal, tmp_path: Path) -> None:
    cut_off = ("--cut-off", max(local_date(now()), OPENED_ON).isoformat())
    closing = ("--cause", "abnormal", "--date", "2026-09-01", "--reason", "gone")
    assert terminal("close", SCHOOL, "--dry-run", "--date", "2026-09-01", "--json")[0] == 0
    code, told, said = terminal("close", SCHOOL, *closing, "--as", "officer-1", "--propose", "--json")
    assert code == 0, said
    approval = json.loads(told)["approval_id"]
    approve = ("close", SCHOOL, "--approve", approval, "--order-no", "函 9", "--output", "pack.zip", "--as")
    code, _, said = terminal(*approve, "officer-1")
    assert (code, "officer-1" in said) == (2, True)
    code, told, said = terminal(*approve, "officer-2")
    assert code == 0, said
    assert [row["due_fen"] for row in Opened((tmp_path / "pack.zip").read_bytes()).csv("families.csv")] == [
        "100000", "200000", "300000",
    ]  # fmt: skip
    code, told, said = terminal("distribute", SCHOOL, *cut_off, "--json", "--lines")
    assert [line["share_fen"] for line in json.loads(told)["distributions"][0]["lines"]] == [50_000, 100_000, 150_000]
    code, told, said = terminal("distribute", SCHOOL, *cut_off, "--as", "officer-1", "--propose", "--json")
    assert code == 0, said
    approval = json.loads(told)["approval_id"]
    for again in (("--approve", approval), ("--approve", approval), ("--resume",)):
        code, told, said = terminal("distribute", SCHOOL, *again, "--as", "officer-2")
        assert (code, "distributed 3000.00 · 3 户" in told) == (0, True), said


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
