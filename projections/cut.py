"""The cut of an earlier knowledge time: the last place in the log that had been recorded by then."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, func, select

from ledger.store.tables import events, lanes

AHEAD: Final = 256
"""Places within which events may lie out of the order in which they were recorded."""


def cut_at(connection: Connection, positions: Mapping[int, int], known_at: int) -> int:
    """The last position, up to those of `positions` (lane → position), recorded by an instant (µs UTC); 0 before any.

    Positions are given in the order of commits, and the clocks of several servers differ by little: it is found by
    halving, and by a look at the `AHEAD` places after that. Look-ups by primary key.
    """
    strides = {lane: stride for lane, stride in connection.execute(select(lanes.c.lane, lanes.c.stride))}  # noqa: C416 - rows are no plain tuples to the type checker
    return max(
        (_of_lane(connection, lane, strides[lane], last, known_at) for lane, last in positions.items()), default=0
    )


def _of_lane(connection: Connection, lane: int, stride: int, last: int, known_at: int) -> int:
    places = range(lane + 1, last + 1, stride)

    def recorded_at(position: int) -> int:
        return connection.scalar(select(events.c.recorded_at).where(events.c.position == position)) or 0

    if not places or recorded_at(places[-1]) <= known_at:
        return places[-1] if places else 0
    count = bisect_right(places, known_at, key=recorded_at)
    near = places[count : count + AHEAD]
    late = select(func.max(events.c.position)).where(
        events.c.lane == lane, events.c.position.between(near[0], near[-1]), events.c.recorded_at <= known_at
    )
    return connection.scalar(late) or (places[count - 1] if count else 0)
