"""Files with account numbers at the terminal and over HTTP: who gets one, what is said, and what is written down."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from api.bankfiles.parties import Parties
from api.cli import run
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.application import open_ledger
from ledger.identifiers import Role
from tests.api.callers import ESCROW, ISSUER, SECRET, Callers, Json, code
from tests.bankday.day import school_with
from tests.bankday.families import MASTER, PARTY_KEY, PLAIN, families_of, reads_of
from tests.conftest import Clock
from tests.projections.school import School

PURPOSE = {"Purpose": "%E9%80%80%E8%B4%B9"}
SECRETS = (PLAIN, "6222 0200", "欧阳", "静怡")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Path]:
    """A terminal on Monday; of two refunds that are due the vault knows one account."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("LEDGER_VAULT_KEY", MASTER)
    monkeypatch.setenv("LEDGER_PARTY_KEY", PARTY_KEY)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    ledger = open_ledger(database_url, clock)
    families = families_of(school_with(ledger, clock, 0), clock)
    families.owed(1, families.person())
    families.owed(2, "G-nobody-entered")
    ledger.close()
    with time_machine.travel("2026-09-08T02:00:00+00:00", tick=False):
        yield tmp_path / "bank"


def told(capsys: pytest.CaptureFixture[str], *words: str, expected: int = 0) -> str:
    capsys.readouterr()
    assert run(words) == expected, capsys.readouterr()
    said = capsys.readouterr()
    assert not any(secret in said.out + said.err for secret in SECRETS)
    return said.out + said.err


def asked(folder: Path, *more: str) -> tuple[str, ...]:
    return ("refund-run", "school", "--date", "2026-09-07", "--out", str(folder), "--actor", "li", *more)


def test_a_run_writes_the_accounts_and_says_who_stays_a_reference(
    shell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (done,) = json.loads(told(capsys, *asked(shell, "--json", "--quiet")))
    (path,) = shell.iterdir()
    assert PLAIN in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    second = done["payments"][1]["payment_id"]
    assert done["payees"] == {
        "by_account": 1,
        "by_reference": [{"payment_id": second, "code": "account_not_kept"}],
    }
    text = told(capsys, *asked(shell, "--format", "csv"))
    assert "by account 1 · 按代号 by reference 1" in text
    assert "no account of theirs is kept" in text
    assert PLAIN in next(shell.glob("*.csv")).read_text("utf-8-sig")


def test_a_file_that_is_asked_for_again_and_one_by_reference(shell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (done,) = json.loads(told(capsys, *asked(shell, "--json", "--quiet", "--by-reference")))
    assert done["payees"] is None
    (path,) = shell.iterdir()
    assert PLAIN not in path.read_text()
    assert "by account 1" in told(capsys, "payment-file", path.stem, "--out", str(shell), "--actor", "wu")
    assert PLAIN in path.read_text()


def test_a_dry_run_looks_at_nobody(shell: Path, capsys: pytest.CaptureFixture[str], database_url: str) -> None:
    told(capsys, *asked(shell, "--dry-run"))
    assert reads(database_url) == []
    told(capsys, *asked(shell))
    told(capsys, "payment-file", next(shell.iterdir()).stem, "--out", str(shell), "--actor", "wu")
    assert [(actor, what) for actor, what, _ in reads(database_url)] == [
        ("li", "ledger refund-run"),
        ("wu", "ledger payment-file"),
    ]
    assert all(purpose.startswith("payment file F20260907.1.1.") for _, _, purpose in reads(database_url))


def reads(url: str) -> list[tuple[str, str, str]]:
    ledger = open_ledger(url, Clock())
    try:
        found = reads_of(ledger)
    finally:
        ledger.close()
    return [(each.actor, each.what, each.purpose or "") for each in found]


def test_a_master_key_that_is_not_at_hand_is_a_finding_and_the_file_is_there(
    shell: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_VAULT_KEY", MASTER.replace("k1:", "k2:"))
    text = told(capsys, *asked(shell), expected=1)
    assert "look at the master keys" in text
    assert PLAIN not in next(shell.iterdir()).read_text()


def test_without_the_key_of_tokens_it_says_so(
    shell: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_PARTY_KEY")
    assert "LEDGER_PARTY_KEY" in told(capsys, *asked(shell))


def test_another_account_becomes_the_reference_that_an_officer_verifies(
    shell: Path, capsys: pytest.CaptureFixture[str], database_url: str, clock: Clock
) -> None:
    ledger = open_ledger(database_url, clock)
    families = families_of(School(ledger, clock), clock)
    subject_id = families.person(account_no="6217 0000 1000 1234 567")
    told(capsys, "payee-ref", families.person(name="无账号者", account_no="-"), "--purpose", "x", expected=2)
    token = told(capsys, "payee-ref", subject_id, "--purpose", "退汇核实", "--actor", "li").strip()
    assert token == Parties(PARTY_KEY.encode()).token("", "6217000010001234567")
    read = reads(database_url)[-1]
    assert read == ("li", "ledger payee-ref", "退汇核实")
    families.owed(3, subject_id, token)
    ledger.close()
    told(capsys, *asked(shell))
    assert "6217000010001234567" in next(shell.iterdir()).read_text()
    told(capsys, "payee-ref", "nobody", "--purpose", "x", expected=2)


@pytest.fixture
def callers(database_url: str, clock: Clock) -> Iterator[Callers]:
    """The API with the same two families, of I-1, and its refund run done."""
    settings = Settings(
        database_url=database_url,
        token_secret=SecretStr(SECRET),
        projector=False,
        vault_key=SecretStr(MASTER),
        party_key=SecretStr(PARTY_KEY),
    )
    guarded = GuardedLedger(database_url, clock)
    with TestClient(create_app(settings, guarded, clock), raise_server_exceptions=False) as client:
        made = Callers(client, Tokens(SECRET.encode(), ISSUER, clock))
        opening = ESCROW | {"account_id": "6222000001", "category": "culture_art"}
        assert made.of(Role.REGULATOR).post("/v1/escrows", opening).status_code == 201
        families = families_of(School(guarded, clock, "I-1"), clock)
        families.owed(1, families.person("I-1"))
        families.owed(2, "G-nobody-entered")
        yield made
    guarded.close()


def paid(callers: Callers) -> Json:
    done = callers.of(Role.REGULATOR).post("/v1/escrows/I-1/refund-runs", {"date": "2026-09-07"}, key="run")
    assert done.status_code == 200, done.text
    assert not any(secret in done.text for secret in SECRETS)
    (file,) = done.json()["files"]
    return f"/v1/escrows/I-1/payment-files/{file['file_id']}"


@pytest.mark.parametrize("suffix", ["", ".csv"])
@pytest.mark.parametrize("role", [Role.INSTITUTION, Role.REGULATOR])
def test_who_may_read_the_vault_gets_the_accounts_and_says_why(callers: Callers, role: Role, suffix: str) -> None:
    path = paid(callers)
    caller = callers.of(role)
    missing = caller.get(f"{path}{suffix}?accounts=true")
    assert code(missing) == "purpose_missing"
    given = caller.get(f"{path}{suffix}?accounts=true", **PURPOSE)
    assert PLAIN in given.text
    headers = ("ledger-payees-by-account", "ledger-payees-by-reference", "ledger-as-recorded")
    assert [given.headers[each] for each in headers] == ["1", "1", "true"]
    assert given.headers["cache-control"] == "no-store"
    plain = caller.get(f"{path}{suffix}")
    assert PLAIN not in plain.text
    assert plain.headers["ledger-file-sha256"] == given.headers["ledger-file-sha256"]
    entries = callers.of(Role.AUDITOR).get("/v1/access-log").json()["data"]
    mine = [each for each in entries if each["what"].startswith("get_payment_file accounts F2026")]
    assert [(each["contract_id"], each["purpose"], each["role"]) for each in mine] == [("c1", "退费", role.value)]


@pytest.mark.parametrize("role", [Role.BANK, Role.AUDITOR])
def test_who_may_not_read_the_vault_gets_references(callers: Callers, role: Role) -> None:
    path = paid(callers)
    refused = callers.of(role).get(f"{path}?accounts=true", **PURPOSE)
    assert (refused.status_code, code(refused)) == (403, "not_permitted")
    given = callers.of(role).get(path)
    assert given.status_code == 200
    assert "LEDGER-REFERENCE" in given.text
    assert not any(secret in given.text for secret in SECRETS)


def test_a_foreign_officer_finds_no_file(callers: Callers) -> None:
    refused = callers.foreign(Role.REGULATOR).get(f"{paid(callers)}?accounts=true", **PURPOSE)
    assert code(refused) == "escrow_unknown"
    assert PLAIN not in refused.text


def test_the_answer_to_a_run_that_is_asked_again_holds_nobody(callers: Callers) -> None:
    first, again = paid(callers), paid(callers)
    assert first == again
