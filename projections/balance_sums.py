"""The sums behind the balances: the posting table joined, as data, to what the events of each kind add up to."""

from datetime import date
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.functions import coalesce

from ledger.events import Event
from ledger.postings import ACCOUNTS, AMOUNTS, POSTINGS
from ledger.serialization import EVENTS, UPCASTERS
from ledger.store.tables import events

ACCOUNT_COLUMNS = tuple(f"{account.name}_fen" for account in ACCOUNTS)
"""One column per account: positive is what an asset holds and what a liability owes."""

_OFFSET_US = 8 * 3600 * 1_000_000
_DAY_US = 86_400 * 1_000_000
_EPOCH_ON = date(1970, 1, 1)
_ASSETS = {account.name for account in ACCOUNTS if account.asset}


def _names_of(kind: type[Event]) -> list[str]:
    """Every stored name whose events become this class, old versions included."""
    names = [name for name, each in EVENTS.items() if each is kind]
    for old in UPCASTERS:
        name = old
        while name in UPCASTERS:
            name = UPCASTERS[name].to_topic
        if EVENTS[name] is kind:
            names.append(old)
    return names


def posting_rows() -> list[tuple[str, str, int, str]]:
    """The posting table as rows: stored name, account column, +1 or -1 on it, the amount column."""
    return [
        (name, f"{leg.account}_fen", leg.sign if leg.account in _ASSETS else -leg.sign, leg.amount)
        for kind, legs in POSTINGS.items()
        for name in _names_of(kind)
        for leg in legs
    ]


MONEY_TOPICS = tuple(sorted({topic for topic, *_ in posting_rows()}))
"""Stored names of the events that move money."""


def _posting_text() -> str:
    rows = ", ".join(f"('{topic}', '{account}', {sign}, '{amount}')" for topic, account, sign, amount in posting_rows())
    names = ("topic", "account", "sign", "amount")
    columns = ", ".join(f"column{number} as {name}" for number, name in enumerate(names, 1))
    return f"select {columns} from (values {rows}) x"  # noqa: S608 - our own posting table


_POSTING = text(_posting_text()).columns(
    column("topic", Text), column("account", Text), column("sign", Integer), column("amount", Text)
)
"""The posting table as a query, written once: hundreds of bound values would be walked through at every question."""


def _posting() -> CTE:
    return _POSTING.cte("posting")


def end_of(on: date) -> int:
    """The first instant after a day in Asia/Shanghai, µs."""
    return ((on - _EPOCH_ON).days + 1) * _DAY_US - _OFFSET_US


def day_number(instant: ColumnElement[int]) -> ColumnElement[int]:
    """The day in Asia/Shanghai of an instant column, counted from 1970-01-01."""
    return (instant + literal(_OFFSET_US, BigInteger)) // literal(_DAY_US, BigInteger)


def _day(number: ColumnElement[Any], dialect: str) -> ColumnElement[date]:
    if dialect == "sqlite":
        return type_coerce(func.date(number * 86_400, "unixepoch"), Date)
    return type_coerce(cast(literal(_EPOCH_ON.isoformat(), Text), Date) + cast(number, Integer), Date)


def changes(dialect: str, *where: ColumnElement[bool]) -> Select[Any]:
    """What events moved, per institution, day of recording and business day, fen.

    Events are first summed by kind, over their typed columns; only those few sums meet the posting table, because
    a leg is linear in the amount it takes.
    """
    summed = _by_topic(*where)
    posting = _posting()
    amount = case(*((posting.c.amount == name, summed.c[name]) for name in AMOUNTS), else_=None)
    moved = posting.c.sign * amount
    accounts = [
        cast(coalesce(func.sum(case((posting.c.account == name, moved), else_=0)), 0), BigInteger).label(name)
        for name in ACCOUNT_COLUMNS
    ]
    days = (summed.c.recorded_day, summed.c.effective_day)
    return (
        select(
            summed.c.institution_id,
            _day(days[0], dialect).label("recorded_on"),
            _day(days[1], dialect).label("effective_on"),
            func.max(summed.c.last_version).label("last_version"),
            *accounts,
        )
        .join_from(summed, posting, posting.c.topic == summed.c.topic)
        .group_by(summed.c.institution_id, *days)
    )


def _by_topic(*where: ColumnElement[bool]) -> Subquery:
    keys = (
        events.c.originator_id.label("institution_id"),
        events.c.topic,
        day_number(events.c.effective_at).label("effective_day"),
        day_number(events.c.recorded_at).label("recorded_day"),
    )
    sums = (cast(func.sum(events.c[name]), BigInteger).label(name) for name in AMOUNTS)
    query = select(*keys, func.max(events.c.originator_version).label("last_version"), *sums)
    query = query.where(events.c.topic.in_(MONEY_TOPICS), *where)
    return query.group_by(*(key.name for key in keys)).subquery("summed")


def topics_on(account: str) -> list[str]:
    """Stored names of the events that may move an account."""
    return sorted({topic for topic, column_, *_ in posting_rows() if column_ == f"{account}_fen"})


def sums_by_topic(account: str, *where: ColumnElement[bool]) -> Select[Any]:
    """What events of each kind moved on one account: stored name, how many events, fen. Kinds that cancel out count."""
    posting = _posting()
    amount = coalesce(case(*((posting.c.amount == name, events.c[name]) for name in AMOUNTS), else_=None), 0)
    moved = cast(func.sum(posting.c.sign * amount), BigInteger)
    count = func.count(events.c.position.distinct())
    return (
        select(events.c.topic, count, moved)
        .join_from(events, posting, posting.c.topic == events.c.topic)
        .where(posting.c.account == f"{account}_fen", amount != 0, *where)
        .group_by(events.c.topic)
        .order_by(events.c.topic)
    )


def totals(source: FromClause) -> Select[Any]:
    """Changes summed up per institution."""
    accounts = [cast(func.sum(source.c[name]), BigInteger).label(name) for name in ACCOUNT_COLUMNS]
    query = select(source.c.institution_id, func.max(source.c.last_version).label("last_version"), *accounts)
    return query.group_by(source.c.institution_id)


def add_rows(connection: Connection, table: Table, query: Select[Any]) -> None:
    """Add the rows of a query to a table of sums: new ones as they are, known ones account by account."""
    module = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = module.insert(table)
    added = {name: table.c[name] + statement.excluded[name] for name in ACCOUNT_COLUMNS}
    connection.execute(
        statement.from_select([each.name for each in table.columns], query).on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={**added, "last_version": statement.excluded.last_version},
        )
    )
