"""One run of the demo: told, caught up, read."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from api.demo.cases import CASES
from api.demo.city import cast
from api.demo.days import LAST_DAY, after
from api.demo.findings import Findings, find
from api.demo.sealing import seal_the_last_day
from api.demo.story import published_cases, the_year
from api.demo.telling import Clock, Tally, Teller, at
from ledger.answers import Receipt
from ledger.application import open_ledger
from ledger.events import RefundRequested
from projections.reader import ReadModels
from projections.runner import Runner

BEGINNING = at(min(case.supervised_on for case in CASES), 8)
ENDING = at(LAST_DAY, 23)


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    tally: Tally
    findings: Findings
    told_seconds: float
    caught_up_seconds: float

    @property
    def events_per_second(self) -> int:
        """Events recorded each second while the story was told."""
        return round(self.tally.events / self.told_seconds)


def run(url: str, scale: float, seed: int, watch: Callable[[datetime, Tally], None]) -> Run:
    """Tell the whole story to the empty ledger at `url`; `watch` is called after every moment of it.

    The same scale and seed give the same events, hashes included.
    """
    clock = Clock(BEGINNING)
    ledger = open_ledger(url, clock)
    try:
        began = time.perf_counter()
        tally, entitled_fen = _told(Teller(ledger, clock), scale, seed, watch)
        clock.now = at(after(LAST_DAY, 1), 8)
        seal_the_last_day(ledger, tally)
        told = time.perf_counter()
        findings = _found(ledger.engine, entitled_fen)
        return Run(tally, findings, told - began, time.perf_counter() - told)
    finally:
        ledger.close()


def _told(
    teller: Teller, scale: float, seed: int, watch: Callable[[datetime, Tally], None]
) -> tuple[Tally, dict[str, int]]:
    city = cast(scale, seed)
    entitled_fen: dict[str, int] = {}
    schools = {school.institution_id: school for school in city.schools}

    def hear(receipt: Receipt) -> None:
        schools[receipt.institution_id].hear(receipt)
        event = receipt.events[0].event
        if isinstance(event, RefundRequested):
            entitled_fen[receipt.institution_id] = event.entitled_fen

    teller.heard = hear
    schools |= published_cases(teller)
    the_year(city, seed, teller)
    for moment in teller.moments(ENDING):
        watch(moment, teller.tally)
    return teller.tally, entitled_fen


def _found(engine: Engine, entitled_fen: dict[str, int]) -> Findings:
    Runner(engine).catch_up()
    return find(ReadModels(engine), LAST_DAY, entitled_fen)
