"""What a log asks of a witness (C2SP tlog-witness): a checkpoint, and the proof that it continues an older one."""

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

from msgspec import Struct

from ledger.log.merkle import HASH_BYTES

MAX_PROOF: Final = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class MalformedGrowth(ValueError):
    """The text is no request of this form."""


class Growth(Struct, frozen=True):
    """The size the witness saw last, the consistency proof from there, and the new signed checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def encode(self) -> str:
        """The body of an add-checkpoint request."""
        lines = [f"old {self.old_size}", *(b64encode(step).decode() for step in self.proof)]
        return "\n".join(lines) + "\n\n" + self.note


def parse_growth(body: str) -> Growth:
    """The request in a body. Raises MalformedGrowth."""
    head, blank, note = body.partition("\n\n")
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if old is None or not blank or len(lines) > MAX_PROOF:
        raise MalformedGrowth("not an old size, at most 63 hashes, a blank line and a checkpoint")
    try:
        proof = tuple(b64decode(line, validate=True) for line in lines)
    except (binascii.Error, ValueError) as error:
        raise MalformedGrowth("a step of the proof is not base64") from error
    if any(len(step) != HASH_BYTES for step in proof):
        raise MalformedGrowth("a step of the proof is not a SHA-256 hash")
    return Growth(int(old[1]), proof, note)
