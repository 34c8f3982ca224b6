"""Reading what is stored, without understanding it: exact bytes of events, checkpoints, cosignatures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import InterfaceError, OperationalError

from ledger.store.failures import StoreUnavailable
from ledger.store.tables import events

BATCH = 5_000


class Raw(NamedTuple):
    """One stored event: `state` is its exact text, UTF-8."""

    version: int
    topic: str
    state: bytes
    hash: str


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read with. Raises StoreUnavailable."""
    try:
        with engine.connect() as connection:
            yield connection
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(str(error.orig)) from error


@contextmanager
def one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database, however long it reads. Raises StoreUnavailable."""
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("begin")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection
        connection.rollback()


def raw_events(
    connection: Connection, institution_id: str, through: int | None = None, after: int = 0
) -> Iterator[Raw]:
    """The stored events of one institution in order, after a version and up to another; memory stays flat."""
    c = events.c
    while True:
        query = select(c.originator_version, c.topic, c.state, c.hash).where(c.originator_id == institution_id)
        query = query.where(c.originator_version > after)
        if through is not None:
            query = query.where(c.originator_version <= through)
        rows = connection.execute(query.order_by(c.originator_version).limit(BATCH)).all()
        for version, topic, state, hash_ in rows:
            yield Raw(version, topic, state.encode(), hash_)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]
