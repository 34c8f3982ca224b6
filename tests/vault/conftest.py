"""Fixtures: an application with a vault on each database; I-1 is open, G-1's contract C-1 is registered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from api.vault.masters import new_master_key
from api.vault.vault import Vault
from ledger.identifiers import Role
from tests.api.callers import ESCROW, ISSUER, SECRET, Callers
from tests.conftest import Clock

FIRST = new_master_key("k1")
SECOND = new_master_key("k2")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a test; nothing comes from the environment."""
    return Settings(
        database_url=database_url,
        token_secret=SECRET,  # type: ignore[arg-type]
        projector=False,
        vault_key=FIRST,  # type: ignore[arg-type]
        vault_erasures=tmp_path / "erasures",
    )


@pytest.fixture
def guarded(database_url: str, clock: Clock) -> Iterator[GuardedLedger]:
    """An empty ledger behind the guard."""
    one = GuardedLedger(database_url, clock)
    yield one
    one.close()


@pytest.fixture
def client(settings: Settings, guarded: GuardedLedger, clock: Clock) -> Iterator[TestClient]:
    """The application, called without a network."""
    with TestClient(create_app(settings, guarded, clock), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def callers(client: TestClient, clock: Clock) -> Callers:
    """Callers of the application; I-1 is open."""
    made = Callers(client, Tokens(SECRET.encode(), ISSUER, clock))
    answer = made.of(Role.REGULATOR, "setup").post("/v1/escrows", ESCROW)
    assert answer.status_code == 201, answer.text
    return made


@pytest.fixture
def runtime(client: TestClient, callers: Callers) -> Runtime:
    """What the application runs on."""
    assert callers is not None
    found: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
    return found


@pytest.fixture
def vault(runtime: Runtime) -> Vault:
    """The vault of the application."""
    return runtime.vault
