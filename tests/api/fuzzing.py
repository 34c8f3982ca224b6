"""Generated requests: the application they are asked of, who asks, how many there are, and what is held against them.

`LEDGER_FUZZ_EXAMPLES` is the number of requests that are generated for each operation (and of walks, a dozen for
each); `LEDGER_DRILL_SEED` makes other ones, the same seed the same ones.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from starlette.testclient import TestClient

from api.app import create_app
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from api.vault.masters import new_master_key
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SECRET, Caller, Callers, Json
from tests.conftest import Clock

EXAMPLES = int(os.environ.get("LEDGER_FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("LEDGER_DRILL_SEED", "20260901"))
_MAY = re.compile(r"May be (?:asked|read) by: (?P<roles>[a-z, ]+)\.")


@dataclass
class Fuzzed:
    """An application with its description, and callers who are let in."""

    client: TestClient
    callers: Callers
    ledger: GuardedLedger
    clock: Clock

    @cached_property
    def description(self) -> Json:
        """The description as schemathesis reads it."""
        return schemathesis.openapi.from_asgi("/openapi.json", self.client.app)

    @cached_property
    def operations(self) -> list[Json]:
        """Every operation that is described."""
        return [found.ok() for found in self.description.get_all_operations()]


def fuzzed_application(template: Path, folder: Path) -> Iterator[Fuzzed]:
    """An application on an empty ledger that limits nobody's rate and logs errors only."""
    path = folder / "ledger.sqlite"
    shutil.copy(template, path)
    clock, url = Clock(), f"sqlite:///{path}"
    chosen = Settings(
        database_url=url,
        token_secret=SECRET,  # type: ignore[arg-type] # a text is taken for a secret
        party_key=SECRET,  # type: ignore[arg-type] # the same
        vault_key=new_master_key("k1"),  # type: ignore[arg-type] # the same
        vault_erasures=path.with_name("erasures"),
        projector=False,
        rate_address="",
        rate_client="",
        rate_lookup="",
        log_level="error",
    )
    ledger = GuardedLedger(url, clock)
    with TestClient(create_app(chosen, ledger, clock), raise_server_exceptions=False) as client:
        yield Fuzzed(client, Callers(client, Tokens(SECRET.encode(), ISSUER, clock)), ledger, clock)
    ledger.close()


def name_of(operation: Json) -> str:
    """The operation's id."""
    name: str = operation.definition.raw["operationId"]
    return name


def roles_of(operation: Json) -> list[Role]:
    """The roles that may ask it: what its description says, everybody where it names none."""
    found = _MAY.search(operation.definition.raw.get("description", ""))
    return [Role(each) for each in found["roles"].split(", ")] if found else list(Role)


def bounded(examples: int, **more: Json) -> hypothesis.settings:
    """So many examples; none are kept, and none are made smaller."""
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )


def seeded(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many examples for a test, the same ones for the same seed."""
    return lambda test: hypothesis.seed(SEED)(bounded(examples)(test))


def whole(value: Json) -> Json:
    """The value with 5.0 written as 5: a schema cannot tell them apart, and floats are refused on purpose."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: whole(each) for name, each in value.items()}
    return [whole(each) for each in value] if isinstance(value, list) else value


def sent_by(caller: Caller) -> dict[str, Any]:
    """How a case is sent by a caller: with the token and, by who must sign, signed."""
    headers = {"Authorization": caller.headers["Authorization"]}
    return {"headers": headers} if caller.auth is None else {"headers": headers, "auth": caller.auth}


KEYS = (f"fuzz-{number}" for number in count(1))
"""Keys that nobody has used."""
