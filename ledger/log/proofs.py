"""Proofs to keep and check offline (C2SP tlog-proof): this entry stands in the log of that checkpoint."""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ledger.log.checkpoints import Checkpoint, cosigned_at, open_checkpoint
from ledger.log.keys import PublicKey
from ledger.log.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from ledger.log.notes import parse_note

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class MalformedProof(ValueError):
    """The text is not a proof."""


class NotProven(ValueError):
    """The proof does not show what it claims."""


class Proof(Struct, frozen=True):
    """Where an entry stands, the path to the root, and the checkpoint that signs the root."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None
    """Opaque and never trusted."""

    def encode(self) -> str:
        """The text of a .tlog-proof file."""
        extra = [] if self.extra is None else [f"extra {b64encode(self.extra).decode()}"]
        lines = [FIRST_LINE, *extra, f"index {self.index}", *(b64encode(each).decode() for each in self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse_proof(text: str) -> Proof:
    """The proof in a .tlog-proof file, nothing verified yet. Raises MalformedProof."""
    head, blank, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != FIRST_LINE or not blank:
        raise MalformedProof(f"it does not begin with {FIRST_LINE}")
    extra = _decoded(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise MalformedProof("no index")
    path = tuple(map(_decoded, lines[1:]))
    if any(len(step) != HASH_BYTES for step in path):
        raise MalformedProof("a step is not a SHA-256 hash")
    return Proof(int(index[1]), path, checkpoint, extra)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedProof("not base64") from error


def verify_proof(
    proof: Proof, entry: bytes, key: PublicKey, witnesses: Sequence[PublicKey] = (), quorum: int = 0
) -> Checkpoint:
    """The checkpoint under which `entry` is proven to stand in a log of the ledger with this key.

    Raises NotProven, MalformedNote, NotSigned; also unless `quorum` of the witnesses cosigned.
    """
    checkpoint = open_checkpoint(proof.checkpoint, key)
    if not verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise NotProven("the path does not lead from the entry to the signed root")
    note = parse_note(proof.checkpoint)
    seen = {each.key for each in witnesses if cosigned_at(note, each) is not None}
    if len(seen) < quorum:
        raise NotProven(f"{len(seen)} of the {quorum} witnesses needed cosigned")
    return checkpoint
