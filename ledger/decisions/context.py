"""What a decision may know besides the escrow: who asks, the moment, and the rules in force."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger import rejections as no
from ledger.escrow import Escrow
from ledger.events import Event
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rulebook import RuleSet, rule_set, select
from ledger.sheets import Contract, Header

_SHANGHAI = 8 * 3_600_000_000
_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)


def local_date(at: int) -> date:
    """The business date in Asia/Shanghai (UTC+8, no summer time since 1991) of an instant in µs."""
    day = _EPOCH_DAY + (at + _SHANGHAI) // _DAY
    return date.fromordinal(min(max(day, date.min.toordinal()), date.max.toordinal()))


def instant(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


@dataclass(slots=True)
class Context:
    """One decision on one escrow; `escrow` is a scratch copy that already holds the events yielded so far."""

    order: Order
    escrow: Escrow
    now: int
    today: date = field(init=False)
    """The local date of recording."""
    effective_at: int = field(init=False)
    """Business time of the events, µs."""
    effective_on: date = field(init=False)
    """Business date of the events."""

    def __post_init__(self) -> None:
        asked = self.order.command.effective_at
        self.today = local_date(self.now)
        self.effective_at = self.now if asked is None else instant(asked)
        self.effective_on = self.today if asked is None else local_date(self.effective_at)

    @property
    def header(self) -> Header:
        """The escrow's header."""
        return self.escrow.header

    @property
    def actor(self) -> str:
        """Who asks."""
        return self.order.actor

    @property
    def role(self) -> Role:
        """In which role."""
        return self.order.role

    @property
    def rules(self) -> RuleSet:
        """The rule set of the place and category in force on the business date: procedure follows the act."""
        return select(self.header.jurisdiction, self.header.category, self.effective_on)

    def rules_of(self, contract: Contract) -> RuleSet:
        """The rule set of the contract's signing date."""
        return rule_set(contract.rules)

    def refuse_future(self, field: str, on: date) -> None:
        """Raises DateInFuture."""
        if on > self.today:
            raise no.DateInFuture(field, on, self.today)

    def second_person(self, approved_by: str | None) -> str:
        """The second person. Raises SecondPersonRequired where it is nobody, or who asks."""
        if approved_by in {None, "", self.actor}:
            raise no.SecondPersonRequired(self.actor)
        assert approved_by is not None
        return approved_by


Decision = Callable[[Any, Context], Iterator[Event]]
"""A command and its context → events, one by one; each is folded into the scratch before the next is asked for."""

DECISIONS: dict[type, Decision] = {}


def decides(command: type) -> Callable[[Decision], Decision]:
    """Register the decision of a command."""

    def register(decision: Decision) -> Decision:
        DECISIONS[command] = decision
        return decision

    return register
