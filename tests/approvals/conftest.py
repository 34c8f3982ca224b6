"""Fixtures: an application on each database, with a school that is open and paid."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, ESCROW, ISSUER, SECRET, Callers
from tests.conftest import Clock


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings of a test; nothing comes from the environment."""
    return Settings(database_url=database_url, token_secret=SECRET, projector=False)  # type: ignore[arg-type]


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
    """Callers of the application; I-1 is open, its contract C-1 is registered."""
    made = Callers(client, Tokens(SECRET.encode(), ISSUER, clock))
    for role, path, body in (
        (Role.REGULATOR, "/v1/escrows", ESCROW),
        (Role.INSTITUTION, "/v1/escrows/I-1/contracts", CONTRACT),
    ):
        answer = made.of(role, f"setup-{role}").post(path, body)
        assert answer.status_code == 201, answer.text
    return made


@pytest.fixture
def runtime(client: TestClient, callers: Callers) -> Runtime:
    """What the application runs on."""
    assert callers is not None
    found: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
    return found
