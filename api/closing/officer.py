"""Who runs a closure, and the orders in that name; keys follow from what is asked, so that twice is once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.answers import Answer, Receipt
from ledger.application import Ledger
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.serialization import request_hash

KEY_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Officer:
    """A regulator at work on one institution; `second` is who approved what needs two."""

    institution_id: str
    name: str
    second: str = ""

    def order(self, command: Command) -> Order:
        """The command under a key that says what is asked: asked again, it is answered as before."""
        unnamed = Order(self.institution_id, "", command, self.name, Role.REGULATOR, approved_by=self.second)
        return Order(
            self.institution_id,
            f"closing.{request_hash(unnamed)[:KEY_DIGITS]}",
            command,
            self.name,
            Role.REGULATOR,
            approved_by=self.second,
        )

    def submit(self, ledger: Ledger, command: Command) -> Receipt:
        """Record it. Raises what `Ledger.submit` raises."""
        return ledger.submit(self.order(command))

    def submit_series(self, ledger: Ledger, commands: Iterator[Command]) -> list[Answer]:
        """Record commands that follow each other; see `Ledger.submit_series`."""
        return ledger.submit_series(self.institution_id, map(self.order, commands))

    def submit_each(self, ledger: Ledger, commands: Sequence[Command]) -> list[Receipt | Rejection]:
        """Record many, each for itself, together where that is cheaper."""
        answers: list[Answer] = ledger.submit_all([self.order(command) for command in commands])
        return list(answers)
