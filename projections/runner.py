"""Keeping the read models up to date: on demand, or in a worker's loop; several processes may do it at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import Connection, Engine, select

from ledger.store.tables import lanes
from projections.catch_up import BATCH, RowsRefused, retry_stream, take_batch
from projections.checkpoint import Parked, list_parked, positions, reviews_pending, status
from projections.database import begin_writing
from projections.log import lane_heads
from projections.reviews import review_next

LOCK = "catch-up"
IDLE_SECONDS = 0.2
REMEDY = "bring the program up to date, then: ledger retry [INSTITUTION]"
"""What to do about a stream that stands still before an event that this program cannot read."""


class Health(Struct, frozen=True):
    """How far behind the read models are, and what stands still. `lag` is in events, over all lanes."""

    lag: int
    parked: tuple[Parked, ...]
    incomplete: int

    @property
    def green(self) -> bool:
        """Whether no stream is parked."""
        return not self.parked


class Runner:
    """Takes events into the read models. Raises what the database raises; nothing is half done then."""

    def __init__(self, engine: Engine, batch: int = BATCH) -> None:
        self.engine = self._engine = engine
        self._batch = batch
        with engine.connect() as connection:
            self._lanes: list[int] = list(connection.scalars(select(lanes.c.lane).order_by(lanes.c.lane)))

    def catch_up(self, until: int | None = None) -> int:
        """Take in what was recorded: up to a position, or everything. Returns how many events were taken in.

        Others who do the same wait for each other and take nothing in twice.
        """
        count = self.take_in(until)
        while self._review():
            pass
        return count

    def take_in(self, until: int | None = None) -> int:
        """The same without looking again at what events concern beyond what they name; that waits for a catch-up."""
        count = 0
        for lane in self._lanes if until is None else [self.lane_of(until)]:
            while (until is None or not self.at_position(until)) and (taken := self._step(lane)):
                count += taken
        return count

    def at_position(self, position: int) -> bool:
        """Whether the event at a position of the log was taken in."""
        with self._engine.connect() as connection:
            return positions(connection).get(self.lane_of(position), 0) >= position

    def wait_for(self, position: int) -> None:
        """Make sure that the poster of the event at `position` reads its own write."""
        if not self.at_position(position) or self.health().incomplete:
            self.catch_up(position)

    def lane_of(self, position: int) -> int:
        """The lane a position belongs to: lanes give their positions out in turn."""
        return self._lanes[(position - 1) % len(self._lanes)]

    def health(self) -> Health:
        """How it stands. Three look-ups."""
        with self._engine.connect() as connection:
            heads, here = lane_heads(connection), status(connection)
            behind = sum(max(0, head - here.positions.get(lane, 0)) for lane, head in heads.items())
            return Health(
                lag=behind // len(self._lanes),
                parked=tuple(list_parked(connection)),
                incomplete=here.incomplete,
            )

    def retry_parked(self, institution_id: str | None = None) -> tuple[Parked, ...]:
        """Try the parked streams again (one, or all); returns those that are still parked."""
        for stream in self.health().parked:
            if institution_id in (None, stream.institution_id):
                while self._retry(stream.institution_id):
                    pass
        while self._review():
            pass
        return self.health().parked

    def work(self, sleep: Callable[[float], None], stopped: Callable[[], bool]) -> None:
        """Catch up again and again until told to stop; rests when there is nothing to do."""
        while not stopped():
            if not self.catch_up():
                sleep(IDLE_SECONDS)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that nobody else catches up in."""
        with self._engine.connect() as connection:
            begin_writing(connection, LOCK)
            yield connection
            connection.commit()

    def _step(self, lane: int) -> int:
        try:
            return self._take(lane)
        except RowsRefused:
            return self._take(lane, apart=True)

    def _take(self, lane: int, *, apart: bool = False) -> int:
        with self.writing() as connection:
            batch = take_batch(connection, lane, self._batch, apart=apart)
        return batch.events

    def _review(self) -> int:
        with self._engine.connect() as connection:
            if not reviews_pending(connection):
                return 0
        with self.writing() as connection:
            return review_next(connection)

    def _retry(self, institution_id: str) -> bool:
        """One more batch of a parked stream; whether there may be more to do."""
        with self.writing() as connection:
            stream = next((each for each in list_parked(connection) if each.institution_id == institution_id), None)
            if stream is None:
                return False
            until = positions(connection).get(self.lane_of(stream.position), 0)
            return retry_stream(connection, stream, until, self._batch)
