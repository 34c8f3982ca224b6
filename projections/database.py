"""How read models lie in the database: tables made from row types, bulk writes on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Dialect,
    Index,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()
"""Every table of the projections, as the migrations create them."""

Id = Text().with_variant(Text(collation="C"), "postgresql")
"""Ids and keys compare by bytes, on both databases alike."""

KeyRow = tuple[Any, ...]
R = TypeVar("R", bound="Row")

_encode_json = msgspec.json.Encoder().encode


class Row(Struct, frozen=True):
    """One row of a read model; its fields, in order, are the columns of the table."""


class Json(TypeDecorator[Any]):
    """A tuple of structs as canonical JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, shape: object) -> None:
        super().__init__()
        self.shape = shape

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:  # noqa: ARG002 - both alike
        """The tuple again."""
        shape: Any = self.shape
        return None if value is None else msgspec.json.decode(value, type=shape)


def table_of(
    name: str, row: type[Row], key: Sequence[str], *indexes: Sequence[str], within: MetaData = metadata
) -> Table:
    """The table of a row type: money and other integers BIGINT, days DATE, ids and words TEXT.

    Its primary key is `key`; each of `indexes` lists the columns of one more index, none of them unique.
    """
    hints = get_type_hints(row)
    columns = [_column(each, hints[each], key) for each in row.__struct_fields__]
    table = Table(name, within, *columns)
    for names in indexes:
        Index(f"{name}_by_{'_'.join(names)}", *(table.c[each] for each in names))
    return table


def _column(name: str, hint: object, key: Sequence[str]) -> Column[Any]:
    parts = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    plain = next(part for part in parts if part is not NoneType)
    return Column(name, _type(plain), primary_key=name in key, nullable=NoneType in parts, autoincrement=False)


def _type(hint: object) -> TypeEngine[Any]:
    simple: dict[object, TypeEngine[Any]] = {bool: Boolean(), int: BigInteger(), str: Id, date: Date()}
    if hint in simple:
        return simple[hint]
    return Id if get_origin(hint) is Literal else Json(hint)


def read_row(kind: type[R], values: Iterable[Any]) -> R:
    """The row in what a query over its table's columns, in order, returned."""
    return kind(*values)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row | KeyRow]) -> None:
    """Add many rows at once, in the transaction of `connection`: COPY on PostgreSQL, executemany on SQLite."""
    if not rows:
        return
    names = ", ".join(column.name for column in table.columns)
    tuples: Iterable[KeyRow] = (astuple(row) if isinstance(row, Row) else row for row in rows)
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        statement = f"insert into {table.name} ({names}) values ({marks})"  # noqa: S608 - names of our own tables
        raw.executemany(statement, _adapted(table, tuples, _SQLITE))
        return
    with raw.cursor() as cursor, cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
        for values in _adapted(table, tuples, {}):
            copy.write_row(values)


_SQLITE: dict[type, Callable[[Any], Any]] = {Date: date.isoformat}


def as_stored(connection: Connection, table: Table, rows: Iterable[Row]) -> list[KeyRow]:
    """Rows as the driver returns them once they are stored, to tell whether they are there already."""
    adapters = _SQLITE if connection.dialect.name == "sqlite" else {}
    return list(_adapted(table, map(astuple, rows), adapters))


def _adapted(table: Table, tuples: Iterable[KeyRow], adapters: dict[type, Callable[[Any], Any]]) -> Iterable[KeyRow]:
    """Tuples as the driver takes them."""
    special = []
    for place, column in enumerate(table.columns):
        if isinstance(column.type, Json):
            special.append((place, lambda value: _encode_json(value).decode()))
        elif (adapt := adapters.get(type(column.type))) is not None:
            special.append((place, adapt))
    return map(_adapter(special), tuples) if special else tuples


def _adapter(special: list[tuple[int, Callable[[Any], Any]]]) -> Callable[[KeyRow], KeyRow]:
    def adapt(values: KeyRow) -> KeyRow:
        changed = list(values)
        for place, function in special:
            if changed[place] is not None:
                changed[place] = function(changed[place])
        return tuple(changed)

    return adapt


_BY_KEY = {
    "sqlite": "select {names} from json_each(?) k "
    "cross join {table} t on t.{column} = k.value and t.institution_id = ?",
    "postgresql": "select {names} from unnest(%s::text[]) k (value) cross join lateral "
    "(select * from {table} f where f.{column} = k.value and f.institution_id = %s limit 1) t",
}
"""A look-up in the primary key for each value, in this order of loops whether or not the tables were ever analysed."""


def rows_by_key(
    connection: Connection, table: Table, institution_id: str, column: str, values: Sequence[str], names: str
) -> Sequence[KeyRow]:
    """The rows of one institution in whose `column`, the rest of the primary key, stands one of these values.

    Rows come as the driver has them, with the columns in `names`.
    """
    dialect = connection.dialect.name
    sought = _encode_json(values).decode() if dialect == "sqlite" else values
    raw: Any = connection.connection.driver_connection
    statement = _BY_KEY[dialect].format(names=names, table=table.name, column=column)
    found: Sequence[KeyRow] = raw.execute(statement, (sought, institution_id)).fetchall()
    return found


def delete_rows(connection: Connection, table: Table, column: str, keys: Sequence[tuple[str, str]]) -> None:
    """Remove the rows of these (institution_id, `column`) pairs."""
    if not keys:
        return
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        statement = f"delete from {table.name} where institution_id = ? and {column} = ?"  # noqa: S608 - same
        raw.executemany(statement, keys)
        return
    with raw.cursor() as cursor:
        cursor.execute(
            f"delete from {table.name} t using unnest(%s::text[], %s::text[]) k(i, s) "  # noqa: S608 - same
            f"where t.institution_id = k.i and t.{column} = k.s",
            ([each for each, _ in keys], [each for _, each in keys]),
        )


def begin_writing(connection: Connection, lock: str) -> None:
    """Begin a transaction that excludes every other writer under the same name, in whatever process."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate")
        return
    connection.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"projections {lock}",))
    # What is lost in a crash is folded again; and only key look-ups and ranges run here, whatever the statistics say.
    for setting in ("synchronous_commit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        connection.exec_driver_sql(f"set local {setting} = off")
