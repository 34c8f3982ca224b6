"""Shadow tables: where a rebuild writes, how they are compared with the live ones, and how they take their place."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, MetaData, Table, except_, func, inspect, select, text

from projections.escrow_balance import BALANCES
from projections.writes import LIVE

LIVE_TABLES: Mapping[str, Table] = {**LIVE, **BALANCES}
"""Every table that is made out of events and nothing else."""
SUFFIX = "__next"
SAMPLE = 10
WRITER = "ledger_writer"

Shadows = Mapping[str, Table]
"""Name of a live table → its shadow."""


class Difference(Struct, frozen=True):
    """Rows of one table that the rebuild and the live table do not share; `sample` are keys of some of them."""

    table: str
    only_live: int
    only_rebuilt: int
    sample: tuple[tuple[str, ...], ...]


def shadows() -> Shadows:
    """The shadow of every table."""
    return {name: _shadow(table) for name, table in LIVE_TABLES.items()}


def _shadow(table: Table) -> Table:
    shadow = table.to_metadata(MetaData(), name=f"{table.name}{SUFFIX}")
    shadow.indexes.clear()  # they are made when the table is full
    return shadow


def create(connection: Connection, tables: Shadows) -> None:
    """Make empty shadow tables; what an interrupted rebuild left is dropped."""
    drop(connection, tables)
    for table in tables.values():
        table.create(connection)
    if connection.dialect.name == "postgresql" and connection.scalar(
        text("select count(*) from pg_roles where rolname = :role"), {"role": WRITER}
    ):
        for table in tables.values():
            connection.execute(text(f"grant select, insert, update, delete on {table.name} to {WRITER}"))


def drop(connection: Connection, tables: Shadows) -> None:
    """Remove the shadow tables that are there."""
    there = set(inspect(connection).get_table_names())
    for table in tables.values():
        if table.name in there:
            table.drop(connection)


def compare(connection: Connection, tables: Shadows, names: Iterable[str]) -> list[Difference]:
    """Where shadow and live table differ. One set difference in each direction per table."""
    found = (_difference(connection, LIVE_TABLES[name], tables[name]) for name in names)
    return [each for each in found if each.only_live or each.only_rebuilt]


def _difference(connection: Connection, live: Table, shadow: Table) -> Difference:
    keys = [column.name for column in live.primary_key.columns]
    counts, sample = [], dict[tuple[str, ...], None]()
    for here, there in ((live, shadow), (shadow, live)):
        same: list[Any] = [there.c[column.name] for column in here.columns]
        only = except_(select(here), select(*same)).subquery()
        counts.append(connection.scalar(select(func.count()).select_from(only)) or 0)
        columns: list[Any] = [only.c[key] for key in keys]
        for row in connection.execute(select(*columns).order_by(*columns).limit(SAMPLE)):
            sample[tuple(map(str, row))] = None
    return Difference(str(live.name), counts[0], counts[1], tuple(sample)[:SAMPLE])


def add_indexes(connection: Connection, tables: Shadows) -> None:
    """Make the indexes of the shadow tables, under names of their own; SQLite cannot rename one: there `swap` does."""
    if connection.dialect.name == "postgresql":
        for name, table in tables.items():
            for index in LIVE_TABLES[name].indexes:
                columns = ", ".join(column.name for column in index.columns)
                connection.execute(text(f"create index {index.name}{SUFFIX} on {table.name} ({columns})"))
            connection.execute(text(f"analyze {table.name}"))


def swap(connection: Connection, tables: Shadows, names: Iterable[str]) -> None:
    """Put shadow tables in the place of the live ones, in the transaction of the connection."""
    for name in names:
        live = LIVE_TABLES[name]
        live.drop(connection)
        connection.execute(text(f"alter table {tables[name].name} rename to {name}"))
        if connection.dialect.name == "sqlite":
            for index in live.indexes:
                index.create(connection)
            continue
        for index_name in (f"{name}{SUFFIX}_pkey", *(f"{index.name}{SUFFIX}" for index in live.indexes)):
            final = index_name.replace(SUFFIX, "")
            connection.execute(text(f"alter index {index_name} rename to {final}"))
