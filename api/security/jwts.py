"""JSON Web Tokens with one algorithm for each key: whatever a token says of itself decides nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from joserfc._rfc7515.model import JWSAlgModel

ED25519_NAMES: Final = frozenset({"Ed25519", "EdDSA"})
"""RFC 9864 and, before it, RFC 8037: one algorithm under two names."""
_BY_NAME: Final = {
    "RS256": RSAKey,
    "PS256": RSAKey,
    "ES256": ECKey,
    **dict.fromkeys(ED25519_NAMES, OKPKey),
}
_USUAL: Final = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}


class Forged(Exception):
    """This token was not signed by that key, or is none."""


class _OneAlgorithm(JWSRegistry):
    """Knows one algorithm, under its names."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def get_alg(self, name: str) -> "JWSAlgModel":
        """The algorithm, if it is the one."""
        if name not in self._names:
            raise Forged
        return self.algorithms[name]


def read_claims(token: str, key: Key, names: frozenset[str] = ED25519_NAMES) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that this key signed with this algorithm. Raises Forged."""
    try:
        read = jwt.decode(token, key, algorithms=list(names), registry=_OneAlgorithm(names))
    except (JoseError, ValueError, TypeError, KeyError):
        raise Forged from None
    return dict(read.header), dict(read.claims)


def algorithm_of(members: Mapping[str, Any]) -> tuple[Key, frozenset[str]]:
    """A key of a JWKS and its one algorithm: that of its `alg`, else the usual one of its type.

    Raises Forged for symmetric keys, other curves and other algorithms.
    """
    usual = _USUAL.get(str(members.get("kty")), "")
    name = str(members.get("alg") or usual)
    kind = _BY_NAME.get(name)
    try:
        key = import_key(dict(members))
    except (JoseError, ValueError, TypeError, KeyError):
        raise Forged from None
    curve = members.get("crv")
    if kind is None or not isinstance(key, kind) or curve not in (None, "P-256", "Ed25519"):
        raise Forged
    return key, ED25519_NAMES if name in ED25519_NAMES else frozenset({name})
