"""Desks: commands that arrive together are judged in turn and settled together; each gets its own answer."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from ledger.orders import Order
from ledger.store.failures import Conflict, InvariantBroken, StoreUnavailable
from ledger.store.rows import Turns
from ledger.store.series import Clerk, Outcome, Series

TURN_SLIPS = 64
TURN_ORDERS = 250
"""A turn takes at most so many slips, and no further slip once it has so many orders."""
CALM_SECONDS = 1.0
"""For so long after a lost race an institution is taken under a lock, where waiters queue in order."""
RACES = 20
"""A command that loses so many races in a row is not going to win: the store is given up as unavailable."""


@dataclass(slots=True, eq=False)
class Slip:
    """Orders that were handed in together, waiting for their answers."""

    orders: Sequence[Order]
    atomic: bool = False
    dry: bool = False
    series: Iterator[Order] | None = None
    """Orders that follow each other instead, one turn each."""
    outcomes: list[Outcome] | None = None
    called: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alone(self) -> bool:
        """Whether this slip needs a turn of its own."""
        return self.atomic or self.dry or self.series is not None


class Desk:
    """A queue with one turn at a time; whoever waits at its front leads the next turn, so it needs no thread."""

    def __init__(self, openers: Sequence[Turns], clerk: Clerk) -> None:
        self._openers = openers
        self._clerk = clerk
        self._series = Series(openers, clerk)
        self._queue: deque[Slip] = deque()
        self._busy = False
        self._mutex = threading.Lock()
        self._contended: dict[str, float] = {}
        self._in_series = 0
        """The thread that leads a series."""

    def submit(self, slip: Slip) -> list[Outcome]:
        """Hand in a slip and wait for its answers. Raises RuntimeError where a series would wait for itself."""
        if self._in_series == threading.get_ident():
            raise RuntimeError("the orders of a series may not submit")
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
        """Let go of the connections."""
        self._series.close()
        for opener in self._openers:
            opener.close()

    def _serve(self) -> None:
        with self._mutex:
            slips = self._next_turn()
        orders = [order for slip in slips for order in slip.orders]
        outcomes: list[Outcome] = [StoreUnavailable("the turn was interrupted")] * max(len(orders), 1)
        try:
            if slips[0].series is None:
                outcomes = self._settle(orders, atomic=slips[0].atomic, dry=slips[0].dry)
            else:
                self._in_series = threading.get_ident()
                outcomes = self._series.run(slips[0].series, self._alone, lambda: bool(self._queue))
        except Exception as failure:  # noqa: BLE001 - everybody of the turn must learn of it, whatever it was
            outcomes = [failure] * len(outcomes)
        finally:
            self._in_series = 0
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
            end = start + len(slip.orders) if slip.series is None else None
            slip.outcomes, start = outcomes[start:end], end or 0
        with self._mutex:
            if self._queue:
                self._queue[0].called.release()
            else:
                self._busy = False
        for slip in slips:
            slip.called.release()

    def _alone(self, order: Order) -> Outcome:
        (outcome,) = self._settle([order], atomic=False, dry=False)
        return outcome

    def _settle(self, orders: Sequence[Order], *, atomic: bool, dry: bool) -> list[Outcome]:
        institutions = sorted({order.institution_id for order in orders})
        now = time.monotonic()
        lock = institutions if any(self._contended.get(i, 0) > now for i in institutions) else []
        for _ in range(RACES):
            try:
                with self._openers[0].turn(lock) as turn:
                    return self._clerk.record(turn, self._clerk.judge(turn, orders), atomic=atomic, dry=dry)
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

    def __init__(self, openers: Sequence[Sequence[Turns]], clerk: Clerk) -> None:
        self.desks = [Desk(each, clerk) for each in openers]

    def desk_of(self, institution_id: str) -> Desk:
        """The desk that serves this institution."""
        return self.desks[crc32(institution_id.encode(errors="replace")) % len(self.desks)]

    def close(self) -> None:
        """Let go of every connection."""
        for desk in self.desks:
            desk.close()
