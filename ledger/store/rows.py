"""What a turn reads and what it writes: headers, sheets and command keys as rows."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec
from eventsourcing.persistence import StoredEvent

from ledger.identifiers import SheetKey
from ledger.sheets import SHEETS, Header, Sheet

SheetAddress = tuple[str, SheetKey]
"""Institution and sheet key."""
CommandAddress = tuple[str, str]
"""Institution and command key."""

_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_sheet = {kind: msgspec.json.Decoder(sheet).decode for kind, sheet in SHEETS.items()}


class Known(NamedTuple):
    """A command key that was accepted before, and the versions its events have."""

    request_hash: str
    first_version: int
    last_version: int


@dataclass(slots=True)
class Snapshot:
    """Rows of one moment. What was asked for and is not here does not exist."""

    headers: dict[str, Header] = field(default_factory=dict)
    sheets: dict[SheetAddress, Sheet] = field(default_factory=dict)
    commands: dict[CommandAddress, Known] = field(default_factory=dict)


HeaderRow = tuple[str, int, int, str]
"""institution_id, version, the version the decision saw, state."""
CommandRow = tuple[str, str, str, int, int]
SheetRow = tuple[str, str, str]


class Settlement(NamedTuple):
    """The rows that go with the events of one turn, in the same transaction."""

    headers: list[HeaderRow]
    commands: list[CommandRow]
    sheets: list[SheetRow]


@dataclass(frozen=True)
class ChainedEvent(StoredEvent):
    """A stored event with its link in the institution's hash chain."""

    hash: str


class Turn(Protocol):
    """One look at the database and, at most, one write that depends on it."""

    def read(
        self, institutions: Iterable[str], sheets: Iterable[SheetAddress], commands: Iterable[CommandAddress]
    ) -> Snapshot:
        """Everything that was asked for, as of one moment."""
        ...

    def write(self, events: list[ChainedEvent], settlement: Settlement, lanes: Sequence[int]) -> list[int]:
        """Record events (each with its lane) and their rows, and commit; the positions of the events, in order.

        Raises Conflict when something the turn read has changed since, InvariantBroken when the database refuses a
        row, StoreUnavailable when nothing was recorded, OutcomeUnknown when nobody can tell.
        """
        ...


class Turns(Protocol):
    """Opens turns at the database on a connection of its own."""

    def turn(self, lock: Sequence[str]) -> AbstractContextManager[Turn]:
        """A turn, with these institutions locked against other processes where there are any."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def encode_row(row: Header | Sheet) -> str:
    """The canonical text of a header or a sheet."""
    return _encode(row).decode()


def decode_header(state: str) -> Header:
    """The header in a stored row."""
    return _decode_header(state)


def decode_sheet(key: str, state: str) -> Sheet:
    """The sheet in a stored row; its kind is the key up to the first colon."""
    return _decode_sheet[key.partition(":")[0]](state)
