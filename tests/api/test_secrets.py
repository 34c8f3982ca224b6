"""Secrets are planted everywhere and looked for in everything that is written; every answer carries its headers."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from api.app import create_app
from api.backup import postgresql
from api.backup.postgresql import ProgramFailed
from api.cli import run
from api.notarizing import LogKeyUnusable, log_key
from api.security.guard import GuardedLedger
from api.settings import Settings
from ledger.identifiers import Role
from ledger.log.keys import PrivateKey
from ledger.store.failures import StoreUnavailable
from tests.api.callers import ESCROW, SECRET, Callers, Json
from tests.conftest import Clock

PLANTED = [f"planted{secrets.token_hex(6)}" for _ in range(8)]
PASSWORD, TOKEN, SIGNATURE, BODY, QUERY, PATH, KEY, INSIDE = PLANTED
HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.fixture
def loud(settings: Settings, guarded: GuardedLedger, clock: Clock) -> Iterator[TestClient]:
    """The application, writing everything that it ever writes."""
    told = settings.model_copy(update={"log_level": "debug"})
    with TestClient(create_app(told, guarded, clock), raise_server_exceptions=False) as client:
        yield client


def answers(client: TestClient, guarded: GuardedLedger) -> Iterator[Json]:
    """One answer of every kind, each with secrets in every place that a client can fill."""
    given = {
        "Authorization": f"Bearer {TOKEN}",
        "Signature": f"sig1=:{SIGNATURE}:",
        "Signature-Input": f'sig1=("@method");keyid="{SIGNATURE}"',
        "Idempotency-Key": KEY,
        "Content-Type": "application/json",
    }
    yield client.get("/healthz")
    yield client.get(f"/nowhere/{PATH}?x={QUERY}", headers=given)
    yield client.get(f"/v1/escrows/{PATH}?x={QUERY}", headers=given)
    yield client.post("/v1/escrows", content=f'{{"institution_name": "{BODY}"}}', headers=given)
    yield client.delete(f"/v1/escrows/{PATH}", headers=given)
    callers = Callers(client, client.app.state.runtime.tokens)  # type: ignore[attr-defined]
    officer = callers.of(Role.REGULATOR)
    yield officer.post("/v1/escrows", {"institution_name": BODY}, key=KEY)
    yield officer.post("/v1/escrows", f'{{"institution_name": "{BODY}'.encode(), key=KEY)
    yield officer.get(f"/v1/escrows/{PATH}?unknown={QUERY}")
    for failure in (
        RuntimeError(INSIDE),
        StoreUnavailable(f"postgresql://u:{PASSWORD}@db/x {INSIDE}"),
        OperationalError(f"select {INSIDE}", {"password": PASSWORD}, Exception(INSIDE)),
    ):

        def fail(*_: Json, failure: Exception = failure) -> Json:
            raise failure

        guarded._clerk.decide = fail
        yield officer.post("/v1/escrows", ESCROW, key=KEY)


def test_no_planted_secret_is_in_any_line_and_no_inside_in_any_answer(
    loud: TestClient, guarded: GuardedLedger, capfd: pytest.CaptureFixture[str]
) -> None:
    given = list(answers(loud, guarded))
    assert {each.status_code for each in given} >= {200, 401, 404, 405, 422, 500, 503}
    printed = "".join(capfd.readouterr())
    assert "answered" in printed
    assert [each for each in PLANTED if each in printed] == []
    assert [each for each in (INSIDE, PASSWORD, TOKEN, SIGNATURE) for answer in given if each in answer.text] == []
    metrics = loud.get("/metrics").text
    assert [each for each in PLANTED if each in metrics] == []


def test_every_answer_carries_the_headers(loud: TestClient, guarded: GuardedLedger) -> None:
    for answer in answers(loud, guarded):
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.request.url
        assert "server" not in answer.headers
        assert answer.headers["trace-id"]


@pytest.mark.parametrize(
    "arguments", [["status"], ["audit"], ["verify"], ["migrate"], ["backup", "x"], ["restore", "x"], ["checkpoint"]]
)
def test_a_password_in_the_url_is_never_printed(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "log.key"
    key.touch(mode=0o600)
    key.write_text(PrivateKey("ledger.example", b"K" * 32).text())
    monkeypatch.setenv("LEDGER_LOG_KEY", str(key))
    monkeypatch.setenv("LEDGER_DATABASE_URL", f"postgresql://ledger:{PASSWORD}@127.0.0.1:1/ledger?connect_timeout=1")
    assert run(arguments) in {2, 3}
    printed = "".join(capfd.readouterr())
    assert printed
    assert PASSWORD not in printed
    assert key.read_text() not in printed


def test_settings_and_keys_do_not_show_what_they_hold() -> None:
    settings = Settings(database_url=f"postgresql://u:{PASSWORD}@db/x", token_secret=SECRET)  # type: ignore[arg-type]
    key = PrivateKey("ledger.example", b"K" * 32)
    assert PASSWORD not in repr(settings)
    assert SECRET not in repr(settings)
    assert key.text().rpartition("+")[2] not in repr(key)


def test_a_key_that_cannot_be_read_is_refused_without_being_told(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    path.touch(mode=0o600)
    path.write_text(f"PRIVATE+KEY+ledger.example+00000000+{KEY}")
    with pytest.raises(LogKeyUnusable) as refusal:
        log_key(Settings(log_key=path))
    assert KEY not in str(refusal.value)


def test_the_password_goes_to_other_programs_by_the_environment_alone(tmp_path: Path) -> None:
    program, said = tmp_path / "pg_restore", tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$@" > {said}\necho "PASSWORD $PGPASSWORD" >> {said}\necho no >&2\nexit 1\n')
    program.chmod(0o755)
    engine = create_engine(f"postgresql+psycopg://u:{PASSWORD}@db.example:5433/x")
    with pytest.raises(ProgramFailed) as failure:
        postgresql._run("pg_restore", tmp_path, engine, "--no-owner")
    arguments, environment, *_ = said.read_text().splitlines()
    assert PASSWORD not in arguments
    assert "host=db.example" in arguments
    assert environment == f"PASSWORD {PASSWORD}"
    assert PASSWORD not in str(failure.value)
    assert "PGPASSWORD" not in os.environ
