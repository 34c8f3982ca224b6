"""The drill: how often each fault is injected, what is counted, and where the results go.

`LEDGER_DRILL=long` injects as often as the long run wants; `LEDGER_DRILL_SEED` makes another run, the same seed the
same one; `LEDGER_DRILL_RESULTS` names a file of JSON lines that each row adds its figures to; `LEDGER_DRILL_SECONDS`
bounds the time of each row on each database.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

LONG = os.environ.get("LEDGER_DRILL") == "long"
SEED = int(os.environ.get("LEDGER_DRILL_SEED", "20260901"))
MOST_SECONDS = float(os.environ.get("LEDGER_DRILL_SECONDS", "1800"))
"""No row goes on longer on one database: it stops where it is and says how far it came."""
TEMPORARY = "ledger-drill-"
"""Every folder of a drill begins like this."""


def times(short: int, long: int) -> int:
    """How often, in this run."""
    return long if LONG else short


def rounds(short: int, long: int) -> Iterator[int]:
    """Numbers from 0, one for each fault, until there are enough or time is up."""
    until = time.monotonic() + MOST_SECONDS
    for number in range(times(short, long)):
        if time.monotonic() > until:
            return
        yield number


def dice(*about: object) -> Random:
    """Chance that falls the same way whenever the seed is the same."""
    return Random(" ".join(map(str, (SEED, *about))))


@dataclass
class Tally:
    """What one row of the drill did on one database."""

    row: int
    fault: str
    database: str
    wanted: int
    """How often the long run wants the fault."""
    injected: int = 0
    acknowledged: int = 0
    """Events whose poster was told that they are recorded."""
    lost: int = 0
    doubled: int = 0
    unbalanced: int = 0
    undetected: int = 0
    """Faults that should have been seen by somebody and were not, or alarms about nothing."""
    restore_seconds: list[float] = field(default_factory=list)
    """How long each time until it answered again."""
    found: dict[str, int] = field(default_factory=dict)
    """What else is worth telling, by name."""
    judges: str = "model, audit"
    seconds: float = 0.0
    long: bool = LONG
    seed: int = SEED
    passed: bool = False

    def count(self, name: str, number: int = 1) -> None:
        """Count something worth telling."""
        self.found[name] = self.found.get(name, 0) + number

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled, unbalanced or undetected, and something was injected at all."""
        return self.injected > 0 and (self.lost, self.doubled, self.unbalanced, self.undetected) == (0, 0, 0, 0)


@contextmanager
def drill(row: int, fault: str, database: str, wanted: int) -> Iterator[Tally]:
    """One row on one database; its figures are kept whatever comes of it, and it fails unless they are clean."""
    tally, started = Tally(row, fault, database, wanted), time.monotonic()
    try:
        yield tally
        tally.passed = tally.clean
    finally:
        tally.seconds = round(time.monotonic() - started, 2)
        keep(tally)
    assert tally.clean, tally


def keep(tally: Tally) -> None:
    """Add the figures to the results, where somebody wants them."""
    line = json.dumps(asdict(tally), ensure_ascii=False)
    if results := os.environ.get("LEDGER_DRILL_RESULTS"):
        with Path(results).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    print(line, file=sys.stderr)


def dialect_of(url: str) -> str:
    """What the report calls the database."""
    return "SQLite" if url.startswith("sqlite") else "PostgreSQL"
