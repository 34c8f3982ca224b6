"""Fixtures: the application on each database, with I-1 open at bank-1 and a registered bank that signs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from api.security.signing import signed_headers
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from tests.api.callers import DEPOSIT, ESCROW, ISSUER, SECRET, Caller, Callers, private_key_of
from tests.conftest import Clock

Json = Any
PATH = "/v1/escrows/I-1/deposits"
HOST = "http://testserver"


@dataclass
class Stage:
    """An application, its callers, and a bank's request that is taken when nothing is changed about it."""

    client: TestClient
    callers: Callers
    ledger: GuardedLedger
    clock: Clock

    @property
    def runtime(self) -> Runtime:
        """What the application is made of."""
        runtime: Runtime = self.client.app.state.runtime  # type: ignore[attr-defined]
        return runtime

    @property
    def bank(self) -> Caller:
        """The registered bank."""
        return self.callers.of(Role.BANK, "the-bank")

    def signed(
        self,
        body: bytes,
        key: str = "k-1",
        path: str = PATH,
        created: int | None = None,
        signer: str = "the-bank",
    ) -> dict[str, str]:
        """The headers of the bank's request, signed by its key or by another's."""
        given = {**self.bank.headers, "Content-Type": "application/json", "Idempotency-Key": key}
        at = self.clock() // 1_000_000 if created is None else created
        return signed_headers(private_key_of(signer), "POST", HOST + path, given, body, created=at)

    def send(self, headers: dict[str, str], body: bytes, path: str = PATH) -> Json:
        """Post as it is."""
        return self.client.post(path, content=body, headers=headers)


def deposit(**changes: Json) -> bytes:
    """A deposit of the bank as JSON."""
    return json.dumps(DEPOSIT | {"contract_id": None} | changes).encode()


def staged(url: str, clock: Clock, **settings: Json) -> Iterator[Stage]:
    """An application on a ledger, without the network."""
    ledger = GuardedLedger(url, clock)
    chosen = Settings(database_url=url, token_secret=SECRET, projector=False, **settings)  # type: ignore[arg-type]
    with TestClient(create_app(chosen, ledger, clock), raise_server_exceptions=False) as client:
        yield Stage(client, Callers(client, Tokens(SECRET.encode(), ISSUER, clock)), ledger, clock)
    ledger.close()


@pytest.fixture
def stage(database_url: str, clock: Clock) -> Iterator[Stage]:
    """I-1 is open at bank-1, once on each database."""
    for one in staged(database_url, clock):
        assert one.callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW).status_code == 201
        yield one


@pytest.fixture
def quick(sqlite_url: str, clock: Clock) -> Iterator[Stage]:
    """The same on SQLite alone, for what does not depend on the database."""
    for one in staged(sqlite_url, clock):
        assert one.callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW).status_code == 201
        yield one
