"""`ledger import-statement` and `ledger reconcile`: previewed, then committed, with exit codes that tell."""

import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from api.cli import run
from ledger import commands as c
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.orders import Order
from projections.reader import ReadModels
from projections.reconciliation import list_breaks
from projections.runner import Runner
from tests.api.callers import SECRET
from tests.bankfiles import test_mutations as mutations
from tests.bankfiles.bank import facts, school
from tests.bankfiles.files import GENERIC_HEADER, SAMPLES, Booking, as_csv, generic_csv
from tests.bankfiles.test_importing import DAY, MORNING

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("LEDGER_PARTY_KEY", SECRET)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bank(ledger: Ledger) -> Ledger:
    """A ledger with a school of two contracts."""
    school(ledger)
    return ledger


def file(data: bytes, name: str = "day.csv") -> str:
    Path(name).write_bytes(data)
    return name


def test_a_preview_is_no_commit(bank: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    before = bank.position()
    assert run(["import-statement", file(generic_csv(MORNING)), "--institution", "school"]) == FINDING
    printed = capsys.readouterr()
    assert "would become" in printed.out
    assert "bank_error" in printed.out
    assert "--commit records it" in printed.err
    assert bank.position() == before


@pytest.mark.usefixtures("bank")
def test_a_preview_says_what_a_commit_would_refuse_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    ahead = file(generic_csv([Booking(date(2030, 1, 5), 1_00, "S1")]))
    for mode in ("--dry-run", "--commit"):
        assert run(["import-statement", ahead, "--institution", "school", mode]) == FINDING
        assert "date_in_future" in capsys.readouterr().err


@pytest.mark.usefixtures("bank")
def test_a_preview_counts_what_names_a_contract_nobody_registered(capsys: pytest.CaptureFixture[str]) -> None:
    name = file(generic_csv([Booking(DAY, 1_00, "S1", text="合同号:HT-404 学费")]))
    assert run(["import-statement", name, "--institution", "school", "--dry-run"]) == OK
    assert "contract not registered, one more break each: 1" in capsys.readouterr().out


def test_a_commit_books_every_line_once(bank: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    name = file(generic_csv(MORNING))
    assert run(["import-statement", name, "--institution", "school", "--commit", "--json"]) == FINDING
    report = json.loads(capsys.readouterr().out)
    assert report["statements"][0]["committed"]["booked"] == 4
    before = bank.position()
    assert run(["import-statement", name, "--institution", "school", "--commit", "--quiet"]) == OK
    assert bank.position() == before
    capsys.readouterr()
    assert run(["reconcile", "school", "--date", "2026-08-31", "--json"]) == FINDING, "the bank took a fee"
    assert json.loads(capsys.readouterr().out)[0]["unexplained_fen"] == 0
    assert run(["reconcile", "--all", "--date", "2026-09-01"]) == FINDING
    assert "statements do not reach the day" in capsys.readouterr().out


@pytest.mark.parametrize("mutation", mutations.WRONG, ids=lambda each: each.__name__)
def test_a_file_that_lies_is_one_sentence_and_a_finding(
    bank: Ledger, capsys: pytest.CaptureFixture[str], mutation: Callable[..., bytes]
) -> None:
    first = file(generic_csv(mutations.FIRST), "first.csv")
    assert run(["import-statement", first, "--institution", "school", "--commit", "--quiet"]) == OK
    capsys.readouterr()
    before, dice = bank.position(), random.Random(3)
    name = file(mutation(mutations.second_day(dice), dice), "second.bin")
    assert run(["import-statement", name, "--institution", "school", "--commit"]) == FINDING
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert "Traceback" not in printed.err
    assert bank.position() == before


def test_a_layout_is_derived_by_naming_the_columns(bank: Ledger) -> None:
    rows = [["Tag", "Nr", "Betrag", "Text"], ["31/08/2026", "7", "12.50", "合同C-1"]]
    name = file(as_csv(rows))
    named = [
        "--columns",
        "booked_on=Tag",
        "--columns",
        "serial=Nr",
        "--columns",
        "amount=Betrag",
        "--columns",
        "text=Text",
    ]
    asked = ["import-statement", name, "--institution", "school", *named, "--dates", "%d/%m/%Y"]
    assert run([*asked, "--commit"]) == FINDING, "no balance is known"
    assert run([*asked, "--opening", "0", "--commit"]) == OK
    assert facts(bank)[0] == 12_50
    profile = f'name = "t"\nsignature = ["{GENERIC_HEADER[0]}"]\n[columns]\nbooked_on = ["{GENERIC_HEADER[0]}"]\n'
    Path("bad.toml").write_text(profile)
    for wrong in (["--profile", "bad.toml"], ["--profile", "nobank"], ["--columns", "x"], ["--opening", "1.234"]):
        assert run(["import-statement", name, "--institution", "school", *wrong]) == USAGE, wrong


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.[cx]*")))
def test_the_real_exports_end_in_a_sentence(bank: Ledger, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert bank.position()
    ended = run(["import-statement", str(SAMPLES / name), "--institution", "school", "--account-checked"])
    assert ended == (OK if name in {"boc-debit.csv", "generic.xls"} else FINDING) or "break" in capsys.readouterr().out


def test_what_is_no_institution_file_or_setting(
    bank: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bank.position()
    name = file(generic_csv(MORNING))
    assert run(["import-statement", name, "--institution", "nobody"]) == USAGE
    assert run(["import-statement", "absent.csv", "--institution", "school"]) == USAGE
    assert run(["import-statement", name, "--institution", "school", "--commit", "--dry-run"]) == USAGE
    assert run(["reconcile", "nobody"]) == USAGE
    assert run(["reconcile"]) == USAGE
    monkeypatch.delenv("LEDGER_PARTY_KEY")
    assert run(["import-statement", name, "--institution", "school"]) == ENVIRONMENT
    assert "LEDGER_PARTY_KEY" in capsys.readouterr().err


def test_a_break_that_nobody_explains_alarms_until_it_is_resolved(
    bank: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    paid_out = Booking(DAY, -77_00, "A9", text="不明支出")
    name = file(generic_csv([*MORNING[:3], paid_out]))
    run(["import-statement", name, "--institution", "school", "--commit", "--quiet"])
    for again in (["school"], ["--all"], ["school", "--json"], ["school", "--quiet"], ["school", "--dry-run"]):
        capsys.readouterr()
        assert run(["reconcile", *again, "--date", "2026-08-31"]) == FINDING, again
        printed = capsys.readouterr()
        alarms = [line for line in printed.err.splitlines() if line.startswith("! school: unexplained breaks")]
        assert len(alarms) == 1, printed.err
        assert "-77.00" in alarms[0]
        if "--quiet" in again:
            assert printed.out == ""
        if "--json" in again:
            assert json.loads(printed.out)[0]["alarming_fen"] == -77_00
    Runner(bank.engine).catch_up()
    for row in list_breaks(ReadModels(bank.engine), institution_id="school", alarming=True).data:
        explained = c.ResolveBreak(break_id=row.break_id, resolution="explained", note="支票退票, 银行已来函")
        bank.submit(Order("school", f"resolve-{row.break_id}", explained, "officer", Role.REGULATOR))
    capsys.readouterr()
    assert run(["reconcile", "school", "--date", "2026-08-31"]) == OK
    assert capsys.readouterr().err == ""
