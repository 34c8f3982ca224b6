"""The schools of the bank day, and their accounts as the bank knows them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from api.bankday.payments import Payment, PaymentFile
from api.bankfiles.parties import Parties
from api.demo.bank import Booking, person
from api.demo.days import BANK_DAY, after
from api.demo.groups import Enrolment, askable
from api.demo.schools import School
from ledger import commands as c
from ledger.orders import Order

LEAVING = 2
PRICE_FEN, HOURS = 1_200_00, "10"
FORMATS = ("camt053", "icbc", "camt053")


@dataclass
class Branch:
    """A school on this day, and its account as the bank knows it."""

    school: School
    form: str
    leaving: list[Enrolment]
    opening_fen: int = 0
    files: list[PaymentFile] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Of the institution."""
        return self.school.institution_id

    @property
    def joining(self) -> str:
        """The contract of the family that joins, and leaves before its first lesson."""
        return f"{self.id}-N0"

    def payee(self, payment: Payment) -> tuple[str, str]:
        """Holder and account behind a payment, as the bank knows them."""
        return person(self.joining if payment.contract_id == self.joining else payment.payee_ref)

    @property
    def unregistered(self) -> str:
        """The contract that the school has not entered when its family pays."""
        return f"{self.id}-N2"


def branches_of(schools: Sequence[tuple[School, Sequence[Enrolment]]]) -> Iterator[Branch]:
    """Each with the form of its statement and the families that leave."""
    for (school, families), form in zip(schools, FORMATS, strict=True):
        yield Branch(school, form, [each for each in families if askable(school, each)][:LEAVING])


def registered(branch: Branch, contract_id: str, price_fen: int = PRICE_FEN) -> Order:
    """A contract is registered on the bank day."""
    return branch.school.office(
        c.RegisterContract,
        contract_id=contract_id,
        guardian_id=f"G-{contract_id}",
        student_id=f"S-{contract_id}",
        course="冬季班",
        subject="winter",
        signed_on=BANK_DAY,
        starts_on=after(BANK_DAY, 12),
        ends_on=after(BANK_DAY, 60),
        price_fen=price_fen,
        paid_hours=HOURS,
        gift_hours="0",
        terms={"prior_same_service": False},
    )


def joins(contract_id: str, parties: Parties) -> Enrolment:
    """A child that is enrolled on the bank day; its payer is known by the token of the card."""
    payer_ref = parties.token(*person(contract_id))
    return Enrolment(contract_id, f"S-{contract_id}", f"G-{contract_id}", payer_ref)


def deposited(branch: Branch, enrolment: Enrolment, line: Booking) -> Order:
    """The bank tells of a payment as it comes in; the evening's statement shows it under the same serial number."""
    return branch.school.bank(
        c.RecordDeposit,
        bank_serial=line.serial,
        account_id=branch.school.account_id,
        value_on=BANK_DAY,
        amount_fen=line.fen,
        payer_ref=enrolment.payer_ref,
        contract_id=enrolment.contract_id,
    )


def paid_line(branch: Branch, payment: Payment, serial: str) -> Booking:
    """The line by which the bank shows a payment."""
    holder, account = branch.payee(payment)
    return Booking(-payment.amount_fen, serial, holder, account, f"{payment.remittance} {payment.payment_id}")
