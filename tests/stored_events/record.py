"""Writes the missing example files: `python -m tests.stored_events.record`. It never touches one that is there."""

from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, structs

from ledger.events import Event
from ledger.identifiers import Role
from ledger.orders import Source
from ledger.serialization import EVENTS, Envelope, encode, encode_envelope

S = TypeVar("S", bound=Struct)

FOLDER = Path(__file__).parent

ENVELOPE = Envelope(
    recorded_at=1_788_228_000_000_000,
    actor="bank-1",
    role=Role.BANK,
    command_id="key-1",
    command="receive_deposit",
    request_hash="0" * 64,
    rules="beijing-2024",
    correlation_id="story-1",
    causation_id="cause-1",
    source=Source(sha256="1" * 64, line=7),
    signature="sig1=:abc:",
)


def example(kind: type[Event]) -> Event:
    """An event of this class with a value in every field."""
    return _struct(kind)


def _struct(kind: type[S]) -> S:
    hints = get_type_hints(kind)
    return kind(**{field.name: _value(field.name, hints[field.name]) for field in structs.fields(kind)})


def _value(name: str, kind: Any) -> Any:  # noqa: ANN401 - any field of any event
    origin, choices = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _value(name, next(choice for choice in choices if choice is not NoneType))
    if origin is Literal:
        return choices[-1]
    if origin is tuple:
        return (_value(name, choices[0]),)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _struct(kind)
    return {int: 1_250, bool: True, str: f"{name}-学", date: date(2026, 9, 1)}[kind]


def main() -> None:
    """Write what is missing."""
    for topic, kind in EVENTS.items():
        path = FOLDER / f"{topic}.json"
        if not path.exists():
            path.write_bytes(encode(encode_envelope(ENVELOPE), example(kind)))


if __name__ == "__main__":
    main()
