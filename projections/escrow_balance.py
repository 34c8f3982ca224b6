"""Balances: one row per escrow with its accounts, and what each account moved by, day by day. Sums, never a fold."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Select,
    Table,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy.sql.functions import coalesce

from ledger.decisions.context import local_date
from ledger.store.tables import events
from projections.answers import NOW, Answer, Moment, decode_cursor, encode_cursor
from projections.balance_sums import add_rows, changes, end_of, totals
from projections.database import Row, read_row, table_of
from projections.reading import MAX_PAGE, Reader, Reading, matching


class EscrowBalance(Row, frozen=True):
    """The accounts of one escrow, fen: what an asset holds, what a liability owes."""

    institution_id: str
    last_version: int
    """The last event that moved money."""
    custody_cash_fen: int = 0
    risk_deposit_cash_fen: int = 0
    institution_receivable_fen: int = 0
    unapplied_fen: int = 0
    unearned_fen: int = 0
    earned_fen: int = 0
    release_in_transit_fen: int = 0
    refund_payable_fen: int = 0
    refund_in_transit_fen: int = 0
    risk_deposit_fen: int = 0


class EscrowBalanceDay(Row, frozen=True):
    """What moved on the accounts of one escrow on one business day, as recorded on one day, fen."""

    institution_id: str
    recorded_on: date
    effective_on: date
    last_version: int
    custody_cash_fen: int
    risk_deposit_cash_fen: int
    institution_receivable_fen: int
    unapplied_fen: int
    unearned_fen: int
    earned_fen: int
    release_in_transit_fen: int
    refund_payable_fen: int
    refund_in_transit_fen: int
    risk_deposit_fen: int


escrow_balance = table_of("escrow_balance", EscrowBalance, ["institution_id"])
escrow_balance_day = table_of("escrow_balance_day", EscrowBalanceDay, ["institution_id", "recorded_on", "effective_on"])

LAST_INSTANT = end_of(date.max) - 9 * 3_600_000_000
"""An instant whose local date still has a name."""

BALANCES: Mapping[str, Table] = {table.name: table for table in (escrow_balance, escrow_balance_day)}


def add_events(connection: Connection, *where: ColumnElement[bool], tables: Mapping[str, Table] = BALANCES) -> None:
    """Take in the events that fulfil the conditions, none of which was taken in before."""
    query = changes(connection.dialect.name, *where)
    add_rows(connection, tables[escrow_balance_day.name], query)
    add_rows(connection, tables[escrow_balance.name], totals(query.subquery("changes")))


def sum_all(connection: Connection, *where: ColumnElement[bool], tables: Mapping[str, Table] = BALANCES) -> None:
    """The same into empty tables: days from events, then balances from the days, so that events are read once."""
    days = tables[escrow_balance_day.name]
    add_rows(connection, days, changes(connection.dialect.name, *where))
    add_rows(connection, tables[escrow_balance.name], totals(days))


def balances_at(connection: Connection, moment: Moment, institution_id: str | None) -> list[EscrowBalance]:
    """Balances of other moments: whole days of recording by their sums, the rest of the last day from its events."""
    if moment.known_at is None:
        return _summed(connection, moment.as_of, institution_id)
    on = local_date(min(moment.known_at, LAST_INSTANT))
    bounds = day_bounds(on, institution_id).subquery("bounds")
    rest = (
        events.c.originator_id == bounds.c.stream,
        events.c.originator_version > bounds.c.before,
        events.c.originator_version <= bounds.c.last,
        events.c.recorded_at <= moment.known_at,
    )
    return _summed(connection, moment.as_of, institution_id, on, rest)


def balance_after(
    connection: Connection, institution_id: str, version: int, recorded_at: int, as_of: date | None
) -> EscrowBalance:
    """The accounts after one event of a stream, which was recorded at that instant."""
    last_on = as_of or date.max
    values = {
        "stream": institution_id,
        "version": version,
        "day": local_date(recorded_at),
        "last_day": last_on,
        "end": end_of(last_on),
    }
    row = connection.execute(_after_one_event(connection.dialect.name), values).first()
    return EscrowBalance(institution_id, 0) if row is None else read_row(EscrowBalance, row)


@cache
def _after_one_event(dialect: str) -> Select[Any]:
    """The query of `balance_after`, put together once: that takes longer than the answer."""
    days = escrow_balance_day.c
    stream: BindParameter[str] = bindparam("stream")
    day = bindparam("day", type_=Date)
    whole = select(escrow_balance_day).where(
        days.institution_id == stream, days.recorded_on < day, days.effective_on <= bindparam("last_day", type_=Date)
    )
    before = select(coalesce(func.max(days.last_version), 0)).where(
        days.institution_id == stream, days.recorded_on < day
    )
    rest = changes(
        dialect,
        events.c.originator_id == stream,
        events.c.originator_version > before.scalar_subquery(),
        events.c.originator_version <= bindparam("version"),
        events.c.effective_at < bindparam("end", type_=BigInteger),
    )
    return totals(whole.union_all(select(rest.subquery("rest"))).subquery("moved"))


def _summed(
    connection: Connection,
    as_of: date | None,
    institution_id: str | None,
    until_on: date | None = None,
    rest: tuple[ColumnElement[bool], ...] = (),
) -> list[EscrowBalance]:
    """Sums over the days of recording before `until_on` (over all where it is None) and over the `rest` of events."""
    query = matching(escrow_balance_day, institution_id=institution_id)
    if as_of is not None:
        query = query.where(escrow_balance_day.c.effective_on <= as_of)
        rest = (*rest, events.c.effective_at < end_of(as_of))
    if until_on is not None:
        query = query.where(escrow_balance_day.c.recorded_on < until_on)
        of_rest = changes(connection.dialect.name, *rest).subquery("rest")
        query = query.union_all(select(of_rest))  # type: ignore[assignment] # both are sums of the same columns
    summed = totals(query.subquery("moved")).order_by("institution_id")
    return [read_row(EscrowBalance, row) for row in connection.execute(summed)]


def day_bounds(on: date, institution_id: str | None = None) -> Select[Any]:
    """Per institution the last version before a day of recording, and the last one of that day, among money events."""
    days = escrow_balance_day.c
    earlier = case((days.recorded_on < on, days.last_version), else_=0)
    query = select(
        days.institution_id.label("stream"),
        func.max(earlier).label("before"),
        func.max(days.last_version).label("last"),
    ).where(days.recorded_on <= on)
    if institution_id is not None:
        query = query.where(days.institution_id == institution_id)
    return query.group_by(days.institution_id).having(func.max(days.recorded_on) == on)


def get_escrow_balance(reader: Reader, institution_id: str, moment: Moment = NOW) -> Answer[EscrowBalance]:
    """The accounts of one escrow; all zero where no money has moved.

    One primary-key look-up; at another moment a sum over the days of this institution and the events of one day.
    """
    with reader.open_log(moment, institution_id) as reading:
        found = _balances(reading, institution_id)
        return reading.answer(found[0] if found else EscrowBalance(institution_id, 0))


def list_escrow_balances(
    reader: Reader, moment: Moment = NOW, *, after: str | None = None, limit: int = 100
) -> Answer[list[EscrowBalance]]:
    """Balances in order of institution; those that never moved money are left out.

    An index range of `limit` rows; at another moment a sum over the days of every institution. Raises MalformedCursor.
    """
    with reader.open_log(moment) as reading:
        if moment.live:
            query = select(escrow_balance)
            return reading.page(EscrowBalance, query, [escrow_balance.c.institution_id], after, limit)
        last = decode_cursor(after, 1) or ("",)
        limit = max(1, min(limit, MAX_PAGE))
        found = [row for row in _balances(reading, None) if row.institution_id > last[0]]
        more = encode_cursor(found[limit - 1].institution_id) if len(found) > limit else None
        return reading.answer(found[:limit], next=more)


def _balances(reading: Reading, institution_id: str | None) -> list[EscrowBalance]:
    if not reading.moment.live:
        return balances_at(reading.log, reading.moment, institution_id)
    query = matching(escrow_balance, institution_id=institution_id)
    return [read_row(EscrowBalance, row) for row in reading.rows(query)]
