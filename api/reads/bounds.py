"""Until when something counts at a moment, for tables that are no read models."""

from datetime import UTC, datetime, time, timedelta, timezone

from api.public import microseconds
from projections.answers import Moment

_BEIJING = timezone(timedelta(hours=8))


def last_instant(moment: Moment) -> int | None:
    """The last instant (µs) that a moment covers: known by then, and not after the business day; None for now."""
    bounds = [] if moment.known_at is None else [moment.known_at]
    if moment.as_of is not None:
        after = datetime.combine(moment.as_of + timedelta(days=1), time(), _BEIJING)
        bounds.append(microseconds(after.astimezone(UTC)) - 1)
    return min(bounds, default=None)
