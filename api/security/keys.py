"""Ed25519 keys of clients: how they are named, read and written. A private key stays with its owner, in a file."""

import base64
import binascii
import json
import os
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ledger.log.points import UnfitPoint, check_point

KEY_BYTES = 32


class UnreadableKey(ValueError):
    """This is no Ed25519 key in a form that is read here: JWK, PEM, or 32 bytes in base64url."""


class WeakKey(UnreadableKey):
    """Under this key anybody could sign, or nobody: a point of small order, written unusually, or off the curve."""


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key: its 32 bytes in base64url without padding, as in a JWK's `x`."""

    x: str

    @cached_property
    def key_id(self) -> str:
        """Its name everywhere: the JWK thumbprint (RFC 7638), SHA-256 in base64url."""
        return _base64url(sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{self.x}"}}'.encode()).digest())

    @cached_property
    def key(self) -> Ed25519PublicKey:
        """What verifies."""
        return Ed25519PublicKey.from_public_bytes(_bytes(self.x))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key signed the message."""
        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, str]:
        """The key as a JWK (RFC 8037)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.key_id, "alg": "Ed25519", "use": "sig"}


def public_key_of(private: Ed25519PrivateKey) -> PublicKey:
    """The public half."""
    return PublicKey(_base64url(private.public_key().public_bytes_raw()))


def read_public_key(text: str) -> PublicKey:
    """A public key from a JWK, a PEM, or its 32 bytes in base64url.

    Raises UnreadableKey, also for a private key; WeakKey.
    """
    found = _read(text.strip())
    check_strength(found)
    return found


def check_strength(key: PublicKey) -> None:
    """Hold a key against what a key must be. Raises WeakKey."""
    try:
        check_point(_bytes(key.x))
    except UnfitPoint as error:
        raise WeakKey(str(error)) from error


def _read(text: str) -> PublicKey:
    try:
        if text.startswith("{"):
            return _of_jwk(json.loads(text))
        if text.startswith("-----BEGIN PUBLIC KEY"):
            loaded = load_pem_public_key(text.encode())
            if isinstance(loaded, Ed25519PublicKey):
                return PublicKey(_base64url(loaded.public_bytes_raw()))
            raise UnreadableKey("an Ed25519 key is needed")
        return PublicKey(_base64url(Ed25519PublicKey.from_public_bytes(_bytes(text)).public_bytes_raw()))
    except ValueError as error:
        raise UnreadableKey("this is no Ed25519 public key: JWK, PEM, or 32 bytes in base64url") from error


def _of_jwk(members: object) -> PublicKey:
    if not isinstance(members, dict) or (members.get("kty"), members.get("crv")) != ("OKP", "Ed25519"):
        raise UnreadableKey("a JWK of an Ed25519 key has kty OKP and crv Ed25519")
    if "d" in members:
        raise UnreadableKey("this JWK holds a private key: it stays with its owner")
    return _read(str(members.get("x", "")))


def write_private_key(path: Path, private: Ed25519PrivateKey) -> None:
    """Write a new file that only its owner may read (PKCS 8, PEM). Raises FileExistsError: no key is overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pkcs8(private))


def pkcs8(private: Ed25519PrivateKey) -> bytes:
    """A private key as PEM without a password."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The key in a file of `write_private_key`. Raises UnreadableKey, OSError."""
    try:
        loaded = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise UnreadableKey("this is no Ed25519 private key in PEM without a password") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise UnreadableKey("an Ed25519 key is needed")
    return loaded


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableKey("malformed base64url") from error
    if len(raw) != KEY_BYTES:
        raise UnreadableKey(f"an Ed25519 public key has {KEY_BYTES} bytes")
    return raw
