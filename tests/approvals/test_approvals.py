"""Second persons: what moves a whole institution is proposed by one officer and approved by another."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from api.approvals.approval import find
from api.approvals.deciding import order_of, resume
from api.nouns import NEEDS_SECOND_PERSON, NOUNS
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from ledger import commands as c
from ledger.identifiers import Role
from tests.api.callers import ESCROW, SCOPES, Caller, Callers, Json, code
from tests.conftest import Clock

CLOSURE = {"kind": "abnormal", "stopped_on": "2026-09-01", "reason": "人去楼空"}
KEYS = count(1)
CLOSURES = "/v1/escrows/I-1/closure-declarations"


def proposed(callers: Callers, path: str = CLOSURES, body: Json = CLOSURE, **headers: str) -> Json:
    answer = callers.of(Role.REGULATOR, "first").post(path, body, key=f"p-{next(KEYS)}", **headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def decide(caller: Caller, approval: Json, decision: str = "approved", **changes: Json) -> Json:
    body = {"decision": decision, "request_sha256": approval["request_sha256"]} | changes
    return caller.post(f"/v1/approvals/{approval['approval_id']}/decisions", body)


def second(callers: Callers, subject: str = "second") -> Caller:
    return callers.of(Role.REGULATOR, subject)


def test_what_moves_a_whole_institution_needs_two_persons() -> None:
    assert {
        c.DeclareClosure, c.CloseEscrow, c.OrderDistribution, c.UnfreezeEscrow, c.ChangeCustodian,
    } <= NEEDS_SECOND_PERSON  # fmt: skip
    assert all(kind.by == {Role.REGULATOR} for kind in NEEDS_SECOND_PERSON)


def test_a_proposal_records_nothing_until_somebody_else_approves_it(callers: Callers, guarded: GuardedLedger) -> None:
    before = guarded.position()
    approval = proposed(callers)
    assert (approval["state"], approval["proposed_by"], approval["body"]) == ("pending", "first", CLOSURE)
    assert guarded.position() == before
    answer = decide(second(callers), approval, reason="现场核实")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["state"], done["decided_by"], done["reason"]) == ("recorded", "second", "现场核实")
    (recorded,) = guarded.stream("I-1", done["first_version"] - 1)
    assert recorded.event.approved_by == "second"  # type: ignore[attr-defined]
    assert recorded.event.declared_by == "first"  # type: ignore[attr-defined]
    envelope = recorded.envelope
    assert (envelope.actor, envelope.approved_by) == ("first", "second")
    assert envelope.correlation_id == approval["approval_id"]
    assert envelope.command_id == f"approval-{approval['approval_id']}"


def test_an_envelope_names_both_where_the_event_has_no_field_for_it(callers: Callers, guarded: GuardedLedger) -> None:
    change = {"custodian": "bank-2", "account_id": "9", "agreement_no": "2", "closing_balance_fen": 0}
    approval = proposed(callers, "/v1/escrows/I-1/custodian-changes", change)
    done = decide(second(callers), approval).json()
    (recorded,) = guarded.stream("I-1", done["first_version"] - 1)
    assert (recorded.envelope.actor, recorded.envelope.approved_by) == ("first", "second")
    assert b'"approved_by":"second"' in recorded.state


def test_nobody_approves_their_own_proposal_but_may_take_it_back(callers: Callers, guarded: GuardedLedger) -> None:
    approval, before = proposed(callers), guarded.position()
    own = decide(callers.of(Role.REGULATOR, "first"), approval)
    assert (own.status_code, code(own)) == (422, "second_person_required")
    assert decide(callers.of(Role.REGULATOR, "first"), approval, "rejected").json()["state"] == "rejected"
    assert code(decide(second(callers), approval)) == "approval_decided"
    assert guarded.position() == before


def test_a_proposal_may_name_who_is_asked(callers: Callers) -> None:
    approval = proposed(callers, body=CLOSURE | {"approved_by": "chief"})
    refused = decide(second(callers), approval)
    assert (refused.status_code, code(refused)) == (403, "other_person_named")
    assert decide(second(callers, "chief"), approval).json()["state"] == "recorded"
    own = callers.of(Role.REGULATOR, "first").post(CLOSURES, CLOSURE | {"approved_by": "first"}, key="own")
    assert code(own) == "escrow_is_closing"


def test_a_proposal_that_could_not_be_recorded_now_is_not_kept(callers: Callers) -> None:
    first = callers.of(Role.REGULATOR, "first")
    assert code(first.post("/v1/escrows/I-1/escrow-closings", {})) == "escrow_not_closing"
    assert code(first.post("/v1/escrows/I-1/freeze-lifts", {"order_no": "1", "reason": "r"})) == "escrow_not_frozen"
    assert code(first.post(CLOSURES, CLOSURE, If_Match='"77"')) == "version_conflict"
    assert first.get("/v1/approvals").json()["data"] == []


def test_what_is_approved_is_decided_afresh(callers: Callers, guarded: GuardedLedger) -> None:
    one, other = proposed(callers), proposed(callers, body=CLOSURE | {"reason": "another report"})
    assert decide(second(callers), one).json()["state"] == "recorded"
    before = guarded.position()
    stale = decide(second(callers), other)
    assert stale.status_code == 200
    assert (stale.json()["state"], stale.json()["refused"]) == ("refused", "escrow_is_closing")
    assert guarded.position() == before


def test_a_version_named_in_the_proposal_still_holds_at_the_approval(callers: Callers) -> None:
    approval = proposed(callers, If_Match='"2"')
    frozen = callers.of(Role.REGULATOR).post(
        "/v1/escrows/I-1/freezes", {"authority": "regulator", "order_no": "1", "reason": "r"}
    )
    assert frozen.status_code == 201
    assert decide(second(callers), approval).json()["refused"] == "version_conflict"


def test_after_its_time_nobody_approves_it_any_more(callers: Callers, clock: Clock, guarded: GuardedLedger) -> None:
    approval, before = proposed(callers), guarded.position()
    clock.advance(days=7, seconds=1)
    late = decide(second(callers), approval)
    assert (late.status_code, code(late)) == (409, "approval_expired")
    assert second(callers).get(f"/v1/approvals/{approval['approval_id']}").json()["state"] == "expired"
    assert guarded.position() == before


def test_whoever_decides_says_what_they_read(callers: Callers) -> None:
    answer = decide(second(callers), proposed(callers), request_sha256="0" * 64)
    assert (answer.status_code, code(answer)) == (422, "approval_differs")


def test_the_same_proposal_again_is_the_same_approval(callers: Callers) -> None:
    first = callers.of(Role.REGULATOR, "first")
    one, again = first.post(CLOSURES, CLOSURE, key="k"), first.post(CLOSURES, CLOSURE, key="k")
    assert one.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert code(first.post(CLOSURES, CLOSURE | {"reason": "other"}, key="k")) == "command_key_reused"
    assert code(first.post(CLOSURES, {"kind": "sudden"}, key="k")) == "command_key_reused"
    freeze = {"authority": "regulator", "order_no": "1", "reason": "r"}
    assert code(first.post("/v1/escrows/I-1/freezes", freeze, key="k")) == "command_key_reused"
    item = {"institution_id": "I-1", "command": "freeze_escrow", "body": freeze, "idempotency_key": "k"}
    outcome = first.post("/v1/batches", {"items": [item]}).json()["items"][0]
    assert outcome["problem"]["code"] == "command_key_reused"
    assert first.post("/v1/escrows/I-1/freezes", freeze, key="f").status_code == 201
    assert code(first.post(CLOSURES, CLOSURE, key="f")) == "command_key_reused"


def test_the_same_decision_again_answers_the_same(callers: Callers, guarded: GuardedLedger) -> None:
    approval = proposed(callers)
    done = decide(second(callers), approval)
    position = guarded.position()
    assert decide(second(callers), approval).json() == done.json()
    assert guarded.position() == position
    assert code(decide(second(callers, "third"), approval)) == "approval_decided"


def test_a_batch_does_not_go_around_the_second_person(callers: Callers, guarded: GuardedLedger) -> None:
    before = guarded.position()
    item = {"institution_id": "I-1", "command": "declare_closure", "body": CLOSURE | {"approved_by": "second"}}
    outcome = callers.of(Role.REGULATOR, "first").post("/v1/batches", {"items": [item]}).json()["items"][0]
    assert outcome["problem"]["code"] == "second_person_required"
    atomic = callers.of(Role.REGULATOR, "first").post("/v1/batches", {"atomic": True, "items": [item]})
    assert code(atomic) == "batch_refused"
    assert guarded.position() == before


def test_a_dry_run_of_a_proposal_shows_the_events_and_keeps_nothing(callers: Callers) -> None:
    first = callers.of(Role.REGULATOR, "first")
    answer = first.post(f"{CLOSURES}?dry_run=true", CLOSURE)
    assert answer.status_code == 200
    assert answer.json()["events"][0]["topic"] == "closure_declared.1"
    assert first.get("/v1/approvals").json()["data"] == []


def test_only_officers_of_the_place_see_that_anything_waits(callers: Callers) -> None:
    approval = proposed(callers)
    path = f"/v1/approvals/{approval['approval_id']}"
    for role in set(Role) - {Role.REGULATOR}:
        other = callers.of(role)
        for answer in (other.get("/v1/approvals"), other.get(path), decide(other, approval)):
            assert (answer.status_code, code(answer)) == (403, "not_permitted"), role
    foreign = callers.foreign(Role.REGULATOR)
    assert foreign.get("/v1/approvals").json()["data"] == []
    for answer in (foreign.get(path), decide(foreign, approval)):
        assert (answer.status_code, code(answer)) == (404, "not_found")
    (seen,) = second(callers).get("/v1/approvals?state=pending").json()["data"]
    assert seen == approval
    assert second(callers).get("/v1/approvals?state=recorded").json()["data"] == []
    assert approval["approval_id"] in second(callers).get("/v1/approvals.csv").text


def test_approvals_come_in_pages(callers: Callers) -> None:
    ids = [proposed(callers, body=CLOSURE | {"reason": f"r{n}"})["approval_id"] for n in range(3)]
    reader, seen, after = second(callers), [], ""
    while True:
        page = reader.get(f"/v1/approvals?limit=1{after}").json()
        seen += [each["approval_id"] for each in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(ids)


def test_of_many_decisions_at_once_one_counts(callers: Callers, guarded: GuardedLedger) -> None:
    for number in range(5):
        freeze = {"authority": "regulator", "order_no": str(number), "reason": "r"}
        assert callers.of(Role.REGULATOR).post("/v1/escrows/I-1/freezes", freeze, key=f"f{number}").status_code == 201
        lift = {"order_no": str(number), "reason": "cleared"}
        approval = proposed(callers, "/v1/escrows/I-1/freeze-lifts", lift)
        before, gate = guarded.position(), Barrier(6)
        said = [("a", "approved"), ("b", "approved"), ("c", "rejected")] * 2

        def say(who: str, what: str, gate: Barrier = gate, approval: Json = approval) -> Json:
            caller = second(callers, f"officer-{who}")
            gate.wait()
            return decide(caller, approval, what)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda each: say(*each), said))
        final = second(callers).get(f"/v1/approvals/{approval['approval_id']}").json()
        assert all(answer.status_code in {200, 409} for answer in answers)
        assert final["state"] in {"recorded", "rejected"}
        assert guarded.position() - before == (1 if final["state"] == "recorded" else 0)
        winners = {who for (who, _), answer in zip(said, answers, strict=True) if answer.status_code == 200}
        assert {f"officer-{who}" for who in winners} <= {final["decided_by"]}
        if final["state"] == "rejected":
            again = proposed(callers, "/v1/escrows/I-1/freeze-lifts", lift)
            assert decide(second(callers), again).json()["state"] == "recorded"


class Stopped(Exception):
    """The program ends here."""


@pytest.mark.parametrize("recorded", [False, True])
def test_what_was_approved_before_a_crash_is_recorded_once(
    runtime: Runtime, callers: Callers, guarded: GuardedLedger, monkeypatch: pytest.MonkeyPatch, *, recorded: bool
) -> None:
    approval = proposed(callers)
    submit = guarded.submit

    def stop(order: object) -> object:
        if recorded:
            submit(order)  # type: ignore[arg-type]
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(guarded, "submit", stop)
        assert decide(second(callers), approval).status_code == 500
    path = f"/v1/approvals/{approval['approval_id']}"
    assert second(callers).get(path).json()["state"] == "approved"
    before = guarded.position()
    assert resume(runtime) == 1
    assert second(callers).get(path).json()["state"] == "recorded"
    assert guarded.position() - before == (0 if recorded else 1)
    assert resume(runtime) == 0
    assert decide(second(callers), approval).json()["state"] == "recorded"


def test_an_approval_that_was_left_lying_past_its_time_is_refused(
    runtime: Runtime, callers: Callers, guarded: GuardedLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = proposed(callers)

    def stop(_order: object) -> object:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(guarded, "submit", stop)
        decide(second(callers), approval)
    clock.advance(days=8)
    before = guarded.position()
    assert resume(runtime) == 1
    found = second(callers).get(f"/v1/approvals/{approval['approval_id']}").json()
    assert (found["state"], found["refused"]) == ("refused", "approval_expired")
    assert guarded.position() == before


def test_the_right_of_the_second_person_is_that_of_the_moment(callers: Callers, guarded: GuardedLedger) -> None:
    approval = proposed(callers)
    decide(second(callers), approval)
    with guarded.engine.connect() as connection:
        kept = find(connection, approval["approval_id"], 0)
    assert kept is not None
    assert order_of(kept).mandate.jurisdiction == SCOPES[Role.REGULATOR]["jurisdiction"]
    assert json.loads(kept.text) == CLOSURE


def test_opening_needs_one_person(callers: Callers) -> None:
    answer = callers.of(Role.REGULATOR, "first").post("/v1/escrows", ESCROW | {"institution_id": "I-2"})
    assert answer.status_code == 201
    assert {kind for kind in NOUNS.values() if kind in NEEDS_SECOND_PERSON} == NEEDS_SECOND_PERSON
