"""Every operation of the description against generated requests: no 5xx, no drift between description and answers."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from api.app import create_app
from api.nouns import NOUNS
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from api.vault.masters import new_master_key
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SECRET, Callers, Json
from tests.api.conftest import pay
from tests.conftest import Clock

PARTS = 6
EXAMPLES = 3
"""For each operation and run."""
OF_A_FILE = 1
"""The files of a table read the same question as its pages, which are tried in full."""
SUFFIXES = ("_csv", "_xlsx", "_ndjson")
MALFORMED = {"invalid_body", "invalid_parameters", "body_not_json", "idempotency_key_malformed", "if_match_malformed"}
"""What a request that fits the description is never told. Other rules may refuse it: they judge what it says."""
BY_NAME = {kind.name: kind for kind in NOUNS.values()}


@pytest.fixture(scope="module")
def fuzzed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """Callers of an application on a ledger in which one contract is paid."""
    path = tmp_path_factory.mktemp("fuzzed") / "ledger.sqlite"
    shutil.copy(sqlite_template, path)
    clock, url = Clock(), f"sqlite:///{path}"
    chosen = Settings(
        database_url=url,
        token_secret=SECRET,  # type: ignore[arg-type] # a text is taken for a secret
        party_key=SECRET,  # type: ignore[arg-type] # the same
        vault_key=new_master_key("k1"),  # type: ignore[arg-type] # the same
        vault_erasures=path.with_name("erasures"),
        projector=False,
    )
    ledger = GuardedLedger(url, clock)
    with TestClient(create_app(chosen, ledger, clock), raise_server_exceptions=False) as client:
        yield pay(Callers(client, Tokens(SECRET.encode(), ISSUER, clock)))
    ledger.close()


@pytest.fixture(scope="module")
def description(fuzzed: Callers) -> Json:
    """The schema as schemathesis reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", fuzzed.client.app)


def _whole(value: Json) -> Json:
    """The value with 5.0 written as 5: a schema cannot tell them apart, and floats are refused on purpose."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def _respects(operation: Json, fuzzed: Callers, mode: GenerationMode) -> None:
    """Hold one operation against its description with generated requests."""
    name = operation.definition.raw["operationId"]
    roles = sorted(BY_NAME[name].by) if name in BY_NAME else [Role.REGULATOR]
    caller = fuzzed.of(roles[-1], f"fuzz-{roles[-1]}")

    @settings(
        max_examples=OF_A_FILE if name.endswith(SUFFIXES) else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Json) -> None:
        if mode is GenerationMode.POSITIVE and "institution_id" in (case.path_parameters or {}):
            case.path_parameters["institution_id"] = "I-1"
        if mode is GenerationMode.POSITIVE:
            case.body, case.query = _whole(case.body), _whole(case.query)
        headers = {"Authorization": caller.headers["Authorization"]}
        signer = {} if caller.auth is None else {"auth": caller.auth}
        answer = case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance], **signer)
        if mode is GenerationMode.POSITIVE and answer.status_code >= 400:
            told = answer.json()
            codes = {each["code"] for each in told.get("errors", [])}
            assert told["code"] not in MALFORMED or codes == {"contradictory"}, answer.text

    check()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_the_answers_are_what_the_description_says(
    description: Json, fuzzed: Callers, part: int, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 100
    for operation in operations[part::PARTS]:
        if mode is GenerationMode.NEGATIVE and not any(operation.iter_parameters()) and not operation.body:
            continue  # nothing can be sent wrongly
        _respects(operation, fuzzed, mode)
