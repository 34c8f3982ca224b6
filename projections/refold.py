"""Folding whole streams from their first event into tables: stream after stream, in flat memory."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, delete, func, select

from ledger.identifiers import SheetKey
from ledger.serialization import UnknownEvent, UnreadableEvent
from ledger.store.cursors import batches
from ledger.store.tables import events
from projections.catch_up import ABOUT, DATABASE, FIRST_REVIEWED, LAST_REVIEWED, REVIEWED, detail_of
from projections.checkpoint import Parked
from projections.folding import fold, settled
from projections.log import event_in, sheets_named, up_to
from projections.shadow import Shadows
from projections.state import State, folded_header, folded_sheet
from projections.writes import Writes

CHUNK = 2_000
"""Events that are read at once."""
MOST_SHEETS = 50_000
"""Sheets of one stream kept in memory; beyond, they are written, and read again when they are touched."""
ROWS_AT_ONCE = 20_000


class Share(Struct, frozen=True):
    """A range of institutions, both ends included, and how many events they have."""

    first: str
    last: str
    events: int


Stored = tuple[str, str, str]
"""Institution, stored name and text of an event. Its version is its place in the stream, which has no gap."""


def shares(connection: Connection, events_each: int) -> list[Share]:
    """Every institution, in ranges of about `events_each` events. Two index look-ups for each institution."""
    found: list[Share] = []
    open_share: Share | None = None
    last = ""
    while (institution_id := connection.scalar(_next_after(last))) is not None:
        last = institution_id
        count = connection.scalar(_length_of(institution_id)) or 0
        first = institution_id if open_share is None else open_share.first
        open_share = Share(first, institution_id, count + (0 if open_share is None else open_share.events))
        if open_share.events >= events_each:
            found.append(open_share)
            open_share = None
    return found if open_share is None else [*found, open_share]


def _next_after(institution_id: str) -> Select[Any]:
    return select(func.min(events.c.originator_id)).where(events.c.originator_id > institution_id)


def _length_of(institution_id: str) -> Select[Any]:
    return select(func.max(events.c.originator_version)).where(events.c.originator_id == institution_id)


class Refold:
    """Folds streams into the tables of a rebuild, which hold nothing of these streams yet."""

    def __init__(self, connection: Connection, tables: Shadows, positions: dict[int, int]) -> None:
        self._connection = connection
        self._positions = positions
        self._state = State(connection, tables[folded_header.name], tables[folded_sheet.name])
        self._tables = tables
        self._writes = Writes(connection, tables)
        self.parked: list[Parked] = []
        self.events = 0

    def run(self, share: Share) -> None:
        """Fold every stream of a share and write it, in the transaction of the connection."""
        stream: _Stream | None = None
        for part in self._read(share):
            self.events += len(part)
            for institution_id, rows in groupby(part, key=itemgetter(0)):
                if stream is None or stream.institution_id != institution_id:
                    self._finish(stream)
                    stream = _Stream(self._state, institution_id)
                stream.take(list(rows))
                if stream.is_large():
                    stream.write(self._writes)
                    self._writes.flush()
                    stream.resume()
        self._finish(stream)
        self._writes.flush()

    def _finish(self, stream: "_Stream | None") -> None:
        if stream is None:
            return
        if stream.failure is not None:
            stream = self._again(stream, *stream.failure)
        stream.write(self._writes)
        if not stream.fresh:
            self._writes.flush()
            stream.review(self._writes)
        if self._writes.count > ROWS_AT_ONCE:
            self._writes.flush()

    def _again(self, broken: "_Stream", version: int, error: Exception) -> "_Stream":
        """The stream up to the event that cannot be folded, which may have been folded in part."""
        institution_id = broken.institution_id
        self._writes.flush()
        for table in self._tables.values():
            self._connection.execute(delete(table).where(table.c.institution_id == institution_id))
        self.parked.append(self._parked(institution_id, version, error))
        stream = _Stream(self._state, institution_id)
        for part in self._read(Share(institution_id, institution_id, 0), before=version):
            stream.take(part)
        return stream

    def _parked(self, institution_id: str, version: int, error: Exception) -> Parked:
        query = select(events.c.position, events.c.topic)
        query = query.where(events.c.originator_id == institution_id, events.c.originator_version == version)
        position, topic = self._connection.execute(query).one()
        return Parked(institution_id, position, version, topic, type(error).__name__, detail_of(error))

    def _read(self, share: Share, before: int | None = None) -> Iterator[Sequence[Stored]]:
        """The events of a share, stream after stream."""
        query = select(events.c.originator_id, events.c.topic, events.c.state)
        query = query.where(events.c.originator_id.between(share.first, share.last), up_to(self._positions))
        if before is not None:
            query = query.where(events.c.originator_version < before)
        query = query.order_by(events.c.originator_id, events.c.originator_version)
        return batches(self._connection, query, CHUNK)


class _Stream:
    """One stream on its way through the fold."""

    def __init__(self, state: State, institution_id: str) -> None:
        self.institution_id = institution_id
        self.fresh = True
        """Whether nothing of it has been written."""
        self.failure: tuple[int, Exception] | None = None
        self._state = state
        self._escrow = state.fresh_escrow(institution_id)
        self._about: list[int] = []
        self._tidy_at = MOST_SHEETS // 2

    def take(self, rows: Sequence[Stored]) -> None:
        """Fold the next events, up to one that cannot be folded."""
        if self.failure is not None:
            return
        escrow = self._escrow
        version = before = escrow.header.version
        try:
            if not self.fresh:
                self._prefetch(rows)
            for version, (_, topic, state) in enumerate(rows, before + 1):
                fold(escrow, event_in(topic, state), version)
                if topic in ABOUT:
                    self._about.append(version)
        except DATABASE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this stream alone
            self.failure = (version, error)

    def _prefetch(self, rows: Sequence[Stored]) -> None:
        keys: list[SheetKey] = []
        with suppress(UnknownEvent, UnreadableEvent):  # the fold comes to it in its turn
            for _, topic, state in rows:
                keys += sheets_named(event_in(topic, state))
        self._state.prefetch(self._escrow, keys)

    def is_large(self) -> bool:
        """Whether there are too many sheets in memory, once those that are settled have been let go."""
        sheets = self._escrow.sheets
        if len(sheets) < self._tidy_at:
            return False
        self._tidy()
        self._tidy_at = max(MOST_SHEETS // 2, min(2 * len(sheets), MOST_SHEETS))
        return len(sheets) >= MOST_SHEETS

    def write(self, writes: Writes) -> None:
        """Hand over the rows of every sheet in memory."""
        if self._escrow.header.version:
            self._tidy()
            writes.take(self._escrow, self._about, fresh=self.fresh)

    def _tidy(self) -> None:
        """Let go of what was never written and needs no row."""
        sheets = self._escrow.sheets
        for key in [key for key, sheet in sheets.items() if sheet is None or settled(sheet)] if self.fresh else ():
            del sheets[key]

    def resume(self) -> None:
        """Go on with nothing in memory: what was written is read again when it is touched."""
        self._escrow = self._state.escrow(self.institution_id)
        self.fresh, self._about, self._tidy_at = False, [], MOST_SHEETS // 2

    def review(self, writes: Writes) -> None:
        """Look again at what was written before the institution stopped or was frozen."""
        after = FIRST_REVIEWED
        while keys := self._state.keys_between(self.institution_id, after, LAST_REVIEWED, CHUNK):
            escrow = self._state.escrow(self.institution_id)
            self._state.prefetch(escrow, (key for key in keys if key.startswith(REVIEWED)))
            self._state.prefetch_refunds(escrow)
            writes.take(escrow)
            writes.flush()
            after = keys[-1]
