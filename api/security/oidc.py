"""Tokens of an outside OpenID Connect provider: its keys from a JWKS file, its word only on who somebody is."""

import json
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import extract_compact

from api.security.jwts import Forged, algorithm_of, read_claims

LOOKED_AT_US: Final = 1_000_000
"""For so long a key that the provider added or withdrew may go unnoticed."""
log = structlog.get_logger("api")


class UnreadableKeySet(Exception):
    """The file is not there, cannot be read, or is no JWKS: which of them, in words."""


class OutsideProvider:
    """One issuer whose tokens are taken. What they say about roles is not: the registry says it."""

    def __init__(self, issuer: str, audience: str, jwks: Path) -> None:
        """Raises UnreadableKeySet."""
        self.issuer = issuer
        self._audience = audience
        self._path = jwks
        self._looking = Lock()
        self._looked_at = 0
        self._unreadable = ""
        self._read_from: tuple[int, ...] | None = None
        self._keys: dict[str, tuple[Key, frozenset[str]]] = {}
        self._revision = 0
        self._load()

    def revision(self, at: int) -> int:
        """How many times the keys were read: what was verified under another number may be withdrawn by now.

        The file is looked at once a second at most (`at` is µs UTC). While it cannot be read the keys stay as they are.
        """
        with self._looking:
            if abs(at - self._looked_at) >= LOOKED_AT_US:
                self._looked_at = at
                self._look()
        return self._revision

    def claims_of(self, token: str) -> dict[str, Any]:
        """The claims of a token that this provider signed for this ledger. Raises Forged."""
        try:
            kid = extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError, TypeError, AttributeError):
            raise Forged from None
        key, names = self._keys.get(str(kid), (None, frozenset[str]()))
        if key is None:
            raise Forged
        _, claims = read_claims(token, key, names)
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self._audience not in named:
            raise Forged
        return claims

    def _look(self) -> None:
        """Read the keys again; why that fails is logged once."""
        try:
            self._load()
        except UnreadableKeySet as error:
            if self._unreadable != str(error):
                log.warning("outside keys stay as they were", reason=str(error))
            self._unreadable = str(error)
        else:
            self._unreadable = ""

    def _load(self) -> None:
        """Take the keys that can be used, if the file has changed. Raises UnreadableKeySet."""
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if version == self._read_from:
                return
            keys = _usable(self._path.read_bytes())
        except OSError as error:
            raise UnreadableKeySet(f"读不到文件 {self._path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            wanted = "a JWKS is an object with keys, each with its kid"
            raise UnreadableKeySet(f"文件不是 JWKS 公钥集 {self._path} is malformed: {wanted}") from None
        if not keys:
            log.warning("nobody is let in from outside: no key in the file can be used", file=str(self._path))
        self._keys, self._read_from = keys, version
        self._revision += 1


def _usable(raw: bytes) -> dict[str, tuple[Key, frozenset[str]]]:
    """The keys of a JWKS that can be used here, by kid; others stand in it rightly and are left out.

    Raises ValueError, TypeError, KeyError, RecursionError for what is none.
    """
    members = json.loads(raw)["keys"]
    if not isinstance(members, list) or not all(isinstance(each, dict) for each in members):
        raise TypeError
    usable = {}
    for each in members:
        with suppress(Forged, KeyError):
            usable[str(each["kid"])] = algorithm_of(each)
    return usable
