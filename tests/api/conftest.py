"""Fixtures: an application on a fresh ledger, callers of every role, and one contract that is paid."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, ISSUER, SECRET, Callers
from tests.api.fuzzing import Fuzzed, fuzzed_application
from tests.conftest import Clock


@pytest.fixture
def settings(sqlite_url: str) -> Settings:
    """Settings of a test; nothing comes from the environment."""
    return Settings(database_url=sqlite_url, token_secret=SECRET, party_key=SECRET, projector=False)  # type: ignore[arg-type]


@pytest.fixture
def guarded(sqlite_url: str, clock: Clock) -> Iterator[GuardedLedger]:
    """An empty ledger behind the guard."""
    one = GuardedLedger(sqlite_url, clock)
    yield one
    one.close()


@pytest.fixture
def client(settings: Settings, guarded: GuardedLedger, clock: Clock) -> Iterator[TestClient]:
    """The application, called without a network."""
    with TestClient(create_app(settings, guarded, clock), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def callers(client: TestClient, clock: Clock) -> Callers:
    """Makes callers of the application."""
    return Callers(client, Tokens(SECRET.encode(), ISSUER, clock))


@pytest.fixture
def paid_contract(callers: Callers) -> Callers:
    """I-1 is open at bank-1; the contract C-1 of G-1 is registered and paid: four events."""
    return pay(callers)


@pytest.fixture(scope="module")
def refusing(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """The same, made once for a file of tests in which everything is refused and nothing is recorded."""
    path = tmp_path_factory.mktemp("refusing") / "ledger.sqlite"
    shutil.copy(sqlite_template, path)
    clock, url = Clock(), f"sqlite:///{path}"
    settings = Settings(database_url=url, token_secret=SECRET, party_key=SECRET, projector=False)  # type: ignore[arg-type]
    ledger = GuardedLedger(url, clock)
    with TestClient(create_app(settings, ledger, clock), raise_server_exceptions=False) as opened:
        paid = pay(Callers(opened, Tokens(SECRET.encode(), ISSUER, clock)))
        before = ledger.position()
        yield paid
        assert ledger.position() == before
    ledger.close()


@pytest.fixture(scope="module")
def empty_fuzzed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """An application for generated requests, on an empty ledger."""
    yield from fuzzed_application(sqlite_template, tmp_path_factory.mktemp("fuzzed"))


def pay(callers: Callers) -> Callers:
    """Open I-1, register C-1 and pay it."""
    regulator, bank = callers.of(Role.REGULATOR, "setup-r"), callers.of(Role.BANK, "setup-b")
    institution = callers.of(Role.INSTITUTION, "setup-i")
    for answer in (
        regulator.post("/v1/escrows", ESCROW),
        institution.post("/v1/escrows/I-1/contracts", CONTRACT),
        bank.post("/v1/escrows/I-1/deposits", DEPOSIT),
    ):
        assert answer.status_code == 201, answer.text
    return callers
