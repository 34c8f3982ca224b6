"""Stories told to a ledger: generators that yield what is asked and when, and receive the ledger's answers."""

import heapq
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import count
from typing import Protocol

from ledger.answers import Answer, Receipt
from ledger.application import Ledger
from ledger.orders import Order
from ledger.rejections import Rejection

BEIJING = timezone(timedelta(hours=8))
"""Local time of every business date; China has no summer time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock:
    """The time in the story, as microseconds since the epoch; it moves only when the story does."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> int:
        """The instant, µs since the epoch."""
        return (self.now - _EPOCH) // _MICROSECOND


class Settable(Protocol):
    """A clock whose time can be set."""

    now: datetime


def at(on: date, hour: int = 10, minute: int = 0) -> datetime:
    """A moment of a business day in Beijing."""
    return datetime.combine(on, time(hour, minute), BEIJING)


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked of the ledger at one moment of a story, and which refusals belong to the story."""

    at: datetime
    orders: Sequence[Order] = ()
    refused: tuple[type[Rejection], ...] = ()


Story = Generator[Step, list[Answer], None]
"""Yields steps in the order of time and receives the answers to each."""


class UnexpectedRefusal(Exception):
    """A story asked for something the rules refuse: the story is wrong, or the rules are."""

    def __init__(self, order: Order, rejection: Rejection) -> None:
        super().__init__(f"{order.institution_id} {order.command.name}: {rejection!r} to {order.command!r:.300}")
        self.order = order
        self.rejection = rejection


@dataclass
class Tally:
    """What a telling came to."""

    commands: int = 0
    events: int = 0
    replayed: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    """Stored name without its version → events."""
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, answer: Answer) -> None:
        """Add one answer."""
        self.commands += 1
        if isinstance(answer, Rejection):
            self.refused[answer.code] += 1
        elif answer.replayed:
            self.replayed += 1
        else:
            self.events += len(answer.events)
            self.topics.update(recorded.topic.partition(".")[0] for recorded in answer.events)


class Teller:
    """Tells many stories side by side: what falls on the same moment goes to the ledger in one batch."""

    def __init__(self, ledger: Ledger, clock: Settable, *, heard: Callable[[Receipt], None] = lambda _: None) -> None:
        self.tally = Tally()
        self._ledger = ledger
        self._clock = clock
        self.heard = heard
        self._numbers = count()
        self._due: list[tuple[datetime, int, Story, Step]] = []

    def add(self, *stories: Story) -> None:
        """Take stories up; one that starts in the past of the clock starts at once."""
        for story in stories:
            self._wait(next(self._numbers), story, next(story, None))

    def tell(self, until: datetime | None = None) -> Tally:
        """Tell everything up to a moment. Raises UnexpectedRefusal, and what the ledger raises."""
        for _ in self.moments(until):
            pass
        return self.tally

    def moments(self, until: datetime | None = None) -> Iterable[datetime]:
        """The same, one moment after another, for those who watch."""
        while self._due and (until is None or self._due[0][0] <= until):
            moment = self._due[0][0]
            self._clock.now = max(self._clock.now, moment)
            self._tell_moment(moment)
            yield moment

    def _tell_moment(self, moment: datetime) -> None:
        together = []
        while self._due and self._due[0][0] == moment:
            together.append(heapq.heappop(self._due))
        orders = [order for _, _, _, step in together for order in step.orders]
        answers = iter(self._ledger.submit_all(orders))
        for _, number, story, step in together:
            mine = [self._checked(step, order, next(answers)) for order in step.orders]
            self._go_on(number, story, mine)

    def _checked(self, step: Step, order: Order, answer: Answer) -> Answer:
        if isinstance(answer, Receipt):
            self.heard(answer)
        elif not isinstance(answer, step.refused):
            raise UnexpectedRefusal(order, answer)
        self.tally.count(answer)
        return answer

    def _go_on(self, number: int, story: Story, answers: list[Answer]) -> None:
        try:
            step = story.send(answers)
        except StopIteration:
            return
        self._wait(number, story, step)

    def _wait(self, number: int, story: Story, step: Step | None) -> None:
        if step is not None:
            heapq.heappush(self._due, (max(step.at, self._earliest()), number, story, step))

    def _earliest(self) -> datetime:
        return self._clock.now if self.tally.commands else datetime.min.replace(tzinfo=UTC)
