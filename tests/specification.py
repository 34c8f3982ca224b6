"""Given what happened, when something is asked, then this follows: sentences about the decider."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from typing import Self

import msgspec

from ledger.commands import Command
from ledger.decisions import decide
from ledger.decisions.context import instant
from ledger.escrow import Escrow
from ledger.events import Event
from ledger.evolution import evolve
from ledger.identifiers import Role, SheetKey
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.sheets import Header

BEIJING = timezone(timedelta(hours=8))
_ORDER = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.MEDIATOR, Role.REGULATOR)


class Specification:
    """One escrow in memory: `given` must be accepted; what `when` asked is judged by `then` or `refused`."""

    def __init__(self, on: date = date(2026, 9, 1)) -> None:
        self.escrow = Escrow(Header(institution_id="school"))
        self.now = datetime.combine(on, time(10), BEIJING)
        self.history: list[Event] = []
        self.outcome: list[Event] | Rejection = []

    def on(self, day: date) -> Self:
        """The day of what follows."""
        self.now = datetime.combine(day, time(10), BEIJING)
        return self

    def given(self, *steps: Command | Event) -> Self:
        """Commands that the ledger accepts, or events that happened."""
        for step in steps:
            if isinstance(step, Event):
                evolve(self.escrow, step)
                self.history.append(step)
            else:
                outcome = self.when(step).outcome
                assert not isinstance(outcome, Rejection), f"{step!r} was refused: {outcome!r}"
        return self

    def when(self, command: Command, role: Role | None = None, actor: str = "", guardian: str | None = None) -> Self:
        """Ask; by the first role that may, under its name, unless told otherwise."""
        role = role or next(each for each in _ORDER if each in command.by)
        order = Order("school", "key", command, actor or f"{role}-1", role, guardian_id=guardian)
        before = self.fingerprint()
        try:
            events, after, _ = decide(order, self.escrow, instant(self.now))
        except Rejection as rejection:
            self.outcome = rejection
        else:
            assert self.fingerprint() == before, "a decision leaves its input as it was"
            self.outcome = events
            self._accept(events, after)
            return self
        assert self.fingerprint() == before, "a refusal changes nothing"
        return self

    def _accept(self, events: list[Event], after: Escrow) -> None:
        self.history += events
        self.escrow.header = after.header
        self.escrow.sheets.update(after.sheets)

    def then(self, *expected: Event | type[Event]) -> Self:
        """These events, in order; a class stands for any event of it."""
        assert len(self.events) == len(expected), self.events
        for event, wanted in zip(self.events, expected, strict=True):
            assert type(event) is wanted if isinstance(wanted, type) else event == wanted, (event, wanted)
        return self

    @property
    def events(self) -> list[Event]:
        """What followed; it was accepted."""
        assert not isinstance(self.outcome, Rejection), f"refused: {self.outcome!r}"
        return self.outcome

    def refused(self, rejection: type[Rejection] | Rejection) -> Self:
        """By this rule; nothing was recorded."""
        assert isinstance(self.outcome, Rejection), f"accepted: {self.outcome}"
        wanted = rejection if isinstance(rejection, type) else type(rejection)
        assert type(self.outcome) is wanted, self.outcome
        if isinstance(rejection, Rejection):
            assert self.outcome.details() == rejection.details(), (self.outcome, rejection)
        return self

    def fingerprint(self) -> tuple[bytes, dict[SheetKey, bytes]]:
        """Header and sheets, as bytes."""
        return fingerprint(self.escrow)

    def replayed(self) -> Escrow:
        """The escrow that the whole history folds into, from nothing."""
        return replay(self.history)


def replay(history: Iterable[Event]) -> Escrow:
    """Fold a history into an empty escrow."""
    escrow = Escrow(Header(institution_id="school"))
    for event in history:
        evolve(escrow, event)
    return escrow


def fingerprint(escrow: Escrow) -> tuple[bytes, dict[SheetKey, bytes]]:
    """Header and sheets, as bytes."""
    sheets = {key: msgspec.json.encode(sheet) for key, sheet in escrow.sheets.items() if sheet is not None}
    return msgspec.json.encode(escrow.header), sheets
