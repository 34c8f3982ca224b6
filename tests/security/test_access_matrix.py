"""Every route × six roles × every kind of token that lets nobody in; and no route that nobody declared."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.nouns import NOUNS, OPENING
from api.security.registry import Deed, end_subject, register_client, writing
from api.security.scopes import mandate_of
from api.security.tokens import LONGEST_SECONDS, Tokens
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SCOPES, SECRET, code
from tests.api.test_access import APART, PATHS, PUBLIC, READS, UPLOADS, routes
from tests.conftest import Clock
from tests.security.conftest import Stage, staged

ESCROW = "/v1/escrows/{institution_id}"
ALONE = {"/openapi.json"}
"""Not a route of ours: the framework's own."""
DOORS = {("POST", "/v1/tokens"), ("GET", "/.well-known/jwks.json")}
"""Where one comes in without a token, to get one."""
MORE = {
    ("POST", "/v1/batches"),
    ("POST", "/v1/entitlement-calculations"),
    ("POST", "/v1/approvals"),
    ("POST", "/v1/approvals/{approval_id}/decisions"),
    ("POST", "/v1/subject-lookups"),
    ("POST", "/v1/subjects"),
    ("PUT", "/v1/subjects/{subject_id}"),
    ("POST", "/v1/subjects/{subject_id}/forgetting"),
}
"""Routes that stand in no table of nouns or reads; each has its own test of who may."""
NAMES = {**PATHS, "approval_id": "A-1", "subject_id": "S-1", "code": "not_found"}
SUFFIXES = (".csv", ".xlsx", ".ndjson")


def declared() -> set[tuple[str, str]]:
    """Every route with a declared access, said a second time and independently of the routes."""
    reads = {("GET", path) for path in (*READS, *APART, *PUBLIC)}
    commands = {("POST", "/v1/escrows" if noun == OPENING else f"{ESCROW}/{noun}") for noun in NOUNS}
    return reads | commands | {("POST", f"{ESCROW}/{noun}") for noun in UPLOADS} | MORE | DOORS


def stem(path: str) -> str:
    """The path without the format of its answer."""
    return next((path.removesuffix(each) for each in SUFFIXES if path.endswith(each)), path)


@pytest.fixture(scope="module")
def closed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An application in which six registered clients, one of each role, have ended."""
    path = tmp_path_factory.mktemp("closed") / "ledger.sqlite"
    path.write_bytes(sqlite_template.read_bytes())
    for stage in staged(f"sqlite:///{path}", Clock(), rate_address="", rate_client=""):
        with writing(stage.ledger.engine) as connection:
            for role in Role:
                register_client(connection, mandate_of(f"ended-{role}", role, SCOPES[role]), Deed("test", 1))
                end_subject(connection, f"ended-{role}", Deed("test", 2))
        yield stage


def tokens_that_let_nobody_in(stage: Stage, role: Role) -> dict[str, tuple[dict[str, str], str]]:
    """Headers of every kind, and the code they are refused with."""

    def made(tokens: Tokens, subject: str, lifetime: int = 3600) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(mandate_of(subject, role, SCOPES[role]), lifetime)}"}

    clock, secret = stage.clock, SECRET.encode()
    ours = Tokens(secret, ISSUER, clock)
    return {
        "no token": ({}, "unauthenticated"),
        "another scheme": ({"Authorization": "Basic eDp5"}, "unauthenticated"),
        "expired": (made(ours, "late", -1), "token_expired"),
        "another issuer": (made(Tokens(secret, "another", clock), "x"), "token_invalid"),
        "another key": (made(Tokens(secret[::-1], ISSUER, clock), "x"), "token_invalid"),
        "too long": (made(ours, "x", LONGEST_SECONDS + 1), "token_invalid"),
        "of later": (made(Tokens(secret, ISSUER, lambda: clock() + 31_000_000), "x"), "token_invalid"),
        "ended client": (made(ours, f"ended-{role}"), "token_revoked"),
    }


def test_no_route_is_undeclared(closed: Stage) -> None:
    found = {(method, stem(path)) for method, path in routes(closed.client.app) if path not in ALONE}
    assert found - declared() == set(), "declare who may, here or in the tables of test_access"
    assert len(found) > 100


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_route_lets_anybody_in_without_a_token_that_holds(closed: Stage, role: Role, asked: Counter[str]) -> None:
    given = tokens_that_let_nobody_in(closed, role)
    for method, path in sorted(set(routes(closed.client.app))):
        if path in PUBLIC or (method, path) in DOORS:
            continue
        for name, (headers, expected) in given.items():
            answer = closed.client.request(method, path.format(**NAMES), headers=headers)
            assert (answer.status_code, code(answer)) == (401, expected), (method, path, name, answer.text)
            asked[name] += 1
    assert asked.total() > 600
    assert closed.ledger.position() == 0
