"""How far the read models are: a position per lane, parked streams, and institutions being looked at again."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, text, update

from projections.database import Row, table_of


class Checkpoint(Row, frozen=True):
    """Every event of the lane up to this position was taken in, in the transaction that says so."""

    lane: int
    position: int


class Parked(Row, frozen=True):
    """A stream that stopped before an event which could not be folded; the other streams go on."""

    institution_id: str
    position: int
    version: int
    topic: str
    error: str
    detail: str
    """What went wrong, without personal data."""


class Review(Row, frozen=True):
    """An institution that stopped, was frozen or unfrozen: each of its contracts is looked at again, up to `after`."""

    institution_id: str
    after: str


checkpoint = table_of("checkpoint", Checkpoint, ["lane"])
parked = table_of("parked", Parked, ["institution_id"])
review = table_of("review", Review, ["institution_id"])


def positions(connection: Connection) -> dict[int, int]:
    """Lane → position of its checkpoint; lanes that were never read are left out."""
    rows = connection.execute(select(checkpoint.c.lane, checkpoint.c.position)).all()
    return {lane: position for lane, position in rows}  # noqa: C416 - rows are no plain tuples to the type checker


def save_position(connection: Connection, lane: int, position: int) -> None:
    """Move the checkpoint of a lane."""
    moved = connection.execute(update(checkpoint).where(checkpoint.c.lane == lane).values(position=position))
    if moved.rowcount == 0:
        connection.execute(insert(checkpoint).values(lane=lane, position=position))


def park(connection: Connection, stream: Parked) -> None:
    """Stop folding a stream before one of its events."""
    connection.execute(delete(parked).where(parked.c.institution_id == stream.institution_id))
    connection.execute(insert(parked).values({name: getattr(stream, name) for name in stream.__struct_fields__}))


def list_parked(connection: Connection) -> list[Parked]:
    """Every parked stream, in order of institution."""
    return [Parked(*row) for row in connection.execute(select(parked).order_by(parked.c.institution_id))]


def reviews_pending(connection: Connection) -> bool:
    """Whether the contracts of some institution are still being looked at again."""
    return connection.execute(select(review.c.institution_id).limit(1)).first() is not None


def ask_for_review(connection: Connection, institution_id: str) -> None:
    """Have every contract of an institution looked at again, from the first."""
    connection.execute(delete(review).where(review.c.institution_id == institution_id))
    connection.execute(insert(review).values(institution_id=institution_id, after=""))


class Status(NamedTuple):
    """Where the read models stand: lane → position, and how many institutions are incomplete."""

    positions: dict[int, int]
    incomplete: int


_STATUS = text(
    """
    select lane, position,
           (select count(*) from (select institution_id from parked union select institution_id from review) x
             where cast(:asked as text) = '' or institution_id = cast(:asked as text))
      from checkpoint
    """
)


def status(connection: Connection, institution_id: str | None = None) -> Status:
    """Where the read models stand, for one institution or for all: what every answer says, in one small query.

    Incomplete is what is parked, or has contracts that are still being looked at again.
    """
    rows = connection.execute(_STATUS, {"asked": institution_id or ""}).all()
    return Status({lane: position for lane, position, _ in rows}, max((count for *_, count in rows), default=0))
