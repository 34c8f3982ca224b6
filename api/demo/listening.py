"""The demo's ledger: while programs of the house work on it, the story hears every answer they get."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from api.security.guard import GuardedLedger
from ledger.answers import Answer, Receipt
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.store.docket import Clock

Ear = Callable[[Answer], None]


class ListeningLedger(GuardedLedger):
    """A ledger that tells what it answers."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._ear: Ear | None = None
        super().__init__(url, clock)

    @contextmanager
    def heard_by(self, ear: Ear) -> Iterator[None]:
        """Meanwhile every answer is told."""
        self._ear = ear
        try:
            yield
        finally:
            self._ear = None

    def submit(self, order: Order) -> Receipt:
        """As the ledger's, and told."""
        try:
            answer = super().submit(order)
        except Rejection as refusal:
            self._tell(refusal)
            raise
        self._tell(answer)
        return answer

    def submit_all(self, orders: Sequence[Order], *, atomic: bool = False) -> list[Answer]:
        """As the ledger's, and told."""
        answers = super().submit_all(orders, atomic=atomic)
        for answer in answers:
            self._tell(answer)
        return answers

    def submit_series(self, institution_id: str, orders: Iterator[Order]) -> list[Answer]:
        """As the ledger's, and told."""
        answers = super().submit_series(institution_id, orders)
        for answer in answers:
            self._tell(answer)
        return answers

    def _tell(self, answer: Answer) -> None:
        if self._ear is not None:
            self._ear(answer)
