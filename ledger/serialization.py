"""Events as they are stored: stable names, canonical JSON, the hash chain, and what upgrades old versions."""

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Struct

from ledger.events import Event, Happening
from ledger.identifiers import Role
from ledger.orders import Order, Source

E = TypeVar("E", bound=Event)


class Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Who recorded an event, when, and under which command; the same for every event of one command."""

    recorded_at: int
    """Server clock, microseconds UTC; never decreases within an institution."""
    actor: str
    role: Role
    command_id: str
    command: str
    request_hash: str
    rules: str
    """Id of the rule set the decision used."""
    correlation_id: str = ""
    causation_id: str = ""
    source: Source | None = None
    signature: str = ""
    approved_by: str = ""
    """The second person, where one confirmed what the actor asked for."""


class Recorded(Struct, frozen=True, kw_only=True, gc=False):
    """One event as it stands in the log. `state` is its exact stored text, UTF-8; `hash` is hex.

    Also the library's domain event: `originator_id` and `originator_version` address it in its stream.
    """

    position: int
    institution_id: str
    version: int
    topic: str
    envelope: Envelope
    event: Event
    state: bytes
    hash: str

    @property
    def originator_id(self) -> str:
        """The stream: one per institution."""
        return self.institution_id

    @property
    def originator_version(self) -> int:
        """Place in the stream: 1, 2, 3 without a gap."""
        return self.version


class _Stored(Struct, Generic[E], frozen=True, forbid_unknown_fields=True, gc=False):
    envelope: Envelope
    event: E


class UnknownEvent(Exception):
    """The store holds an event whose name or version this program does not know."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"unknown event {topic!r}")
        self.topic = topic


class UnreadableEvent(Exception):
    """The stored text is not what its name promises."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"unreadable {topic}: {reason}")
        self.topic = topic
        self.reason = reason


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class Upcast(NamedTuple):
    """How the raw event of one old version becomes the next."""

    to_topic: str
    function: Upcaster


VERSIONS: dict[type[Event], int] = {}
"""Current version of each event whose shape has changed; the others are at version 1."""

UPCASTERS: dict[str, Upcast] = {}
"""Old stored name → what turns its raw `event` object into that of the next version. Nothing has changed yet."""


def stored_name(kind: type[Event]) -> str:
    """Stable name of an event class: snake_case and a version, never a module path."""
    return f"{re.sub(r'(?<!^)(?=[A-Z])', '_', kind.__name__).lower()}.{VERSIONS.get(kind, 1)}"


TOPICS: dict[type[Event], str] = {kind: stored_name(kind) for kind in get_args(Happening)}
EVENTS: dict[str, type[Event]] = {topic: kind for kind, topic in TOPICS.items()}

_encoder = msgspec.json.Encoder()
_sorting_encoder = msgspec.json.Encoder(order="sorted")


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope's canonical JSON: fields in their declared order, defaults left out, integers and strings only."""
    return _encoder.encode(envelope)


def encode(envelope: bytes, event: Event) -> bytes:
    """The exact text that is stored and hashed, from an encoded envelope."""
    return b'{"envelope":%b,"event":%b}' % (envelope, _encoder.encode(event))


@cache
def _decoder(topic: str) -> msgspec.json.Decoder[Any]:
    if topic not in EVENTS:
        raise UnknownEvent(topic)
    shape: Any = _Stored  # which event it holds is known at run time only
    return msgspec.json.Decoder(shape[EVENTS[topic]])


def decode(topic: str, state: bytes | str) -> tuple[Envelope, Event]:
    """Envelope and event of a stored text, upgraded to the current version.

    Raises UnknownEvent for a name or version nobody knows, UnreadableEvent for a text that does not fit its name.
    """
    try:
        if topic in UPCASTERS:
            topic, state = _upgraded(topic, state)
        stored = _decoder(topic).decode(state)
    except msgspec.MsgspecError as error:
        raise UnreadableEvent(topic, str(error)) from error
    return stored.envelope, stored.event


def _upgraded(topic: str, state: bytes | str) -> tuple[str, bytes]:
    raw = msgspec.json.decode(state, type=dict[str, Any])
    while step := UPCASTERS.get(topic):
        topic, raw["event"] = step.to_topic, step.function(raw["event"])
    return topic, _encoder.encode(raw)


def link(previous: str, topic: str, state: bytes) -> str:
    """Hash of one event in its institution's chain, lower-case hex.

    SHA-256 over the 32 raw bytes of the previous event's hash (nothing for the first event), then the stored name in
    UTF-8, one zero byte, and the exact stored text in UTF-8.
    """
    return sha256(b"%b%b\0%b" % (bytes.fromhex(previous), topic.encode(), state)).hexdigest()


def request_hash(order: Order) -> str:
    """SHA-256 of what was asked (institution, command, body without defaults, keys sorted), lower-case hex."""
    body = order.command.model_dump(mode="json", exclude_defaults=True)
    return sha256(_sorting_encoder.encode([order.institution_id, order.command.name, body])).hexdigest()


def envelope_of(order: Order, request: str, rules: str, recorded_at: int) -> Envelope:
    """The envelope of every event that `order` causes."""
    return Envelope(
        recorded_at=recorded_at,
        actor=order.actor,
        role=order.role,
        command_id=order.command_id,
        command=order.command.name,
        request_hash=request,
        rules=rules,
        correlation_id=order.correlation_id,
        causation_id=order.causation_id,
        source=order.source,
        signature=order.signature,
        approved_by=order.approved_by,
    )
