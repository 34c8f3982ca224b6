"""Fixtures: an application whose limits are small."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from tests.api.callers import ISSUER, SECRET, Callers
from tests.conftest import Clock

Limited = Callable[..., Callers]


@pytest.fixture
def limited(sqlite_url: str, clock: Clock) -> Iterator[Limited]:
    """Makes callers of an application with these limits."""
    with ExitStack() as stack:

        def make(**rates: str) -> Callers:
            settings = Settings(database_url=sqlite_url, token_secret=SECRET, projector=False, **rates)  # type: ignore[arg-type]
            ledger = GuardedLedger(sqlite_url, clock)
            stack.callback(ledger.close)
            app = create_app(settings, ledger, clock)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            return Callers(client, Tokens(SECRET.encode(), ISSUER, clock))

        yield make
