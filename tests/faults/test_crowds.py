"""Many at once: one key by many hands, one key with two bodies, many writers at one institution and at hundreds."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import func, or_, select

from ledger.answers import CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.store.tables import sheets
from tests import examples as x
from tests.faults.drill import dialect_of, dice, drill, rounds, times
from tests.faults.families import at, open_schools, order_of
from tests.faults.judging import inspect, judge
from tests.faults.shop import Told
from tests.faults.test_store_races import at_once

HANDS = 20
SCHOOLS = 5


@pytest.fixture
def doors(opened: Callable[..., Ledger]) -> list[Ledger]:
    """Two ledgers on one database, as two processes would have."""
    return [opened(at), opened(at)]


def test_one_key_by_two_to_twenty_at_once_is_one_event(doors: list[Ledger], database_url: str) -> None:
    open_schools(doors[0], SCHOOLS)
    with drill(4, "same key 2–20 times at once", dialect_of(database_url), 5_000) as tally:
        told: Told = {}
        with ThreadPoolExecutor(HANDS) as pool:
            for number in rounds(500, 5_000):
                chance, client = dice("keys", number), number % 50
                order = order_of(client, number // 50, SCHOOLS)
                hands = chance.randint(2, HANDS)
                answers = list(pool.map(lambda n, order=order: doors[n % 2].submit(order), range(hands)))  # type: ignore[misc]
                tally.injected += 1
                tally.count("submissions", hands)
                tally.doubled += [each.replayed for each in answers].count(False) - 1
                tally.undetected += len({each.events for each in answers}) - 1
                told[client, number // 50] = answers[0].first_version, answers[0].last_version
        judge(doors[0], told, SCHOOLS, tally)


def test_one_key_with_another_body_is_refused_and_records_nothing(doors: list[Ledger], database_url: str) -> None:
    open_schools(doors[0], 1)
    chance = dice("bodies")
    with drill(4, "same key, other body", dialect_of(database_url), 2_500) as tally:
        with ThreadPoolExecutor(4) as pool:
            for number in rounds(500, 2_500):
                bodies = chance.sample(range(1, 1_000), 2) * 2
                orders = [_deposit(f"k-{number}", f"s{number}", fen) for fen in bodies]
                answers = list(pool.map(_answer, doors * 2, orders))
                tally.injected += 1
                kinds = Counter(type(each) for each in answers)
                tally.undetected += kinds != {Receipt: 2, CommandKeyReused: 2}
                receipts = [each for each in answers if isinstance(each, Receipt)]
                tally.doubled += len({each.events for each in receipts}) - 1
                tally.acknowledged += len(receipts[0].events)
        log = doors[0].stream("school-0")
        tally.lost += max(0, 1 + tally.acknowledged - len(log))
        tally.doubled += max(0, len(log) - tally.acknowledged - 1)
        inspect(doors[0], tally)


def _deposit(key: str, serial: str, fen: int) -> Order:
    return Order("school-0", key, x.deposit(serial, fen, None), "bank", Role.BANK)


def _answer(door: Ledger, order: Order) -> object:
    try:
        return door.submit(order)
    except CommandKeyReused as refused:
        return refused


WRITERS = 64


def test_writers_at_one_institution_and_at_hundreds_leave_dense_numbers_and_balanced_books(
    doors: list[Ledger], database_url: str
) -> None:
    institutions, wanted = 500, times(10_000, 100_000)
    open_schools(doors[0], institutions)
    with drill(5, f"{WRITERS} writers, {institutions} institutions", dialect_of(database_url), 100_000) as tally:
        told: Told = {}
        tasks = [lambda writer=writer: _write(doors, writer, institutions, wanted, told) for writer in range(WRITERS)]
        failures = [each for each in at_once(tasks) if each is not None]  # type: ignore[arg-type]
        assert not failures, failures[0]
        judge(doors[0], told, institutions, tally)
        tally.injected = tally.acknowledged
        tally.count("commands", len(told))
        tally.lost += _gaps(doors[0])
        tally.unbalanced += _below_zero(doors[0])
    assert tally.injected >= wanted


def _write(doors: list[Ledger], writer: int, institutions: int, wanted: int, told: Told) -> None:
    """Its own clients in turn: one at the school where everybody is, the others at schools of their own; in batches."""
    chance, door = Random(writer), doors[writer % 2]
    clients = [
        writer * institutions,
        *(writer * institutions + 1 + each for each in range(writer % 8, institutions - 1, 8)),
    ]
    done = dict.fromkeys(clients, 0)
    left = wanted // WRITERS
    while left > 0:
        batch = sorted({clients[0], *chance.sample(clients, min(7, len(clients)))}, key=lambda _: chance.random())
        orders = [order_of(client, done[client], institutions) for client in batch]
        receipts = door.submit_all(orders, atomic=chance.random() < 0.3)
        for client, receipt in zip(batch, receipts, strict=True):
            assert isinstance(receipt, Receipt), receipt
            told[client, done[client]] = receipt.first_version, receipt.last_version
            done[client] += 1
            left -= len(receipt.events)


def _gaps(ledger: Ledger) -> int:
    """Positions or versions that are missing."""
    log = ledger.feed(limit=10_000_000)
    missing = ledger.position() - len({event.position for event in log})
    versions = Counter(event.institution_id for event in log)
    return missing + sum(
        max(0, (head.version if (head := ledger.head(each)) else 0) - n) for each, n in versions.items()
    )


def _below_zero(ledger: Ledger) -> int:
    """Contracts that owe less than nothing."""
    amounts = [sheets.c[name] < 0 for name in ("unearned_fen", "earned_fen", "refund_payable_fen")]
    with ledger.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(sheets).where(or_(*amounts))) or 0
