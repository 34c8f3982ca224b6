"""A bank statement read, previewed and committed, on both databases: `python -m benchmarks.statements`."""

import argparse
import resource
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
from ledger.identifiers import Role
from ledger.orders import Order
from tests import examples as x
from tests.bankfiles.files import ACCOUNT, Booking, generic_csv
from tests.conftest import Clock, migrate
from tests.postgres_server import DURABLE, running_server

ON = date(2026, 8, 31)
CONTRACTS = 2_000


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--lines", type=int, default=100_000)
    chosen = options.parse_args()
    for database in chosen.database or ["postgresql", "sqlite"]:
        if database == "sqlite":
            with tempfile.TemporaryDirectory() as folder:
                measure(f"sqlite:///{Path(folder) / 'ledger.sqlite'}", chosen.lines)
        else:
            with running_server(DURABLE) as server:
                measure(server.url, chosen.lines)


def measure(url: str, lines: int) -> None:
    """One statement: every second line was posted by the bank before and is matched, the others are new deposits."""
    migrate(url)
    ledger = open_ledger(url, Clock())
    _prepare(ledger, lines)
    data = generic_csv([Booking(ON, 100, f"S{n}", text=f"合同C-{n % CONTRACTS} 学费") for n in range(lines)])
    clocks = [(time.perf_counter(), time.process_time())]
    (statement,) = read_statements(data, Parties(b"k" * 32))
    clocks.append((time.perf_counter(), time.process_time()))
    preview = preview_statement(ledger, "school", statement)
    clocks.append((time.perf_counter(), time.process_time()))
    done = commit_statement(ledger, preview, Poster("bank", Role.BANK))
    clocks.append((time.perf_counter(), time.process_time()))
    assert done.booked == lines
    assert not done.demoted
    kinds = ", ".join(f"{count} {kind}" for kind, count in done.kinds.items())
    print(f"{ledger.engine.dialect.name}, {lines} lines ({kinds}), a second by the wall (and of own CPU)")
    for name, first, last in (("read", 0, 1), ("preview", 1, 2), ("commit", 2, 3), ("all", 0, 3)):
        wall, own = (lines / (clocks[last][which] - clocks[first][which]) for which in (0, 1))
        print(f"  {name:8} {wall:8.0f} ({own:.0f})")
    print(f"  most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    ledger.close()


def _prepare(ledger: Ledger, lines: int) -> None:
    ledger.submit(Order("school", "open", x.opening(account_id=ACCOUNT), "officer", Role.REGULATOR))
    contracts = [
        x.contract(f"C-{n}", student_id=f"child-{n}", guardian_id=f"guardian-{n}", price_fen=1_000_00)
        for n in range(CONTRACTS)
    ]
    ledger.submit_all([Order("school", f"c{n}", each, "school", Role.INSTITUTION) for n, each in enumerate(contracts)])
    posted = [x.deposit(f"S{n}", 100, None, account_id=ACCOUNT, value_on=ON) for n in range(0, lines, 2)]
    ledger.submit_all([Order("school", f"d{n}", each, "bank", Role.BANK) for n, each in enumerate(posted)])


if __name__ == "__main__":
    main()
