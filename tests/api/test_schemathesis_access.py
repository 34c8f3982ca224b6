"""Generated requests of those whom nobody lets in: no token, a wrong one, the wrong role, no signature that holds.

Each request fits the description, so that nothing but the caller is wrong. The answer is 401 or 403 as described, the
same whatever was asked, and nothing is recorded.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.security.mandate import MUST_SIGN
from api.security.registry import Deed, end_subject, register_client, writing
from api.security.scopes import mandate_of
from api.security.signatures import WINDOW_SECONDS
from api.security.tokens import Tokens
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SCOPES, SECRET, Caller, Json, Signer
from tests.api.conftest import pay
from tests.api.fuzzing import EXAMPLES, Fuzzed, name_of, roles_of, seeded, whole

PARTS = 4
REQUESTS = max(1, EXAMPLES // 3)
"""For each operation; each is sent by everybody who is not let in."""
CONFORM = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNSIGNED = "eyJhbGciOiJub25lIn0"
"""The head of a token that claims to need no signature."""
NOISE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200)


@dataclass(frozen=True)
class Intruder:
    """Somebody who is not let in: what is sent in place of credentials, and the codes of the refusal."""

    kind: str
    status: int
    codes: frozenset[str]
    sent: dict[str, Any]


@pytest.fixture(scope="module")
def fuzzed(empty_fuzzed: Fuzzed) -> Fuzzed:
    """One contract of I-1 is paid; six clients, one of each role, have ended; two banks are registered."""
    pay(empty_fuzzed.callers)
    with writing(empty_fuzzed.ledger.engine) as connection:
        for role in Role:
            register_client(connection, mandate_of(f"ended-{role}", role, SCOPES[role]), Deed("test", 1))
            end_subject(connection, f"ended-{role}", Deed("test", 2))
    empty_fuzzed.callers.of(Role.BANK, "intruding-bank")
    empty_fuzzed.callers.of(Role.BANK, "another-bank", custodians=["bank-2"])
    return empty_fuzzed


def _bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def without_a_token_that_holds(fuzzed: Fuzzed, role: Role, noise: str, at: int) -> Iterator[Intruder]:
    """Nobody, noise, and tokens that were good elsewhere, once, or before a letter of them was changed."""
    mandate, secret, clock = mandate_of("x", role, SCOPES[role]), SECRET.encode(), fuzzed.clock
    ours = Tokens(secret, ISSUER, clock)
    good = ours.issue(mandate, 3600)
    head, body, _ = good.split(".")
    at %= len(good) - 2
    changed = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
    for kind, expected, sent in (
        ("no token", "unauthenticated", {"headers": {}}),
        ("another scheme", "unauthenticated", {"headers": {"Authorization": "Basic eDp5"}}),
        ("expired", "token_expired", _bearer(ours.issue(mandate, -1))),
        ("another issuer", "token_invalid", _bearer(Tokens(secret, "another", clock).issue(mandate, 3600))),
        ("another key", "token_invalid", _bearer(Tokens(secret[::-1], ISSUER, clock).issue(mandate, 3600))),
        ("unsigned", "token_invalid", _bearer(f"{UNSIGNED}.{body}.")),
        ("cut", "token_invalid", _bearer(f"{head}.{body}")),
        ("changed", "token_invalid", _bearer(changed)),
        ("ended", "token_revoked", _bearer(ours.issue(mandate_of(f"ended-{role}", role, SCOPES[role]), 3600))),
    ):
        yield Intruder(kind, 401, frozenset({expected}), sent)
    yield Intruder("noise", 401, frozenset({"token_invalid", "unauthenticated"}), _bearer(noise))


def of_the_wrong_role(fuzzed: Fuzzed, operation: Json) -> Iterator[Intruder]:
    """A good token of each role that may not."""
    for role in sorted(set(Role) - set(roles_of(operation))):
        token = fuzzed.callers.tokens.issue(mandate_of(f"wrong-{role}", role, SCOPES[role]), 3600)
        yield Intruder(f"a {role}", 403, frozenset({"role_not_allowed", "not_permitted"}), _bearer(token))


class Forger(Signer):
    """Signs as a bank and then spoils it."""

    def __init__(self, fuzzed: Fuzzed, kind: str, at: int) -> None:
        app: Json = fuzzed.client.app
        super().__init__(app.state.runtime, "another-bank" if kind == "another's key" else "intruding-bank")
        self._kind, self._at, self._clock = kind, at, fuzzed.clock

    def _signature(self, request: Json, body: bytes) -> dict[str, str]:
        late = self._kind == "a late signature"
        if late:
            self._clock.advance(seconds=-WINDOW_SECONDS - 1)
        signed = super()._signature(request, body + b" " if self._kind == "another body" else body)
        if late:
            self._clock.advance(seconds=WINDOW_SECONDS + 1)
        if self._kind == "a changed signature":
            text, at = signed["Signature"], len("sig=:") + self._at % 80
            signed["Signature"] = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        return signed


FORGERIES = {
    "another's key": (403, "key_of_another_client"),
    "a late signature": (401, "signature_expired"),
    "another body": (400, "digest_mismatch"),
    "a changed signature": (401, "signature_invalid"),
}


def without_a_signature_that_holds(fuzzed: Fuzzed, bank: Caller, at: int) -> Iterator[Intruder]:
    """A bank with its token that does not sign, or not this."""
    sent = {"headers": {"Authorization": bank.headers["Authorization"]}}
    yield Intruder("no signature", 401, frozenset({"signature_required"}), sent)
    for kind, (status, expected) in FORGERIES.items():
        yield Intruder(kind, status, frozenset({expected}), {**sent, "auth": Forger(fuzzed, kind, at)})


def _refused(case: Json, who: Intruder, said: dict[tuple[str, ...], Json]) -> None:
    """Refused as described, and in the same words whatever was asked."""
    case.headers = {name: value for name, value in (case.headers or {}).items() if name != "Authorization"}
    case.headers["Accept-Language"] = "en"
    answer = case.call(**who.sent)
    case.validate_response(answer, checks=CONFORM)
    told = answer.json()
    assert (answer.status_code, told["code"] in who.codes) == (who.status, True), (who, answer.text)
    del told["trace_id"]
    key = (told["code"], name_of(case.operation) if who.status == 403 else "", who.kind)
    assert said.setdefault(key, told) == told, (who, "an answer that depends on what was asked")


def _nobody_is_let_in(operation: Json, fuzzed: Fuzzed, asked: Counter[str], said: dict[tuple[str, ...], Json]) -> None:
    roles = roles_of(operation)
    signed = operation.method == "post" and any(each.name == "Idempotency-Key" for each in operation.headers)
    bank = fuzzed.callers.of(Role.BANK, "intruding-bank") if signed and MUST_SIGN & set(roles) else None

    @seeded(REQUESTS)
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        role=st.sampled_from(roles),
        noise=NOISE,
        at=st.integers(0, 10_000),
    )
    def check(case: Json, role: Role, noise: str, at: int) -> None:
        case.body, case.query = whole(case.body), whole(case.query)
        if at % 2 and "institution_id" in (case.path_parameters or {}):
            case.path_parameters["institution_id"] = "I-1"
        intruders = [*without_a_token_that_holds(fuzzed, role, noise, at), *of_the_wrong_role(fuzzed, operation)]
        intruders += [] if bank is None else without_a_signature_that_holds(fuzzed, bank, at)
        for who in intruders:
            asked[who.kind] += 1
            _refused(case, who, said)

    check()


@pytest.mark.parametrize("part", range(PARTS))
def test_nobody_is_let_in_without_token_role_and_signature(fuzzed: Fuzzed, asked: Counter[str], part: int) -> None:
    guarded = [each for each in fuzzed.operations if each.definition.raw["security"]]
    before, said = fuzzed.ledger.position(), dict[tuple[str, ...], Json]()
    assert len(guarded) > 150
    for operation in guarded[part::PARTS]:
        _nobody_is_let_in(operation, fuzzed, asked, said)
    assert fuzzed.ledger.position() == before
    assert set(FORGERIES) | {"no token", "noise", "changed", "ended", "a guardian"} <= set(asked)
