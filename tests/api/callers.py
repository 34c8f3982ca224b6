"""Callers of the six roles, and what they post."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSignaturesException
from starlette.testclient import TestClient

from api.runtime import Runtime
from api.security.keys import public_key_of
from api.security.mandate import MUST_SIGN, Mandate
from api.security.registry import Deed, change_mandate, register_client, register_key, writing
from api.security.scopes import mandate_of
from api.security.signing import signed_headers
from api.security.tokens import Tokens
from ledger.identifiers import Role

Json = Any
"""A JSON value or a response: whatever a test looks into."""
SECRET = "0123456789abcdef0123456789abcdef"
ISSUER = "escrow-ledger"
HOUR = 3600

ESCROW: dict[str, Any] = {
    "institution_id": "I-1",
    "institution_name": "晨光游泳培训中心",
    "uscc": "91110108MA01A2B3CF",
    "jurisdiction": "CN-BJ",
    "category": "sport",
    "district": "海淀区",
    "licensed": False,
    "custodian": "bank-1",
    "account_id": "6217001",
    "agreement_no": "协议 1 号",
}
CONTRACT: dict[str, Any] = {
    "contract_id": "C-1",
    "guardian_id": "G-1",
    "student_id": "S-1",
    "course": "游泳",
    "subject": "sport",
    "signed_on": "2026-08-20",
    "starts_on": "2026-09-01",
    "ends_on": "2026-11-15",
    "price_fen": 360_000,
    "paid_hours": "36",
}
DEPOSIT: dict[str, Any] = {
    "bank_serial": "20260901001",
    "account_id": "6217001",
    "value_on": "2026-09-01",
    "amount_fen": 360_000,
    "payer_ref": "payer-1",
    "contract_id": "C-1",
}
SCOPES: dict[Role, dict[str, Any]] = {
    Role.BANK: {"custodians": ["bank-1"]},
    Role.INSTITUTION: {"institutions": ["I-1"]},
    Role.GUARDIAN: {"guardian_id": "G-1"},
    Role.MEDIATOR: {"jurisdiction": "CN-BJ", "district": "海淀区"},
    Role.REGULATOR: {"jurisdiction": "CN-BJ"},
    Role.AUDITOR: {"jurisdiction": "CN"},
}
FOREIGN_SCOPES: dict[Role, dict[str, Any]] = {
    Role.BANK: {"custodians": ["bank-2"]},
    Role.INSTITUTION: {"institutions": ["I-2"]},
    Role.GUARDIAN: {"guardian_id": "G-2"},
    Role.MEDIATOR: {"jurisdiction": "CN-BJ", "district": "朝阳区"},
    Role.REGULATOR: {"jurisdiction": "CN-TJ"},
    Role.AUDITOR: {"jurisdiction": "CN-TJ"},
}


def private_key_of(subject: str) -> Ed25519PrivateKey:
    """The key of a client, the same every time."""
    return Ed25519PrivateKey.from_private_bytes(sha256(subject.encode()).digest())


class Signer(httpx2.Auth):
    """Signs each request when it is sent."""

    requires_request_body = True

    def __init__(self, runtime: Runtime, subject: str) -> None:
        self.private = private_key_of(subject)
        self._runtime = runtime

    def auth_flow(self, request: Json) -> Iterator[Json]:
        """Add the headers of a signature."""
        request.headers.update(self._signature(request, request.content))
        yield request

    def __call__(self, request: Json) -> Json:
        """The same for the library that generated requests are sent with."""
        body = request.body or b""
        request.headers.update(self._signature(request, body if isinstance(body, bytes) else body.encode()))
        return request

    def _signature(self, request: Json, body: bytes) -> dict[str, str]:
        """What is added; nothing where the request cannot be signed as it is."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return {}
        created = self._runtime.clock() // 1_000_000
        given = {"Idempotency-Key": key if isinstance(key, str) else key.decode("latin-1")}
        try:
            url = str(request.url)
            signed = signed_headers(self.private, request.method, url, given, body, created=created)
        except HTTPMessageSignaturesException:
            return {}
        return {name: value for name, value in signed.items() if name not in given}


def register(runtime: Runtime, mandate: Mandate) -> None:
    """Make a client known with its key; one that is known gets this mandate."""
    deed = Deed("test", runtime.clock())
    directory = runtime.tokens.directory
    assert directory is not None
    directory.forget()
    with writing(runtime.ledger.engine) as connection:
        if directory.subject(mandate.subject) is not None:
            change_mandate(connection, mandate, deed)
        else:
            register_client(connection, mandate, deed)
            register_key(connection, mandate.subject, public_key_of(private_key_of(mandate.subject)), deed)
    directory.forget()


class Caller:
    """Somebody with a token, who numbers their requests; a bank is registered and signs them."""

    def __init__(self, client: TestClient, tokens: Tokens, mandate: Mandate) -> None:
        self.client = client
        self.mandate = mandate
        self._tokens = tokens
        self._token = (0, "")
        self._keys = (f"key-{number}" for number in count(1))
        runtime: Runtime = client.app.state.runtime  # type: ignore[attr-defined]
        self.auth = None
        if mandate.role in MUST_SIGN:
            register(runtime, mandate)
            self.auth = Signer(runtime, mandate.subject)

    @property
    def headers(self) -> dict[str, str]:
        """A token of this hour, and the language of the answers."""
        hour = self.client.app.state.runtime.clock() // (HOUR * 1_000_000)  # type: ignore[attr-defined] # Starlette's
        if self._token[0] != hour:
            self._token = hour, self._tokens.issue(self.mandate, 24 * HOUR)
        return {"Authorization": f"Bearer {self._token[1]}", "Accept-Language": "en"}

    def post(self, path: str, body: Json = None, *, key: str | None = None, **headers: str) -> Json:
        """Post JSON (or raw bytes) under a key of its own; header names have their `_` as `-`."""
        given = {"Idempotency-Key": key or next(self._keys), "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return self.client.post(path, content=body, headers=self.headers | given, auth=self.auth)
        sent = {} if body is None else body
        return self.client.post(path, json=sent, headers=self.headers | given, auth=self.auth)

    def get(self, path: str, **headers: str) -> Json:
        """Get a resource."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=self.headers | given)


class Callers:
    """Makes callers of one application."""

    def __init__(self, client: TestClient, tokens: Tokens) -> None:
        self.client = client
        self.tokens = tokens

    def of(self, role: Role, subject: str | None = None, **scope: Json) -> Caller:
        """A caller with the usual scope of the role, or another one."""
        mandate = mandate_of(subject or f"the-{role}", role, scope or SCOPES[role])
        return Caller(self.client, self.tokens, mandate)

    def foreign(self, role: Role) -> Caller:
        """A caller of the role for whom nothing of I-1 exists."""
        return self.of(role, f"other-{role}", **FOREIGN_SCOPES[role])


def code(response: Json) -> str:
    """The code of a problem; fails where the answer is none, or is not a complete one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert body["trace_id"] == response.headers["trace-id"]
    found: str = body["code"]
    return found
