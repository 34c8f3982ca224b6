"""Two commands that exclude or overtake each other, at once: the outcome is that of one order or the other."""

from collections.abc import Callable

import pytest

from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from tests import examples as x
from tests.conftest import Clock
from tests.faults.drill import Tally, dialect_of, dice, drill, rounds
from tests.faults.judging import inspect
from tests.faults.test_store_races import at_once
from tests.specification import Specification

Pair = tuple[c.Command, c.Command]
ROLES = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.MEDIATOR, Role.REGULATOR)


def _signed(name: str) -> list[c.Command]:
    return [
        x.contract(name, student_id=f"child-{name}", guardian_id=f"guardian-{name}"),
        x.deposit(f"s-{name}", contract_id=name),
        *x.taught("l1", "l2", contract_id=name),
    ]


def dispute_or_release(name: str) -> tuple[list[c.Command], Pair]:
    """The family contests a lesson while the school takes its money."""
    return _signed(name), (x.dispute("l2", name), x.release(2 * x.LESSON_FEN, name, f"r-{name}"))


def refund_or_consumption(name: str) -> tuple[list[c.Command], Pair]:
    """The family's refund is agreed while a lesson is claimed."""
    asked = x.request(f"f-{name}", name, requested_on=x.STARTS_ON)
    return [*_signed(name), asked], (x.approve(f"f-{name}"), x.claim("l3", contract_id=name))


def confirmed_or_refunded(name: str) -> tuple[list[c.Command], Pair]:
    """A claimed lesson is confirmed while all that is due is ordered back."""
    return [*_signed(name), x.claim("l3", contract_id=name)], (
        x.confirm("l3", contract_id=name),
        x.order_refund(f"f-{name}", name),
    )


def two_awards(name: str) -> tuple[list[c.Command], Pair]:
    """Two courts, or one twice, order the same money paid."""
    return _signed(name), (
        x.order_refund(f"f-{name}-1", name, basis="award 1"),
        x.order_refund(f"f-{name}-2", name, basis="award 2"),
    )


def two_payments(name: str) -> tuple[list[c.Command], Pair]:
    """The same agreed refund is sent to the bank twice."""
    return [*_signed(name), x.order_refund(f"f-{name}", name)], (
        x.instruct(f"f-{name}", "i1"),
        x.instruct(f"f-{name}", "i2"),
    )


def freeze_or_release(name: str) -> tuple[list[c.Command], Pair]:
    """The regulator freezes while the school takes its money."""
    return _signed(name), (x.freeze(), x.release(x.LESSON_FEN, name, f"r-{name}"))


KINDS = (dispute_or_release, refund_or_consumption, confirmed_or_refunded, two_awards, two_payments)


@pytest.fixture
def doors(opened: Callable[..., Ledger], clock: Clock) -> list[Ledger]:
    """Two ledgers on one database, as two processes would have."""
    clock.advance(days=10)
    return [opened(clock), opened(clock)]


@pytest.mark.parametrize("kind", [*KINDS, freeze_or_release], ids=lambda kind: kind.__name__)
def test_a_race_ends_as_if_one_had_come_after_the_other(
    doors: list[Ledger], database_url: str, kind: Callable[[str], tuple[list[c.Command], Pair]]
) -> None:
    with drill(17, f"race: {kind.__name__.replace('_', ' ')}", dialect_of(database_url), 170) as tally:
        for number in rounds(20, 170):
            _race(doors, f"school-{number}", kind, tally, first=dice(kind.__name__, number).random() < 0.5)
        inspect(doors[0], tally)


def _race(
    doors: list[Ledger], school: str, kind: Callable[[str], tuple[list[c.Command], Pair]], tally: Tally, *, first: bool
) -> None:
    """One race at a school of its own."""
    before, pair = kind("c1")
    for number, command in enumerate([x.opening(), *before]):
        tally.acknowledged += len(doors[0].submit(_order(school, f"before-{number}", command)).events)
    orders = [_order(school, f"race-{number}", command) for number, command in enumerate(pair)]
    tasks = [lambda door=door, order=order: door.submit(order) for door, order in zip(doors, orders, strict=True)]
    answers = at_once(tasks if first else tasks[::-1])  # type: ignore[arg-type]
    ended = _ending(*(answers if first else answers[::-1]))
    tally.injected += 1
    tally.acknowledged += sum(len(each.events) for each in answers if isinstance(each, Receipt))
    serial = [_serial(before, pair, order) for order in ((0, 1), (1, 0))]
    tally.count(f"as if the first came first, of {len({*map(str, serial)})}", str(ended) == str(serial[0][0]))
    happened = [type(each.event).__name__ for each in doors[0].stream(school)]
    tally.unbalanced += not any((ended, happened) == each for each in serial)


def _ending(*answers: object) -> tuple[str, ...]:
    """Accepted, or refused by which rule."""
    for answer in answers:
        assert isinstance(answer, Receipt | Rejection), answer
    return tuple("accepted" if isinstance(each, Receipt) else type(each).__name__ for each in answers)


def _serial(before: list[c.Command], pair: Pair, order: tuple[int, int]) -> tuple[tuple[str, ...], list[str]]:
    """The same in memory, one after the other: how each ends, and what happened."""
    school = Specification(x.STARTS_ON).given(x.opening(), *before)
    ended = ["", ""]
    for number in order:
        outcome = school.when(pair[number]).outcome
        ended[number] = type(outcome).__name__ if isinstance(outcome, Rejection) else "accepted"
    return tuple(ended), [type(each).__name__ for each in school.history]


def _order(school: str, key: str, command: c.Command) -> Order:
    role = next(each for each in ROLES if each in command.by)
    return Order(school, key, command, f"{role}-1", role)
