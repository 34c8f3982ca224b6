"""Master keys: they live outside the database and wrap the data keys of the people in it."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class VaultLocked(Exception):
    """The master key that is needed is not at hand."""

    def __init__(self, key_id: str = "") -> None:
        super().__init__(f"master key {key_id or '(none)'} is not at hand")
        self.key_id = key_id


class VaultDamaged(Exception):
    """What is stored was not sealed under this key for this place: changed, moved, cut, or of another master key."""


class UnreadableMasterKeys(ValueError):
    """The setting is no list of KEY_ID:BASE64."""


class Masters:
    """Master keys by their ids; the first one wraps, all of them unwrap."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = next(iter(keys), "")

    @property
    def ids(self) -> tuple[str, ...]:
        """What is at hand."""
        return tuple(self._keys)

    def wrap(self, key: bytes, owner: str) -> tuple[str, str]:
        """The wrapped key and the id of the master key. Raises VaultLocked."""
        return seal(self._master(self.current), key, _wrapping(owner, self.current)), self.current

    def unwrap(self, wrapped: str, key_id: str, owner: str) -> bytes:
        """The key again. Raises VaultLocked, VaultDamaged."""
        return unseal(self._master(key_id), wrapped, _wrapping(owner, key_id))

    def _master(self, key_id: str) -> AESGCM:
        if key_id not in self._keys:
            raise VaultLocked(key_id)
        return self._keys[key_id]


def _wrapping(owner: str, key_id: str) -> bytes:
    """Binds a wrapped key to whose it is and to its master: it opens nowhere else."""
    return f"vault key\0{owner}\0{key_id}".encode()


def seal(cipher: AESGCM, plain: bytes, bound_to: bytes) -> str:
    """Nonce and ciphertext in base64; it opens only with the same `bound_to`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, plain, bound_to)).decode()


def unseal(cipher: AESGCM, sealed: str, bound_to: bytes) -> bytes:
    """What was sealed. Raises VaultDamaged."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to)
    except (binascii.Error, InvalidTag, ValueError):
        raise VaultDamaged from None


def new_master_key(key_id: str) -> str:
    """A fresh key, as it stands in the setting. Raises UnreadableMasterKeys for an id that is none."""
    if not _KEY_ID.fullmatch(key_id):
        raise UnreadableMasterKeys("an id is 1 to 32 letters, digits, - or _")
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def read_masters(text: str) -> Masters:
    """Master keys from `ID:BASE64`, separated by commas or lines; # begins a comment. Raises UnreadableMasterKeys."""
    keys: dict[str, bytes] = {}
    for line in text.replace(",", "\n").splitlines():
        key_id, _, encoded = line.partition("#")[0].strip().partition(":")
        if not key_id:
            continue
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in keys:
            raise UnreadableMasterKeys(f"a master key is ID:BASE64 of {KEY_BYTES} bytes, each id once")
        keys[key_id] = key
    return Masters(keys)
