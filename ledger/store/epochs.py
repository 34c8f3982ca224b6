"""Epochs: a ledger that is put back to an earlier moment begins a new one, so that whoever read it can see that."""

import secrets
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, Table, Text, func, insert, select

from ledger.log.records import reading
from ledger.log.tables import frontiers
from ledger.store.tables import events, lanes, metadata

RANDOM_BYTES: Final = 8

epochs = Table(
    "epochs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("heads", Text, nullable=False),
    Column("directory_size", BigInteger, nullable=False),
)
"""Every epoch, the newest last; inserted, never changed."""


class Epoch(Struct, frozen=True, kw_only=True):
    """One epoch. The random part tells two restores of the same backup apart."""

    number: int
    id: str
    began_at: int
    """µs UTC; 0 for the first."""
    reason: str
    heads: dict[int, int]
    """Lane → last position that the restored log held; nothing for the first."""
    directory_size: int
    """Entries of the directory of checkpoints then: what was signed beyond it belongs to another history."""

    @property
    def name(self) -> str:
        """How consumers name it."""
        return f"{self.number}-{self.id}"


class Footing(Struct, frozen=True):
    """Whether a reader's cursor stands on this history."""

    epoch: str
    """The epoch now."""
    rewind_to: int | None
    """None where it does; else up to here what was read still stands, and what came after is not in this log."""


def list_epochs(connection: Connection) -> list[Epoch]:
    """Every epoch, the current one last."""
    rows = connection.execute(select(epochs).order_by(epochs.c.number)).all()
    return [
        Epoch(
            number=row.number,
            id=row.id,
            began_at=row.began_at,
            reason=row.reason,
            heads=msgspec.json.decode(row.heads, type=dict[int, int]),
            directory_size=row.directory_size,
        )
        for row in rows
    ]


def current_epoch(engine: Engine) -> Epoch:
    """The epoch that the ledger is in. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return list_epochs(connection)[-1]


def open_epoch(engine: Engine, now: int, reason: str) -> Epoch:
    """Record that the ledger was put back: from here on cursors and checkpoints of before may be of another history.

    `now` is in µs UTC. Raises StoreUnavailable, and what the database raises where this role may not.
    """
    with engine.begin() as connection:
        heads = {lane: max(0, head) for lane, head in connection.execute(select(lanes.c.lane, lanes.c.head))}
        size = connection.scalar(select(frontiers.c.size).where(frontiers.c.institution_id == "")) or 0
        number = (connection.scalar(select(func.max(epochs.c.number))) or 0) + 1
        opened = Epoch(
            number=number,
            id=secrets.token_hex(RANDOM_BYTES),
            began_at=now,
            reason=reason,
            heads=heads,
            directory_size=size,
        )
        row = {name: getattr(opened, name) for name in Epoch.__struct_fields__}
        connection.execute(insert(epochs).values({**row, "heads": msgspec.json.encode(heads).decode()}))
    return opened


def common_position(known: Sequence[Epoch], lane: int, seen: str) -> int:
    """Up to which position of a lane a reader in epoch `seen` read what stands here too; 0 for an epoch not of ours.

    An unknown epoch was begun from a backup that is not in this ledger's past: nothing says what it shared.
    """
    names = [each.name for each in known]
    if seen not in names:
        return 0
    return min(each.heads.get(lane, 0) for each in known[names.index(seen) + 1 :])


def feed_footing(engine: Engine, lane: int, after: int, seen: str | None) -> Footing:
    """Whether a consumer of the log whose cursor is `after`, read in epoch `seen`, may go on.

    A consumer that names no epoch is believed as long as the log reaches its cursor. Raises StoreUnavailable.
    """
    with reading(engine) as connection:
        known = list_epochs(connection)
        head = max(0, connection.scalar(select(lanes.c.head).where(lanes.c.lane == lane)) or 0)
    common = _common(known, lane, seen, beyond=after > head)
    return Footing(known[-1].name, None if common is None else min(after, common))


def stream_footing(engine: Engine, institution_id: str, lane: int, after: int, seen: str | None) -> Footing:
    """The same for a reader of one institution's stream, whose cursor is a version."""
    version = events.c.originator_version
    mine = select(func.max(version)).where(events.c.originator_id == institution_id)
    with reading(engine) as connection:
        known = list_epochs(connection)
        common = _common(known, lane, seen, beyond=after > (connection.scalar(mine) or 0))
        if common is None:
            return Footing(known[-1].name, None)
        last = connection.scalar(mine.where(events.c.position <= common)) or 0
    return Footing(known[-1].name, min(after, last))


def _common(known: Sequence[Epoch], lane: int, seen: str | None, *, beyond: bool) -> int | None:
    """Up to where both histories agree; None where the reader's is this one."""
    if seen is not None and seen != known[-1].name:
        return common_position(known, lane, seen)
    return known[-1].heads.get(lane, 0) if beyond else None
