"""Bearer tokens: signed JWTs that carry a mandate and run out."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from api.problems import Problem
from api.security.mandate import OFFICERS, Mandate
from ledger.identifiers import Role, is_id

ALGORITHM: Final = "HS256"
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,56}")
_JURISDICTION = re.compile(r"CN(-[A-Z]{2}){0,2}")
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_MICROSECONDS = 1_000_000


class UnfitMandate(ValueError):
    """The scope does not fit the role: what is wrong is said in words."""


class Tokens:
    """Issues and reads tokens of one issuer. `clock` gives µs since the epoch, UTC."""

    def __init__(self, secret: bytes, issuer: str, clock: Callable[[], int]) -> None:
        self._key = OctKey.import_key(secret)
        self._issuer = issuer
        self._clock = clock

    def issue(self, mandate: Mandate, lifetime_seconds: int) -> str:
        """A token for this mandate. Raises UnfitMandate."""
        scope = _scope(mandate)
        mandate_of(mandate.subject, mandate.role, scope)
        now = self._clock() // _MICROSECONDS
        claims = {
            "iss": self._issuer,
            "sub": mandate.subject,
            "role": mandate.role.value,
            "scope": scope,
            "iat": now,
            "exp": now + lifetime_seconds,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key)

    def read(self, token: str) -> Mandate:
        """The mandate in a token. Raises Problem: token_invalid, token_expired."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            raise Problem("token_invalid", headers=_CHALLENGE) from None
        expires, subject, role = claims.get("exp"), claims.get("sub"), claims.get("role")
        if claims.get("iss") != self._issuer or type(expires) is not int or not isinstance(subject, str):
            raise Problem("token_invalid", headers=_CHALLENGE)
        if expires <= self._clock() // _MICROSECONDS:
            raise Problem("token_expired", headers=_CHALLENGE)
        try:
            return mandate_of(subject, Role(str(role)), claims.get("scope"))
        except ValueError:
            raise Problem("token_invalid", headers=_CHALLENGE) from None


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header. Raises Problem: unauthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem("unauthenticated", headers=_CHALLENGE)
    return token.strip()


def mandate_of(subject: str, role: Role, scope: object) -> Mandate:
    """The mandate with this scope, exactly what the role needs and nothing else. Raises UnfitMandate."""
    if not _SUBJECT.fullmatch(subject):
        raise UnfitMandate("a subject is 1 to 56 letters, digits, - or _")
    given = scope if isinstance(scope, Mapping) else {}
    match role:
        case Role.BANK:
            _only(given, "custodians")
            return Mandate(subject, role, custodians=_ids(given, "custodians"))
        case Role.INSTITUTION:
            _only(given, "institutions")
            return Mandate(subject, role, institutions=_ids(given, "institutions"))
        case Role.GUARDIAN:
            _only(given, "guardian_id")
            return Mandate(subject, role, guardian_id=_id(given.get("guardian_id"), "guardian_id"))
        case Role.MEDIATOR | Role.REGULATOR | Role.AUDITOR:
            _only(given, "jurisdiction", "district")
            return _officer(subject, role, given)


def _officer(subject: str, role: Role, given: Mapping[str, Any]) -> Mandate:
    jurisdiction, district = given.get("jurisdiction"), given.get("district")
    if not isinstance(jurisdiction, str) or not _JURISDICTION.fullmatch(jurisdiction):
        raise UnfitMandate("an officer needs a jurisdiction such as CN-BJ")
    if district is not None and not (isinstance(district, str) and district):
        raise UnfitMandate("a district is a name")
    return Mandate(subject, role, jurisdiction=jurisdiction, district=district)


def _only(given: Mapping[str, Any], *names: str) -> None:
    if unknown := set(given) - set(names):
        raise UnfitMandate(f"this role has no scope {', '.join(sorted(map(str, unknown)))}")


def _ids(given: Mapping[str, Any], name: str) -> frozenset[str]:
    ids = given.get(name)
    if not isinstance(ids, list) or not ids:
        raise UnfitMandate(f"this role needs {name}")
    return frozenset(_id(each, name) for each in ids)


def _id(value: object, name: str) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise UnfitMandate(f"{name} is missing or malformed")
    return value


def _scope(mandate: Mandate) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    if mandate.custodians:
        scope["custodians"] = sorted(mandate.custodians)
    if mandate.institutions:
        scope["institutions"] = sorted(mandate.institutions)
    if mandate.guardian_id is not None:
        scope["guardian_id"] = mandate.guardian_id
    if mandate.role in OFFICERS:
        scope["jurisdiction"] = mandate.jurisdiction
        if mandate.district is not None:
            scope["district"] = mandate.district
    return scope
