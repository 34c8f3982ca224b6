"""Posting commands: nouns, receipts, keys, versions, dry runs."""

import re
import threading

import pytest

from api.nouns import NOUNS
from api.security.guard import GuardedLedger
from ledger.commands import COMMANDS
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, Callers, Json, code
from tests.conftest import Clock

SEAL = {"business_on": "2026-09-01"}


def test_every_command_has_one_noun_and_every_noun_is_plural_kebab_case() -> None:
    assert sorted(kind.name for kind in NOUNS.values()) == sorted(COMMANDS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*s", noun) for noun in NOUNS)


def test_a_receipt_names_versions_position_and_public_events(callers: Callers) -> None:
    answer = callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == "/v1/escrows/I-1/events/1"
    assert "idempotency-replayed" not in answer.headers
    body = answer.json()
    assert (body["first_version"], body["last_version"], body["position"]) == (1, 1, 1)
    (event,) = body["events"]
    assert event["topic"] == "escrow_opened.1"
    assert event["recorded_at"] == "2026-09-01T02:00:00.000000Z"
    assert event["role"] == "regulator"
    assert event["data"]["district"] == "海淀区"
    assert "effective_at" not in event["data"]


def test_hours_stay_decimal_strings_in_events(paid_contract: Callers) -> None:
    lessons = [{"contract_id": "C-1", "lesson_id": "L-1", "hours": "1.5", "taught_on": "2026-09-01"}]
    answer = paid_contract.of(Role.INSTITUTION).post("/v1/escrows/I-1/class-consumption-claims", {"lessons": lessons})
    data = answer.json()["events"][0]["data"]
    assert data["hours"] == "1.5"
    assert not any("centihours" in name for name in data)


def test_a_command_without_a_key_is_refused(callers: Callers) -> None:
    caller = callers.of(Role.REGULATOR)
    answer = caller.client.post("/v1/escrows", json=ESCROW, headers=caller.headers)
    assert (answer.status_code, code(answer)) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["with space", "a/b", "x" * 65, '"unclosed'])
def test_a_malformed_key_is_refused(callers: Callers, key: str) -> None:
    answer = callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW, key=key)
    assert (answer.status_code, code(answer)) == (400, "idempotency_key_malformed")


def test_the_same_key_and_body_replays_the_stored_answer(callers: Callers) -> None:
    caller = callers.of(Role.REGULATOR)
    first = caller.post("/v1/escrows", ESCROW, key="k")
    again = caller.post("/v1/escrows", dict(reversed(ESCROW.items())), key='"k"')
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "body",
    [
        ESCROW | {"district": "朝阳区"},
        ESCROW | {"surprise": 1},
        {"institution_id": "I-1"},
        b'{"institution_id": "I-1", "licensed": 1.0}',
    ],
    ids=["valid", "unknown-field", "incomplete", "float"],
)
def test_a_known_key_with_another_body_is_refused_before_the_body_is_judged(callers: Callers, body: Json) -> None:
    caller = callers.of(Role.REGULATOR)
    caller.post("/v1/escrows", ESCROW, key="k")
    answer = caller.post("/v1/escrows", body, key="k")
    assert (answer.status_code, code(answer)) == (422, "command_key_reused")


def test_a_known_key_is_not_judged_again_when_the_rules_would_now_refuse(paid_contract: Callers) -> None:
    bank = paid_contract.of(Role.BANK)
    body = {"amount_fen": 100, "bank_serial": "x-1"}
    assert bank.post("/v1/escrows/I-1/risk-deposits", body, key="k").status_code == 201
    assert code(bank.post("/v1/escrows/I-1/risk-deposits", body, key="other")) == "already_recorded"
    assert bank.post("/v1/escrows/I-1/risk-deposits", body, key="k").headers["idempotency-replayed"] == "true"


def test_a_rejected_command_leaves_its_key_free(paid_contract: Callers) -> None:
    bank = paid_contract.of(Role.BANK)
    body = {**DEPOSIT, "bank_serial": "late", "account_id": "999"}
    assert code(bank.post("/v1/escrows/I-1/deposits", body, key="k")) == "wrong_account"
    assert bank.post("/v1/escrows/I-1/deposits", {**body, "account_id": "6217001"}, key="k").status_code == 201


def test_one_client_cannot_use_up_or_read_the_key_of_another(callers: Callers, clock: Clock) -> None:
    regulator = callers.of(Role.REGULATOR)
    regulator.post("/v1/escrows", ESCROW, key="k")
    clock.advance(hours=16)
    other = callers.of(Role.REGULATOR, "somebody-else").post("/v1/escrows/I-1/day-seals", SEAL, key="k")
    assert other.status_code == 201
    assert "idempotency-replayed" not in other.headers


def test_a_second_request_under_a_key_in_flight_is_told_so(callers: Callers, guarded: GuardedLedger) -> None:
    caller = callers.of(Role.REGULATOR)
    judging, finish = threading.Event(), threading.Event()
    decide = guarded._clerk.decide

    def slowly(*arguments: Json) -> Json:
        judging.set()
        assert finish.wait(10)
        return decide(*arguments)

    guarded._clerk.decide = slowly
    answers = []
    first = threading.Thread(target=lambda: answers.append(caller.post("/v1/escrows", ESCROW, key="k")))
    first.start()
    assert judging.wait(10)
    second = caller.post("/v1/escrows", ESCROW, key="k")
    finish.set()
    first.join()
    assert (second.status_code, code(second)) == (409, "command_in_flight")
    assert second.headers["retry-after"] == "1"
    assert answers[0].status_code == 201
    assert caller.post("/v1/escrows", ESCROW, key="k").headers["idempotency-replayed"] == "true"


def test_if_match_refuses_another_version_and_takes_the_current_one(callers: Callers, clock: Clock) -> None:
    caller = callers.of(Role.REGULATOR)
    caller.post("/v1/escrows", ESCROW)
    clock.advance(hours=16)
    stale = caller.post("/v1/escrows/I-1/day-seals", SEAL, If_Match='"7"')
    assert (stale.status_code, code(stale)) == (412, "version_conflict")
    assert stale.json()["fields"] == {"expected_version": 7, "actual_version": 1}
    assert caller.post("/v1/escrows/I-1/day-seals", SEAL, If_Match='"1"').headers["etag"] == '"2"'


@pytest.mark.parametrize("value", ["1", 'W/"1"', '"1", "2"', "*", '"-1"', '"01"'])
def test_a_malformed_if_match_is_refused(callers: Callers, value: str) -> None:
    caller = callers.of(Role.REGULATOR)
    caller.post("/v1/escrows", ESCROW)
    answer = caller.post("/v1/escrows/I-1/day-seals", SEAL, If_Match=value)
    assert (answer.status_code, code(answer)) == (400, "if_match_malformed")


def test_a_distribution_must_say_from_which_version_it_was_computed(paid_contract: Callers) -> None:
    body = {
        "distribution_id": "D-1",
        "method": "pool",
        "pot_fen": 1,
        "due_fen": 2,
        "families": 1,
        "cut_off_on": "2026-09-01",
        "list_sha256": "0" * 64,
        "approved_by": "second",
    }
    answer = paid_contract.of(Role.REGULATOR).post("/v1/escrows/I-1/distributions", body)
    assert (answer.status_code, code(answer)) == (428, "if_match_required")
    judged = paid_contract.of(Role.REGULATOR).post("/v1/escrows/I-1/distributions", body, If_Match='"4"')
    assert code(judged) == "escrow_not_closing"


def test_a_dry_run_shows_the_events_and_records_nothing(callers: Callers, guarded: GuardedLedger) -> None:
    caller = callers.of(Role.REGULATOR)
    answer = caller.post("/v1/escrows?dry_run=true", ESCROW, key="k")
    assert answer.status_code == 200
    assert answer.json()["dry_run"] is True
    (event,) = answer.json()["events"]
    assert event["topic"] == "escrow_opened.1"
    assert "position" not in event
    assert guarded.position() == 0
    assert caller.post("/v1/escrows", ESCROW | {"district": "朝阳区"}, key="k").status_code == 201


def test_a_dry_run_is_refused_like_the_command_itself(paid_contract: Callers) -> None:
    answer = paid_contract.of(Role.INSTITUTION).post("/v1/escrows/I-1/contracts?dry_run=true", CONTRACT)
    assert (answer.status_code, code(answer)) == (409, "contract_already_registered")


@pytest.mark.parametrize("query", ["dryrun=true", "dry_run=true&dry_run=true", "dry_run=1", "dry_run="])
def test_unknown_repeated_and_malformed_query_parameters_are_refused(callers: Callers, query: str) -> None:
    answer = callers.of(Role.REGULATOR).post(f"/v1/escrows?{query}", ESCROW)
    assert (answer.status_code, code(answer)) == (422, "invalid_parameters")
    assert answer.json()["errors"][0]["parameter"] in {"dryrun", "dry_run"}


def test_a_malformed_institution_id_is_refused(callers: Callers) -> None:
    answer = callers.of(Role.REGULATOR).post("/v1/escrows/a%20b/day-seals", SEAL)
    assert (answer.status_code, code(answer)) == (422, "invalid_parameters")


def test_an_institution_in_the_path_that_has_no_escrow_is_not_found(callers: Callers) -> None:
    answer = callers.of(Role.REGULATOR).post("/v1/escrows/I-9/day-seals", SEAL)
    assert (answer.status_code, code(answer)) == (404, "escrow_unknown")
