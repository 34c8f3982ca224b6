"""The history of the money: every event that moves some, its legs, and the balance of custody after it.

It is the log itself, read with the posting table: a copy could only drift, and cost as much again as the log.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, or_, select

from ledger.postings import ACCOUNTS, movements
from ledger.serialization import Recorded
from ledger.store.history import recorded
from ledger.store.tables import events
from projections.answers import NOW, Answer, MalformedCursor, Moment, decode_cursor, encode_cursor
from projections.balance_sums import MONEY_TOPICS
from projections.escrow_balance import balance_after
from projections.log import LOG, known
from projections.reading import MAX_PAGE, Reader, Reading

RECORDED = LOG.add_columns(events.c.hash)
"""The columns of a recorded event."""
_ASSETS = {account.name for account in ACCOUNTS if account.asset}


class FundMovement(Struct, frozen=True):
    """One event that moves money. `accounts_fen`: what each account it touches grew or shrank by."""

    position: int
    version: int
    topic: str
    effective_at: int
    recorded_at: int
    contract_id: str | None
    accounts_fen: dict[str, int]
    custody_after_fen: int | None
    """Money in custody after this event, among those asked for; None where a contract was asked about."""
    command: str
    rules: str


def list_fund_history(
    reader: Reader,
    institution_id: str,
    moment: Moment = NOW,
    *,
    contract_id: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[FundMovement]]:
    """What moved the money of an institution, or of one contract, in the order it was recorded.

    An index range of the stream, or of the contract's events; the balance before a page is the sum over the days before
    it and the events of its first day. Raises MalformedCursor.
    """
    with reader.open_log(moment, institution_id) as reading:
        query = log_of(institution_id, contract_id).where(events.c.topic.in_(MONEY_TOPICS))
        found, more = log_page(reading, query, after, limit)
        custody_fen = None
        if contract_id is None and found:
            custody_fen = _custody_before(reading, institution_id, found[0])
        return reading.answer(list(_moved(found, custody_fen)), next=more)


def log_of(institution_id: str, contract_id: str | None = None) -> Select[Any]:
    """The events of a stream, or those of it that name a contract."""
    query = RECORDED.where(events.c.originator_id == institution_id)
    if contract_id is None:
        return query
    return query.where(or_(events.c.contract_id == contract_id, events.c.to_contract_id == contract_id))


def log_page(reading: Reading, query: Select[Any], after: str | None, limit: int) -> tuple[list[Recorded], str | None]:
    """A page of the events of one stream in order of version, and the cursor of the next. Raises MalformedCursor."""
    limit = max(1, min(limit, MAX_PAGE))
    last = decode_cursor(after, 1)
    if last is not None:
        if not last[0].isdecimal():
            raise MalformedCursor
        query = query.where(events.c.originator_version > int(last[0]))
    query = known(query, reading).order_by(events.c.originator_version).limit(limit + 1)
    found = list(recorded(reading.log.execute(query).all()))
    return found[:limit], encode_cursor(str(found[limit - 1].version)) if len(found) > limit else None


def _custody_before(reading: Reading, institution_id: str, first: Recorded) -> int:
    """Money in custody before an event, among the events asked for."""
    last = select(events.c.originator_version, events.c.recorded_at).where(events.c.originator_id == institution_id)
    last = last.where(events.c.originator_version == first.version - 1)
    row = reading.log.execute(last).first()
    if row is None:
        return 0
    return balance_after(reading.log, institution_id, *row, reading.moment.as_of).custody_cash_fen


def _moved(found: Iterable[Recorded], custody_fen: int | None) -> Iterator[FundMovement]:
    for one in found:
        accounts_fen = changes_of(one)
        if custody_fen is not None:
            custody_fen += accounts_fen.get("custody_cash", 0)
        yield FundMovement(
            position=one.position,
            version=one.version,
            topic=one.topic,
            effective_at=one.event.effective_at,
            recorded_at=one.envelope.recorded_at,
            contract_id=getattr(one.event, "contract_id", None),
            accounts_fen=accounts_fen,
            custody_after_fen=custody_fen,
            command=one.envelope.command,
            rules=one.envelope.rules,
        )


def changes_of(one: Recorded) -> dict[str, int]:
    """What each account grew (+) or shrank (-) by through one event, fen; assets and liabilities alike."""
    changed: dict[str, int] = {}
    for leg in movements(one.event):
        sign = 1 if leg.account in _ASSETS else -1
        changed[leg.account] = changed.get(leg.account, 0) + sign * leg.debit_fen
    return changed
