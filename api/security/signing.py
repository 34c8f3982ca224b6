"""Signs requests (RFC 9421) and client assertions (RFC 7523): what a client does, for our command line and tests."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from joserfc import jwt
from joserfc.jwk import OKPKey

from api.security.keys import pkcs8, public_key_of

COMPONENTS: Final = ("@method", "@target-uri", "content-digest", "idempotency-key")
"""What a signature covers: exactly these, in any order."""
ASSERTION_SECONDS: Final = 60
LABEL: Final = "sig"


@dataclass
class Message:
    """A request as the signature library reads it; signing adds to its headers."""

    method: str
    url: str
    headers: dict[str, str]


def signed_headers(
    private: Ed25519PrivateKey,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    created: int | None = None,
) -> dict[str, str]:
    """The headers with Content-Digest, Signature-Input and Signature; `created` are POSIX seconds, now by default.

    The headers must hold an Idempotency-Key. Every call makes another signature: its nonce is random.
    """
    message = Message(method, url, dict(headers))
    key_id = public_key_of(private).key_id
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={key_id: private}),
    )
    signer.sign(
        message,
        key_id=key_id,
        created=None if created is None else datetime.fromtimestamp(created, UTC),
        nonce=secrets.token_urlsafe(18),
        label=LABEL,
        covered_component_ids=COMPONENTS,
        body=body,
    )
    return message.headers


def client_assertion(private: Ed25519PrivateKey, client: str, audience: str, now: int) -> str:
    """A JWT with which a client asks for a token (private_key_jwt); `now` are POSIX seconds."""
    header = {"alg": "Ed25519", "kid": public_key_of(private).key_id}
    claims = {
        "iss": client,
        "sub": client,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(18),
    }
    return jwt.encode(header, claims, OKPKey.import_key(pkcs8(private)), algorithms=["Ed25519"])
