"""A real process that imports a statement is killed again and again: nothing is lost, nothing is counted twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from ledger import events as e
from ledger.application import Ledger
from ledger.audit import audit
from tests.api.callers import SECRET
from tests.bankfiles.bank import DAY, facts, school
from tests.bankfiles.files import Booking, generic_csv

ROOT = Path(__file__).parents[2]
LINES = 2_500
PROGRAM = "import sys; from api.cli import main; main()"


def start(database_url: str, path: Path) -> subprocess.Popen[bytes]:
    command = ["import-statement", str(path), "--institution", "school", "--commit", "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=ROOT,
        env=os.environ | {"LEDGER_DATABASE_URL": database_url, "LEDGER_PARTY_KEY": SECRET},
        stdout=subprocess.DEVNULL,
    )


def kill_beyond(process: subprocess.Popen[bytes], ledger: Ledger, position: int) -> bool:
    """Kill the process once the log is longer than this; whether it was still at work."""
    until = time.monotonic() + 120
    while ledger.position() <= position and process.poll() is None:
        assert time.monotonic() < until, "nothing is booked"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_a_killed_import_is_sent_again_until_it_is_done(ledger: Ledger, database_url: str, tmp_path: Path) -> None:
    school(ledger)
    path = tmp_path / "day.csv"
    bookings = [Booking(DAY, 100 + n, f"S{n}", text="合同C-1 学费" if n % 2 else "学费") for n in range(LINES)]
    path.write_bytes(generic_csv(bookings))
    killed = [kill_beyond(start(database_url, path), ledger, ledger.position() + 1) for _ in range(2)]
    assert any(killed)
    assert start(database_url, path).wait() in {0, 1}
    before = ledger.position()
    assert start(database_url, path).wait() == 0
    assert ledger.position() == before, "sent once more, it changes nothing"
    matched = [r.event for r in ledger.stream("school") if isinstance(r.event, e.StatementLineMatched)]
    assert Counter((event.serial, event.signed_fen) for event in matched) == Counter(
        (each.serial, each.fen) for each in bookings
    )
    assert facts(ledger)[0] == sum(each.fen for each in bookings)
    assert audit(ledger).passed
