"""The library's application recorder over our tables, on SQLite and PostgreSQL alike."""

import re
from collections.abc import Sequence
from threading import Event as Signal
from typing import Any
from uuid import UUID
from zlib import crc32

from eventsourcing.persistence import (
    ApplicationRecorder,
    Notification,
    ProgrammingError,
    StoredEvent,
    Subscription,
)
from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import DBAPIError

from ledger.store.failures import SchemaMissing, StoreUnavailable
from ledger.store.rows import ChainedEvent, Settlement, Turn
from ledger.store.tables import events, lanes

POLL_SECONDS = 0.2


class LedgerRecorder(ApplicationRecorder):
    """Writes events together with the rows of their turn; reads streams and the log."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lanes = 0

    @property
    def lane_count(self) -> int:
        """How many lanes the log has; fixed when the tables were made. Raises SchemaMissing."""
        if not self._lanes:
            try:
                with self.engine.connect() as connection:
                    self._lanes = len(connection.execute(select(lanes.c.lane)).all())
            except DBAPIError as error:
                if re.search(r"no such table|relation .* does not exist", str(error.orig)):
                    raise SchemaMissing("no ledger here yet: run the migrations") from error
                raise StoreUnavailable(str(error.orig)) from error
        return self._lanes

    def lane_of(self, institution_id: str) -> int:
        """The lane that an institution's events are numbered in."""
        return crc32(institution_id.encode()) % self.lane_count if self.lane_count > 1 else 0

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        turn: Turn | None = None,
        settlement: Settlement | None = None,
        **_: object,
    ) -> Sequence[int]:
        """Record events with the headers, sheets and command keys of their turn, and commit; their positions.

        Raises what `Turn.write` raises, ProgrammingError when events come without their turn.
        """
        if turn is None or settlement is None:
            raise ProgrammingError("events are recorded within a turn, with the rows that depend on them")
        chained = [event for event in stored_events if isinstance(event, ChainedEvent)]
        assert len(chained) == len(stored_events)
        return turn.write(chained, settlement, [self.lane_of(str(event.originator_id)) for event in chained])

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one stream in order."""
        version = events.c.originator_version
        query = _stored().where(events.c.originator_id == str(originator_id))
        if gt is not None:
            query = query.where(version > gt)
        if lte is not None:
            query = query.where(version <= lte)
        query = query.order_by(version.desc() if desc else version).limit(limit)
        with self.engine.connect() as connection:
            return [
                ChainedEvent(row.originator_id, row.originator_version, row.topic, row.state.encode(), row.hash)
                for row in connection.execute(query)
            ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events of the log in order of position; gapless and in commit order where there is one lane."""
        position = events.c.position
        query = _stored()
        if start is not None:
            query = query.where(position >= start if inclusive_of_start else position > start)
        if stop is not None:
            query = query.where(position <= stop)
        if topics:
            query = query.where(events.c.topic.in_(topics))
        with self.engine.connect() as connection:
            return [
                Notification(row.originator_id, row.originator_version, row.topic, row.state.encode(), row.position)
                for row in connection.execute(query.order_by(position).limit(limit))
            ]

    def max_notification_id(self) -> int | None:
        """The last position, or None where nothing has been recorded."""
        with self.engine.connect() as connection:
            return connection.execute(select(events.c.position).order_by(events.c.position.desc()).limit(1)).scalar()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "PollingSubscription":
        """Every event after `gt`, then each new one as it comes: the log is asked again and again."""
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[LedgerRecorder]):
    """Asks the log again until it is stopped."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._stopped = Signal()
        self._buffer: list[Notification] = []

    def stop(self) -> None:
        """End the iteration."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._buffer:
            if self._stopped.is_set():
                raise StopIteration
            found = self._recorder.select_notifications(
                self._last_notification_id or 0, 500, topics=self._topics, inclusive_of_start=False
            )
            self._buffer = list(reversed(found))
            if not found:
                self._stopped.wait(POLL_SECONDS)
        notification = self._buffer.pop()
        self._last_notification_id = notification.id
        return notification


def _stored() -> Select[Any]:
    return select(
        events.c.position,
        events.c.originator_id,
        events.c.originator_version,
        events.c.topic,
        events.c.state,
        events.c.hash,
    )
