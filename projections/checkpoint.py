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


class SignedHead(NamedTuple):
    """The newest signed checkpoint of an institution's log, or of the directory: so many entries under this root."""

    size: int
    root: str
    """Lower-case hex."""


class Status(NamedTuple):
    """Where the read models stand: lane → position, how many institutions are incomplete, and what is signed."""

    positions: dict[int, int]
    incomplete: int
    signed: SignedHead | None
    """None where no notary signed yet."""


_WHAT = """
    select lane, position,
           (select count(*) from (select institution_id from parked union select institution_id from review) x
             where cast(:asked as text) = '' or institution_id = cast(:asked as text)),
           {signed}
      from checkpoint
"""
_NEWEST = "(select size || ' ' || root from {table} order by size desc limit 1)"
_STATUS = text(_WHAT.format(signed=_NEWEST.format(table="log_directory")))
_STATUS_OF_ONE = text(
    _WHAT.format(signed=_NEWEST.format(table="log_checkpoints where institution_id = cast(:asked as text)"))
)


def status(connection: Connection, institution_id: str | None = None) -> Status:
    """Where the read models stand, for one institution or for all: what every answer says, in one small query.

    Incomplete is what is parked, or has contracts that are still being looked at again.
    """
    rows = connection.execute(_STATUS_OF_ONE if institution_id else _STATUS, {"asked": institution_id or ""}).all()
    signed = None
    for *_, head in rows[:1]:
        if head is not None:
            size, _, root = head.partition(" ")
            signed = SignedHead(int(size), root)
    incomplete = max((count for _, _, count, _ in rows), default=0)
    return Status({lane: position for lane, position, *_ in rows}, incomplete, signed)
