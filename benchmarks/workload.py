"""A city of schools for the benchmarks, told through the public commands, and the commands that are timed."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

from benchmarks.measurement import Step
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.commands import ClaimLessons, Command, ConfirmLessons, LessonRef
from ledger.identifiers import Role
from ledger.orders import Order
from tests.examples import STARTS_ON, contract, deposit, opening

LESSONS = 60
"""Half an hour each, of a contract of 30 hours."""
TAUGHT = 10
"""Of them before anything is measured: a contract then has 23 events."""
START = int(datetime(2026, 9, 2, tzinfo=UTC).timestamp()) * 1_000_000
_keys = count()


def clock() -> int:
    """Runs, from a day on which everything here is in season."""
    return START + time.monotonic_ns() // 1000


def order(institution_id: str, command: Command) -> Order:
    """The command, by the first role that may."""
    role = min(command.by, key=list(Role).index)
    return Order(institution_id, f"key-{next(_keys)}", command, f"{role}-1", role)


def settle(ledger: Ledger, orders: list[Order]) -> None:
    """Record all of them."""
    for answer in ledger.submit_all(orders):
        if not isinstance(answer, Receipt):
            raise answer


def build(ledger: Ledger, name: str, schools: int, contracts: int) -> list[tuple[str, str]]:
    """Open the schools, each with so many paid contracts; (institution, contract) of each."""
    settle(ledger, [order(f"{name}-{n}", opening()) for n in range(schools)])
    pairs = [(f"{name}-{s}", f"contract-{s}-{n}") for n in range(contracts) for s in range(schools)]
    for start in range(0, len(pairs), 5_000):
        part = pairs[start : start + 5_000]
        settle(ledger, [order(s, contract(c, student_id=f"child-{c}", guardian_id=f"family-{c}")) for s, c in part])
        settle(ledger, [order(s, deposit(f"serial-{c}", contract_id=c)) for s, c in part])
    return pairs


def _claim(lines: list[tuple[str, str]]) -> ClaimLessons:
    return ClaimLessons.model_validate(
        {
            "lessons": [
                {
                    "contract_id": c,
                    "lesson_id": lesson,
                    "hours": "0.5",
                    "taught_on": STARTS_ON,
                    "notified_on": STARTS_ON,
                }
                for c, lesson in lines
            ]
        }
    )


def _confirm(lines: list[tuple[str, str]]) -> ConfirmLessons:
    return ConfirmLessons(lessons=[LessonRef(contract_id=c, lesson_id=lesson) for c, lesson in lines])


def teach(ledger: Ledger, pairs: list[tuple[str, str]], number: int) -> None:
    """Claim and confirm one lesson of every contract, a school in one command each."""
    by_school: dict[str, list[tuple[str, str]]] = {}
    for institution_id, contract_id in pairs:
        by_school.setdefault(institution_id, []).append((contract_id, f"lesson-{number}"))
    settle(ledger, [order(school, _claim(lines)) for school, lines in by_school.items()])
    settle(ledger, [order(school, _confirm(lines)) for school, lines in by_school.items()])


def lessons(ledger: Ledger, pairs: list[tuple[str, str]]) -> Iterator[Step]:
    """Steps of two commands, one event each: a lesson is claimed, then confirmed. A step counts two."""
    for number in range(TAUGHT, LESSONS):
        for institution_id, contract_id in pairs:
            line = (contract_id, f"lesson-{number}")
            commands = _claim([line]), _confirm([line])
            yield _both(ledger, *(order(institution_id, command) for command in commands))


def classes(ledger: Ledger, pairs: list[tuple[str, str]], size: int) -> Iterator[Step]:
    """Steps of one command: a whole class, claimed beforehand, is confirmed. A step counts its events."""
    by_school: dict[str, list[str]] = {}
    for institution_id, contract_id in pairs:
        by_school.setdefault(institution_id, []).append(contract_id)
    for number in range(LESSONS):
        groups = [
            (school, [(c, f"class-{number}") for c in members[start : start + size]])
            for school, members in by_school.items()
            for start in range(0, len(members) - size + 1, size)
        ]
        settle(ledger, [order(school, _claim(lines)) for school, lines in groups])
        for school, lines in groups:
            yield _one(ledger, order(school, _confirm(lines)))


def _both(ledger: Ledger, claim: Order, confirm: Order) -> Step:
    def step() -> int:
        ledger.submit(claim)
        ledger.submit(confirm)
        return 2

    return step


def _one(ledger: Ledger, one: Order) -> Step:
    return lambda: len(ledger.submit(one).events)
