"""Who may do what: every route, every role, and objects that are somebody else's."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api.app import assemble
from api.bankday.numbers import file_id
from api.nouns import NOUNS, OPENING
from api.openapi.examples import example_of
from api.routes.commands import BODIES
from api.runtime import Runtime
from api.security.doors import open_doors
from api.security.guard import GuardedLedger
from api.security.mandate import Keeping, Mandate
from api.security.tokens import Tokens, UnfitMandate, mandate_of
from api.settings import Settings
from ledger.identifiers import Role
from ledger.log.keys import PrivateKey
from ledger.log.notary import Notary
from ledger.log.proving import sealing
from ledger.orders import Order
from projections.reader import ReadModels
from projections.runner import Runner
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, HOUR, ISSUER, SECRET, Callers, Json, code
from tests.conftest import Clock

PUBLIC = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/problems/{code}",
    "/openapi.json",
    "/verification-key",
    "/.well-known/jwks.json",
}
STAFF = {Role.REGULATOR, Role.AUDITOR, Role.MEDIATOR, Role.BANK, Role.INSTITUTION}
OFFICERS = {Role.REGULATOR, Role.AUDITOR, Role.MEDIATOR}
READS: dict[str, set[Role]] = {
    "/v1/institutions": STAFF,
    "/v1/escrow-balances": STAFF,
    "/v1/breaks": STAFF,
    "/v1/contracts": set(Role),
    "/v1/refunds-due": set(Role),
    "/v1/deadlines": STAFF,
    "/v1/mediation-cases": set(Role),
    "/v1/overview": OFFICERS,
    "/v1/refund-all-due": OFFICERS,
    "/v1/audit-trail": {Role.REGULATOR, Role.AUDITOR},
    "/v1/events": {Role.REGULATOR, Role.AUDITOR, Role.BANK, Role.INSTITUTION},
    "/v1/escrows/{institution_id}": STAFF,
    "/v1/escrows/{institution_id}/balance": STAFF,
    "/v1/escrows/{institution_id}/contracts": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}/fund-history": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}/entitlement": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}/lessons": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}/explanations/{account}": set(Role),
    "/v1/escrows/{institution_id}/contracts/{contract_id}/explanations/{account}/lines": set(Role),
    "/v1/escrows/{institution_id}/explanations/{account}": STAFF,
    "/v1/escrows/{institution_id}/explanations/{account}/lines": STAFF,
    "/v1/escrows/{institution_id}/reconciliation": STAFF,
    "/v1/escrows/{institution_id}/bank-statements": STAFF,
    "/v1/escrows/{institution_id}/bank-lines": STAFF,
    "/v1/escrows/{institution_id}/breaks": STAFF,
    "/v1/escrows/{institution_id}/refunds-due": set(Role),
    "/v1/escrows/{institution_id}/refund-all-due": STAFF,
    "/v1/escrows/{institution_id}/deadlines": STAFF,
    "/v1/escrows/{institution_id}/mediation-cases": set(Role),
    "/v1/escrows/{institution_id}/mediation-cases/{case_id}": set(Role),
    "/v1/escrows/{institution_id}/fund-history": STAFF,
    "/v1/escrows/{institution_id}/audit-trail": STAFF,
    "/v1/escrows/{institution_id}/resolution-pack": {Role.REGULATOR, Role.AUDITOR},
    "/v1/escrows/{institution_id}/evidence-pack": {Role.REGULATOR, Role.AUDITOR, Role.BANK, Role.INSTITUTION},
    "/v1/escrows/{institution_id}/contracts/{contract_id}/evidence-pack": set(Role),
    "/v1/escrows/{institution_id}/events": {Role.REGULATOR, Role.AUDITOR, Role.BANK, Role.INSTITUTION},
    "/v1/escrows/{institution_id}/events/{version}": set(Role),
    "/v1/escrows/{institution_id}/events/{version}/proof": set(Role),
    "/v1/escrows/{institution_id}/events/{version}/stored": set(Role),
    "/v1/escrows/{institution_id}/checkpoint": STAFF,
    "/v1/escrows/{institution_id}/contracts/{contract_id}/statement-proof": set(Role),
    "/v1/checkpoints/directory": STAFF,
    "/v1/escrows/{institution_id}/payment-files/{file}": {Role.REGULATOR, Role.AUDITOR, Role.BANK, Role.INSTITUTION},
}
"""Who may read what, said a second time and independently of the routes."""
READS |= {"/v1/approvals": {Role.REGULATOR}, "/v1/access-log": {Role.REGULATOR, Role.AUDITOR}}
APART: dict[str, set[Role]] = {
    "/v1/escrows/{institution_id}/distribution-preview": {Role.REGULATOR, Role.AUDITOR},
    "/v1/approvals/{approval_id}": {Role.REGULATOR},
    "/v1/subjects/{subject_id}": {Role.REGULATOR, Role.MEDIATOR, Role.INSTITUTION, Role.GUARDIAN},
}
"""Reads of what these tests do not make: tests/approvals and tests/vault hold them against every role."""
UPLOADS: dict[str, set[Role]] = {
    "statement-files": {Role.BANK, Role.REGULATOR},
    "reconciliations": {Role.BANK, Role.REGULATOR},
    "contract-files": {Role.INSTITUTION, Role.REGULATOR},
    "lesson-files": {Role.INSTITUTION},
    "payment-status-files": {Role.BANK},
    "release-runs": {Role.INSTITUTION, Role.REGULATOR},
    "refund-runs": {Role.BANK, Role.REGULATOR},
    "end-of-day": {Role.REGULATOR},
}
"""Who may send files, and who reconciles, pays and ends a day."""
RUNS = {
    "reconciliations": b"{}",
    "release-runs": b'{"date": "2026-09-01"}',
    "refund-runs": b'{"date": "2026-09-01"}',
    "end-of-day": b'{"date": "2026-08-31"}',
}
"""What is no file but asks for a run."""
PATHS = {
    "institution_id": "I-1",
    "contract_id": "C-1",
    "case_id": "case-1",
    "version": "2",
    "approval_id": "a-1",
    "subject_id": "s-1",
    "account": "unearned",
    "file": str(file_id("release", "I-1", date(2026, 9, 1))),
}
QUERIES = {"/v1/escrows/{institution_id}/contracts/{contract_id}/entitlement": "?cause=institution"}
SECRETS = ("I-1", "C-1", "G-1", "晨光", "6217001", "R-1", "case-1")
"""What would give away that something of I-1 exists, beyond what the caller sent."""


def routes(app: Json) -> Iterator[tuple[str, str]]:
    """Method and path of every route."""
    for route in _flat(app.routes):
        for method in sorted(route.methods or ()):
            yield method, route.path


def _flat(given: Json) -> Iterator[Any]:
    for route in given:
        if isinstance(route, APIRoute) or hasattr(route, "methods"):
            yield route
        elif hasattr(route, "original_router"):
            yield from _flat(route.original_router.routes)


@pytest.fixture
def told(paid_contract: Callers, guarded: GuardedLedger, clock: Clock) -> Callers:
    """C-1 with a lesson that is paid for by a release run, an open refund R-1 and an open mediation case."""
    guardian, institution = paid_contract.of(Role.GUARDIAN, "t-g"), paid_contract.of(Role.INSTITUTION, "t-i")
    lesson = {"contract_id": "C-1", "lesson_id": "L-1", "hours": "1", "taught_on": "2026-09-01"}
    taught = {"contract_id": "C-1", "lesson_id": "L-1"}
    refund = {"refund_id": "R-1", "contract_id": "C-1", "cause": "institution", "requested_on": "2026-09-01"}
    case = {"case_id": "case-1", "contract_id": "C-1", "referred_by": "family", "cause": "institution", "claim_fen": 1}
    for answer in (
        institution.post("/v1/escrows/I-1/class-consumption-claims", {"lessons": [lesson]}),
        guardian.post("/v1/escrows/I-1/class-consumption-confirmations", {"lessons": [taught]}),
    ):
        assert answer.status_code == 201, answer.text
    run = institution.post("/v1/escrows/I-1/release-runs", RUNS["release-runs"])
    assert [each["file_id"] for each in run.json()["files"]] == [PATHS["file"]], run.text
    for answer in (
        guardian.post("/v1/escrows/I-1/refund-requests", refund),
        guardian.post("/v1/escrows/I-1/mediation-cases", case),
    ):
        assert answer.status_code == 201, answer.text
    run = paid_contract.of(Role.REGULATOR, "t-r").post("/v1/escrows/I-1/release-runs", RUNS["release-runs"])
    assert [each["file_id"] for each in run.json()["files"]] == [PATHS["file"]], run.text
    clock.advance(days=1)
    seal = sealing(guarded.engine, "I-1", date(2026, 9, 1))
    guarded.submit(Order("I-1", "seal", seal, actor="regulator-1", role=Role.REGULATOR))
    Notary(guarded.engine, PrivateKey("ledger.example", b"L" * 32), clock).run()
    return paid_contract


def test_every_route_but_the_public_ones_wants_a_token(client: TestClient) -> None:
    for method, path in routes(client.app):
        if path == "/v1/tokens":
            continue  # here one comes in to get a token: tests/security/test_tokens.py
        answer = client.request(method, path.format(**PATHS, code="not_found"))
        if path in PUBLIC:
            assert answer.status_code in ({404} if path == "/verification-key" else {200, 503}), path
        else:
            assert answer.status_code == 401, path
            assert code(answer) == "unauthenticated"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_every_read_route_is_in_the_table_of_who_may_read(client: TestClient) -> None:
    stems = {
        path.removesuffix(".csv").removesuffix(".xlsx").removesuffix(".ndjson")
        for method, path in routes(client.app)
        if method == "GET"
    }
    assert stems - PUBLIC == set(READS) | set(APART)


def test_a_role_that_may_not_read_is_refused_before_anything_is_looked_up(told: Callers, asked: Counter[str]) -> None:
    for path, allowed in READS.items():
        for role in Role:
            asked[role] += 1
            answer = told.of(role).get(path.format(**PATHS) + QUERIES.get(path, ""))
            if role in allowed:
                assert answer.status_code == 200, (path, role, answer.text)
            else:
                assert (answer.status_code, code(answer)) == (403, "not_permitted"), (path, role)


def test_a_role_that_may_not_send_a_file_is_refused_and_a_foreign_escrow_does_not_exist(
    told: Callers, guarded: GuardedLedger, asked: Counter[str]
) -> None:
    before = guarded.position()
    for noun, allowed in UPLOADS.items():
        path, kind = f"/v1/escrows/I-1/{noun}", "application/json" if noun in RUNS else "text/csv"
        body = RUNS.get(noun, b"x,y\n1,2\n")
        for role in Role:
            asked[role] += 1
            if role not in allowed:
                answer = told.of(role).post(path, body, Content_Type=kind)
                assert (answer.status_code, code(answer)) == (403, "role_not_allowed"), (noun, role)
                continue
            answer = told.foreign(role).post(path, body, Content_Type=kind)
            assert (answer.status_code, code(answer)) == (404, "escrow_unknown"), (noun, role)
            unknown = told.foreign(role).post(f"/v1/escrows/I-9/{noun}", body, Content_Type=kind, key="u")
            assert _facts(answer) == _facts(unknown, "I-9", "I-1"), (noun, role)
    assert guarded.position() == before


def test_a_role_that_may_not_ask_is_refused_for_every_command(told: Callers, asked: Counter[str]) -> None:
    for noun, kind in NOUNS.items():
        path = "/v1/escrows" if noun == OPENING else f"/v1/escrows/I-1/{noun}"
        for role in set(Role) - kind.by:
            asked[role] += 1
            answer = told.of(role).post(path, example_of(BODIES[noun]))
            assert (answer.status_code, code(answer)) == (403, "role_not_allowed"), (noun, role)


def test_foreign_objects_do_not_exist_for_any_command(
    told: Callers, guarded: GuardedLedger, asked: Counter[str]
) -> None:
    before = guarded.position()
    for noun, kind in NOUNS.items():
        if noun == OPENING:
            continue
        for role in kind.by:
            asked[role] += 1
            headers = {"If_Match": '"4"'} if noun == "distributions" else {}
            answer = told.foreign(role).post(f"/v1/escrows/I-1/{noun}", _body(noun), **headers)
            assert answer.status_code == 404, (noun, role, answer.text)
            if role is not Role.GUARDIAN:
                unknown = told.foreign(role).post(f"/v1/escrows/I-9/{noun}", _body(noun), key="u", **headers)
                assert _facts(answer) == _facts(unknown, "I-9", "I-1"), (noun, role)
    assert guarded.position() == before


def _body(noun: str) -> Json:
    body: Json = example_of(BODIES[noun])
    for name, value in (("refund_id", "R-1"), ("case_id", "case-1"), ("lesson_id", "L-1")):
        if name in body and noun not in {"refund-requests", "mediation-cases"}:
            body[name] = value
    return body


def _facts(answer: Json, name: str = "", instead: str = "") -> Json:
    body = answer.json()
    del body["trace_id"]
    return {each: str(value).replace(name, instead) if name else str(value) for each, value in body.items()}


def test_foreign_objects_do_not_exist_for_any_read(told: Callers, asked: Counter[str]) -> None:
    for path, allowed in READS.items():
        for role in allowed:
            place = path.format(**PATHS) + QUERIES.get(path, "")
            asked[role] += 1
            answer = told.foreign(role).get(place)
            if role is not Role.GUARDIAN and "institution_id" in path:
                assert (answer.status_code, code(answer)) == (404, "escrow_unknown"), (path, role)
                continue
            assert answer.status_code in {200, 404}, (path, role, answer.text)
            shown = answer.text.replace(place, "")
            sent = {value for value in PATHS.values() if value in place}
            given_away = [each for each in SECRETS if each in shown and each not in sent]
            assert not given_away, (path, role, answer.text)


def test_files_hold_nothing_foreign_either(told: Callers) -> None:
    for path in ("institutions", "contracts", "refunds-due", "mediation-cases", "escrow-balances", "deadlines"):
        for role in READS[f"/v1/{path}"]:
            text = told.foreign(role).get(f"/v1/{path}.csv").text
            assert not [each for each in SECRETS if each in text], (path, role)
            assert len(text.splitlines()) == 1


def test_a_guardian_sees_their_own_contract_and_case(told: Callers) -> None:
    guardian = told.of(Role.GUARDIAN)
    assert guardian.get("/v1/escrows/I-1/contracts/C-1").json()["data"]["contract_id"] == "C-1"
    assert [each["contract_id"] for each in guardian.get("/v1/contracts").json()["data"]] == ["C-1"]
    assert [each["refund_id"] for each in guardian.get("/v1/refunds-due").json()["data"]] == ["R-1"]
    assert guardian.get("/v1/escrows/I-1/mediation-cases/case-1").status_code == 200
    assert guardian.get("/v1/escrows/I-1/events/2").status_code == 200
    assert code(guardian.get("/v1/escrows/I-1/events/1")) == "not_found"


def test_a_mediator_sees_their_district_and_a_regulator_everything_below_their_place(told: Callers) -> None:
    district = told.of(Role.REGULATOR, "d", jurisdiction="CN-BJ", district="海淀区")
    nation = told.of(Role.AUDITOR, "n", jurisdiction="CN")
    for caller in (told.of(Role.MEDIATOR), district, nation, told.of(Role.REGULATOR)):
        assert [each["institution_id"] for each in caller.get("/v1/institutions").json()["data"]] == ["I-1"]
        assert caller.get("/v1/overview").json()["data"]["total"]["custody_fen"] == 360_000


def test_a_place_is_no_prefix_of_another_name() -> None:
    officer = Mandate("o", Role.REGULATOR, jurisdiction="CN-B")
    assert not officer.covers(Keeping("I-1", "b", "CN-BJ", "海淀区"))


def test_an_escrow_is_opened_by_the_officers_of_its_place(callers: Callers, guarded: GuardedLedger) -> None:
    answer = callers.foreign(Role.REGULATOR).post("/v1/escrows", ESCROW)
    assert (answer.status_code, code(answer)) == (403, "place_not_covered")
    assert guarded.position() == 0


def test_after_a_change_of_custodian_only_the_new_bank_may_post(paid_contract: Callers) -> None:
    change = {"custodian": "bank-2", "account_id": "9", "agreement_no": "2", "closing_balance_fen": 360_000}
    proposed = paid_contract.of(Role.REGULATOR, "first").post("/v1/escrows/I-1/custodian-changes", change)
    assert proposed.status_code == 202, proposed.text
    approval = proposed.json()
    decision = {"decision": "approved", "request_sha256": approval["request_sha256"]}
    path = f"/v1/approvals/{approval['approval_id']}/decisions"
    assert paid_contract.of(Role.REGULATOR, "second").post(path, decision).json()["state"] == "recorded"
    deposit = {**DEPOSIT, "account_id": "9", "bank_serial": "new", "contract_id": None}
    assert code(paid_contract.of(Role.BANK).post("/v1/escrows/I-1/deposits", deposit)) == "escrow_unknown"
    assert paid_contract.foreign(Role.BANK).post("/v1/escrows/I-1/deposits", deposit).status_code == 201


def test_a_batch_is_held_against_the_same_rules(told: Callers) -> None:
    bank = told.foreign(Role.BANK)
    items = [
        {"institution_id": "I-1", "command": "place_risk_deposit", "body": {"amount_fen": 1, "bank_serial": "x"}},
        {"institution_id": "I-1", "command": "register_contract", "body": CONTRACT},
    ]
    outcomes = bank.post("/v1/batches", {"items": items}).json()["items"]
    assert [each["problem"]["code"] for each in outcomes] == ["escrow_unknown", "role_not_allowed"]


def test_a_token_is_refused_when_expired_forged_or_of_another_issuer(callers: Callers, clock: Clock) -> None:
    mandate = mandate_of("x", Role.REGULATOR, {"jurisdiction": "CN-BJ"})
    good = callers.tokens.issue(mandate, HOUR)
    forged = Tokens(b"another secret of thirty-two byte", ISSUER, clock).issue(mandate, HOUR)
    elsewhere = Tokens(SECRET.encode(), "another", clock).issue(mandate, HOUR)
    head, body, signature = good.split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    asked = {"forged": forged, "elsewhere": elsewhere, "unsigned": unsigned, "cut": f"{head}.{body}", "noise": "x.y.z"}
    for name, token in asked.items():
        answer = callers.client.get("/v1/institutions", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, code(answer)) == (401, "token_invalid"), name
    clock.advance(seconds=HOUR)
    answer = callers.client.get("/v1/institutions", headers={"Authorization": f"bearer {good}"})
    assert (answer.status_code, code(answer)) == (401, "token_expired")
    assert signature


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.BANK, {}),
        (Role.BANK, {"custodians": []}),
        (Role.BANK, {"custodians": ["bank-1"], "jurisdiction": "CN"}),
        (Role.INSTITUTION, {"institutions": ["a b"]}),
        (Role.INSTITUTION, {"custodians": ["bank-1"]}),
        (Role.GUARDIAN, {"guardian_id": None}),
        (Role.MEDIATOR, {"district": "海淀区"}),
        (Role.REGULATOR, {"jurisdiction": "US"}),
        (Role.AUDITOR, {"jurisdiction": "CN", "district": ""}),
        (Role.AUDITOR, "everything"),
    ],
)
def test_a_scope_that_does_not_fit_its_role_is_no_mandate(role: Role, scope: object) -> None:
    with pytest.raises(UnfitMandate):
        mandate_of("somebody", role, scope)


def test_an_application_cannot_be_assembled_on_an_unguarded_ledger(
    settings: Settings, guarded: GuardedLedger, clock: Clock
) -> None:
    doors = open_doors(settings, guarded.engine, clock)
    reader, runner = ReadModels(guarded.engine), Runner(guarded.engine)
    more = (reader, runner, doors.signatures, doors.grants)
    assert assemble(Runtime(settings, clock, guarded, doors.tokens, *more)) is not None
    with pytest.raises(TypeError):
        Runtime(settings, clock, object(), doors.tokens, *more)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Runtime(settings, clock, guarded, Tokens(SECRET.encode(), ISSUER, clock), *more)
