"""A server that is killed right after it answered: what it answered for cannot be posted again by its signature."""

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
from starlette.testclient import TestClient

from api.app import create_app, now
from api.security.guard import GuardedLedger
from api.security.signing import signed_headers
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from tests.api.callers import ESCROW, ISSUER, SECRET, Callers, private_key_of
from tests.security.conftest import PATH, deposit

BODY = deposit()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def started(url: str, port: int) -> "subprocess.Popen[bytes]":
    """A server process that answers."""
    environment = {"LEDGER_DATABASE_URL": url, "LEDGER_TOKEN_SECRET": SECRET, "LEDGER_PORT": str(port)}
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
    server = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return server
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server ended with {server.returncode}")


def post(url: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status, and the code of a refusal."""
    try:
        with urlopen(Request(url, BODY, headers, method="POST"), timeout=60) as answer:
            return answer.status, ""
    except HTTPError as refusal:
        with refusal:
            return refusal.code, msgspec.json.decode(refusal.read())["code"]


def test_a_signature_stays_spent_when_the_server_is_killed(database_url: str) -> None:
    ledger = GuardedLedger(database_url, now)
    settings = Settings(database_url=database_url, token_secret=SECRET, projector=False)  # type: ignore[arg-type]
    with TestClient(create_app(settings, ledger)) as client:
        callers = Callers(client, Tokens(SECRET.encode(), ISSUER, now))
        assert callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW).status_code == 201
        bank = callers.of(Role.BANK, "the-bank")
    port = free_port()
    url = f"http://127.0.0.1:{port}{PATH}"
    given = {**bank.headers, "Content-Type": "application/json", "Idempotency-Key": "k"}
    headers = signed_headers(private_key_of("the-bank"), "POST", url, given, BODY)
    server = started(database_url, port)
    assert post(url, headers) == (201, "")
    server.send_signal(signal.SIGKILL)
    server.wait()
    server = started(database_url, port)
    try:
        assert post(url, headers) == (401, "signature_replayed")
        assert post(url, signed_headers(private_key_of("the-bank"), "POST", url, given, BODY)) == (201, "")
    finally:
        server.terminate()
        server.wait()
    assert [each.topic for each in ledger.stream("I-1")] == ["escrow_opened.1", "deposit_received.1"]
    ledger.close()
