"""One school whose commands are asked of a real ledger, on days that the test names."""

from datetime import UTC, date, datetime, time
from itertools import count
from typing import Self

from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.orders import Order, Source
from tests.conftest import Clock

_ORDER = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.MEDIATOR, Role.REGULATOR)
_keys = count()


class School:
    """Asks as whoever may ask first."""

    def __init__(self, ledger: Ledger, clock: Clock, institution_id: str = "school") -> None:
        self.ledger, self.clock, self.institution_id = ledger, clock, institution_id

    def on(self, day: date) -> Self:
        """The day of what follows, at ten in the morning in Beijing."""
        self.clock.now = datetime.combine(day, time(2), UTC)
        return self

    def asks(self, *commands: c.Command, source: Source | None = None) -> Receipt:
        """Record what these cause, the last receipt."""
        for command in commands:
            role = next(each for each in _ORDER if each in command.by)
            order = Order(self.institution_id, f"k{next(_keys)}", command, actor=f"{role}-1", role=role, source=source)
            receipt = self.ledger.submit(order)
        return receipt
