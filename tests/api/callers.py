"""Callers of the six roles, and what they post."""

from itertools import count
from typing import Any

from starlette.testclient import TestClient

from api.security.mandate import Mandate
from api.security.tokens import Tokens, mandate_of
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


class Caller:
    """Somebody with a token, who numbers their requests."""

    def __init__(self, client: TestClient, tokens: Tokens, mandate: Mandate) -> None:
        self.client = client
        self.mandate = mandate
        self.headers = {"Authorization": f"Bearer {tokens.issue(mandate, 240 * HOUR)}", "Accept-Language": "en"}
        self._keys = (f"key-{number}" for number in count(1))

    def post(self, path: str, body: Json = None, *, key: str | None = None, **headers: str) -> Json:
        """Post JSON (or raw bytes) under a key of its own; header names have their `_` as `-`."""
        given = {"Idempotency-Key": key or next(self._keys), "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return self.client.post(path, content=body, headers=self.headers | given)
        return self.client.post(path, json={} if body is None else body, headers=self.headers | given)

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
