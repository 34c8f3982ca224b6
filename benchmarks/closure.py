"""The end of a large institution, timed: `python -m benchmarks.closure [CONTRACTS …] [--database NAME]`.

Builds an institution in bulk (timed apart), then, each in a process of its own so that its memory can be told: declares
the closure and makes every contract due, distributes the pot, catches up, and writes the resolution pack. The size that
is asked for is 200,000; without an argument it is small enough to be over in a minute or two.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from api.closing.closure import Closure, Declaration
from api.closing.distribution import Distributing, Terms, order_of
from api.closing.officer import Officer
from api.closing.pots import AskedPot
from api.packs.resolution import Asked, write_resolution_pack
from benchmarks.institution import INSTITUTION, fill
from ledger.application import open_ledger
from ledger.store.factory import open_engine
from projections.migrations import upgrade
from projections.reader import ReadModels
from projections.rebuild import REBUILDABLE, rebuild
from projections.runner import Runner
from tests.postgres_server import DURABLE, running_server

OFFICER = Officer(INSTITUTION, "officer-1", "officer-2")
DEFAULT = 10_000
"""Contracts."""
CLOSING = ("close", "distribute")
"""What has to be over in two minutes at 200,000; the read models catch up after it."""
SHOWN = {"phase", "seconds", "cpu", "peak_mib"}
NOON = 1_790_000_000_000_000
"""The clock of the runs, µs UTC: 21 September 2026."""


def clock() -> int:
    """Runs on from noon."""
    return NOON + time.monotonic_ns() // 1000 % 3_600_000_000


def build(url: str, contracts: int, _folder: Path) -> dict[str, Any]:
    """Migrations, history, read models."""
    engine = open_engine(url)
    upgrade(engine)
    events = fill(engine, contracts)
    began = time.perf_counter()
    rebuild(engine, REBUILDABLE, accept_differences=True)
    Runner(engine).catch_up()
    return {"events": events, "models_seconds": time.perf_counter() - began}


def close(url: str, _contracts: int, _folder: Path) -> dict[str, Any]:
    """Declare and order."""
    ledger = open_ledger(url, clock)
    outcome = Closure(ledger, OFFICER).run(Declaration("abnormal", date(2026, 9, 15), "doors shut"), "1")
    assert not outcome.refused, outcome.refused[:3]
    return {"refunds": outcome.refunds, "amount_fen": outcome.amount_fen}


def distribute(url: str, _contracts: int, _folder: Path) -> dict[str, Any]:
    """Compute the list of the whole pot, order it, approve it, complete it."""
    ledger = open_ledger(url, clock)
    distributing = Distributing(ledger, INSTITUTION)
    preview = distributing.preview(Terms("pool", [AskedPot("custody", None)], date(2026, 9, 21)))
    (shares,) = preview.lists
    OFFICER.submit(ledger, order_of(shares, preview.pots[0], f"d-{preview.version}", OFFICER.second))
    distributing.approve(OFFICER, f"d-{preview.version}")
    return {"families": len(shares.lines), "due_fen": shares.due_fen, "shared_fen": shares.shared_fen}


def catch_up(url: str, _contracts: int, _folder: Path) -> dict[str, Any]:
    """Take the shares into the read models."""
    ledger = open_ledger(url, clock)
    return {"events": Runner(ledger.engine).catch_up()}


def pack(url: str, _contracts: int, folder: Path) -> dict[str, Any]:
    """Write the resolution pack."""
    ledger = open_ledger(url, clock)
    with (folder / "pack.zip").open("wb") as output:
        made = write_resolution_pack(ReadModels(ledger.engine), Asked(INSTITUTION, date(2026, 9, 21)), output)
    return {"debts": made.totals.debts, "mib": (folder / "pack.zip").stat().st_size >> 20}


PHASES: dict[str, Callable[[str, int, Path], dict[str, Any]]] = {
    "build": build, "close": close, "distribute": distribute, "catch up": catch_up, "pack": pack
}  # fmt: skip


def run_phase(name: str, url: str, contracts: int, folder: Path) -> None:
    """One phase in this process; its result as a line of JSON."""
    began, worked = time.perf_counter(), time.process_time()
    result = PHASES[name](url, contracts, folder)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps({"phase": name, "seconds": round(seconds, 2), "cpu": round(cpu, 1), "peak_mib": peak_mib, **result})
    )


def measure(database: str, contracts: int, folder: Path) -> None:
    """All phases on one database."""
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/ledger.sqlite"
        if database == "postgresql":
            url = stack.enter_context(running_server(DURABLE)).url
        spent = 0.0
        for name in PHASES:
            command = [sys.executable, "-m", "benchmarks.closure", str(contracts), "--phase", name, "--url", url]
            done = subprocess.run([*command, "--folder", str(folder)], check=True, stdout=subprocess.PIPE, text=True)
            result = json.loads(done.stdout.splitlines()[-1])
            rate = contracts / result["seconds"]
            spent += result["seconds"] if name in CLOSING else 0
            rest = {key: value for key, value in result.items() if key not in SHOWN}
            print(
                f"{database:<11}{contracts:>8,} contracts  {name:<12}{result['seconds']:>8.1f} s "
                f"{rate:>9,.0f}/s  own CPU {result['cpu']:>7.1f} s  peak {result['peak_mib']:>5} MiB  "
                f"{json.dumps(rest)}",
                flush=True,
            )
        print(f"{database:<11}{contracts:>8,} contracts  closed and distributed in {spent:.1f} s", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contracts", type=int, nargs="*", default=[DEFAULT])
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--phase", choices=list(PHASES))
    parser.add_argument("--url", default=os.environ.get("LEDGER_DATABASE_URL", ""))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    if given.phase:
        run_phase(given.phase, given.url, given.contracts[0], given.folder)
        return
    for contracts in given.contracts:
        for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
            with tempfile.TemporaryDirectory() as folder:
                measure(database, contracts, Path(folder))


if __name__ == "__main__":
    main()
