"""Request signatures (RFC 9421): checked on their way in, kept as the poster's word, verified by anybody later."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from fastapi import Request
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
)
from http_message_signatures.algorithms import ED25519

from api.problems import Problem
from api.security.directory import Directory, RegisteredKey
from api.security.keys import PublicKey
from api.security.mandate import MUST_SIGN, Mandate
from api.security.nonces import Nonces
from api.security.signing import COMPONENTS

WINDOW_SECONDS: Final = 300
"""How long after `created` a signature is taken; for so long its nonce is kept."""
AHEAD_SECONDS: Final = 30
"""How far a client's clock may be ahead."""
PARAMETERS: Final = ("created", "nonce", "keyid")
ACCEPTED: Final = 'sig=("@method" "@target-uri" "content-digest" "idempotency-key");created;nonce;keyid;alg="ed25519"'
"""What is asked for (RFC 9421, 5.1)."""

_MICROSECONDS: Final = 1_000_000
_NONCE = re.compile(r"[\x21-\x7e]{16,128}")
_READ = frozenset({b"content-digest", b"idempotency-key", b"signature", b"signature-input"})
_SIGNATURE = re.compile(r"=:([A-Za-z0-9+/]{86}==):")


def refusal(code: str, **fields: object) -> Problem:
    """A signature that does not let its request in; the answer says which one would."""
    return Problem(code, dict(fields), headers={"WWW-Authenticate": "Bearer", "Accept-Signature": ACCEPTED})


@dataclass(frozen=True, slots=True)
class _Lines:
    """Header lines as the library reads them, repeated ones included."""

    lines: list[tuple[str, str]]

    def items(self) -> Sequence[tuple[str, str]]:
        return self.lines


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: str
    headers: _Lines


class Signatures:
    """Checks the signatures of requests. `clock` gives µs since the epoch, UTC."""

    def __init__(
        self, directory: Directory, nonces: Nonces, clock: Callable[[], int], public_url: str | None = None
    ) -> None:
        self._directory = directory
        self._nonces = nonces
        self._clock = clock
        self._public_url = public_url.rstrip("/") if public_url else None

    def check(self, request: Request, caller: Mandate, body: bytes) -> str:
        """The caller's signature over this recording request and its body, as it is kept; "" where there is none.

        Every route that records calls it before it does anything. Raises Problem: signature_required (banks),
        signature_invalid, signature_incomplete, signature_expired, signature_replayed, digest_mismatch, key_unknown,
        key_revoked, key_not_in_force, key_of_another_client; StoreUnavailable.
        """
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _headers(request)]
        names = {name for name, _ in lines}
        if not names & {"signature", "signature-input"}:
            if caller.role in MUST_SIGN:
                raise refusal("signature_required")
            return ""
        verifier = _Verifier(self._directory, caller.subject, self._clock())
        verified = verifier.read(_Message(request.method, self.target_of(request), _Lines(lines)))
        _check_digest([value for name, value in lines if name == "content-digest"], body)
        until = (verified.created + WINDOW_SECONDS + 1) * _MICROSECONDS
        if not self._nonces.spend(verified.key_id, verified.nonce, until):
            raise refusal("signature_replayed")
        return verified.kept

    def target_of(self, request: Request) -> str:
        """The URL that the client called: at the public address of the settings, or as the request names it."""
        scope = request.scope
        base = self._public_url or f"{scope['scheme']}://{request.headers.get('host', '')}"
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        return base + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds."""

    key_id: str
    created: int
    nonce: str
    kept: str


class _Verifier(HTTPMessageVerifier, HTTPSignatureKeyResolver):
    """The library's verifier with our clock, our keys and our codes; made for one request."""

    def __init__(self, directory: Directory, subject: str, now: int) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=self)
        self._directory = directory
        self._subject = subject
        self._now = now

    def read(self, message: _Message) -> Verified:
        """The one signature of the message, verified. Raises Problem."""
        try:
            (result,) = self.verify(message, max_age=None)
        except (HTTPMessageSignaturesException, ValueError) as error:
            if isinstance(error.__cause__, Problem):
                raise error.__cause__ from None
            raise refusal("signature_invalid") from None
        found = _SIGNATURE.search(", ".join(value for name, value in message.headers.lines if name == "signature"))
        if found is None:
            raise refusal("signature_invalid")
        base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
        parameters: dict[str, Any] = result.parameters
        return Verified(parameters["keyid"], parameters["created"], parameters["nonce"], f"{base}\n:{found[1]}:")

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ANN401, ARG002 - the library's
        """What it covers, and when it was made; asked by the library before it verifies anything."""
        covered = [item.value for item in sig_input if not item.params]
        given = sig_input.params
        if len(covered) != len(sig_input) or sorted(map(str, covered)) != sorted(COMPONENTS):
            raise refusal("signature_incomplete", missing=" ".join(sorted(set(COMPONENTS) - set(map(str, covered)))))
        if missing := [name for name in PARAMETERS if name not in given]:
            raise refusal("signature_incomplete", missing=" ".join(missing))
        if not _NONCE.fullmatch(given["nonce"]):
            raise refusal("signature_incomplete", missing="nonce")
        now = self._now // _MICROSECONDS
        if not now - WINDOW_SECONDS <= given["created"] <= now + AHEAD_SECONDS or given.get("expires", now) < now:
            raise refusal("signature_expired", window_seconds=WINDOW_SECONDS)

    def resolve_public_key(self, key_id: str) -> Any:  # noqa: ANN401 - the library's
        """The key, if it is the caller's and may sign now."""
        found = self._directory.key(key_id)
        if found is None:
            raise refusal("key_unknown")
        check_key(found, self._subject, self._now)
        return found.key.key


def check_key(found: RegisteredKey, subject: str, at: int) -> None:
    """Raises Problem: key_of_another_client, key_revoked, key_not_in_force."""
    if found.subject != subject:
        raise refusal("key_of_another_client")
    if found.revoked_at is not None:
        raise refusal("key_revoked")
    if not found.in_force(at):
        raise refusal("key_not_in_force")


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in request.scope["headers"] if name in _READ]


def _check_digest(values: list[str], body: bytes) -> None:
    """Raises Problem digest_mismatch unless the SHA-256 that was signed is that of the body."""
    value = ", ".join(values)
    if value == f"sha-256=:{base64.b64encode(sha256(body).digest()).decode()}:":
        return
    try:
        ContentDigest.verify(value, body)
    except HTTPMessageSignaturesException:
        raise refusal("digest_mismatch") from None
    if "sha-256=" not in value:
        raise refusal("digest_mismatch")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a kept signature says was sent, when (POSIX seconds) and with which key."""

    method: str
    target: str
    content_digest: str
    idempotency_key: str
    created: int
    nonce: str
    key_id: str


class NotSigned(ValueError):
    """The kept text is no signature of this key."""


_KEPT_LINE = re.compile(r'"([a-z@-]+)": (.*)')
_KEPT_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"\\]*)"|([0-9]+))')


def verify_kept(kept: str, key: PublicKey) -> SignedRequest:
    """What `envelope.signature` of an event proves, with the public key that its `keyid` names and nothing else.

    The text is the signature base of RFC 9421, a line break, and the signature as a byte sequence between colons.
    Raises NotSigned.
    """
    base, _, last = kept.rpartition("\n")
    try:
        signature = base64.b64decode(last.removeprefix(":").removesuffix(":"), validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("the last line is no byte sequence") from None
    if not key.verifies(signature, base.encode()):
        raise NotSigned("the signature is not of this key")
    lines = {found[1]: found[2] for line in base.split("\n") if (found := _KEPT_LINE.fullmatch(line))}
    given = {name: text or number for name, text, number in _KEPT_PARAMETER.findall(lines.get("@signature-params", ""))}
    try:
        return SignedRequest(
            method=lines["@method"],
            target=lines["@target-uri"],
            content_digest=lines["content-digest"],
            idempotency_key=lines["idempotency-key"],
            created=int(given["created"]),
            nonce=given["nonce"],
            key_id=given["keyid"],
        )
    except (KeyError, ValueError):
        raise NotSigned("this signature does not cover what it should") from None
