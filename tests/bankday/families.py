"""Families of the school whose accounts are in the vault, and the book that finds them for a payment file."""

from dataclasses import dataclass
from itertools import count
from typing import Final

from api.bankday.payees import PayeeBook, Payees
from api.bankday.payments import PaymentFile
from api.bankfiles.parties import Parties
from api.security.access_log import AccessEntry, AccessLog, access_log
from api.security.mandate import Mandate
from api.vault.masters import new_master_key, read_masters
from api.vault.person import Person
from api.vault.vault import Vault
from ledger.application import Ledger
from ledger.identifiers import Role
from projections.database import read_row
from tests import examples as x
from tests.bankday.day import MONDAY
from tests.conftest import Clock
from tests.projections.school import School

PARTY_KEY: Final = "a party key of the tests, thirty-two bytes long"
MASTER: Final = new_master_key("k1")
MONEY_OF: Final = "6222 0200 1234 5678 901"
PLAIN: Final = "6222020012345678901"
REGULATOR: Final = Mandate("officer-1", Role.REGULATOR)
_KEYS = count()


@dataclass
class Families:
    """A school, the vault beside its ledger, and whoever asks for a file."""

    school: School
    vault: Vault
    parties: Parties | None

    @property
    def ledger(self) -> Ledger:
        return self.school.ledger

    @property
    def book(self) -> PayeeBook:
        engine = self.ledger.engine
        return PayeeBook(engine, self.vault, self.parties, AccessLog(engine, self.school.clock))

    def person(self, institution_id: str = "school", **facts: str) -> str:
        """Somebody whom a school entered."""
        subject_id = self.vault.mint(institution_id, "school", f"mint {next(_KEYS)}")
        self.vault.keep(subject_id, Person(**{"name": "欧阳静怡", "account_no": MONEY_OF} | facts))
        return subject_id

    def owed(self, number: int, guardian_id: str, payer_ref: str | None = None) -> None:
        """A family with an approved refund, whose money came from an account; of the vault unless told otherwise."""
        contract_id, paid_by = f"c{number}", payer_ref or Parties(PARTY_KEY.encode()).token("欧阳静怡", PLAIN)
        self.school.asks(
            x.contract(contract_id, student_id=f"child-{number}", guardian_id=guardian_id),
            x.deposit(f"s{number}", contract_id=contract_id, payer_ref=paid_by),
            x.request(f"f{number}", contract_id, requested_on=MONDAY),
            x.approve(f"f{number}"),
        )

    def named(self, file: PaymentFile, caller: Mandate = REGULATOR) -> Payees:
        """How the payees of a file are named for a caller."""
        return self.book.of(file, caller, "test", purpose="付款")

    def reads(self) -> list[AccessEntry]:
        """The log of reads."""
        return reads_of(self.ledger)


def reads_of(ledger: Ledger) -> list[AccessEntry]:
    """The log of reads of a ledger."""
    with ledger.engine.connect() as connection:
        rows = connection.execute(access_log.select().order_by(access_log.c.number)).all()
    return [read_row(AccessEntry, row) for row in rows]


def families_of(school: School, clock: Clock) -> Families:
    """A school on Monday, with its vault and the key of tokens."""
    vault = Vault(school.ledger.engine, read_masters(MASTER), clock)
    return Families(school.on(MONDAY), vault, Parties(PARTY_KEY.encode()))
