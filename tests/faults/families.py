"""What the clients of a drill ask for, number after number, and an independent account of what must come of it.

A client's requests follow from its number alone, so that whoever was not answered asks again in the same words. Each
client serves families of its own: whatever the clients do at once, the sums of a school are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ledger import commands as c
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.orders import Order
from tests import examples as x
from tests.faults.drill import dice
from tests.properties.agreements import Account

CYCLE = 10
"""A family signs, pays, and twice over: lessons are claimed, confirmed, their money ordered, and paid out."""
OPENED = datetime(2026, 9, 10, 2, tzinfo=UTC)
"""When a drill begins, by its own clock."""
PRICES, HOURS = (3_000_00, 2_999_99, 1_000_01, 777_77), ("30", "29.5", "11")
LENGTHS = (100, 33, 150, 180)


@dataclass(frozen=True)
class Step:
    """One request: the command, who may ask it, and how many events it must cause."""

    command: c.Command
    role: Role
    events: int


def school_of(client: int, schools: int) -> str:
    """The school a client works for."""
    return f"school-{client % schools}"


def guardian_of(client: int) -> str:
    """The guardian of all families of a client."""
    return f"guardian-{client}"


@lru_cache(maxsize=4096)
def _family(client: int, family: int) -> tuple[Step, ...]:
    """The requests of one family, and what the account says of each amount."""
    chance, name, account = dice("family", client, family), f"c{client}-{family}", Account()
    price, hours = chance.choice(PRICES), chance.choice(HOURS)
    account.register(name, price, round(float(hours) * 100), 0)
    account.pay(name, price, name)
    signed = x.contract(
        name, price_fen=price, hours=hours, guardian_id=guardian_of(client), student_id=f"child-{client}-{family}"
    )
    steps = [
        Step(signed, Role.INSTITUTION, 1),
        Step(x.deposit(name, price, name, value_on=OPENED.date()), Role.BANK, 2),
    ]
    for turn in range(2):
        lengths = {f"l{turn}{number}": chance.choice(LENGTHS) for number in range(chance.randint(1, 3))}
        for lesson, length in lengths.items():
            assert account.teach(name, lesson, length) is None
            account.confirm(name, lesson)
        fen = account.families[name].earned
        account.release(f"{name}-{turn}", name, fen)
        account.release_answered(f"{name}-{turn}", name, paid=True)
        lines = [x.lesson(each, name, f"{length / 100:.2f}") for each, length in lengths.items()]
        steps += [
            Step(x.claim(*lines), Role.INSTITUTION, len(lines)),
            Step(x.confirm(*lengths, contract_id=name), Role.GUARDIAN, len(lines)),
            Step(x.release(fen, name, f"{name}-{turn}"), Role.INSTITUTION, 1),
            Step(x.settle_release(name, release_id=f"{name}-{turn}"), Role.BANK, 1),
        ]
    return tuple(steps)


def step_of(client: int, number: int) -> Step:
    """The request of a client with this number, from 0."""
    return _family(client, number // CYCLE)[number % CYCLE]


def subject_of(client: int, role: Role) -> str:
    """Who asks."""
    return f"{role}-{client}"


def order_of(client: int, number: int, schools: int) -> Order:
    """The same request as an order; its key is that of the caller, as the API makes it."""
    step, school = step_of(client, number), school_of(client, schools)
    subject = subject_of(client, step.role)
    guardian = guardian_of(client) if step.role is Role.GUARDIAN else None
    return Order(school, f"{subject}.{number}", step.command, subject, step.role, guardian_id=guardian)


def open_schools(ledger: Ledger, schools: int) -> None:
    """Every school of a drill opens."""
    for number in range(schools):
        ledger.submit(Order(school_of(number, schools), "open", x.opening(), "officer", Role.REGULATOR))


def expected(asked: Iterable[tuple[int, int]], schools: int) -> dict[str, Account]:
    """What must have come of these requests (client and number), school by school, by the independent account."""
    accounts = {school_of(number, schools): Account() for number in range(schools)}
    for client, number in sorted(asked):
        _tell(accounts[school_of(client, schools)], step_of(client, number).command)
    return accounts


def _tell(account: Account, command: c.Command) -> None:
    refused: object = None
    match command:
        case c.RegisterContract():
            refused = account.register(command.contract_id, command.price_fen, command.paid_centihours, 0)
        case c.RecordDeposit():
            refused = account.pay(command.bank_serial, command.amount_fen, command.contract_id)
        case c.ClaimLessons():
            refused = next(
                filter(
                    None, (account.teach(each.contract_id, each.lesson_id, each.centihours) for each in command.lessons)
                ),
                None,
            )
        case c.ConfirmLessons():
            refused = next(
                filter(None, (account.confirm(each.contract_id, each.lesson_id) for each in command.lessons)), None
            )
        case c.InstructRelease():
            (line,) = command.lines
            refused = account.release(command.release_id, line.contract_id, line.amount_fen)
        case c.SettleRelease():
            refused = account.release_answered(command.release_id, command.contract_ids[0], paid=True)
        case _:
            raise AssertionError(command)
    assert refused is None, (command, refused)


def at(offset: timedelta = timedelta()) -> int:
    """An instant of the drill, µs."""
    return int((OPENED + offset).timestamp() * 1_000_000)
