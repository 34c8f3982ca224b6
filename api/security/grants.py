"""What `POST /v1/tokens` takes (OAuth 2.0): a client's assertion (RFC 7523), or a user's name and password."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import extract_compact

from api.problems import Problem
from api.security.directory import Directory
from api.security.jwts import Forged, read_claims
from api.security.limits import site_of
from api.security.nonces import Nonces
from api.security.passwords import SignIn

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION_SECONDS: Final = 300
AHEAD_SECONDS: Final = 30
MOST_JTI: Final = 128
_MICROSECONDS: Final = 1_000_000


class Grants:
    """Judges requests for a token; the answer is the subject the token is for."""

    def __init__(self, directory: Directory, nonces: Nonces, sign_in: SignIn, audiences: frozenset[str]) -> None:
        self._directory = directory
        self._nonces = nonces
        self._sign_in = sign_in
        self._audiences = audiences

    def subject_of(self, form: Mapping[str, str], now: int, address: str) -> str:
        """Who asks, from which address; `now` is µs UTC.

        Raises Problem: token_request_malformed, grant_unsupported, client_assertion_invalid, credentials_wrong;
        StoreUnavailable.
        """
        match form.get("grant_type"):
            case "client_credentials":
                return self._client(form, now)
            case "password":
                return self._sign_in.check(_given(form, "username"), _given(form, "password"), site_of(address))
            case None:
                raise Problem("token_request_malformed", {"parameter": "grant_type"})
            case _:
                raise Problem("grant_unsupported")

    def _client(self, form: Mapping[str, str], now: int) -> str:
        if _given(form, "client_assertion_type") != ASSERTION_TYPE:
            raise Problem("token_request_malformed", {"parameter": "client_assertion_type"})
        assertion = _given(form, "client_assertion")
        try:
            kid = str(extract_compact(assertion.encode()).headers().get("kid"))
        except (JoseError, ValueError, TypeError, AttributeError):
            raise Problem("client_assertion_invalid") from None
        found = self._directory.key(kid)
        if found is None or found.revoked_at is not None or not found.in_force(now):
            raise Problem("client_assertion_invalid")
        try:
            _, claims = read_claims(assertion, OKPKey.import_key(found.key.key))
        except Forged:
            raise Problem("client_assertion_invalid") from None
        self._check(claims, found.subject, now // _MICROSECONDS)
        return found.subject

    def _check(self, claims: Mapping[str, object], subject: str, now: int) -> None:
        audience, expires, jti = claims.get("aud"), claims.get("exp"), claims.get("jti")
        named = audience if isinstance(audience, list) else [audience]
        standing = self._directory.subject(subject)
        if (
            (claims.get("iss"), claims.get("sub"), _has_id(claims)) != (subject, subject, True)
            or not self._audiences & {each for each in named if isinstance(each, str)}
            or not isinstance(expires, int)
            or not now < expires <= now + LONGEST_ASSERTION_SECONDS + AHEAD_SECONDS
            or standing is None
            or standing.ended
        ):
            raise Problem("client_assertion_invalid")
        if not self._nonces.spend(f"assertion {subject}", str(jti), (expires + 1) * _MICROSECONDS):
            raise Problem("client_assertion_invalid")


def _has_id(claims: Mapping[str, object]) -> bool:
    """Whether an assertion has an id that can be remembered."""
    jti = claims.get("jti")
    return isinstance(jti, str) and 0 < len(jti) <= MOST_JTI and jti.isprintable()


def read_form(raw: bytes) -> dict[str, str]:
    """The fields of a form, each once. Raises Problem token_request_malformed."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except ValueError:
        raise Problem("token_request_malformed", {"parameter": "form"}) from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise Problem("token_request_malformed", {"parameter": "form"})
    return form


def _given(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise Problem("token_request_malformed", {"parameter": name})
    return form[name]
