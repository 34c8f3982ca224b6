"""Whether a command costs the same whatever is stored, and what reading costs then: `python -m benchmarks.flat`."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from benchmarks.measurement import Ratio, Run, Series, Supply, measure, ratio, report
from benchmarks.workload import build, classes, clock, lessons
from ledger.application import Ledger, open_ledger
from ledger.audit import audit
from tests.conftest import migrate
from tests.postgres_server import DURABLE, running_server

FLAT = 1 / 1.3
"""A command may cost 1.3 times as much in the large ledger: its rate stays above this part of that in the small one."""
POINT_QUERY_MS = 10.0
AUDIT_EVENTS_PER_SECOND = 80_000
CLASS = 30
SMALL_CONTRACTS, SMALL_EVENTS = 2_000, 10_000


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.0)
    options.add_argument("--contracts", type=int, default=200_000, help="in the large institution")
    options.add_argument("--events", type=int, default=1_000_000, help="of history in the large ledger")
    options.add_argument("--json", type=Path, help="append the results here, one JSON object a line")
    chosen = options.parse_args()
    for database in chosen.database or ["sqlite", "postgresql"]:
        with _opened(database) as small, _opened(database) as large:
            _contracts(database, small, large, chosen)
            _events(database, small, large, chosen)


@contextmanager
def _opened(database: str) -> Iterator[Ledger]:
    """A fresh ledger that goes with its database."""
    if database == "postgresql":
        with running_server(DURABLE) as server:
            migrate(server.url)
            with open_ledger(server.url, clock) as ledger:
                yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        url = f"sqlite:///{folder}/ledger.sqlite"
        migrate(url)
        with open_ledger(url, clock) as ledger:
            yield ledger


def _contracts(database: str, small: Ledger, large: Ledger, chosen: argparse.Namespace) -> None:
    """One institution with few contracts beside one with many."""
    few = lessons(small, build(small, "one", 1, SMALL_CONTRACTS))
    many = lessons(large, build(large, "one", 1, chosen.contracts))
    names = (f"{SMALL_CONTRACTS:,} contracts", f"{chosen.contracts:,} contracts")
    series, flat = _alternate(database, "contracts of one institution", names, (Supply(few), Supply(many)), chosen)
    report(f"Flat cost on {database}: contracts of one institution", series, [flat], chosen.json)


def _events(database: str, small: Ledger, large: Ledger, chosen: argparse.Namespace) -> None:
    """The same institution with a short history beside one with a long one, and what reading the long one costs."""
    supplies = []
    for ledger, wanted in ((small, SMALL_EVENTS), (large, chosen.events)):
        schools = max(1, wanted // 100_000)
        pairs = build(ledger, "past", schools, 1_800)
        past = classes(ledger, pairs, CLASS)
        while ledger.position() < wanted:
            for step in islice(past, 100):
                step()
        supplies.append(Supply(lessons(ledger, build(ledger, "now", 1, SMALL_CONTRACTS))))
    names = (f"{SMALL_EVENTS:,} events", f"{chosen.events:,} events")
    series, flat = _alternate(database, "events stored", names, (supplies[0], supplies[1]), chosen)
    series += [
        _queries(f"{database} one contract's events", lambda n: large.contract_events("past-0", f"contract-0-{n}")),
        _queries(f"{database} head of one stream", lambda _n: large.head("past-0")),
    ]
    slowest = max(run.p99_ms for one in series[2:] for run in one.runs)
    ratios = [flat, Ratio(f"{database} {POINT_QUERY_MS:.0f} ms / p99 of point queries", POINT_QUERY_MS / slowest, 1.0)]
    report(f"Flat cost on {database}: events stored", series, [*ratios, _audit(database, large)], chosen.json)


def _alternate(
    database: str, what: str, names: tuple[str, str], supplies: tuple[Supply, Supply], chosen: argparse.Namespace
) -> tuple[list[Series], Ratio]:
    series = [Series(f"{database} {name}, 8 threads") for name in names]
    for supply in supplies:
        measure(supply, 8, 0.5)
    for _ in range(chosen.rounds):
        for each, supply in zip(series, supplies, strict=True):
            each.runs.append(measure(supply, 8, chosen.seconds))
    return series, ratio(f"{database} {what}: large / small", series[1], series[0], FLAT)


def _queries(name: str, ask: Callable[[int], object]) -> Series:
    times = []
    for number in range(1_000):
        started = time.perf_counter()
        if not ask(number):
            raise SystemExit(f"{name}: nothing found")
        times.append((time.perf_counter() - started) * 1e3)
    times.sort()
    return Series(name, [Run(1e3 / statistics.mean(times), times[500], times[990])])


def _audit(database: str, ledger: Ledger) -> Ratio:
    started = time.process_time()
    found = audit(ledger, ["past-0"])
    rate = found.events / (time.process_time() - started)
    if not found.passed:
        raise SystemExit(f"the audit found {found.findings[:3]}")
    name = f"{database} audit, {rate:,.0f} events/s of {found.events:,} / {AUDIT_EVENTS_PER_SECOND:,}"
    return Ratio(name, rate / AUDIT_EVENTS_PER_SECOND, 1.0)


if __name__ == "__main__":
    main()
