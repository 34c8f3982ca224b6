"""What proofs cost: appending with and without a notary beside it, writing a bundle, verifying it.

`python -m benchmarks.proofs [events]`: one run on fresh SQLite files in a temporary folder; prints events a second.
The same appends run without a notary and beside one in a process of its own, round after round; what reads is measured
on the demo city.
"""

import multiprocessing
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event as Signal

from api.demo.run import run
from ledger import commands as c
from ledger.application import Ledger, open_ledger
from ledger.identifiers import Role
from ledger.log.bundle import write_bundle
from ledger.log.inspection import inspect_log
from ledger.log.keys import PrivateKey
from ledger.log.notary import Notary
from ledger.orders import Order
from ledger.store.factory import open_engine
from projections.migrations import upgrade
from verifier import verify

SCHOOLS = 50
BATCH = 250
ROUNDS = 7
PAUSE_SECONDS = 1.0
CITY_SCALE = 1.0
KEY = PrivateKey("bench.example", b"B" * 32)
ON = date(2026, 9, 1)


def _clock() -> int:
    return int(datetime(2026, 9, 1, 2, tzinfo=UTC).timestamp()) * 1_000_000


def _open(ledger: Ledger) -> None:
    for school in range(SCHOOLS):
        opening = c.OpenEscrow(
            institution_name="school", uscc="91110108MA01AB3C4K", jurisdiction="CN", category="non_academic",
            district="d", licensed=True, custodian="bank", account_id="account", agreement_no="1",
        )  # fmt: skip
        ledger.submit(Order(f"school-{school}", "open", opening, actor="officer", role=Role.REGULATOR))


def _deposits(ledger: Ledger, prefix: str, count: int) -> float:
    """Seconds to record so many deposits, in batches spread over the schools."""
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        ledger.submit_all(
            [
                Order(
                    f"school-{number % SCHOOLS}",
                    f"{prefix}-{number}",
                    _deposit(f"{prefix}-{number}"),
                    "bank",
                    Role.BANK,
                )
                for number in range(start, start + BATCH)
            ]
        )
    return time.perf_counter() - began


def _deposit(serial: str) -> c.RecordDeposit:
    return c.RecordDeposit(bank_serial=serial, account_id="account", value_on=ON, amount_fen=100, payer_ref="payer")


def _follow(url: str, stop: Signal, ready: Signal) -> None:
    def signal(_done: object) -> None:
        ready.set()

    Notary(open_engine(url), KEY, _clock).follow(stop, PAUSE_SECONDS, signal)


def _appending(folder: Path, count: int) -> None:
    url = f"sqlite:///{folder / 'appended.sqlite'}"
    upgrade(open_engine(url))
    ledger = open_ledger(url, _clock)
    _open(ledger)
    without, beside = [], []
    for round_number in range(ROUNDS):
        without.append(_deposits(ledger, f"a{round_number}", count))
        stop, ready = multiprocessing.Event(), multiprocessing.Event()
        notary = multiprocessing.Process(target=_follow, args=(url, stop, ready))
        notary.start()
        ready.wait()  # it has caught up with what the round without it left
        beside.append(_deposits(ledger, f"b{round_number}", count))
        stop.set()
        notary.join()
    ledger.close()
    slow, fast = statistics.median(beside), statistics.median(without)
    print(f"append without a notary {count / fast:10,.0f} events/s")
    print(f"append beside a notary  {count / slow:10,.0f} events/s  ({(slow / fast - 1) * 100:+.1f} % time)")


def _reading(folder: Path) -> None:
    url, path = f"sqlite:///{folder / 'city.sqlite'}", folder / "city.bundle"
    engine, key = open_engine(url), verify.parse_key(KEY.public().text())
    upgrade(engine)
    run(url, CITY_SCALE, 7, lambda *_: None)
    began = time.perf_counter()
    _measure("take in, hash, sign", Notary(engine, KEY, _clock).run().events, began)
    began, inspected = time.perf_counter(), inspect_log(engine, [KEY.public()])
    _measure("inspect the live log", inspected.events, began)
    began, written = time.perf_counter(), write_bundle(engine, path, KEY)
    _measure("write a bundle", written.events, began)
    for jobs in (1, 2):
        began = time.perf_counter()
        report = verify.check_bundle(str(path), [key], jobs=jobs)
        assert (inspected.passed, report.status) == (True, verify.VERIFIED)
        _measure(f"verify, {jobs} process(es)", report.events, began)
    print(f"bundle of {written.events:,} events: {path.stat().st_size:,} bytes")


def _measure(what: str, events: int, began: float) -> None:
    print(f"{what:<24}{events / (time.perf_counter() - began):10,.0f} events/s")


def main(count: int) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as folder:
        _appending(Path(folder), count)
        _reading(Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
