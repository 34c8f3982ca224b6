"""How queries read: a connection that sees one state of the read models, and answers that say which."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Date, Select, Table, literal, select, tuple_
from sqlalchemy import Row as SqlRow
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from projections.answers import NOW, Answer, MalformedCursor, Moment, decode_cursor, encode_cursor
from projections.checkpoint import SignedHead
from projections.database import Row, read_row

T = TypeVar("T")
R = TypeVar("R", bound=Row)

MAX_PAGE = 1000
NO_CONTRACT = ""
"""Asks for a reading of what concerns an institution as a whole."""


@dataclass
class Reading:
    """The read models at one moment: the live ones, or a scratch copy folded for this question."""

    connection: Connection
    """Where the read models are."""
    log: Connection
    """Where the events are."""
    moment: Moment
    positions: dict[int, int]
    """Lane → place in the log up to which events were taken in."""
    cut: int | None = None
    """The last place in the log that had been recorded by the knowledge time; None without one."""
    left_out: int = 0
    incomplete: int = 0
    signed: SignedHead | None = None
    """The newest signed checkpoint of what is read: of the institution, else of the directory."""

    def rows(self, query: Select[Any]) -> Sequence[Any]:
        """Every row of a query."""
        return self.connection.execute(query).all()

    def first(self, query: Select[Any]) -> SqlRow[Any] | None:
        """The first row of a query, or None."""
        return self.connection.execute(query).first()

    def answer(self, data: T, *, rules: str | None = None, next: str | None = None) -> Answer[T]:  # noqa: A002 - its name
        """`data` with its provenance. With several lanes `position` is that of the lane that is furthest."""
        return Answer(
            data=data,
            position=max(self.positions.values(), default=0) if self.cut is None else self.cut,
            as_of=self.moment.as_of,
            known_at=self.moment.known_at,
            rules=rules,
            left_out=self.left_out,
            incomplete=self.incomplete,
            log_size=None if self.signed is None else self.signed.size,
            log_root=None if self.signed is None else self.signed.root,
            next=next,
        )

    def page(
        self,
        kind: type[R],
        query: Select[Any],
        key: Sequence[Column[Any]],
        after: str | None,
        limit: int,
    ) -> Answer[list[R]]:
        """At most `limit` rows of a query over a table's columns, in order of `key`, after a cursor.

        Raises MalformedCursor.
        """
        limit = max(1, min(limit, MAX_PAGE))
        last = decode_cursor(after, len(key))
        if last is not None:
            query = query.where(_beyond(key, last))
        found = [read_row(kind, row) for row in self.rows(query.order_by(*key).limit(limit + 1))]
        rows = found[:limit]
        beyond = len(found) > limit
        return self.answer(
            rows, next=encode_cursor(*(str(getattr(rows[-1], each.name)) for each in key)) if beyond else None
        )


class Reader(Protocol):
    """Opens readings; see `projections.reader`."""

    def open(
        self, moment: Moment = NOW, institution_id: str | None = None, contract_id: str | None = None
    ) -> AbstractContextManager[Reading]:
        """A reading of everything, or of what one institution or one contract of it needs."""
        ...

    def open_log(self, moment: Moment = NOW, institution_id: str | None = None) -> AbstractContextManager[Reading]:
        """A reading for queries over the log itself, which need no read model of another moment."""
        ...


def filtered(table_columns: ReadOnlyColumnCollection[str, Column[Any]], **equal: object) -> list[ColumnElement[bool]]:
    """Conditions for the filters that were given."""
    return [table_columns[name] == value for name, value in equal.items() if value is not None]


def matching(table: Table, **equal: object) -> Select[Any]:
    """A select of a table's rows by the filters that were given."""
    return select(table).where(*filtered(table.c, **equal))


def _beyond(key: Sequence[Column[Any]], last: tuple[str, ...]) -> ColumnElement[bool]:
    try:
        values = [literal(_typed(column, text), column.type) for column, text in zip(key, last, strict=True)]
    except ValueError as error:
        raise MalformedCursor from error
    return tuple_(*key) > tuple_(*values) if len(key) > 1 else key[0] > values[0]


def _typed(column: Column[Any], text: str) -> object:
    if isinstance(column.type, Date):
        return date.fromisoformat(text)
    return int(text) if column.type.python_type is int else text
