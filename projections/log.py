"""Reading the log for the read models: rows, and the event in them without its envelope."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, or_, select

from ledger import events as e
from ledger.identifiers import SheetKey
from ledger.serialization import EVENTS, UPCASTERS, UnreadableEvent, decode
from ledger.sheets import Deposit, Distribution
from ledger.store.tables import events, lanes
from projections.balance_sums import end_of
from projections.notes import ContractNote
from projections.reading import Reading

E = TypeVar("E", bound=e.Event)


class LogRow(NamedTuple):
    """One event as the log holds it; `state` is its stored text."""

    position: int
    institution_id: str
    version: int
    topic: str
    state: str


LOG = select(events.c.position, events.c.originator_id, events.c.originator_version, events.c.topic, events.c.state)
"""The columns of a LogRow."""


class _Body(Struct, Generic[E], frozen=True):
    """What a fold needs of a stored text: the envelope is skipped, not built."""

    event: E


def _decoders() -> Mapping[str, Callable[[str], _Body[e.Event]]]:
    body: Any = _Body  # which event it holds is known at run time only
    return {topic: msgspec.json.Decoder(body[kind]).decode for topic, kind in EVENTS.items() if topic not in UPCASTERS}


_DECODE = _decoders()


def event_in(topic: str, state: str) -> e.Event:
    """The event of a stored text. Raises UnknownEvent, UnreadableEvent."""
    try:
        return _DECODE[topic](state).event
    except KeyError:
        return decode(topic, state)[1]
    except msgspec.MsgspecError as error:
        raise UnreadableEvent(topic, str(error)) from error


def lane_heads(connection: Connection) -> dict[int, int]:
    """The last position given in each lane; events are immutable, so heads read once bound one state of the log."""
    rows = connection.execute(select(lanes.c.lane, lanes.c.head)).all()
    return {lane: max(0, head) for lane, head in rows}


def rows_of(connection: Connection, query: Select[Any]) -> list[LogRow]:
    """The rows of a query over the columns of LOG."""
    return [LogRow(*row) for row in connection.execute(query)]


def up_to(positions: Mapping[int, int]) -> ColumnElement[bool]:
    """Events of each lane up to its position."""
    conditions = [(events.c.lane == lane) & (events.c.position <= last) for lane, last in positions.items()]
    return or_(*conditions) if conditions else events.c.position < 0


def known(query: Select[Any], reading: Reading) -> Select[Any]:
    """A query over events, kept to those that had happened and were known, and that the read models have taken in."""
    moment = reading.moment
    query = query.where(up_to(reading.positions))
    if moment.as_of is not None:
        query = query.where(events.c.effective_at < end_of(moment.as_of))
    if moment.known_at is not None:
        query = query.where(events.c.recorded_at <= moment.known_at)
    return query


class _Sheets(NamedTuple):
    field: str
    prefix: str
    after: str = ""
    """A second field of the key."""


_NAMED = (
    _Sheets("contract_id", "contract:"),
    _Sheets("contract_id", f"{ContractNote.kind}:"),
    _Sheets("to_contract_id", "contract:"),
    _Sheets("contract_id", "lesson:", "lesson_id"),
    _Sheets("release_id", "release:", "contract_id"),
    _Sheets("deposit_id", f"{Deposit.kind}:"),
    _Sheets("refund_id", "refund:"),
    _Sheets("refund_id", "refund_note:"),
    _Sheets("case_id", "case:"),
    _Sheets("case_id", "case_note:"),
    _Sheets("distribution_id", f"{Distribution.kind}:"),
    _Sheets("attachment_id", "attachment:"),
)


@cache
def _named_by(kind: type[e.Event]) -> tuple[_Sheets, ...]:
    fields = set(kind.__struct_fields__)
    return tuple(each for each in _NAMED if each.field in fields and (not each.after or each.after in fields))


def sheets_named(event: e.Event) -> list[SheetKey]:
    """Keys of the sheets that an event names: what its fold reads, but for a few that are found on the way."""
    keys = []
    for field, prefix, after in _named_by(type(event)):
        first = getattr(event, field)
        second = getattr(event, after) if after else ""
        if first is not None and second is not None:
            keys.append(SheetKey(f"{prefix}{first}:{second}" if after else f"{prefix}{first}"))
    return keys
