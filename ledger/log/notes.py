"""Signed notes (C2SP signed-note): a text, a blank line, one line for each signature."""

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

from msgspec import Struct

from ledger.log.keys import MalformedKey, PrivateKey, PublicKey, check_name

MAX_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f]")


class MalformedNote(ValueError):
    """The bytes are not a signed note."""


class NotSigned(ValueError):
    """No trusted key signed the note, or the signature of one is wrong."""


class Signature(Struct, frozen=True):
    """One signature line."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"— {self.name} {b64encode(self.key_id + self.value).decode()}\n"


class Note(Struct, frozen=True):
    """A text and who claims to have signed it; believe none of it before `signatures_of` a trusted key verified."""

    text: str
    signatures: tuple[Signature, ...]

    def signatures_of(self, key: PublicKey) -> list[bytes]:
        """The signatures that name this key."""
        return [each.value for each in self.signatures if (each.name, each.key_id) == (key.name, key.key_id)]

    def encode(self) -> str:
        """The note as text."""
        return f"{self.text}\n{''.join(each.line() for each in self.signatures)}"


def sign(text: str, key: PrivateKey, name: str | None = None) -> Note:
    """A note over `text` signed by `key`, under another name where one is given. Raises MalformedNote."""
    _check_text(text)
    public = key.public() if name is None else key.public().named(name)
    return Note(text, (Signature(public.name, public.key_id, key.sign(text.encode())),))


def check_signed(note: Note, key: PublicKey) -> None:
    """Raises NotSigned unless the log key `key` signed the note and no signature in its name is wrong."""
    found = note.signatures_of(key)
    if not found:
        raise NotSigned(f"{key.name} did not sign this")
    if not all(key.verifies(value, note.text.encode()) for value in found):
        raise NotSigned(f"the signature of {key.name} is wrong")


def parse_note(raw: str | bytes) -> Note:
    """The note in these bytes, nothing verified yet. Raises MalformedNote."""
    if len(raw) > MAX_BYTES:
        raise MalformedNote("too long")
    try:
        whole = raw if isinstance(raw, str) else raw.decode("utf-8")
        whole.encode()
    except UnicodeError as error:
        raise MalformedNote("not UTF-8") from error
    text, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise MalformedNote("no signatures")
    text += "\n"
    _check_text(text)
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote("too many signatures")
    return Note(text, tuple(map(parse_signature, lines)))


def parse_signature(line: str) -> Signature:
    """The signature in one line. Raises MalformedNote."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        raw = b64decode(encoded, validate=True)
        check_name(name)
    except (binascii.Error, MalformedKey, ValueError) as error:
        raise MalformedNote("a malformed signature line") from error
    if dash != "—" or len(raw) < len(b"k-id") + 1:
        raise MalformedNote("a malformed signature line")
    return Signature(name, raw[:4], raw[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROLS.search(text):
        raise MalformedNote("the text does not end with a newline, or holds control characters")
