"""Where a bank's clerk and a district's officers run their programs in the story: ledger, clock, folder of files."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from api.bankfiles.parties import Parties
from api.bankfiles.posting import Poster
from api.closing.officer import Officer
from api.demo.listening import ListeningLedger
from api.demo.telling import Clock
from ledger.answers import Answer, Receipt
from ledger.identifiers import Role
from projections.runner import Runner

CLERK, DISTRICT = Poster("clerk-wu", Role.BANK), Poster("officer-lin", Role.REGULATOR)
FIRST_OFFICER, SECOND_OFFICER = "officer-lin", "officer-zhao"


def party_key(seed: int) -> str:
    """The key of payers' tokens in a demo: no secret, so that the same seed gives the same hashes."""
    return f"ledger-demo-party-key-of-the-seed-{seed}"


@dataclass
class Office:
    """`hear` is told of every answer that a program gets."""

    ledger: ListeningLedger
    clock: Clock
    folder: Path
    parties: Parties
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
