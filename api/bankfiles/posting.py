"""Who commits an import, what it did, and its orders: each carries the file's hash and line."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from api.bankfiles.preview import Preview
from api.security.guard import MandatedOrder
from api.security.mandate import Mandate
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
    mandate: Mandate | None = None
    """Whose mandate every order is held against; None at the terminal of the operator."""
    key: str = ""
    """The client's key of the whole request; without one, a statement has its own hash for a key."""

    def order(self, institution_id: str, key: str, command: Command, source: Source | None = None) -> Order:
        """The order of this poster, under a key that no client can use up: clients' keys do not begin with a dot."""
        order = Order(
            institution_id=institution_id,
            command_id=key,
            command=command,
            actor=self.actor,
            role=self.role,
            correlation_id=self.correlation_id,
            source=source,
            signature=self.signature,
        )
        return order if self.mandate is None else mandated(order, self.mandate)


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


def mandated(order: Order, mandate: Mandate) -> MandatedOrder:
    """The order, held against a mandate."""
    return MandatedOrder(
        institution_id=order.institution_id,
        command_id=order.command_id,
        command=order.command,
        actor=order.actor,
        role=order.role,
        correlation_id=order.correlation_id,
        source=order.source,
        signature=order.signature,
        mandate=mandate,
    )


def wrapped(preview: Preview, poster: Poster, key: str, command: Command, line: int, last: int = 0) -> Order:
    """The order of one line (0: of the statement itself), or of several up to `last`."""
    return poster.order(preview.institution_id, key, command, Source(preview.statement.sha256, line, last))
