"""Where the log of proofs stands: what is signed, what is not yet, who cosigned; and the newest checkpoints."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, select

from ledger.log.entries import directory_origin
from ledger.log.keys import PublicKey
from ledger.log.proving import NotYetSigned, cosigned
from ledger.log.records import reading
from ledger.log.tables import checkpoints, cosignatures, cursors, directory
from ledger.store.tables import lanes


class Standing(Struct, frozen=True, kw_only=True):
    """How far the notary is."""

    unsigned: int
    """Events that are recorded and under no checkpoint yet."""
    directory_size: int
    signed_at: int | None
    """When the newest checkpoint of the directory was made (µs UTC); None before the first."""
    witnessed: dict[str, int]
    """Witness → directory size that it cosigned last."""


def standing(engine: Engine, name: str = "", witnesses: Sequence[PublicKey] = ()) -> Standing:
    """Where the log of the ledger of this name stands; a few look-ups. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = connection.execute(select(cursors.c.lane, cursors.c.position))
        taken = {lane: position for lane, position in rows}  # noqa: C416 - rows are no plain tuples to the type checker
        behind = 0
        for lane, stride, head in connection.execute(select(lanes.c.lane, lanes.c.stride, lanes.c.head)):
            behind += max(0, max(0, head) - taken.get(lane, 0)) // stride
        newest = connection.execute(
            select(directory.c.size, directory.c.made_at).order_by(directory.c.size.desc()).limit(1)
        ).first()
        return Standing(
            unsigned=behind,
            directory_size=0 if newest is None else newest.size,
            signed_at=None if newest is None else newest.made_at,
            witnessed={each.name: _cosigned_size(connection, name, each) for each in witnesses},
        )


def _cosigned_size(connection: Connection, name: str, witness: PublicKey) -> int:
    c = cosignatures.c
    mine = select(c.size).where(c.origin == directory_origin(name), c.line.startswith(f"— {witness.name} "))
    return connection.scalar(mine.order_by(c.size.desc()).limit(1)) or 0


def newest_checkpoint(engine: Engine, institution_id: str) -> str:
    """The newest signed checkpoint of an institution's log, with what witnesses added.

    Raises NotYetSigned, StoreUnavailable.
    """
    c = checkpoints.c
    newest = select(c.note).where(c.institution_id == institution_id).order_by(c.size.desc()).limit(1)
    with reading(engine) as connection:
        return _found(connection, connection.scalar(newest), institution_id)


def newest_directory(engine: Engine) -> str:
    """The newest signed checkpoint of the directory. Raises NotYetSigned, StoreUnavailable."""
    with reading(engine) as connection:
        note = connection.scalar(select(directory.c.note).order_by(directory.c.size.desc()).limit(1))
        return _found(connection, note, "the directory")


def _found(connection: Connection, note: str | None, what: str) -> str:
    if note is None:
        raise NotYetSigned(what)
    return cosigned(connection, note)
