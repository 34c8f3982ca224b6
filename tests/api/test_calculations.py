"""The calculator over HTTP: the same answer as the engine, every refusal a problem with its code."""

from typing import Any

import pytest

from api.calculation import calculate
from ledger.entitlement import EntitlementRequest, entitle
from ledger.identifiers import Role
from tests.api.callers import Callers, code

PATH = "/v1/entitlement-calculations"
FACTS: dict[str, Any] = {
    "paid_fen": 360_000,
    "paid_hours": "36",
    "used_hours": "12.5",
    "cause": "institution",
    "signed_on": "2025-06-01",
    "requested_on": "2025-09-01",
    "claim_fen": 200_000,
}


def test_the_answer_is_the_engines_and_needs_no_key(refusing: Callers) -> None:
    caller = refusing.of(Role.MEDIATOR)
    answer = caller.client.post(PATH, json=FACTS, headers=caller.headers)
    body = answer.json()
    derivation = entitle(EntitlementRequest.model_validate_json(answer.request.content).facts())
    assert answer.status_code == 200
    assert body["binding_refund_fen"] == derivation.binding_refund_fen == 235_000
    assert body["claimable_fen"] == 200_000
    assert [figure["method"] for figure in body["figures"] if figure["binding"]] == [derivation.binding.method]
    assert sum(line["amount_fen"] for line in body["figures"][0]["lines"]) == 235_000
    assert body["deadline"]["on"] == "2025-09-16"
    assert body == calculate(answer.request.content)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"used_hours": "37"}, "used_exceeds_bought"),
        ({"used_hours": None, "paid_hours": None}, "performance_not_stated"),
        ({"jurisdiction": "CN-BJ"}, "category_missing"),
        ({"jurisdiction": "CN-XX", "category": "sport"}, "unknown_rule_set"),
        ({"requested_on": "2025-01-01"}, "dates_contradict"),
        ({"cause": "family", "list_price_disclosed": True}, "list_price_missing"),
        ({"paid_fen": 360_000.0}, "invalid_body"),
        ({"paid_fen": -1}, "invalid_body"),
        ({"used_hours": 12.5}, "invalid_body"),
        ({"cause": "weather"}, "invalid_body"),
        ({"surprise": 1}, "invalid_body"),
    ],
)
def test_facts_that_contradict_or_are_malformed_are_refused(
    refusing: Callers, change: dict[str, Any], expected: str
) -> None:
    answer = refusing.of(Role.MEDIATOR).post(PATH, FACTS | change)
    assert (answer.status_code, code(answer)) == (422, expected)
