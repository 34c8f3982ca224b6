"""A bank statement read, previewed and committed, on both databases: `python -m benchmarks.statements`.

`--payers 1` is a city that pays through one agency: every line and every payment names the same payer.
Each import runs in a process of its own, so that the most memory is the import's and nobody else's.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from api.bankfiles.commit import commit_statement
from api.bankfiles.parties import Parties
from api.bankfiles.posting import Poster
from api.bankfiles.preview import preview_statement
from api.bankfiles.reading import read_statements
from ledger.application import Ledger, open_ledger
from ledger.collector import patient
from ledger.identifiers import Role
from ledger.orders import Order
from tests import examples as x
from tests.bankfiles.files import ACCOUNT, Booking, generic_csv
from tests.conftest import Clock, migrate
from tests.postgres_server import DURABLE, running_server

ON = date(2026, 8, 31)
CONTRACTS = 2_000
PAYERS = 40_000
PARTIES = Parties(b"k" * 32)
SIZES = [10_000, 100_000, 240_000]
BATCH = 5_000


def main() -> None:
    """Both databases, or one; two sizes, or those that are given."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--lines", type=int, action="append")
    options.add_argument("--payers", type=int, default=PAYERS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.url:
        measure(chosen.url, Path(f"{chosen.lines[0]}.csv"), chosen.lines[0])
        return
    for lines in chosen.lines or SIZES:
        for database in chosen.database or ["postgresql", "sqlite"]:
            with tempfile.TemporaryDirectory() as folder:
                if database == "sqlite":
                    _run(f"sqlite:///{Path(folder) / 'ledger.sqlite'}", lines, chosen.payers, folder)
                else:
                    with running_server(DURABLE) as server:
                        _run(server.url, lines, chosen.payers, folder)


def _run(url: str, lines: int, payers: int, folder: str) -> None:
    migrate(url)
    ledger = open_ledger(url, Clock())
    _prepare(ledger, lines, payers)
    ledger.close()
    lines_of_bank = [Booking(ON, 100, f"S{n}", *_payer(n, payers), f"合同C-{n % CONTRACTS} 学费") for n in range(lines)]
    data = generic_csv(lines_of_bank)
    (Path(folder) / f"{lines}.csv").write_bytes(data)
    command = [sys.executable, "-m", "benchmarks.statements", "--url", url, "--lines", str(lines)]
    root = str(Path(__file__).parents[1])
    subprocess.run(command, cwd=folder, env={"PYTHONPATH": root, "PATH": ""}, check=True)


def _payer(n: int, payers: int) -> tuple[str, str]:
    return f"家长{n % payers}", f"622200001111{n % payers:07}"


def measure(url: str, path: Path, lines: int) -> None:
    """One statement: every second line was posted by the bank before and is matched, the others are new deposits."""
    patient()  # as the program does
    ledger = open_ledger(url, Clock())
    idle = _most_memory()
    clocks = [(time.perf_counter(), time.process_time())]
    with path.open("rb") as opened:
        (statement,) = read_statements(opened, PARTIES)
    clocks.append((time.perf_counter(), time.process_time()))
    preview = preview_statement(ledger, "school", statement)
    clocks.append((time.perf_counter(), time.process_time()))
    planned = _most_memory()
    done = commit_statement(ledger, preview, Poster("bank", Role.BANK))
    clocks.append((time.perf_counter(), time.process_time()))
    assert done.booked == lines
    assert not done.demoted
    kinds = ", ".join(f"{count} {kind}" for kind, count in done.kinds.items())
    print(f"{ledger.engine.dialect.name}, {lines} lines ({kinds}), a second by the wall (and of own CPU)")
    for name, first, last in (("read", 0, 1), ("preview", 1, 2), ("commit", 2, 3), ("all", 0, 3)):
        wall, own = (lines / (clocks[last][which] - clocks[first][which]) for which in (0, 1))
        print(f"  {name:8} {wall:8.0f} ({own:.0f})")
    print(f"  most memory {_most_memory():.0f} MiB: {idle:.0f} idle, {planned:.0f} after the preview")
    ledger.close()


def _most_memory() -> float:
    """MiB of this program at its largest; what `getrusage` tells begins with the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+([0-9]+) kB", status)[1]) / 1024  # type: ignore[index] # Linux always tells


def _prepare(ledger: Ledger, lines: int, payers: int) -> None:
    ledger.submit(Order("school", "open", x.opening(account_id=ACCOUNT), "officer", Role.REGULATOR))
    contracts = [
        x.contract(f"C-{n}", student_id=f"child-{n}", guardian_id=f"guardian-{n}", price_fen=1_000_00)
        for n in range(CONTRACTS)
    ]
    ledger.submit_all([Order("school", f"c{n}", each, "school", Role.INSTITUTION) for n, each in enumerate(contracts)])
    for start in range(0, lines, BATCH):
        some = range(start, min(lines, start + BATCH), 2)
        posted = [
            x.deposit(f"S{n}", 100, None, account_id=ACCOUNT, value_on=ON, payer_ref=PARTIES.token(*_payer(n, payers)))
            for n in some
        ]
        ledger.submit_all(
            [Order("school", f"d{n}", each, "bank", Role.BANK) for n, each in zip(some, posted, strict=True)]
        )


if __name__ == "__main__":
    main()
