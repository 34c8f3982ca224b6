"""Opens readings: of the live read models, or of a scratch copy folded for another moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine

from projections.answers import NOW, Moment
from projections.as_of import scratch
from projections.checkpoint import status
from projections.cut import cut_at
from projections.reading import Reading


class ReadModels:
    """The read models in one database, as every query takes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def open(
        self, moment: Moment = NOW, institution_id: str | None = None, contract_id: str | None = None
    ) -> Iterator[Reading]:
        """A reading of everything, or of what one institution or one contract of it needs.

        Live, it is a snapshot of the read models. At another moment the events up to it are folded into a scratch
        database: of the contract alone where one is named, of the institution, else of every institution in turn.
        """
        with self.open_log(moment, institution_id) as reading:
            if not moment.live:
                with scratch(reading, institution_id, contract_id) as (connection, left_out):
                    yield replace(reading, connection=connection, left_out=left_out)
            else:
                yield reading

    @contextmanager
    def open_log(self, moment: Moment = NOW, institution_id: str | None = None) -> Iterator[Reading]:
        """A reading for queries over the log itself, which need no read model of another moment."""
        with self._snapshot() as live:
            here = status(live, institution_id)
            incomplete = here.incomplete if moment.live else 0
            cut = None if moment.known_at is None else cut_at(live, here.positions, moment.known_at)
            yield Reading(live, live, moment, here.positions, cut, incomplete=incomplete, signed=here.signed)

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("begin")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection
            connection.rollback()
