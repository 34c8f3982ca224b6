"""Who commits an import, what it did, and its orders: each carries the file's hash and line."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from api.bankfiles.preview import Preview
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.orders import Order, Source

Progress = Callable[[int], None]
"""Told how many more lines are done."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Who commits an import: the bank, or an officer for it."""

    actor: str
    role: Role
    correlation_id: str = ""
    signature: str = ""


@dataclass(slots=True)
class Imported:
    """What an import did; every line is counted once."""

    booked: int = 0
    already: int = 0
    """Lines that this or another run had booked before."""
    kinds: Counter[str] = field(default_factory=Counter)
    """`matched`, `deposit`, `returned`, `reversed`, `break` → lines of this run."""
    demoted: list[tuple[int, str]] = field(default_factory=list)
    """Lines (of the file) that became breaks because the ledger refused what was planned, and the rule's code."""


def wrapped(preview: Preview, poster: Poster, key: str, command: Command, line: int) -> Order:
    """The order of one line (0: of the statement itself)."""
    return Order(
        institution_id=preview.institution_id,
        command_id=key,
        command=command,
        actor=poster.actor,
        role=poster.role,
        correlation_id=poster.correlation_id,
        source=Source(preview.statement.sha256, line),
        signature=poster.signature,
    )
