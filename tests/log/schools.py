"""Schools with a short history of every kind of posting, and the keys of a ledger and a witness."""

from datetime import date
from itertools import count

from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.log.keys import PrivateKey
from ledger.log.notary import Notary, Round
from ledger.log.proving import sealing
from ledger.orders import Order
from tests import examples as x
from tests.conftest import Clock

KEY = PrivateKey("ledger.example", b"L" * 32)
WITNESS = PrivateKey("bank.example/witness", b"W" * 32)
_ORDER = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.MEDIATOR, Role.REGULATOR)
_numbers = count()


def order(institution_id: str, command: c.Command) -> Order:
    """An order by the first role that may, under a key of its own."""
    role = next(each for each in _ORDER if each in command.by)
    return Order(institution_id, f"key-{next(_numbers)}", command, actor=f"{role}-1", role=role)


def tell(ledger: Ledger, institution_id: str, *commands: c.Command) -> list[Receipt]:
    """Commands that the ledger accepts."""
    return [ledger.submit(order(institution_id, command)) for command in commands]


def notary(ledger: Ledger, clock: Clock) -> Notary:
    """The notary of this ledger."""
    return Notary(ledger.engine, KEY, clock)


def checkpoint(ledger: Ledger, clock: Clock) -> Round:
    """One round of the notary."""
    return notary(ledger, clock).run()


def seal(ledger: Ledger, institution_id: str, business_on: date) -> None:
    """Seal a day with everybody's statement."""
    tell(ledger, institution_id, sealing(ledger.engine, institution_id, business_on))


def family(number: int) -> tuple[c.Command, ...]:
    """One more family signs and pays."""
    name = f"c{number}"
    signed = x.contract(name, guardian_id=f"guardian-{number}", student_id=f"child-{number}")
    return signed, x.deposit(f"s{number}", contract_id=name)


def open_school(ledger: Ledger, institution_id: str, families: int = 3) -> None:
    """A school opens on 1 September and some families pay; one deposit belongs to nobody yet."""
    tell(ledger, institution_id, x.opening())
    for number in range(1, families + 1):
        tell(ledger, institution_id, *family(number))
    tell(ledger, institution_id, x.deposit("loose", 77_00, None))


def autumn(ledger: Ledger, clock: Clock, institution_id: str) -> None:
    """Lessons, a release, a refund, a deposit given back, two sealed days: money goes every way there is."""
    tell(ledger, institution_id, *x.taught("a", "b", contract_id="c1"), x.release(150_00, "c1"), x.settle_release("c1"))
    tell(ledger, institution_id, x.claim("d", contract_id="c2"))
    clock.advance(days=1)
    seal(ledger, institution_id, date(2026, 9, 1))
    clock.advance(days=9)
    tell(ledger, institution_id, x.request("f1", "c2"), x.approve("f1"), *x.paid_out("f1"))
    tell(ledger, institution_id, x.reverse_deposit("s3"))
    clock.advance(days=1)
    seal(ledger, institution_id, date(2026, 9, 10))


def city(ledger: Ledger, clock: Clock, schools: int = 3) -> list[str]:
    """Several schools, with checkpoints in between, and something recorded after the last checkpoint of each."""
    names = [f"school-{number}" for number in range(1, schools + 1)]
    for name in names:
        open_school(ledger, name)
        checkpoint(ledger, clock)
    before = clock.now
    for name in names:
        clock.now = before
        autumn(ledger, clock, name)
        checkpoint(ledger, clock)
    return names
