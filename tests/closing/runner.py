"""A process that closes and distributes until it is killed: `python -m tests.closing.runner URL close|distribute`."""

import sys
from datetime import date

from api.closing.closure import Closure
from api.closing.distribution import Distributing, Terms, order_of
from api.closing.pots import AskedPot
from ledger.application import Ledger, open_ledger
from tests.closing.schools import GONE, OFFICER, ORDER_NO, SCHOOL

AT = 1_790_000_000_000_000
"""21 September 2026."""


def clock() -> int:
    """Stands still: what is recorded does not depend on when a run was killed."""
    return AT


def close(ledger: Ledger, chunk: int) -> None:
    """Close in small chunks, and say so after each."""
    Closure(ledger, OFFICER, told, chunk).run(GONE, ORDER_NO)


def distribute(ledger: Ledger, chunk: int) -> None:
    """Order the whole pot, or go on with what is ordered, in small chunks."""
    distributing = Distributing(ledger, SCHOOL)
    running = distributing.running()
    name = running.distribution_id if running is not None else "d1"
    if running is None:
        preview = distributing.preview(Terms("pool", [AskedPot("custody", None)], date(2026, 9, 21)))
        OFFICER.submit(ledger, order_of(preview.lists[0], preview.pots[0], name, OFFICER.second))
        told()
    distributing.approve(OFFICER, name, told, chunk)


def told(*_: object) -> None:
    """One more step is done."""
    sys.stdout.write("step\n")
    sys.stdout.flush()


def main() -> None:
    """Run what is asked."""
    url, deed, chunk = sys.argv[1:4]
    ledger = open_ledger(url, clock)
    {"close": close, "distribute": distribute}[deed](ledger, int(chunk))
    ledger.close()


if __name__ == "__main__":
    main()
