"""What the poster of a command gets back: a receipt, or why the command cannot stand under its key."""

from dataclasses import dataclass

from msgspec import Struct

from ledger.rejections import Rejection
from ledger.serialization import Recorded


class Receipt(Struct, frozen=True, kw_only=True):
    """A command that is recorded, for good. `position` is the place of its last event in the log."""

    institution_id: str
    command_id: str
    first_version: int
    last_version: int
    position: int
    replayed: bool
    """True when the command had been recorded before and this is the answer it got then."""
    events: tuple[Recorded, ...]


@dataclass(unsafe_hash=True)
class CommandKeyReused(Rejection):
    """The key already stands for another request of this institution."""

    command_id: str


@dataclass(unsafe_hash=True)
class VersionConflict(Rejection):
    """The caller decided from another version of the stream than the current one."""

    expected_version: int
    actual_version: int


@dataclass(unsafe_hash=True)
class BatchRefused(Rejection):
    """Nothing of an all-or-nothing batch was recorded, because the item at `culprit` (from 0) was rejected."""

    culprit: int


@dataclass(unsafe_hash=True)
class MalformedIdentifier(Rejection):
    """An id holds other characters than letters, digits, `_`, `.` and `-`, or more than 128 of them."""

    identifier: str


@dataclass(unsafe_hash=True)
class UnstorableText(Rejection):
    """A text holds a character that no database keeps (U+0000, or half a surrogate pair)."""


Answer = Receipt | Rejection
