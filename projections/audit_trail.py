"""Who did what, when, in which role, under which rules: the log with its envelopes, and the hash of every event.

Like the history of the money it is the log itself and no copy of it: what an auditor reads is what the chain covers.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select

from ledger.identifiers import Role
from ledger.orders import Source
from ledger.serialization import Recorded
from ledger.store.history import recorded
from ledger.store.tables import events
from projections.answers import NOW, Answer, MalformedCursor, Moment, decode_cursor, encode_cursor
from projections.fund_history import RECORDED, log_of, log_page
from projections.log import known
from projections.reading import MAX_PAGE, Reader


class AuditEntry(Struct, frozen=True):
    """One event and its envelope. `hash` is the link in the institution's chain."""

    position: int
    institution_id: str
    version: int
    recorded_at: int
    effective_at: int
    actor: str
    role: Role
    command: str
    command_id: str
    topic: str
    contract_id: str | None
    amount_fen: int | None
    rules: str
    correlation_id: str
    causation_id: str
    source: Source | None
    signed: bool
    hash: str


def list_audit_trail(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    institution_id: str,
    moment: Moment = NOW,
    *,
    contract_id: str | None = None,
    topics: Iterable[str] = (),
    recorded_from: int | None = None,
    recorded_until: int | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[AuditEntry]]:
    """What was recorded about an institution, or one contract, in order. An index range of events.

    `recorded_from` and `recorded_until` are instants in µs UTC, both included. Raises MalformedCursor.
    """
    query = _within(log_of(institution_id, contract_id), topics, recorded_from, recorded_until)
    with reader.open_log(moment, institution_id) as reading:
        found, more = log_page(reading, query, after, limit)
        return reading.answer([_entry(one) for one in found], next=more)


def list_whole_trail(
    reader: Reader,
    moment: Moment = NOW,
    *,
    topics: Iterable[str] = (),
    recorded_from: int | None = None,
    recorded_until: int | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[AuditEntry]]:
    """What was recorded about anybody, in order of position. A range of the log. Raises MalformedCursor."""
    limit = max(1, min(limit, MAX_PAGE))
    last = decode_cursor(after, 1)
    query = _within(RECORDED, topics, recorded_from, recorded_until)
    if last is not None:
        if not last[0].isdecimal():
            raise MalformedCursor
        query = query.where(events.c.position > int(last[0]))
    with reader.open_log(moment) as reading:
        rows = reading.log.execute(known(query, reading).order_by(events.c.position).limit(limit + 1)).all()
        found = [_entry(one) for one in recorded(rows[:limit])]
        return reading.answer(found, next=encode_cursor(str(found[-1].position)) if len(rows) > limit else None)


def _within(query: Select[Any], topics: Iterable[str], from_at: int | None, until_at: int | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if names := sorted(topics):
        conditions.append(events.c.topic.in_(names))
    if from_at is not None:
        conditions.append(events.c.recorded_at >= from_at)
    if until_at is not None:
        conditions.append(events.c.recorded_at <= until_at)
    return query.where(*conditions)


def _entry(one: Recorded) -> AuditEntry:
    envelope = one.envelope
    return AuditEntry(
        position=one.position,
        institution_id=one.institution_id,
        version=one.version,
        recorded_at=envelope.recorded_at,
        effective_at=one.event.effective_at,
        actor=envelope.actor,
        role=envelope.role,
        command=envelope.command,
        command_id=envelope.command_id,
        topic=one.topic,
        contract_id=getattr(one.event, "contract_id", None),
        amount_fen=getattr(one.event, "amount_fen", None),
        rules=envelope.rules,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        source=envelope.source,
        signed=bool(envelope.signature),
        hash=one.hash,
    )
