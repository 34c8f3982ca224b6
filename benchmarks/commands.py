"""Commands per second beside the floor and the bare library, interleaved: `python -m benchmarks.commands`."""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.floor import postgres_floor, sqlite_floor
from benchmarks.measurement import Ratio, Series, Supply, measure, ratio, report
from benchmarks.peer import peer_steps, postgres_bank, sqlite_bank
from benchmarks.workload import TAUGHT, build, classes, clock, lessons, teach
from ledger.application import open_ledger
from tests.conftest import migrate
from tests.postgres_server import DURABLE, running_server

CLASS = 30
HISTORY = 3 + 2 * TAUGHT
"""Events of a contract when it is measured: registered, paid, applied; lessons claimed and confirmed."""
NEW = "library, new accounts"
"""What the library does best: it reads an account's whole history for every command, and these have hardly any."""
TARGETS = {  # (threads, over what)
    "postgresql": {(8, "floor"): 0.60, (1, "floor"): 0.35, (8, "library"): 4.0, (1, "library"): 2.0, (8, NEW): 4.0},
    "sqlite": {(8, "floor"): 0.70, (1, "floor"): 0.45, (8, "library"): 2.0, (1, "library"): 1.0, (8, NEW): 2.0},
}
SESSION_TARGET = 10.0
SESSION_THREADS = 8
MOST_CLASSES_PER_SECOND = 600


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.5)
    options.add_argument("--schools", type=int, default=60)
    options.add_argument("--contracts", type=int, default=60, help="of each school")
    options.add_argument("--json", type=Path, help="append the results here, one JSON object a line")
    chosen = options.parse_args()
    for database in chosen.database or ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-bench-")))
            if database == "sqlite":
                url = f"sqlite:///{folder / 'ledger.sqlite'}"
                floor = sqlite_floor(folder / "floor.sqlite")
                bank = sqlite_bank(folder / "bank.sqlite")
            else:
                url = stack.enter_context(running_server(DURABLE)).url
                floor = postgres_floor(url)
                bank = postgres_bank(url, 32)
            migrate(url)
            ledger = stack.enter_context(open_ledger(url, clock))
            pairs = build(ledger, "school", chosen.schools, chosen.contracts)
            for number in range(TAUGHT):
                teach(ledger, pairs, number)
            contenders = {
                "ledger": Supply(lessons(ledger, pairs)),
                "floor": Supply(floor),
                "library": Supply(peer_steps(bank, HISTORY)),
                NEW: Supply(peer_steps(bank, 1)),
            }
            session = Supply(classes(ledger, build(ledger, "big", 20, 3 * CLASS), CLASS))
            session.prepare(int(chosen.rounds * chosen.seconds * MOST_CLASSES_PER_SECOND))
            _compare(database, contenders, session, chosen)


def _compare(database: str, contenders: dict[str, Supply], session: Supply, chosen: argparse.Namespace) -> None:
    series = {
        (threads, name): Series(f"{database} {name}, {threads} threads")
        for threads in (1, 8, 32)
        for name in contenders
    }
    confirmed = Series(f"{database} ledger, class of {CLASS}, {SESSION_THREADS} threads, events")
    for supply in contenders.values():
        measure(supply, 8, 0.5)  # everything is warm before it counts
    for _ in range(chosen.rounds):
        for (threads, name), each in series.items():
            each.runs.append(measure(contenders[name], threads, chosen.seconds))
        confirmed.runs.append(measure(session, SESSION_THREADS, chosen.seconds))
    ratios = [
        ratio(
            f"{database} ledger / {name}, {threads} threads", series[threads, "ledger"], series[threads, name], target
        )
        for (threads, name), target in TARGETS[database].items()
    ]
    ratios.append(_session_ratio(database, confirmed, series[SESSION_THREADS, "library"]))
    report(f"Commands on {database}", [*series.values(), confirmed], ratios, chosen.json)


def _session_ratio(database: str, session: Series, library: Series) -> Ratio:
    name = f"{database} class of {CLASS} in one command / library, events, {SESSION_THREADS} threads"
    return ratio(name, session, library, SESSION_TARGET)


if __name__ == "__main__":
    main()
