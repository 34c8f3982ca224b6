"""Every route × every role × objects of others: they are answered as what does not exist, and nothing shows through."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from api.nouns import NOUNS, OPENING
from api.openapi.examples import example_of
from api.routes.commands import BODIES
from api.security.guard import GuardedLedger
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, Caller, Callers, Json
from tests.api.test_access import PATHS, PUBLIC, QUERIES, RUNS, SECRETS, UPLOADS, routes, told  # noqa: F401 - a fixture

PLACE = {"jurisdiction": "CN-BJ", "district": "朝阳区"}
OTHERS: dict[str, tuple[Role, dict[str, Any]]] = {
    "another bank": (Role.BANK, {"custodians": ["bank-2"]}),
    "another institution": (Role.INSTITUTION, {"institutions": ["I-2"]}),
    "another family": (Role.GUARDIAN, {"guardian_id": "G-2"}),
    "a mediator of another district": (Role.MEDIATOR, PLACE),
    "a regulator of another district": (Role.REGULATOR, PLACE),
    "a regulator of another province": (Role.REGULATOR, {"jurisdiction": "CN-TJ"}),
    "an auditor of another district": (Role.AUDITOR, PLACE),
    "an auditor of another province": (Role.AUDITOR, {"jurisdiction": "CN-TJ"}),
}
NOT_OURS = {"/v1/tokens", "/.well-known/jwks.json", *PUBLIC}
TWINS = {"I-1": "I-9", "C-1": "C-9", "R-1": "R-9", "case-1": "case-9", "L-1": "L-9", "A-1": "A-9"}
"""What exists and is not theirs, and what does not exist."""
NUMBERS = count(1)


@pytest.fixture
def both(told: Callers) -> Callers:  # noqa: F811 - a fixture
    """I-1 with a lesson, a payment file, a refund and a case; I-2 of others, with a contract that is paid."""
    officer, bank = told.of(Role.REGULATOR, "b-r", **PLACE), told.of(Role.BANK, "b-b", custodians=["bank-2"])
    institution = told.of(Role.INSTITUTION, "b-i", institutions=["I-2"])
    account = {"account_id": "6299002", "contract_id": "C-2"}
    of_i_2 = {"institution_id": "I-2", "custodian": "bank-2", "institution_name": "二号", "account_id": "6299002"}
    for answer in (
        officer.post("/v1/escrows", ESCROW | of_i_2 | {"district": "朝阳区"}),
        institution.post("/v1/escrows/I-2/contracts", CONTRACT | {"contract_id": "C-2", "guardian_id": "G-2"}),
        bank.post("/v1/escrows/I-2/deposits", DEPOSIT | account),
    ):
        assert answer.status_code == 201, answer.text
    return told


def body_of(path: str) -> bytes:
    """What is posted to a route: its example, about objects that exist; a file or a run where it takes one."""
    noun = OPENING if path == "/v1/escrows" else path.rpartition("/")[2]
    if noun in UPLOADS:
        return RUNS.get(noun, b"x,y\n1,2\n")
    if path == "/v1/batches":
        item = {"institution_id": "I-1", "command": "end_contract", "body": {"contract_id": "C-1"}}
        return json.dumps({"items": [item]}).encode()
    if noun not in NOUNS:
        return b'{"institution_id": "I-1"}'
    body: Json = example_of(BODIES[noun])
    named = {"refund_id": "R-1", "case_id": "case-1", "lesson_id": "L-1"}
    return json.dumps(body | {name: value for name, value in named.items() if name in body}).encode()


def twin(text: str, role: Role) -> str:
    """The same about what does not exist. A guardian may name any escrow: only what is in it is others'."""
    for name, other in TWINS.items():
        text = text.replace(name, name if role is Role.GUARDIAN and name == "I-1" else other)
    return text


def other(place: str, body: bytes | None, role: Role) -> tuple[str, bytes | None]:
    """The question about what does not exist."""
    return twin(place, role), None if body is None else twin(body.decode(), role).encode()


def asked_by(caller: Caller, method: str, path: str, body: bytes | None) -> Json:
    """The answer to the one question."""
    if method != "POST":
        return caller.client.request(method, path, headers=caller.headers)
    kind = "application/json" if body and body.startswith(b"{") else "text/csv"
    more = {"If_Match": '"4"'} if "/distributions" in path else {}
    return caller.post(path, body, key=f"foreign-{next(NUMBERS)}", Content_Type=kind, **more)


def same(theirs: Json, nothing: Json) -> bool:
    """Whether the two answers differ in nothing but the names that were asked about."""
    if "json" not in theirs.headers["content-type"] or "ndjson" in theirs.headers["content-type"]:
        return bool(theirs.status_code == nothing.status_code)
    said = [json.dumps({**each.json(), "trace_id": ""}, ensure_ascii=False) for each in (theirs, nothing)]
    plain = [twin(each, Role.REGULATOR) for each in said]
    return bool(theirs.status_code == nothing.status_code and plain[0] == plain[1])


def shown(answer: Json, sent: str) -> list[str]:
    """What of I-1 an answer shows that was not in the question."""
    return [each for each in SECRETS if each in answer.text and each not in sent]


def ask_twice(caller: Caller, method: str, place: str, body: bytes | None) -> tuple[Json, Json]:
    """The answers about what is another's and about what is not there: the same, and nothing of I-1 in them."""
    role, sent = caller.mandate.role, place + (body or b"").decode()
    theirs = asked_by(caller, method, place, body)
    nothing = asked_by(caller, method, *other(place, body, role))
    assert theirs.status_code < 500, (place, theirs.text)
    assert not shown(theirs, sent), (role, place, theirs.text)
    assert same(theirs, nothing), (role, place, theirs.text, nothing.text)
    return theirs, nothing


def questions(both: Callers) -> Iterator[tuple[str, Caller, str, str]]:
    """Who asks, and every route they might ask by method."""
    for who, (role, scope) in OTHERS.items():
        caller = both.of(role, f"other-{role}", **scope)
        for method, path in sorted(set(routes(both.client.app))):
            yield who, caller, method, path


def test_what_is_anothers_is_answered_as_what_does_not_exist(
    both: Callers, guarded: GuardedLedger, asked: Counter[str]
) -> None:
    before = guarded.position()
    for who, caller, method, path in questions(both):
        if path in NOT_OURS:
            continue
        place = path.format(**PATHS | {"approval_id": "A-1"}) + QUERIES.get(path, "")
        theirs, _ = ask_twice(caller, method, place, body_of(path) if method == "POST" else None)
        asked[who] += 2
        if "{" in path and theirs.status_code < 300:  # a guardian may name any escrow, and finds nothing there
            assert caller.mandate.role is Role.GUARDIAN, (path, theirs.text)
        assert guarded.position() == before, (method, path)


def test_a_foreign_object_is_not_there_in_an_institution_of_ones_own(
    both: Callers, guarded: GuardedLedger, asked: Counter[str]
) -> None:
    before = guarded.position()
    for who, caller, method, path in questions(both):
        if "{institution_id}" not in path or (method == "POST" and path.rpartition("/")[2] not in NOUNS):
            continue
        place = path.format(**PATHS | {"institution_id": "I-2"}) + QUERIES.get(path, "")
        place += "?dry_run=true" if method == "POST" else ""
        body = body_of(path) if method == "POST" else None
        if (place, body) == other(place, body, caller.mandate.role):
            continue  # it names nothing of others
        theirs, _ = ask_twice(caller, method, place, body)
        asked[who] += 2
        if method == "GET":
            assert theirs.status_code in {403, 404, 409}, (path, theirs.text)
    assert guarded.position() == before
