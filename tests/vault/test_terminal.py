"""`ledger vault` on the command line."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from api.cli import run
from api.runtime import Runtime
from api.settings import Settings
from api.vault.masters import read_masters
from tests.api.callers import Callers
from tests.vault.conftest import FIRST, SECOND
from tests.vault.families import PERSON, ended, entered, signed


@pytest.fixture
def shell(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a terminal."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("LEDGER_VAULT_KEY", FIRST)
    monkeypatch.setenv("LEDGER_VAULT_ERASURES", str(settings.vault_erasures))
    return monkeypatch


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["vault", *words]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_new_key_is_one_that_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    printed = told(capsys, "new-key", "2026a")
    assert read_masters(printed).ids == ("2026a",)
    assert printed != told(capsys, "new-key", "2026a")
    told(capsys, "new-key", "a key", code=2)


@pytest.mark.usefixtures("shell")
def test_a_person_is_shown_and_the_log_says_so(
    callers: Callers, runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    subject_id = entered(callers)
    shown = json.loads(told(capsys, "reveal", subject_id, "--purpose", "信访核实", "--actor", "li", "--json"))
    assert shown == PERSON
    masked = told(capsys, "reveal", subject_id, "--purpose", "x", "--masked")
    assert PERSON["phone"] not in masked
    told(capsys, "reveal", "nobody", "--purpose", "x", code=2)
    with runtime.ledger.engine.connect() as connection:
        rows = connection.execute(text("select actor, what, subject_id, purpose from access_log")).all()
    assert [tuple(row) for row in rows] == [
        ("li", "ledger vault reveal", subject_id, "信访核实"),
        ("terminal", "ledger vault reveal", subject_id, "x"),
    ]


def test_a_master_key_is_exchanged_while_the_vault_is_in_use(
    callers: Callers, shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subject_id = entered(callers)
    shell.setenv("LEDGER_VAULT_KEY", SECOND)
    assert "k1" in told(capsys, "status", "--json", code=1)
    told(capsys, "rotate", code=3)
    shell.setenv("LEDGER_VAULT_KEY", f"{SECOND},{FIRST}")
    told(capsys, "rotate")
    shell.setenv("LEDGER_VAULT_KEY", SECOND)
    assert json.loads(told(capsys, "status", "--json"))["keys_by_master"] == {"k2": 1}
    assert json.loads(told(capsys, "reveal", subject_id, "--purpose", "x", "--json"))["name"] == PERSON["name"]


@pytest.mark.usefixtures("shell")
def test_somebody_is_forgotten_and_a_reconciliation_agrees(
    callers: Callers, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, needed = entered(callers), entered(callers)
    ended(callers, gone)
    signed(callers, needed, "C-2", "S-2")
    assert json.loads(told(capsys, "forget", gone, "--json"))["institutions"] == ["I-1"]
    told(capsys, "forget", needed, code=2)
    told(capsys, "forget", "nobody", code=2)
    report = json.loads(told(capsys, "reconcile", "--json"))
    assert (report["looked_at"], report["destroyed"], report["findings"]) == (1, 0, [])
    assert settings.vault_erasures is not None
    with settings.vault_erasures.open("a") as file:
        file.write(json.dumps({"subject_id": needed, "forgotten_at": 1}) + "\n")
    assert f"still_needed {needed} I-1" in told(capsys, "reconcile", code=1)


def test_a_key_that_cannot_be_read_stops_the_program_without_being_told(
    shell: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.setenv("LEDGER_VAULT_KEY", "k1:" + FIRST[3:-4])
    capsys.readouterr()
    assert run(["vault", "status"]) == 3
    assert FIRST[3:-4] not in capsys.readouterr().err
    shell.delenv("LEDGER_VAULT_KEY")
    shell.setenv("LEDGER_VAULT_KEY_FILE", str(tmp_path / "none"))
    told(capsys, "status", code=3)
    (tmp_path / "keys").write_text(f"{SECOND}\n{FIRST}\n")
    shell.setenv("LEDGER_VAULT_KEY_FILE", str(tmp_path / "keys"))
    assert json.loads(told(capsys, "status", "--json"))["at_hand"] == ["k2", "k1"]
