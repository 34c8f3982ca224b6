"""The public shapes of what is recorded: events and receipts, never the classes inside."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from ledger.answers import Receipt
from ledger.hours import format_hours
from ledger.log.entries import EventReceipt, receipt_of
from ledger.orders import Source
from ledger.serialization import Recorded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTIHOURS = "centihours"


class SourceBody(msgspec.Struct):
    """The document a command came from."""

    sha256: str
    line: int
    last: int | None = None
    """Its last line, where the command was about several."""


class EventBody(msgspec.Struct, omit_defaults=True):
    """One event as it stands in an institution's stream."""

    institution_id: str
    version: int
    """Place in the institution's stream: 1, 2, 3 without a gap."""
    topic: str
    """Stable name and version, for example `deposit_received.1`."""
    recorded_at: str
    """RFC 3339, UTC: when the ledger recorded it."""
    effective_at: str
    """RFC 3339, UTC: business time."""
    command: str
    role: str
    actor: str
    rules: str
    """Id of the rule set the decision used."""
    data: dict[str, Any]
    """The facts; see docs/events.md. Amounts in fen, class hours as decimal strings, dates as YYYY-MM-DD."""
    position: int | None = None
    """Place in the log of all institutions; absent where nothing was recorded (dry run)."""
    hash: str | None = None
    """Link of the institution's hash chain over the exact stored bytes, hex."""
    source: SourceBody | None = None


class ReceiptBody(msgspec.Struct, omit_defaults=True):
    """A recorded command."""

    institution_id: str
    first_version: int
    last_version: int
    position: int
    """Place of the last event in the log: `?at_position=` reads what this command did."""
    events: list[EventBody]
    receipts: list[EventReceipt] | None = None
    """What proves later that these events were recorded, where the ledger signs checkpoints; keep them."""


class PreviewBody(msgspec.Struct):
    """What a command would do now; nothing was recorded."""

    institution_id: str
    dry_run: bool
    events: list[EventBody]


def rfc3339(at: int) -> str:
    """An instant in µs as RFC 3339 in UTC."""
    return f"{_EPOCH + timedelta(microseconds=at):%Y-%m-%dT%H:%M:%S.%f}Z"


def microseconds(moment: datetime) -> int:
    """µs since the epoch of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def event_body(recorded: Recorded, *, dry: bool = False) -> EventBody:
    """An event as it is shown."""
    envelope = recorded.envelope
    data = members(recorded.event)
    del data["effective_at"]
    return EventBody(
        institution_id=recorded.institution_id,
        version=recorded.version,
        topic=recorded.topic,
        recorded_at=rfc3339(envelope.recorded_at),
        effective_at=rfc3339(recorded.event.effective_at),
        command=envelope.command,
        role=envelope.role.value,
        actor=envelope.actor,
        rules=envelope.rules,
        data=data,
        position=None if dry else recorded.position,
        hash=None if dry else recorded.hash,
        source=_source(envelope.source),
    )


def _source(source: Source | None) -> SourceBody | None:
    return None if source is None else SourceBody(source.sha256, source.line, source.last or None)


def receipt_body(receipt: Receipt, log_name: str | None = None) -> ReceiptBody:
    """A receipt as it is shown; `log_name` is what the ledger is called in its checkpoints, where it signs any."""
    proofs = None
    if log_name is not None:
        proofs = [
            receipt_of(log_name, each.institution_id, each.version, each.topic, each.state) for each in receipt.events
        ]
    return ReceiptBody(
        receipt.institution_id,
        receipt.first_version,
        receipt.last_version,
        receipt.position,
        [event_body(each) for each in receipt.events],
        proofs,
    )


def plain(value: object) -> object:
    """Values of the inside as JSON shows them: hundredths of an hour become decimal strings, their names `…_hours`."""
    match value:
        case msgspec.Struct():
            return members(value)
        case Mapping():
            return dict(_member(str(name), each) for name, each in value.items())
        case list() | tuple() | frozenset():
            return [plain(each) for each in value]
        case date():
            return value.isoformat()
        case _:
            return value


def members(value: msgspec.Struct) -> dict[str, Any]:
    """The fields of a struct as JSON shows them."""
    return dict(_member(name, getattr(value, name)) for name in value.__struct_fields__)


def shown_name(name: str) -> str:
    """The name outside: `paid_centihours` are shown as `paid_hours`."""
    return f"{name.removesuffix(_CENTIHOURS)}hours" if name.endswith(_CENTIHOURS) else name


def _member(name: str, value: object) -> tuple[str, object]:
    if name.endswith(_CENTIHOURS):
        return shown_name(name), format_hours(value) if isinstance(value, int) else None
    if name.endswith("_at") and isinstance(value, int):
        return name, rfc3339(value)
    return name, plain(value)
