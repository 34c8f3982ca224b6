"""Contracts and lessons from files, at the terminal and over HTTP: a result for each row, none counted twice."""

import csv
import io
import json
from pathlib import Path

import pytest

from api.cli import run
from ledger.application import Ledger
from ledger.identifiers import Role
from tests import examples as x
from tests.api.callers import ESCROW, SECRET, Callers
from tests.api.conftest import callers, client, guarded, settings  # noqa: F401 - fixtures
from tests.bankfiles.bank import ask
from tests.imports.test_imports import STOCK, contract, file

OK, FINDING, USAGE = 0, 1, 2


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    """A terminal on the fresh database."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("LEDGER_PARTY_KEY", SECRET)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("terminal")
def test_rows_are_told_one_by_one_and_the_file_is_sent_again_until_all_are_in(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(ledger, x.opening())
    Path("c.csv").write_bytes(file("contracts", [contract(1), contract(2, price="12.345"), contract(3, price="99999")]))
    asked = ["import-contracts", "c.csv", "--institution", "school"]
    assert run([*asked, "--atomic"]) == FINDING
    assert run([*asked, "--dry-run"]) == FINDING
    assert ledger.position() == 1
    capsys.readouterr()
    assert run([*asked, "--results", "csv"]) == FINDING
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["line"], row["status"], row["code"], row["column"]) for row in rows] == [
        ("2", "recorded", "", ""),
        ("3", "refused", "unreadable_yuan", "9"),
        ("4", "refused", "amount_above_cap", ""),
    ]
    assert all(row["message"] for row in rows[1:])
    Path("c.csv").write_bytes(file("contracts", [contract(1), contract(2), contract(3, **STOCK)]))
    assert run([*asked, "--json"]) == OK
    report = json.loads(capsys.readouterr().out)
    assert (report["recorded"], report["repeated"], report["refused"]) == (2, 1, 0)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("kind", ["contracts", "lessons"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_template_is_written_once_and_taken(ledger: Ledger, kind: str, language: str, suffix: str) -> None:
    ask(ledger, x.opening(), x.contract("HT-2026-0001"))
    command, name = f"import-{kind}", f"t.{suffix}"
    assert run([command, "--template", language, name]) == OK
    assert run([command, "--template", language, name]) == USAGE, "it is not overwritten"
    assert run([command, "--template", language, "t.txt"]) == USAGE
    assert run([command, name]) == USAGE
    assert run([command, name, "--institution", "school"]) == FINDING, "its only row is the example"
    assert ledger.position() == 2


def test_a_school_sends_its_contracts_over_http(callers: Callers) -> None:  # noqa: F811 - the fixture
    callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW)
    school = callers.of(Role.INSTITUTION)
    data = file("contracts", [contract(1), contract(2, price="x"), contract(3, price="99999")])
    path = "/v1/escrows/I-1/contract-files"
    for query in ("?dry_run=true", "?atomic=true"):
        answer = school.post(path + query, data, Content_Type="text/csv")
        assert (answer.status_code, answer.json()["recorded"], answer.json()["refused"]) == (
            200,
            0,
            2 if "dry" in query else 1,
        )
    first = school.post(path, data, Content_Type="text/csv", Accept_Language="zh")
    assert first.status_code == 201, first.text
    assert [(row["line"], row["status"], row["field"]) for row in first.json()["rows"]] == [
        (2, "recorded", ""), (3, "refused", "price"), (4, "refused", ""),
    ]  # fmt: skip
    assert "金额" in first.json()["rows"][1]["message"]
    again = school.post(path, data, Content_Type="text/csv")
    assert (again.status_code, again.json()["repeated"]) == (200, 1)
    broken = school.post("/v1/escrows/I-1/lesson-files", data, Content_Type="text/csv")
    assert (broken.status_code, broken.json()["code"]) == (422, "column_unknown")
