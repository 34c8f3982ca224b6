"""What every query answers with: the data, and what it was computed from."""

from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from ledger.rejections import Rejection

PROJECTION_VERSION = 4
"""Goes up when a read model answers differently for the same events: then every model is rebuilt."""

T = TypeVar("T")


class Moment(Struct, frozen=True):
    """The two times of a question: facts up to a business date, as recorded by an instant (µs UTC).

    Both None: the live read models.
    """

    as_of: date | None = None
    known_at: int | None = None

    @property
    def live(self) -> bool:
        """Whether the current read models answer."""
        return self.as_of is None and self.known_at is None


NOW = Moment()


class Answer(Struct, Generic[T], frozen=True, kw_only=True):
    """Data with its provenance.

    `position` is the place in the log up to which events were taken in, at an earlier knowledge time the last one that
    had been recorded by then; `rules` the rule set where one applies;
    `left_out` counts events that could not be folded, because what they build on lies outside the two times;
    `incomplete` counts institutions some of whose rows are still being computed (a closure under way, a parked stream).
    `log_size` and `log_root` are the newest signed checkpoint of the institution's log (of the directory, where the
    answer is about several); None where no notary signed.
    """

    data: T
    position: int
    projection_version: int = PROJECTION_VERSION
    as_of: date | None = None
    known_at: int | None = None
    rules: str | None = None
    left_out: int = 0
    incomplete: int = 0
    log_size: int | None = None
    log_root: str | None = None
    next: str | None = None
    """Cursor of the next page, None on the last."""


@dataclass(unsafe_hash=True)
class MalformedCursor(Rejection):
    """A cursor that no list of this ledger gave out."""


class UnknownRow(LookupError):
    """There is no such row in this read model at this moment."""

    def __init__(self, model: str, *key: str) -> None:
        super().__init__(f"no {model} {'/'.join(key)}")
        self.model = model
        self.key = key


def encode_cursor(*key: str) -> str:
    """A cursor after the row with this key."""
    return msgspec.json.encode(key).hex()


def decode_cursor(cursor: str | None, size: int) -> tuple[str, ...] | None:
    """The key in a cursor, None for the first page. Raises MalformedCursor."""
    if cursor is None:
        return None
    try:
        key = msgspec.json.decode(bytes.fromhex(cursor), type=tuple[str, ...])
    except ValueError as error:
        raise MalformedCursor from error
    if len(key) != size:
        raise MalformedCursor
    return key
