"""Bearer tokens: short-lived JWTs of this ledger or of the outside provider, held against the registry each time."""

import re
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwk import OKPKey

from api.problems import Problem
from api.security.directory import Directory
from api.security.jwts import Forged, read_claims
from api.security.keys import PublicKey, pkcs8, public_key_of
from api.security.mandate import Mandate
from api.security.oidc import OutsideProvider
from api.security.scopes import UnfitMandate, mandate_of, scope_of
from ledger.identifiers import Role

LIFETIME_SECONDS: Final = 900
"""Of a token that was asked for at /v1/tokens."""
LONGEST_SECONDS: Final = 86_400
"""Of any token, checked at each request: who has what signs them for a moment has no token for a year."""
AHEAD_SECONDS: Final = 30
"""So far ahead may the clock be of who issued it."""
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
MOST_REMEMBERED: Final = 10_000
_KEY_USE: Final = b"escrow-ledger access tokens, Ed25519"
_TYPE: Final = "at+jwt"
_MICROSECONDS: Final = 1_000_000
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

Claims = dict[str, Any]


class Tokens:
    """Issues and reads tokens of one issuer. `clock` gives µs since the epoch, UTC.

    With a directory, the registry decides what a registered subject may, whatever its token says, and nothing once the
    subject has ended. The signing key is derived from the secret (HKDF-SHA256), so that there is one thing to keep.
    """

    def __init__(
        self,
        secret: bytes,
        issuer: str,
        clock: Callable[[], int],
        directory: Directory | None = None,
        outside: OutsideProvider | None = None,
    ) -> None:
        seed = HKDF(hashes.SHA256(), 32, salt=None, info=_KEY_USE).derive(secret)
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: PublicKey = public_key_of(private)
        self.issuer = issuer
        self.directory = directory
        self._key = OKPKey.import_key(pkcs8(private))
        self._clock = clock
        self._outside = outside
        self._read: dict[bytes, tuple[int, Claims]] = {}

    def issue(self, mandate: Mandate, lifetime_seconds: int) -> str:
        """A token that carries a mandate, for LONGEST_SECONDS at most: what the command line gives out.

        Raises UnfitMandate.
        """
        scope = scope_of(mandate)
        mandate_of(mandate.subject, mandate.role, scope)
        return self._issue(mandate.subject, lifetime_seconds, {"role": mandate.role.value, "scope": scope})

    def issue_for(self, subject: str, lifetime_seconds: int = LIFETIME_SECONDS) -> str:
        """A token for a registered subject; what it may is in the registry."""
        return self._issue(subject, lifetime_seconds, {})

    def read(self, token: str) -> Mandate:
        """The mandate of a token's bearer. Raises Problem: token_invalid, token_expired, token_revoked."""
        at = self._clock()
        claims = self._claims(token, at)
        _check_times(claims, at // _MICROSECONDS)
        if claims["iss"] != self.issuer:
            return self._of_outside(claims["sub"])
        standing = None if self.directory is None else self.directory.subject(claims["sub"])
        if standing is not None:
            if standing.ended:
                raise Problem("token_revoked", headers=CHALLENGE)
            return standing.mandate
        try:
            return mandate_of(claims["sub"], Role(str(claims.get("role"))), claims.get("scope"))
        except ValueError:
            raise _invalid() from None

    def _issue(self, subject: str, lifetime_seconds: int, more: Claims) -> str:
        now = self._clock() // _MICROSECONDS
        claims = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime_seconds,
            "jti": secrets.token_urlsafe(12),
        }
        header = {"alg": "Ed25519", "kid": self.public_key.key_id, "typ": _TYPE}
        return jwt.encode(header, claims | more, self._key, algorithms=["Ed25519"])

    def _claims(self, token: str, at: int) -> Claims:
        """The claims of a token whose signature holds; those read before under the same keys are not verified again."""
        revision = 0 if self._outside is None else self._outside.revision(at)
        name = sha256(token.encode()).digest()
        under, claims = self._read.get(name, (-1, {}))
        if under != revision:
            claims = self._verified(token)
            if len(self._read) >= MOST_REMEMBERED:
                self._read.clear()
            self._read[name] = revision, claims
        return claims

    def _verified(self, token: str) -> Claims:
        if not _COMPACT.fullmatch(token):
            raise _invalid()
        try:
            header, claims = read_claims(token, self._key)
        except Forged:
            return self._outside_claims(token)
        ours = (self.public_key.key_id, _TYPE, self.issuer, self.issuer)
        if (header.get("kid"), header.get("typ"), claims.get("iss"), claims.get("aud")) != ours:
            raise _invalid()
        if "iat" not in claims:
            raise _invalid()
        return _well_formed(claims)

    def _outside_claims(self, token: str) -> Claims:
        if self._outside is None:
            raise _invalid()
        try:
            claims = self._outside.claims_of(token)
        except Forged:
            raise _invalid() from None
        if claims.get("iss") == self.issuer:
            raise _invalid()
        return _well_formed(claims)

    def _of_outside(self, sub: str) -> Mandate:
        """Whom the outside provider names is let in as the user registered under that name, and as nobody else."""
        standing = None if self.directory is None else self.directory.outside(sub)
        if standing is None:
            raise Problem("token_unknown_subject", headers=CHALLENGE)
        if standing.ended:
            raise Problem("token_revoked", headers=CHALLENGE)
        return standing.mandate


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header. Raises Problem: unauthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem("unauthenticated", headers=CHALLENGE)
    return token.strip()


def _well_formed(claims: Claims) -> Claims:
    """The claims, if they name whom they are for and until when, and every time in them is whole seconds."""
    times = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    if "exp" not in claims or {type(each) for each in times} != {int} or not isinstance(claims.get("sub"), str):
        raise _invalid()
    return claims


def _check_times(claims: Claims, now: int) -> None:
    """Hold a token against the clock, `now` in seconds. Raises Problem: token_expired, token_invalid."""
    if claims["exp"] <= now:
        raise Problem("token_expired", headers=CHALLENGE)
    issued = claims.get("iat", now)
    if max(issued, claims.get("nbf", issued)) > now + AHEAD_SECONDS or claims["exp"] - issued > LONGEST_SECONDS:
        raise _invalid()


def _invalid() -> Problem:
    return Problem("token_invalid", headers=CHALLENGE)


__all__ = ["CHALLENGE", "LIFETIME_SECONDS", "Tokens", "UnfitMandate", "bearer", "mandate_of"]
