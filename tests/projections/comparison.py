"""What stands in the read models, to be compared."""

from typing import Any

from sqlalchemy import Connection, select

from projections.answers import Moment
from projections.as_of import SCRATCH_TABLES
from projections.escrow_balance import escrow_balance
from projections.reader import ReadModels

FOR_EVER = 4_000_000_000_000_000
"""An instant by which everything was known."""
MODELS = {**SCRATCH_TABLES, escrow_balance.name: escrow_balance}


def rows(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every read model, in order of its key."""
    return {
        name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        for name, table in MODELS.items()
    }


def live_rows(reader: ReadModels) -> dict[str, list[Any]]:
    """What the live read models say."""
    with reader.open() as reading:
        return rows(reading.connection)


def folded_rows(reader: ReadModels, moment: Moment = Moment(known_at=FOR_EVER)) -> dict[str, list[Any]]:  # noqa: B008 - immutable
    """What one fold of every event up to a moment says."""
    with reader.open(moment) as reading:
        return rows(reading.connection)
