"""Reading many rows at once over a cursor of the driver itself: SQLAlchemy's rows cost as much again."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any

from sqlalchemy import Connection, Select

_numbers = count()


def batches(connection: Connection, query: Select[Any], size: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query, `size` at a time, in flat memory. What they hold is as the driver gives it."""
    text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.driver_connection
    on_server = {} if connection.dialect.name == "sqlite" else {"name": f"batches_{next(_numbers)}", "binary": True}
    with closing(driver.cursor(**on_server)) as cursor:
        cursor.execute(text)
        while rows := cursor.fetchmany(size):
            yield rows
