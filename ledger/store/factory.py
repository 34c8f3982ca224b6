"""The library's infrastructure factory: what `PERSISTENCE_MODULE` names."""

import sqlite3

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    NotSupportedError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from ledger.store.postgresql import PostgresTurns
from ledger.store.recorder import LedgerRecorder
from ledger.store.rows import Turns
from ledger.store.sqlite import SqliteTurns

POSTGRES_DESKS = 2


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Makes the recorder and the desks for a SQLAlchemy URL in `DATABASE_URL`: SQLite file or PostgreSQL."""

    DATABASE_URL = "DATABASE_URL"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        url = self.env.get(self.DATABASE_URL)
        if not url:
            raise ValueError("DATABASE_URL is not set")
        self.engine = open_engine(url)

    def turns(self) -> list[list[Turns]]:
        """The openers of turns of each desk: one desk and opener on SQLite, which has one writer anyway.

        On PostgreSQL there are two desks, and at each one opener judges the next turn of a series while the other
        writes.
        """
        if self.engine.dialect.name == "sqlite":
            return [[SqliteTurns(self.engine)]]
        return [[PostgresTurns(self.engine), PostgresTurns(self.engine)] for _ in range(POSTGRES_DESKS)]

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The recorder of events. Raises NotSupportedError for snapshots: a header row stands in their place."""
        if purpose != "events":
            raise NotSupportedError(f"no recorder of {purpose}: headers and sheets stand in their place")
        return LedgerRecorder(self.engine)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of events and the log."""
        return LedgerRecorder(self.engine)

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:  # noqa: ARG002 - the signature is the library's
        """Raises NotSupportedError: each projection keeps its checkpoint in the transaction of its own rows."""
        raise NotSupportedError("projections keep their own checkpoints")

    def process_recorder(self) -> ProcessRecorder:
        """Raises NotSupportedError: see `tracking_recorder`."""
        raise NotSupportedError("projections keep their own checkpoints")

    def close(self) -> None:
        """Let go of the pooled connections."""
        self.engine.dispose()


def open_engine(url: str) -> Engine:
    """An engine for reading. Raises ValueError for another database than a SQLite file or PostgreSQL with psycopg."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if backend != "sqlite":
        raise ValueError(f"a ledger lives in SQLite or PostgreSQL, not in {backend}")
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("a ledger in SQLite lives in a file: sqlite:///ledger.sqlite")
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=30000", "cache_size=-32768"):
        connection.execute(f"pragma {pragma}")
