"""What a database must hold to be the one that was backed up: heads, sizes and roots, read as one moment."""

from hashlib import sha256

from msgspec import Struct
from sqlalchemy import Connection, func, select, text

from ledger.log.tables import directory
from ledger.store.epochs import list_epochs
from ledger.store.rows import decode_header
from ledger.store.tables import events, headers, lanes

NO_EPOCHS = "0007"
"""Schemas up to this one have no epochs."""


class Facts(Struct, frozen=True, kw_only=True):
    """One moment of a ledger."""

    schema: str
    """The last migration."""
    epoch: str
    heads: dict[int, int]
    """Lane → last position."""
    institutions: int
    events: int
    streams_sha256: str
    """Over `institution version hash` of the end of every stream."""
    directory_size: int
    directory_root: str | None
    """Of the directory of checkpoints, hex; None where nothing is signed."""


def facts_of(connection: Connection) -> Facts:
    """The facts as this connection sees them."""
    digest, institutions = sha256(), 0
    query = select(headers.c.institution_id, headers.c.state).order_by(headers.c.institution_id)
    for institution_id, state in connection.execute(query):
        header = decode_header(state)
        digest.update(f"{institution_id} {header.version} {header.head}\n".encode())
        institutions += 1
    signed = connection.execute(select(directory.c.size, directory.c.root).order_by(directory.c.size.desc())).first()
    schema = connection.scalar(text("select version_num from alembic_version")) or ""
    return Facts(
        schema=schema,
        epoch=list_epochs(connection)[-1].name if schema > NO_EPOCHS else "",
        heads={lane: max(0, head) for lane, head in connection.execute(select(lanes.c.lane, lanes.c.head))},
        institutions=institutions,
        events=connection.scalar(select(func.count()).select_from(events)) or 0,
        streams_sha256=digest.hexdigest(),
        directory_size=0 if signed is None else signed.size,
        directory_root=None if signed is None else signed.root,
    )
