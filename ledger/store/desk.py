"""Desks: commands that arrive together are judged in turn and settled together; each gets its own answer."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

from ledger.answers import Answer
from ledger.orders import Order
from ledger.store.failures import Conflict, InvariantBroken, StoreUnavailable
from ledger.store.rows import Turn

TURN_SLIPS = 64
TURN_ORDERS = 250
"""A turn takes at most so many slips, and no further slip once it has so many orders."""
CALM_SECONDS = 1.0
"""For so long after a lost race an institution is taken under a lock, where waiters queue in order."""
RACES = 20
"""A command that loses so many races in a row is not going to win: the store is given up as unavailable."""

Outcome = Answer | Exception


@dataclass(slots=True, eq=False)
class Slip:
    """Orders that were handed in together, waiting for their answers."""

    orders: Sequence[Order]
    atomic: bool = False
    dry: bool = False
    outcomes: list[Outcome] | None = None
    called: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alone(self) -> bool:
        """Whether this slip needs a turn of its own."""
        return self.atomic or self.dry


class Turns(Protocol):
    """Opens turns at the database on a connection of its own."""

    def turn(self, lock: Sequence[str]) -> AbstractContextManager[Turn]:
        """A turn, with these institutions locked against other processes where there are any."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


Judge = Callable[[Turn, Sequence[Order], bool, bool], list[Outcome]]
"""Judges and records the orders of one turn: (turn, orders, atomic, dry)."""


class Desk:
    """A queue with one turn at a time; whoever waits at its front leads the next turn, so it needs no thread."""

    def __init__(self, turns: Turns, judge: Judge) -> None:
        self._turns = turns
        self._judge = judge
        self._queue: deque[Slip] = deque()
        self._busy = False
        self._mutex = threading.Lock()
        self._contended: dict[str, float] = {}

    def submit(self, slip: Slip) -> list[Outcome]:
        """Hand in a slip and wait for its answers."""
        slip.called.acquire()
        with self._mutex:
            self._queue.append(slip)
            follows, self._busy = self._busy, True
        if follows:
            slip.called.acquire()  # called either with the answers, or to lead the next turn
        if slip.outcomes is None:
            self._serve()
        assert slip.outcomes is not None
        return slip.outcomes

    def close(self) -> None:
        """Let go of the connection."""
        self._turns.close()

    def _serve(self) -> None:
        with self._mutex:
            slips = self._next_turn()
        orders = [order for slip in slips for order in slip.orders]
        outcomes: list[Outcome] = [StoreUnavailable("the turn was interrupted")] * len(orders)
        try:
            outcomes = self._settle(orders, atomic=slips[0].atomic, dry=slips[0].dry)
        except Exception as failure:  # noqa: BLE001 - everybody of the turn must learn of it, whatever it was
            outcomes = [failure] * len(orders)
        finally:
            self._hand_out(slips, outcomes)

    def _next_turn(self) -> list[Slip]:
        slips = [self._queue.popleft()]
        count = len(slips[0].orders)
        while self._queue and len(slips) < TURN_SLIPS and count < TURN_ORDERS:
            if slips[0].alone or self._queue[0].alone:
                break
            slips.append(self._queue.popleft())
            count += len(slips[-1].orders)
        return slips

    def _hand_out(self, slips: list[Slip], outcomes: list[Outcome]) -> None:
        start = 0
        for slip in slips:
            slip.outcomes = outcomes[start : start + len(slip.orders)]
            start += len(slip.orders)
        with self._mutex:
            if self._queue:
                self._queue[0].called.release()
            else:
                self._busy = False
        for slip in slips:
            slip.called.release()

    def _settle(self, orders: Sequence[Order], *, atomic: bool, dry: bool) -> list[Outcome]:
        institutions = sorted({order.institution_id for order in orders})
        now = time.monotonic()
        lock = institutions if any(self._contended.get(i, 0) > now for i in institutions) else []
        for _ in range(RACES):
            try:
                with self._turns.turn(lock) as turn:
                    return self._judge(turn, orders, atomic, dry)
            except Conflict:  # another process was first: queue behind it, and stay polite for a while
                lock = institutions
                self._remember(institutions)
            except InvariantBroken as broken:
                if atomic or len(orders) == 1:
                    return [broken] * len(orders)
                # only the culprit may suffer
                return [outcome for order in orders for outcome in self._settle([order], atomic=False, dry=dry)]
        raise StoreUnavailable("the institution is too busy")

    def _remember(self, institutions: list[str]) -> None:
        now = time.monotonic()
        self._contended = {i: until for i, until in self._contended.items() if until > now}
        self._contended |= dict.fromkeys(institutions, now + CALM_SECONDS)


class Desks:
    """An institution always goes to the same desk of its process; two keep the interpreter and the disk both busy."""

    def __init__(self, turns: Sequence[Turns], judge: Judge) -> None:
        self.desks = [Desk(each, judge) for each in turns]

    def desk_of(self, institution_id: str) -> Desk:
        """The desk that serves this institution."""
        return self.desks[crc32(institution_id.encode(errors="replace")) % len(self.desks)]

    def close(self) -> None:
        """Let go of every connection."""
        for desk in self.desks:
            desk.close()
