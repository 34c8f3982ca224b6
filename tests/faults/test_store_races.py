"""Many writers at once: numbers stay dense, keys stay unique, and everybody gets a turn."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest

from ledger.answers import CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.audit import audit
from ledger.store.failures import InvariantBroken
from tests.conftest import Clock
from tests.store.savings import DepositKnown, decide, evolve, pay

THREADS = 8


@pytest.fixture
def doors(opened: Callable[..., Ledger], clock: Clock) -> list[Ledger]:
    """Two ledgers on one database, each with its own desks, as two processes would have."""
    return [opened(clock, decide), opened(clock, decide)]


def at_once(tasks: list[Callable[[], object]]) -> list[object]:
    """Run every task in a thread of its own, started together; what each returned or raised."""
    gate = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        gate.wait()
        try:
            return task()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def dense(ledger: Ledger) -> None:
    """Positions and versions run 1, 2, 3 without a gap, and the audit agrees."""
    log = ledger.feed(limit=100_000)
    assert [event.position for event in log] == list(range(1, ledger.position() + 1))
    for institution_id in ledger.institutions():
        versions = [event.version for event in log if event.institution_id == institution_id]
        assert versions == list(range(1, len(versions) + 1))
    assert audit(ledger, evolve=evolve).findings == []


def test_numbers_are_dense_whoever_writes_at_once(doors: list[Ledger]) -> None:
    def write(number: int) -> list[Receipt]:
        random = Random(number)
        door = doors[number % 2]
        return [door.submit(pay(f"school-{random.randrange(3)}", times=random.randint(1, 3))) for _ in range(30)]

    results = at_once([lambda number=number: write(number) for number in range(THREADS)])  # type: ignore[misc]
    receipts = [receipt for result in results for receipt in result]  # type: ignore[attr-defined]
    assert len(receipts) == THREADS * 30
    dense(doors[0])
    recorded = {event.position: event for event in doors[0].feed(limit=100_000)}
    for receipt in receipts:
        assert [recorded[event.position] for event in receipt.events] == list(receipt.events)
    assert sum(len(receipt.events) for receipt in receipts) == doors[0].position()


def test_one_key_submitted_by_many_at_once_is_recorded_once(doors: list[Ledger]) -> None:
    for _ in range(20):
        order = pay(times=2)
        answers = at_once([lambda n=n, order=order: doors[n % 2].submit(order) for n in range(THREADS)])  # type: ignore[misc]
        receipts = [answer for answer in answers if isinstance(answer, Receipt)]
        assert len(receipts) == THREADS
        assert [receipt.replayed for receipt in receipts].count(False) == 1
        assert len({receipt.events for receipt in receipts}) == 1
    assert doors[0].position() == 40
    dense(doors[0])


def test_one_key_with_two_bodies_stands_for_one_of_them(doors: list[Ledger]) -> None:
    for number in range(20):
        orders = [pay(command_id=f"key-{number}", amount_fen=fen) for fen in (1, 2)]
        answers = at_once([lambda n=n, orders=orders: doors[n // 4].submit(orders[n % 2]) for n in range(THREADS)])  # type: ignore[misc]
        kinds = Counter(type(answer) for answer in answers)
        assert kinds == {Receipt: THREADS // 2, CommandKeyReused: THREADS // 2}
    assert doors[0].position() == 20


def test_only_one_of_many_may_take_what_is_there_once(doors: list[Ledger]) -> None:
    for number in range(20):
        orders = [pay(deposit_id=f"only-{number}", prepared=n % 2 == 0) for n in range(THREADS)]
        answers = at_once([lambda n=n, orders=orders: doors[n % 2].submit(orders[n]) for n in range(THREADS)])  # type: ignore[misc]
        assert Counter(type(answer) for answer in answers) == {Receipt: 1, DepositKnown: THREADS - 1}
    dense(doors[0])


def test_a_bug_in_one_command_hurts_nobody_it_shares_a_turn_with(doors: list[Ledger]) -> None:
    def write(number: int) -> Counter[str]:
        kinds: Counter[str] = Counter()
        for turn in range(20):
            bug = "unbalanced" if (number + turn) % 5 == 0 else ""
            try:
                doors[number % 2].submit(pay(f"school-{turn % 2}", bug=bug))
                kinds[f"recorded{bug}"] += 1
            except InvariantBroken:
                kinds[f"broken{bug}"] += 1
        return kinds

    total: Counter[str] = Counter()
    for kinds in at_once([lambda number=number: write(number) for number in range(THREADS)]):  # type: ignore[misc]
        total += kinds  # type: ignore[arg-type]
    assert total == {"recorded": THREADS * 16, "brokenunbalanced": THREADS * 4}
    dense(doors[0])


def test_all_or_nothing_batches_across_institutions_do_not_lock_each_other_out(doors: list[Ledger]) -> None:
    def write(number: int) -> None:
        schools = [f"school-{n}" for n in range(4)]
        Random(number).shuffle(schools)
        for _ in range(8):
            answers = doors[number % 2].submit_all([pay(school) for school in schools], atomic=True)
            assert all(isinstance(answer, Receipt) for answer in answers)

    assert at_once([lambda number=number: write(number) for number in range(THREADS)]) == [None] * THREADS  # type: ignore[misc]
    assert doors[0].position() == THREADS * 8 * 4
    dense(doors[0])


def test_everybody_gets_a_turn_at_a_busy_institution(doors: list[Ledger]) -> None:
    rounds = 400
    left = iter(range(rounds))
    served: Counter[int] = Counter()

    def write(number: int) -> None:
        while next(left, None) is not None:
            doors[number % 2].submit(pay("busy"))
            served[number] += 1

    assert at_once([lambda number=number: write(number) for number in range(THREADS)]) == [None] * THREADS  # type: ignore[misc]
    assert sum(served.values()) == rounds
    assert min(served[number] for number in range(THREADS)) > rounds / THREADS / 8
