"""Running a closure: declared once, releases frozen, every contract made due in chunks; safe to stop and run again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Literal

from api.closing.officer import Officer
from api.closing.refunds import CHUNK, Todo, Undetermined, deposit_refund, halves, todos
from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.events import ClosureDeclared, EscrowUnfrozen, RefundOrdered
from ledger.rejections import EscrowNotClosing, Rejection
from ledger.serialization import TOPICS
from ledger.sheets import Header
from projections.audit_trail import list_audit_trail
from projections.families import closure_reason, header_of, page_of_families
from projections.reader import ReadModels
from projections.refunds_due import RefundDue, list_refunds_due
from projections.runner import Runner

Kind = Literal["orderly", "abnormal"]
Ask = c.OrderClosureRefunds | c.OrderRefund
Watch = Callable[[int], None]
"""Told how many contracts have been looked at."""
PASSES = 3
"""What others post meanwhile may overtake a chunk; so often the rest is looked at again."""
PAGE = 1000
_LIFTED = TOPICS[EscrowUnfrozen]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared, by whom it is approved is the officer's."""

    kind: Kind
    stopped_on: date
    reason: str


@dataclass(slots=True)
class Ordered:
    """What a run came to; a run after the last one orders nothing."""

    declared: bool = False
    frozen: bool = False
    refunds: int = 0
    amount_fen: int = 0
    undetermined: list[Undetermined] = field(default_factory=list)
    refused: list[tuple[str, Rejection]] = field(default_factory=list)
    """Contracts or deposits that could not be ordered, and the rule that says so."""


class Closure:
    """Closes one institution. `watch` hears of progress."""

    def __init__(
        self, ledger: Ledger, officer: Officer, watch: Watch = lambda _count: None, chunk: int = CHUNK
    ) -> None:
        self._ledger = ledger
        self._officer = officer
        self._watch = watch
        self._chunk = chunk
        self._runner = Runner(ledger.engine)
        self._models = ReadModels(ledger.engine)
        self.outcome = Ordered()

    def run(self, declaration: Declaration, order_no: str) -> Ordered:
        """Declare and freeze where that is not done, then order. Raises the rejection of the declaration."""
        self._runner.take_in()
        if self.header().closure is None:
            self._officer.submit(self._ledger, declare_command(declaration, self._officer.second or None))
            self.outcome.declared = True
        self.freeze(order_no)
        return self.order()

    def header(self) -> Header:
        """The institution as the read models know it."""
        with self._models.open_log() as reading:
            return header_of(reading, self._officer.institution_id)

    def must_freeze(self, proposed: Kind | None = None) -> bool:
        """Whether an institution that ran away, or of which that is `proposed`, is still to be frozen.

        An orderly one releases nothing owed to families anyway. What was lifted after the declaration stays lifted.
        """
        self._runner.take_in()
        header = self.header()
        if (header.closure or proposed) != "abnormal" or header.frozen:
            return False
        return header.closure is None or not self._lifted_since()

    def freeze(self, order_no: str) -> None:
        """Freeze releases where that is still to be done, for the reason that was declared."""
        if self.must_freeze():
            with self._models.open_log() as reading:
                reason = closure_reason(reading, self._officer.institution_id)
            self._officer.submit(self._ledger, c.FreezeEscrow(authority="regulator", order_no=order_no, reason=reason))
            self.outcome.frozen = True

    def _lifted_since(self) -> bool:
        topics = (TOPICS[ClosureDeclared], _LIFTED)
        found = list_audit_trail(self._models, self._officer.institution_id, topics=topics, limit=PAGE).data
        return found[-1].topic == _LIFTED

    def order(self) -> Ordered:
        """Make every contract of a closing institution due; what was ordered before is not ordered again.

        Raises EscrowNotClosing; what a single contract is refused for stands in the outcome.
        """
        self._runner.take_in()
        if self.header().closure is None:
            raise EscrowNotClosing
        for _ in range(PASSES):
            if not self._order_contracts():
                break
            self._runner.take_in()
        self._runner.catch_up()
        self._order_deposits()
        self._runner.catch_up()
        return self.outcome

    def _order_contracts(self) -> bool:
        """One pass over all contracts; whether something was refused that another pass may order."""
        self.outcome.undetermined, self.outcome.refused = [], []
        commands = self._commands()
        while (first := next(commands, None)) is not None:  # looked for before the desk is held: there may be none
            for command in self._in_series(chain([first], commands)):
                self._order(command)
        return bool(self.outcome.refused)

    def _commands(self) -> Iterator[Ask]:
        """What is ordered together as one command, what cannot be as one of its own."""
        lines: list[c.ClosureRefund] = []
        seen = 0
        for seen, todo in enumerate(self._todos(), 1):
            if isinstance(todo, c.ClosureRefund):
                lines.append(todo)
            elif isinstance(todo, c.OrderRefund):
                yield todo
            else:
                self.outcome.undetermined.append(todo)
            if len(lines) == self._chunk:
                yield c.OrderClosureRefunds(refunds=lines)
                lines = []
            if seen % self._chunk == 0:
                self._watch(seen)
        if lines:
            yield c.OrderClosureRefunds(refunds=lines)
        self._watch(seen)

    def _in_series(self, commands: Iterator[Ask]) -> list[Ask]:
        """Order what follows each other; what was taken and not ordered."""
        taken: list[Ask] = []

        def noted() -> Iterator[Ask]:
            for command in commands:
                taken.append(command)
                yield command

        receipts = [each for each in self._officer.submit_series(self._ledger, noted()) if isinstance(each, Receipt)]
        for receipt in receipts:
            self._count(receipt)
        return taken[len(receipts) :]

    def _todos(self) -> Iterator[Todo]:
        """Each page is read for itself: one reading over the whole run would keep every old row and page alive."""
        after: str | None = ""
        while after is not None:
            with self._models.open_log() as reading:
                page = page_of_families(reading, self._officer.institution_id, after)
                asked = list(todos(page))
            after = page[-1].contract.contract_id if page else None
            yield from asked

    def _order(self, command: Ask) -> None:
        """All lines at once; where one is refused, the others without it."""
        if isinstance(command, c.OrderRefund):
            self._order_one(command.contract_id, command)
            return
        lines = command.refunds
        if len(lines) == 1:
            self._order_one(lines[0].contract_id, command)
            return
        try:
            self._count(self._officer.submit(self._ledger, command))
        except Rejection:
            for half in halves(lines):
                self._order(c.OrderClosureRefunds(refunds=list(half)))

    def _order_one(self, subject_id: str, command: c.Command) -> None:
        try:
            self._count(self._officer.submit(self._ledger, command))
        except Rejection as refusal:
            self.outcome.refused.append((subject_id, refusal))

    def _order_deposits(self) -> None:
        rows: list[RefundDue] = []
        after: str | None = None
        while True:
            found = list_refunds_due(
                self._models, institution_id=self._officer.institution_id, state="closure", after=after, limit=PAGE
            )
            rows += [row for row in found.data if row.deposit_id is not None]
            if (after := found.next) is None:
                break
        for row in rows:
            self._order_one(row.deposit_id or "", deposit_refund(row))

    def _count(self, receipt: Receipt) -> None:
        orders = [each.event for each in receipt.events if isinstance(each.event, RefundOrdered)]
        if not receipt.replayed:
            self.outcome.refunds += len(orders)
            self.outcome.amount_fen += sum(order.amount_fen for order in orders)


def declare_command(declaration: Declaration, approved_by: str | None = None) -> c.DeclareClosure:
    """The command that two persons stand for."""
    return c.DeclareClosure(
        kind=declaration.kind,
        stopped_on=declaration.stopped_on,
        reason=declaration.reason,
        approved_by=approved_by,
    )
