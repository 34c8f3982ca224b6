"""One run of the demo: told, its bank day lived, caught up, read."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from api.bankfiles.parties import Parties
from api.demo.bankday import Day
from api.demo.cases import CASES
from api.demo.city import ACADEMIC, SCI_TECH, TIANJIN, Cast, cast
from api.demo.days import AUTUMN, BANK_DAY, LAST_DAY
from api.demo.facts import BankDay, Closed
from api.demo.findings import Findings, find
from api.demo.groups import Enrolment
from api.demo.listening import ListeningLedger
from api.demo.office import Office, party_key, vault_key
from api.demo.schools import School
from api.demo.story import Classes, published_cases, the_year
from api.demo.telling import Clock, Tally, Teller, at
from api.vault.masters import Masters, read_masters
from ledger.answers import Answer, Receipt
from ledger.events import RefundRequested
from projections.reader import ReadModels

BEGINNING = at(min(case.supervised_on for case in CASES), 8)
ENDING = at(LAST_DAY, 23)
Watch = Callable[[datetime, Tally], None]


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    tally: Tally
    findings: Findings
    closed: Closed
    bank_day: BankDay
    told_seconds: float
    bank_day_seconds: float
    caught_up_seconds: float

    @property
    def events_per_second(self) -> int:
        """Events recorded each second while the story was told."""
        return round(self.tally.events / (self.told_seconds + self.bank_day_seconds))


def run(
    url: str,
    scale: float,
    seed: int,
    watch: Watch,
    folder: Path | None = None,
    key: str = "",
    masters: Masters | None = None,
) -> Run:
    """Tell the whole story to the empty ledger at `url`; `watch` is called after every moment of it.

    Files lie in `folder`, or in one that is gone afterwards; `key` makes the tokens of payers, `masters` wrap the
    vault. The same scale, seed and key give the same events, hashes included.
    """
    if folder is None:
        with TemporaryDirectory(prefix="ledger-demo-") as temporary:
            return run(url, scale, seed, watch, Path(temporary), key, masters)
    clock = Clock(BEGINNING)
    ledger = ListeningLedger(url, clock)
    try:
        parties = Parties((key or party_key(seed)).encode())
        office = Office(ledger, clock, folder, parties, masters or read_masters(vault_key(seed)))
        return _Telling(office, cast(scale, seed), seed).tell(watch)
    finally:
        ledger.close()


class _Telling:
    """The story of one city, told once."""

    def __init__(self, office: Office, city: Cast, seed: int) -> None:
        self._office, self._city, self._seed = office, city, seed
        self._schools = {school.institution_id: school for school in city.schools}
        self._entitled_fen: dict[str, int] = {}
        self._teller = Teller(office.ledger, office.clock, heard=self._hear)
        office.hear = self._count

    def tell(self, watch: Watch) -> Run:
        """The year, then the bank day, then what is found."""
        office, tally = self._office, self._teller.tally
        began, closed = time.perf_counter(), Closed()
        self._schools |= published_cases(self._teller)
        classes = the_year(self._city, self._seed, self._teller, office, closed)
        for moment in self._teller.moments(ENDING):
            watch(moment, tally)
        told, read_seconds = time.perf_counter(), office.reading_seconds
        office.catch_up()
        lived = time.perf_counter()
        reading = office.reading_seconds
        bank_day = Day(office, self._on_the_bank_day(classes)).live()
        ended = time.perf_counter()
        bank_day_seconds = ended - lived - (office.reading_seconds - reading)
        office.catch_up()
        findings = find(ReadModels(office.ledger.engine), BANK_DAY, self._entitled_fen)
        return Run(
            tally,
            findings,
            closed,
            bank_day,
            told - began - read_seconds,
            bank_day_seconds,
            office.reading_seconds + time.perf_counter() - ended,
        )

    def _on_the_bank_day(self, classes: Classes) -> list[tuple[School, list[Enrolment]]]:
        """Three schools that are open, and their families of the autumn."""
        schools = [self._city.first(kind) for kind in (ACADEMIC, SCI_TECH, TIANJIN)]
        return [
            (
                school,
                [each for group in classes[school.institution_id] if group.term is AUTUMN for each in group.enrolments],
            )
            for school in schools
        ]

    def _hear(self, receipt: Receipt) -> None:
        self._schools[receipt.institution_id].hear(receipt)
        event = receipt.events[0].event
        if isinstance(event, RefundRequested):
            self._entitled_fen[receipt.institution_id] = event.entitled_fen

    def _count(self, answer: Answer) -> None:
        if isinstance(answer, Receipt):
            self._hear(answer)
        self._teller.tally.count(answer)
