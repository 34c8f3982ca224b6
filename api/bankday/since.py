"""What came to contracts after a day was over: what lapsed on the day is not dated before the money it takes."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, func, select

from ledger import events as e
from ledger.application import Ledger
from ledger.postings import POSTINGS
from ledger.serialization import TOPICS
from ledger.store.tables import events
from projections.deadlines import RunningDeadline


def _giving(*accounts: str) -> frozenset[str]:
    """Stored names of the events that add to one of these liabilities."""
    adds = (kind for kind, legs in POSTINGS.items() if any(leg.sign < 0 and leg.account in accounts for leg in legs))
    return frozenset(TOPICS[kind] for kind in adds)


_AFTER: Final = {
    "lesson_confirmation": _giving("unearned"),
    "institution_reply": _giving("unearned", "earned") | {TOPICS[e.RefundRequested]},
    "mediation_end": frozenset({TOPICS[e.MediationAccepted], TOPICS[e.MediationExtended]}),
}
"""Clock → what does not come after its end: money that is taken then, and what the clock itself began with."""


def business_times(ledger: Ledger, institution_id: str, rows: Sequence[RunningDeadline], at: int) -> list[int]:
    """When each of these clocks has its effect: at an instant, or with the newest event that must not come after, µs.

    Where nothing was added after an instant, an account then held at least what it holds now: taken from then on, it
    is never below zero at any business time.
    """
    newest: dict[tuple[str | None, str], int] = {}
    with ledger.engine.connect() as connection:
        for contract_id, topic, effective_at in _since(connection, institution_id, rows, at):
            newest[contract_id, topic] = max(effective_at, newest.get((contract_id, topic), at))
    return [max(newest.get((row.contract_id, topic), at) for topic in _AFTER[row.kind]) for row in rows]


def _since(
    connection: Connection, institution_id: str, rows: Sequence[RunningDeadline], at: int
) -> Iterator[tuple[str, str, int]]:
    """Contract, kind and newest business time of what was recorded about these contracts after an instant."""
    table = events.c
    mine = table.originator_id == institution_id
    head: int = connection.execute(select(func.max(table.originator_version)).where(mine)).scalar_one()

    def recorded_at(version: int) -> int:
        query = select(table.recorded_at).where(mine, table.originator_version == version)
        return int(connection.execute(query).scalar_one())

    before = bisect_right(range(1, head + 1), at, key=recorded_at)
    if before == head:
        return
    ids = {row.contract_id for row in rows if row.contract_id}
    topics = frozenset().union(*(_AFTER[row.kind] for row in rows))
    for column in (table.contract_id, table.to_contract_id):
        query = select(column, table.topic, func.max(table.effective_at)).where(
            mine, column.in_(ids), table.originator_version > before, table.topic.in_(topics)
        )
        for row in connection.execute(query.group_by(column, table.topic)):
            yield row[0], row[1], int(row[2])
