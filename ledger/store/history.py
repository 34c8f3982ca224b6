"""Reading what is recorded: streams, the log, one contract, and where they end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Engine, select
from sqlalchemy.exc import InterfaceError, OperationalError

from ledger.serialization import Recorded, decode
from ledger.store.failures import StoreUnavailable
from ledger.store.rows import decode_header
from ledger.store.tables import events, headers, lanes

_COLUMNS = (
    events.c.position,
    events.c.originator_id,
    events.c.originator_version,
    events.c.topic,
    events.c.state,
    events.c.hash,
)
_RECORDED = select(*_COLUMNS)


class Head(Struct, frozen=True):
    """Where a stream ends: version and hash of its last event, and when that was recorded (µs UTC)."""

    version: int
    hash: str
    recorded_at: int


class History:
    """Queries over the log. Every list is in the order things happened in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(str(error.orig)) from error

    def stream(self, institution_id: str, after_version: int, limit: int | None) -> list[Recorded]:
        """Events of one institution after a version."""
        return self._find(
            events.c.originator_id == institution_id,
            events.c.originator_version > after_version,
            order=events.c.originator_version,
            limit=limit,
        )

    def versions(self, institution_id: str, first: int, last: int) -> list[Recorded]:
        """Events of one institution from `first` to `last`."""
        return self._find(
            events.c.originator_id == institution_id,
            events.c.originator_version.between(first, last),
            order=events.c.originator_version,
        )

    def feed(self, after: int, limit: int, lane: int) -> list[Recorded]:
        """Events of one lane after a position."""
        return self._find(events.c.lane == lane, events.c.position > after, order=events.c.position, limit=limit)

    def contract_events(self, institution_id: str, contract_id: str) -> list[Recorded]:
        """Every event that names the contract, also as the other end of a transfer."""
        found = {  # one query for each index: a planner takes neither for an `or`
            event.version: event
            for column in (events.c.contract_id, events.c.to_contract_id)
            for event in self._find(
                events.c.originator_id == institution_id, column == contract_id, order=events.c.originator_version
            )
        }
        return [found[version] for version in sorted(found)]

    def position(self, lane: int) -> int:
        """The last position given in a lane; 0 where nothing is recorded."""
        with self._connect() as connection:
            head: int = connection.execute(select(lanes.c.head).where(lanes.c.lane == lane)).scalar_one()
        return max(0, head)

    def head(self, institution_id: str) -> Head | None:
        """Where a stream ends, or None where there is none."""
        with self._connect() as connection:
            state = connection.execute(
                select(headers.c.state).where(headers.c.institution_id == institution_id)
            ).scalar()
        if state is None:
            return None
        header = decode_header(state)
        return Head(header.version, header.head, header.recorded_at)

    def institutions(self, after: str, limit: int) -> list[str]:
        """Ids of institutions that have a stream, in order of their id, after one of them."""
        query = select(headers.c.institution_id).where(headers.c.institution_id > after)
        with self._connect() as connection:
            return list(connection.scalars(query.order_by(headers.c.institution_id).limit(limit)))

    def _find(self, *where: ColumnElement[bool], order: ColumnElement[Any], limit: int | None = None) -> list[Recorded]:
        with self._connect() as connection:
            return list(recorded(connection.execute(_RECORDED.where(*where).order_by(order).limit(limit)).all()))


def recorded(rows: Iterable[Any]) -> Iterator[Recorded]:
    """Events from rows of (position, institution, version, topic, state, hash). Raises like `decode`."""
    for position, institution_id, version, topic, state, hash_ in rows:
        text = state.encode()
        envelope, event = decode(topic, text)
        yield Recorded(
            position=position,
            institution_id=institution_id,
            version=version,
            topic=topic,
            envelope=envelope,
            event=event,
            state=text,
            hash=hash_,
        )
