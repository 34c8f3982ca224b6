"""Tokens of an outside OpenID Connect provider: its keys from a JWKS file, its word only on who somebody is."""

import json
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import extract_compact

from api.security.jwts import Forged, algorithm_of, read_claims


class UnreadableKeySet(ValueError):
    """The file is no JWKS."""


class OutsideProvider:
    """One issuer whose tokens are taken. What they say about roles is not: the registry says it."""

    def __init__(self, issuer: str, audience: str, jwks: Path) -> None:
        """Raises UnreadableKeySet, OSError."""
        self.issuer = issuer
        self._audience = audience
        self._path = jwks
        self._changed = 0
        self._keys: dict[str, tuple[Key, frozenset[str]]] = {}
        self._load()

    def claims_of(self, token: str) -> dict[str, Any]:
        """The claims of a token that this provider signed for this ledger. Raises Forged."""
        try:
            kid = extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError, TypeError, AttributeError):
            raise Forged from None
        key, names = self._key(str(kid))
        _, claims = read_claims(token, key, names)
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self._audience not in named:
            raise Forged
        return claims

    def _key(self, kid: str) -> tuple[Key, frozenset[str]]:
        if kid not in self._keys and self._path.stat().st_mtime_ns != self._changed:
            self._load()
        try:
            return self._keys[kid]
        except KeyError:
            raise Forged from None

    def _load(self) -> None:
        """Take the keys that can be used; the provider adds and removes them in its own time."""
        self._changed = self._path.stat().st_mtime_ns
        try:
            members = json.loads(self._path.read_bytes())["keys"]
            kept = {}
            for each in members:
                try:
                    kept[str(each["kid"])] = algorithm_of(each)
                except (Forged, KeyError):
                    continue
        except (ValueError, TypeError, KeyError) as error:
            raise UnreadableKeySet("a JWKS is an object with keys, each with its kid") from error
        self._keys = kept
