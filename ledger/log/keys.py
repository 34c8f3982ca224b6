"""Ed25519 keys with a name, in the text forms of signed notes (C2SP signed-note)."""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from ledger.log.points import UnfitPoint, check_point

LOG: Final = 0x01
"""Signature type of a log: Ed25519 over the text of the note."""
COSIGNER: Final = 0x04
"""Signature type of a witness: Ed25519 over time and text (C2SP tlog-cosignature v1)."""

KEY_BYTES: Final = 32


class MalformedKey(ValueError):
    """The text is not a key."""


def check_name(name: str) -> str:
    """The name, if a key may be called that. Raises MalformedKey."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise MalformedKey(f"a key cannot be called {name!r}")
    return name


class PublicKey(Struct, frozen=True):
    """Who may have signed, and how."""

    name: str
    kind: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that a signature line begins with."""
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.kind, self.key)).digest()[:4]

    def named(self, name: str) -> "PublicKey":
        """The same key under another name: every log of a ledger signs with its key under the log's origin."""
        return PublicKey(check_name(name), self.kind, self.key)

    def text(self) -> str:
        """The verifier key: name+id+base64."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.key).decode()}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature (64 bytes) over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class PrivateKey:
    """A named key that signs."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = check_name(name)
        if len(seed) != KEY_BYTES:
            raise MalformedKey("an Ed25519 seed has 32 bytes")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @classmethod
    def generate(cls, name: str) -> "PrivateKey":
        """A new key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    def public(self, kind: int = LOG) -> PublicKey:
        """What others verify with."""
        return PublicKey(self.name, kind, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)

    def text(self) -> str:
        """The secret in the form that `parse_private_key` reads; for a file only its owner can read."""
        material = b64encode(bytes([LOG]) + self._seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.public().key_id.hex()}+{material}"

    def __repr__(self) -> str:
        return f"PrivateKey({self.name!r})"


def _material(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedKey("the key is not base64") from error


def parse_public_key(text: str) -> PublicKey:
    """The key in a verifier key text.

    Raises MalformedKey, also where its id is not that of the key, and for a key that anybody could sign under.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    raw = _material(material)
    if len(raw) != KEY_BYTES + 1 or raw[0] not in (LOG, COSIGNER):
        raise MalformedKey("not an Ed25519 key of a log or a witness")
    try:
        check_point(raw[1:])
    except UnfitPoint as error:
        raise MalformedKey(str(error)) from error
    key = PublicKey(check_name(name), raw[0], raw[1:])
    if key.key_id.hex() != key_id:
        raise MalformedKey("the id is not that of the key")
    return key


def parse_private_key(text: str) -> PrivateKey:
    """The key in a PRIVATE+KEY text. Raises MalformedKey without repeating the secret."""
    prefix = "PRIVATE+KEY+"
    if not text.startswith(prefix):
        raise MalformedKey("a private key begins with PRIVATE+KEY+")
    name, _, rest = text.strip().removeprefix(prefix).partition("+")
    key_id, _, material = rest.partition("+")
    raw = _material(material)
    if len(raw) != KEY_BYTES + 1 or raw[0] != LOG:
        raise MalformedKey("not an Ed25519 key")
    key = PrivateKey(name, raw[1:])
    if key.public().key_id.hex() != key_id:
        raise MalformedKey("the id is not that of the key")
    return key
