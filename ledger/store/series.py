"""A series: one caller's turns, each judged on what the one before will leave while that one is being written."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice
from typing import NamedTuple, Protocol

from ledger.answers import Answer, Receipt
from ledger.orders import Order
from ledger.store.docket import Docket
from ledger.store.failures import Conflict, StoreUnavailable
from ledger.store.rows import Turn, Turns

LONGEST = 8
"""Turns: so long at most others wait for a desk that a series has."""

Outcome = Answer | Exception


class Clerk(Protocol):
    """Judges orders and records what was judged."""

    def judge(self, turn: Turn, orders: Sequence[Order], before: Docket | None = None) -> Docket:
        """The orders with their verdicts, on what the turn reads or what the docket before, not written yet, leaves."""
        ...

    def record(self, turn: Turn, docket: Docket, *, atomic: bool = False, dry: bool = False) -> list[Outcome]:
        """Write what was accepted; the answers. Raises what `Turn.write` raises."""
        ...


class _Written(NamedTuple):
    """A turn on its way to the disk."""

    order: Order
    docket: Docket
    outcomes: Future[list[Outcome]]


class Series:
    """Runs series at one desk, one at a time, over two openers of turns that take turns."""

    def __init__(self, openers: Sequence[Turns], clerk: Clerk) -> None:
        self._openers = openers
        self._clerk = clerk
        self._writer = ThreadPoolExecutor(1, "series")

    def close(self) -> None:
        """Wait for what is being written; a series that still runs ends with StoreUnavailable."""
        self._writer.shutdown()

    def run(
        self, orders: Iterator[Order], alone: Callable[[Order], Outcome], disturbed: Callable[[], bool]
    ) -> list[Outcome]:
        """The outcomes of the first orders; `alone` records one that lost a race.

        Ends with the first that is not recorded, when `disturbed`, and after LONGEST. A turn is written only after the
        one before it was, as it was judged: else what was judged on it is forgotten, and has no outcome. With a single
        opener nothing is judged ahead.
        """
        if len(self._openers) == 1:
            return _one_by_one(orders, alone, disturbed)
        outcomes: list[Outcome] = []
        before: _Written | None = None
        try:
            for opener, order in zip(cycle(self._openers), islice(orders, LONGEST), strict=False):
                with ExitStack() as stack:
                    turn = stack.enter_context(opener.turn(()))
                    docket = self._judged(turn, order, before)
                    if before is not None and not self._ended(before, outcomes, alone):
                        return outcomes
                    if docket is None:
                        return [*outcomes, alone(order)]
                    before = _Written(order, docket, self._begin(stack.pop_all(), turn, docket))
                if disturbed():
                    break
        finally:
            if before is not None:
                before.outcomes.exception()  # nobody leaves while something is being written
        if before is not None:
            self._ended(before, outcomes, alone)
        return outcomes

    def _judged(self, turn: Turn, order: Order, before: _Written | None) -> Docket | None:
        """None where another process was at the stream."""
        try:
            return self._clerk.judge(turn, [order], before.docket if before else None)
        except Conflict:
            return None

    def _begin(self, stack: ExitStack, turn: Turn, docket: Docket) -> Future[list[Outcome]]:
        try:
            return self._writer.submit(self._write, stack, turn, docket)
        except RuntimeError as closed:  # also where the interpreter ends
            stack.close()
            raise StoreUnavailable("the ledger was closed") from closed

    def _write(self, stack: ExitStack, turn: Turn, docket: Docket) -> list[Outcome]:
        with stack:
            return self._clerk.record(turn, docket)

    @staticmethod
    def _ended(written: _Written, outcomes: list[Outcome], alone: Callable[[Order], Outcome]) -> bool:
        """Wait for a turn and note its outcome; whether what was judged on it stands."""
        try:
            outcomes += written.outcomes.result()
        except Conflict:
            outcomes.append(alone(written.order))
            return False
        except Exception as failure:  # noqa: BLE001 - it is the outcome, whatever it was
            outcomes.append(failure)
        return isinstance(outcomes[-1], Receipt)


def _one_by_one(
    orders: Iterator[Order], alone: Callable[[Order], Outcome], disturbed: Callable[[], bool]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for order in islice(orders, LONGEST):
        outcomes.append(alone(order))
        if disturbed() or not isinstance(outcomes[-1], Receipt):
            break
    return outcomes
