"""Batches: all or none, or each for itself; replayed item by item."""

from typing import Any

from api.security.guard import GuardedLedger
from ledger.identifiers import Role
from tests.api.callers import DEPOSIT, Callers, Json, code


def deposit(number: int, **change: Json) -> dict[str, Any]:
    """An item that records a deposit tied to nothing."""
    body = {**DEPOSIT, "bank_serial": f"n{number}", "contract_id": None, **change}
    return {"institution_id": "I-1", "command": "record_deposit", "body": body}


def test_every_item_has_its_own_outcome(paid_contract: Callers) -> None:
    bank = paid_contract.of(Role.BANK)
    items = [
        deposit(1),
        deposit(1, amount_fen=7),
        deposit(2, amount_fen=1.5),
        {"institution_id": "I-1", "command": "no_such", "body": {}},
        {"institution_id": "I-9", "command": "record_deposit", "body": deposit(3)["body"]},
        deposit(4),
    ]
    answer = bank.post("/v1/batches", {"items": [each for each in items if each != items[2]]})
    assert answer.status_code == 200
    outcomes = answer.json()["items"]
    assert [each["status"] for each in outcomes] == [201, 409, 422, 404, 201]
    assert (answer.json()["recorded"], answer.json()["refused"]) == (2, 3)
    assert outcomes[0]["receipt"]["events"][0]["topic"] == "deposit_received.1"
    assert outcomes[1]["problem"]["code"] == "duplicate_bank_serial"
    assert outcomes[2]["problem"]["errors"][0] == {
        "code": "unknown_command",
        "message": "There is no such command",
        "pointer": "/items/2/command",
    }
    assert code(bank.post("/v1/batches", {"items": items})) == "invalid_body"


def test_a_wrong_field_of_an_item_is_named_by_a_pointer_into_the_batch(paid_contract: Callers) -> None:
    answer = paid_contract.of(Role.BANK).post("/v1/batches", {"items": [deposit(1), deposit(2, amount_fen=-1)]})
    (error,) = answer.json()["items"][1]["problem"]["errors"]
    assert error["pointer"] == "/items/1/body/amount_fen"
    assert answer.json()["recorded"] == 1


def test_all_or_none(paid_contract: Callers, guarded: GuardedLedger) -> None:
    bank = paid_contract.of(Role.BANK)
    before = guarded.position()
    refused = bank.post("/v1/batches", {"atomic": True, "items": [deposit(1), deposit(2, account_id="999")]})
    assert (refused.status_code, code(refused)) == (422, "batch_refused")
    assert refused.json()["fields"] == {"culprit": 1}
    assert refused.json()["errors"][0]["code"] == "wrong_account"
    malformed = bank.post("/v1/batches", {"atomic": True, "items": [deposit(1), deposit(2, amount_fen="x")]})
    assert code(malformed) == "batch_refused"
    assert malformed.json()["errors"][0]["pointer"] == "/items/1/body/amount_fen"
    assert guarded.position() == before
    taken = bank.post("/v1/batches", {"atomic": True, "items": [deposit(1), deposit(2)]})
    assert [each["status"] for each in taken.json()["items"]] == [201, 201]
    assert guarded.position() == before + 2


def test_a_batch_that_is_sent_again_is_replayed_item_by_item(paid_contract: Callers, guarded: GuardedLedger) -> None:
    bank = paid_contract.of(Role.BANK)
    body = {"items": [deposit(1), deposit(2), deposit(3, account_id="999")]}
    first = bank.post("/v1/batches", body, key="b").json()
    position = guarded.position()
    again = bank.post("/v1/batches", body, key="b").json()
    assert guarded.position() == position
    assert [each.get("replayed", False) for each in again["items"]] == [True, True, False]
    assert [each.get("receipt") for each in again["items"]] == [each.get("receipt") for each in first["items"]]
    changed = {"items": [deposit(1, amount_fen=9), {**deposit(9), "idempotency_key": "own"}]}
    outcomes = bank.post("/v1/batches", changed, key="b").json()["items"]
    assert [each["status"] for each in outcomes] == [422, 201]
    assert outcomes[0]["problem"]["code"] == "command_key_reused"


def test_an_item_may_say_from_which_version_it_was_decided(paid_contract: Callers) -> None:
    items = [{**deposit(1), "if_match": 3}, {**deposit(2), "if_match": 4}]
    outcomes = paid_contract.of(Role.BANK).post("/v1/batches", {"items": items}).json()["items"]
    assert [each["status"] for each in outcomes] == [412, 201]


def test_a_batch_holds_between_one_and_a_thousand_items(paid_contract: Callers) -> None:
    bank = paid_contract.of(Role.BANK)
    none = bank.post("/v1/batches", {"items": []})
    many = bank.post("/v1/batches", {"items": [{"institution_id": "I-1", "command": "x", "body": {}}] * 1001})
    for answer, expected in ((none, "too_few"), (many, "too_many")):
        assert (answer.status_code, code(answer)) == (422, "invalid_body")
        assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("/items", expected)]
