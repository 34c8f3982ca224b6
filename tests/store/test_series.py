"""Series: each command is judged on what the one before leaves, and recorded only when that one is."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import pytest

from ledger.answers import Answer, CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.orders import Order
from ledger.store.failures import InvariantBroken, StoreUnavailable
from ledger.store.series import LONGEST
from tests.conftest import Clock
from tests.faults.test_store_races import dense
from tests.store.savings import DepositKnown, decide, pay


@pytest.fixture
def doors(opened: Callable[..., Ledger], clock: Clock) -> list[Ledger]:
    """Two ledgers on one database, each with its own desks, as two processes would have."""
    return [opened(clock, decide), opened(clock, decide)]


@pytest.fixture
def door(doors: list[Ledger]) -> Ledger:
    """One of them."""
    return doors[0]


def recorded(answers: list[Answer]) -> list[int]:
    """Last versions of what was recorded."""
    return [answer.last_version for answer in answers if isinstance(answer, Receipt)]


def test_commands_of_a_series_follow_each_other(door: Ledger) -> None:
    answers = door.submit_series("school", iter([pay(times=n) for n in (1, 3, 2)]))
    assert recorded(answers) == [1, 4, 6]
    dense(door)


def test_a_series_is_judged_on_what_its_own_commands_leave(door: Ledger) -> None:
    once, again = pay(deposit_id="one"), pay(deposit_id="one", prepared=False)
    first, second = door.submit_series("school", iter([once, again, pay()]))
    assert isinstance(first, Receipt)
    assert isinstance(second, DepositKnown)
    assert door.position() == 1


def test_a_key_of_the_series_itself_is_known(door: Ledger) -> None:
    order = pay("school", "key")
    first, second, third = door.submit_series("school", iter([order, order, pay("school", "key", amount_fen=7)]))
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert second.replayed
    assert first.events == second.events
    assert isinstance(third, CommandKeyReused)


def test_nothing_after_a_refusal_is_recorded_and_whoever_asks_again_goes_on(door: Ledger) -> None:
    door.submit(pay(deposit_id="known"))
    orders = [pay(), pay(), pay(deposit_id="known"), pay(), pay()]
    answers = door.submit_series("school", iter(orders))
    assert [type(each) for each in answers] == [Receipt, Receipt, DepositKnown]
    assert door.position() == 3
    assert recorded(door.submit_series("school", iter(orders[3:]))) == [4, 5]
    dense(door)


def test_a_bug_ends_the_series_and_leaves_what_was_recorded(door: Ledger) -> None:
    for bug, error in (("unbalanced", InvariantBroken), ("crash", ZeroDivisionError)):
        before = door.position()
        with pytest.raises(error):
            door.submit_series("school", iter([pay(), pay(bug=bug), pay(), pay()]))
        assert door.position() == before + 1
    dense(door)


def test_what_fails_while_orders_are_made_leaves_what_was_recorded(door: Ledger) -> None:
    def orders() -> Iterator[Order]:
        yield pay()
        yield pay()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        door.submit_series("school", orders())
    assert door.position() == 2
    assert recorded(door.submit_series("school", iter([pay()]))) == [3]


def test_orders_that_submit_themselves_would_wait_for_ever_and_are_refused(door: Ledger) -> None:
    def orders() -> Iterator[Order]:
        door.submit(pay())
        yield pay()

    with pytest.raises(RuntimeError):
        door.submit_series("school", orders())
    assert door.position() == 0


def test_a_series_keeps_others_waiting_for_a_few_turns_only(door: Ledger) -> None:
    endless = iter(pay, None)
    assert len(door.submit_series("school", endless)) == LONGEST
    waiting = threading.Event()

    def orders() -> Iterator[Order]:
        yield pay()
        waiting.set()
        while not door._desks.desk_of("school")._queue:  # whether the other one waits
            pass
        yield pay()
        yield pay()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: waiting.wait() and door.submit(pay("school")))
        assert len(door.submit_series("school", orders())) == 2
        assert isinstance(other.result(), Receipt)
    dense(door)


def test_a_command_that_loses_a_race_is_judged_again(doors: list[Ledger]) -> None:
    """Another process is first, between two commands: on PostgreSQL nothing keeps it away."""
    mine, other = doors

    def orders(theirs: Order, second: Order) -> Iterator[Order]:
        before = mine.position()
        yield pay()
        while other.position() == before:  # the first is written
            pass
        other.submit(theirs)
        yield second
        yield pay()

    answers = mine.submit_series("school", orders(pay(), pay()))
    assert recorded(answers)[:2] == [1, 3]
    answers = mine.submit_series("school", orders(pay(deposit_id="one"), pay(deposit_id="one", prepared=False)))
    assert [type(each) for each in answers] == [Receipt, DepositKnown]
    dense(mine)


def test_what_another_process_went_on_with_is_not_mixed_with_what_the_series_left(doors: list[Ledger]) -> None:
    """The second command is made for the version that the other process left: it would be refused on the first's."""
    mine, other = doors

    def orders() -> Iterator[Order]:
        yield pay()
        while other.position() == 0:  # the first is written
            pass
        other.submit(pay())
        yield replace(pay(), expected_version=2)

    assert recorded(mine.submit_series("school", orders())) == [1, 3]
    dense(mine)


def test_a_series_that_still_runs_when_the_ledger_is_closed_ends_as_if_the_store_were_away(
    postgres_url: str, clock: Clock
) -> None:
    """Where nothing is judged ahead, on SQLite, a turn opens the file again as any turn does."""
    door = Ledger(postgres_url, clock, decide)

    def orders() -> Iterator[Order]:
        yield pay()
        door.close()
        yield pay()

    with pytest.raises(StoreUnavailable):
        door.submit_series("school", orders())
    assert door.position() == 1
    door.close()


def test_whoever_writes_at_once_every_command_is_recorded_once(doors: list[Ledger]) -> None:
    def in_series(number: int) -> int:
        left = [pay(f"school-{n % 2}", times=1 + n % 4, prepared=n % 3 > 0) for n in range(40)]
        count = sum(1 + n % 4 for n in range(40))
        for school in ("school-0", "school-1"):
            mine = [order for order in left if order.institution_id == school]
            while mine:
                answers = doors[number % 2].submit_series(school, iter(mine))
                assert answers
                assert len(recorded(answers)) == len(answers)
                mine = mine[len(answers) :]
        return count

    def alone(number: int) -> int:
        random = Random(number)
        return sum(
            len(doors[number % 2].submit(pay(f"school-{random.randrange(2)}", times=2)).events) for _ in range(40)
        )

    with ThreadPoolExecutor(6) as pool:
        counts = [*pool.map(in_series, range(4)), *pool.map(alone, range(2))]
    assert doors[0].position() == sum(counts)
    dense(doors[0])
