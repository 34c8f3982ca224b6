"""Checkpoints (C2SP tlog-checkpoint) and what witnesses add to them (C2SP tlog-cosignature, v1)."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable

from msgspec import Struct

from ledger.log.keys import COSIGNER, PrivateKey, PublicKey
from ledger.log.merkle import HASH_BYTES
from ledger.log.notes import MalformedNote, Note, NotSigned, Signature, check_signed, parse_note, sign

TIME_BYTES = 8


class Checkpoint(Struct, frozen=True):
    """The head of a log: so many entries, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the text of a note; extension lines are allowed and ignored. Raises MalformedNote."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < len(Checkpoint.__struct_fields__) or not all(lines):
        raise MalformedNote("a checkpoint has an origin, a size and a root")
    origin, size, root = lines[:3]
    if not (size.isascii() and size.isdigit()) or size != str(int(size)):
        raise MalformedNote("the size is not a number")
    try:
        raw = b64decode(root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote("the root is not base64") from error
    if len(raw) != HASH_BYTES:
        raise MalformedNote("the root is not a SHA-256 hash")
    return Checkpoint(origin, int(size), raw)


def sign_checkpoint(checkpoint: Checkpoint, key: PrivateKey) -> str:
    """The signed note; the key signs in the name of the log."""
    return sign(checkpoint.text(), key, checkpoint.origin).encode()


def open_checkpoint(raw: str | bytes, key: PublicKey) -> Checkpoint:
    """The checkpoint in a note that the ledger's key signed in the name of the log.

    Raises MalformedNote, NotSigned; also for a log whose name does not begin with that of the ledger.
    """
    note = parse_note(raw)
    checkpoint = parse_checkpoint(note.text)
    if not checkpoint.origin.startswith(f"{key.name}/"):
        raise NotSigned(f"{checkpoint.origin} is no log of {key.name}")
    check_signed(note, key.named(checkpoint.origin))
    return checkpoint


def cosignature_message(text: str, at: int) -> bytes:
    """What a witness signs at a time (POSIX seconds)."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def cosign(text: str, key: PrivateKey, at: int) -> Signature:
    """A witness's signature on the text of a checkpoint it found consistent with all it saw; POSIX seconds."""
    public = key.public(COSIGNER)
    value = at.to_bytes(TIME_BYTES, "big") + key.sign(cosignature_message(text, at))
    return Signature(public.name, public.key_id, value)


def cosigned_at(note: Note, witness: PublicKey) -> int | None:
    """When this witness cosigned the note (POSIX seconds), None where it did not. Raises NotSigned if it is wrong."""
    times = []
    for value in note.signatures_of(witness):
        at = int.from_bytes(value[:TIME_BYTES], "big")
        if not witness.verifies(value[TIME_BYTES:], cosignature_message(note.text, at)):
            raise NotSigned(f"the cosignature of {witness.name} is wrong")
        times.append(at)
    return max(times, default=None)


def with_signatures(raw: str, lines: Iterable[str]) -> str:
    """The note with more signature lines behind those it has; none twice."""
    known = set(raw.splitlines())
    return raw + "".join(line + "\n" for each in lines if (line := each.strip()) not in known)
