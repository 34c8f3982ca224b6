"""Where a bank's clerk and a district's officers run their programs in the story: ledger, clock, folder of files."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from api.bankday.payees import PayeeBook, Payees
from api.bankday.payments import PaymentFile
from api.bankfiles.parties import Parties
from api.bankfiles.posting import Poster
from api.closing.officer import Officer
from api.demo.approving import Approvals
from api.demo.listening import ListeningLedger
from api.demo.telling import Clock
from api.security.access_log import AccessLog
from api.security.mandate import Mandate
from api.vault.masters import Masters
from api.vault.person import Person
from api.vault.vault import Vault
from ledger.answers import Answer, Receipt
from ledger.identifiers import Role
from projections.runner import Runner

CLERK, DISTRICT = Poster("clerk-wu", Role.BANK), Poster("officer-lin", Role.REGULATOR)
FIRST_OFFICER, SECOND_OFFICER = "officer-lin", "officer-zhao"


def party_key(seed: int) -> str:
    """The key of payers' tokens in a demo: no secret, so that the same seed gives the same hashes."""
    return f"ledger-demo-party-key-of-the-seed-{seed}"


def vault_key(seed: int) -> str:
    """The master key of the vault in a demo: no secret either, for invented people."""
    return f"demo:{b64encode(sha256(f'ledger-demo-vault-key-of-the-seed-{seed}'.encode()).digest()).decode()}"


@dataclass
class Office:
    """`hear` is told of every answer that a program gets."""

    ledger: ListeningLedger
    clock: Clock
    folder: Path
    parties: Parties
    masters: Masters
    hear: Callable[[Answer], None] = field(default=lambda _answer: None)
    reading_seconds: float = 0.0
    """What bringing the read models up to date took."""

    def catch_up(self) -> None:
        """Bring the read models up to date: the programs ask them what to look at."""
        began = time.perf_counter()
        Runner(self.ledger.engine).catch_up()
        self.reading_seconds += time.perf_counter() - began

    @contextmanager
    def at_work(self) -> Iterator[list[Receipt]]:
        """While programs work; gives what was recorded meanwhile."""
        self.catch_up()
        receipts: list[Receipt] = []

        def ear(answer: Answer) -> None:
            self.hear(answer)
            if isinstance(answer, Receipt):
                receipts.append(answer)

        with self.ledger.heard_by(ear):
            yield receipts

    @cached_property
    def approvals(self) -> Approvals:
        """Where what moves a whole institution waits for the second officer."""
        return Approvals(self.ledger, self.clock, FIRST_OFFICER, SECOND_OFFICER)

    @cached_property
    def vault(self) -> Vault:
        """Where invented people's accounts are."""
        return Vault(self.ledger.engine, self.masters, self.clock)

    def enter(self, institution_id: str, guardian_id: str, name: str, account_no: str) -> None:
        """A school enters a guardian's account."""
        adopted_by = (institution_id, f"office-{institution_id}")
        self.vault.keep(guardian_id, Person(name=name, account_no=account_no), adopted_by=adopted_by)

    def payees(self, file: PaymentFile, what: str) -> Payees:
        """The payees of a file as the district's officer may name them; the reads are written down."""
        book = PayeeBook(self.ledger.engine, self.vault, self.parties, AccessLog(self.ledger.engine, self.clock))
        reader = Mandate(FIRST_OFFICER, Role.REGULATOR, jurisdiction="CN")
        return book.of(file, reader, what, purpose=f"payment file {file.file_id}")

    def keep(self, name: str, content: bytes) -> "File":
        """Write a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return File(name, sha256(content).hexdigest())

    def read(self, name: str) -> bytes:
        """Read a file of the folder."""
        return (self.folder / name).read_bytes()


@dataclass(frozen=True)
class File:
    """A file in the folder: its name there, and the SHA-256 of its bytes."""

    name: str
    sha256: str


def officer(institution_id: str) -> Officer:
    """Who closes and distributes, and who stands for it beside her."""
    return Officer(institution_id, FIRST_OFFICER, SECOND_OFFICER)
