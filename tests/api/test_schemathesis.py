"""Every operation of the description against generated requests: no 5xx, no drift between description and answers."""

from collections import Counter
from itertools import cycle

import pytest
from hypothesis import given
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.api.callers import Json
from tests.api.conftest import pay
from tests.api.fuzzing import EXAMPLES, Fuzzed, name_of, roles_of, seeded, sent_by, whole

PARTS = 6
OF_A_FILE = max(1, EXAMPLES // 3)
"""The files of a table read the same question as its pages, which are tried in full."""
SUFFIXES = ("_csv", "_xlsx", "_ndjson")
MALFORMED = {"invalid_body", "invalid_parameters", "body_not_json", "idempotency_key_malformed", "if_match_malformed"}
"""What a request that fits the description is never told. Other rules may refuse it: they judge what it says."""


@pytest.fixture(scope="module")
def fuzzed(empty_fuzzed: Fuzzed) -> Fuzzed:
    """One contract of I-1 is paid."""
    pay(empty_fuzzed.callers)
    return empty_fuzzed


def _respects(operation: Json, fuzzed: Fuzzed, mode: GenerationMode, asked: Counter[str]) -> None:
    """Hold one operation against its description with generated requests, asked by each role in turn."""
    name = name_of(operation)
    callers = cycle([fuzzed.callers.of(role, f"fuzz-{role}") for role in roles_of(operation)])

    unfit = [positive_data_acceptance]
    if name == "post_batch":
        unfit.append(negative_data_rejection)  # each item is refused for itself, within an answer

    @seeded(OF_A_FILE if name.endswith(SUFFIXES) else EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Json) -> None:
        if mode is GenerationMode.POSITIVE and "institution_id" in (case.path_parameters or {}):
            case.path_parameters["institution_id"] = "I-1"
        if mode is GenerationMode.POSITIVE:
            case.body, case.query = whole(case.body), whole(case.query)
        header = case.meta.components.get(ParameterLocation.HEADER)
        mended = [negative_data_rejection] if header is not None and header.mode is GenerationMode.NEGATIVE else []
        asked[mode.value] += 1
        # The caller's own headers stand in for those that were drawn: what was wrong with them is mended.
        answer = case.call_and_validate(excluded_checks=unfit + mended, **sent_by(next(callers)))
        if mode is GenerationMode.NEGATIVE and name == "post_batch" and answer.status_code == 200:
            assert answer.json()["refused"] > 0, answer.text
        if mode is GenerationMode.POSITIVE and answer.status_code >= 400:
            problem = answer.json()
            codes = {each["code"] for each in problem.get("errors", [])}
            assert problem["code"] not in MALFORMED or codes == {"contradictory"}, answer.text

    check()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_the_answers_are_what_the_description_says(
    fuzzed: Fuzzed, asked: Counter[str], part: int, mode: GenerationMode
) -> None:
    assert len(fuzzed.operations) > 100
    for operation in fuzzed.operations[part::PARTS]:
        if mode is GenerationMode.NEGATIVE and not any(operation.iter_parameters()) and not operation.body:
            continue  # nothing can be sent wrongly
        _respects(operation, fuzzed, mode, asked)
    assert asked.total() >= len(fuzzed.operations) // PARTS // 2
