"""What a log is over: the entry of an event, the entry of a directory, and how logs are named."""

from msgspec import Struct

from ledger.log.merkle import leaf_hash


def entry_of(topic: str, state: bytes) -> bytes:
    """The entry of an event: its stored name, one zero byte, its exact stored text; what the hash chain covers too.

    The name is part of it because two events may differ in nothing else (a release settled, a release returned).
    """
    return b"%b\0%b" % (topic.encode(), state)


def directory_entry(institution_id: str, size: int, root: bytes) -> bytes:
    """The entry of a directory: one institution's log had this many entries and this root."""
    return f"{institution_id} {size} {root.hex()}".encode()


def log_origin(name: str, institution_id: str) -> str:
    """Origin of the log of one institution, where `name` is the ledger's."""
    return f"{name}/institution/{institution_id}"


def directory_origin(name: str) -> str:
    """Origin of the directory: the log over every checkpoint of every institution."""
    return f"{name}/directory"


class EventReceipt(Struct, frozen=True, kw_only=True):
    """What the poster of an event can keep: where it stands in its log, and the hash of its leaf.

    A checkpoint of a larger size then proves that it is still there.
    """

    event_id: str
    """institution/version"""
    origin: str
    leaf_index: int
    leaf_hash: str
    """Lower-case hex."""


def receipt_of(name: str, institution_id: str, version: int, topic: str, state: bytes) -> EventReceipt:
    """The receipt of one recorded event of the ledger called `name`."""
    return EventReceipt(
        event_id=f"{institution_id}/{version}",
        origin=log_origin(name, institution_id),
        leaf_index=version - 1,
        leaf_hash=leaf_hash(entry_of(topic, state)).hex(),
    )
