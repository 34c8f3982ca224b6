"""A process that closes, draws and distributes until it is killed: `python -m tests.closing.runner URL DEED CHUNK`."""

import sys
from collections.abc import Sequence
from datetime import date

from api.closing.closure import Closure
from api.closing.distribution import Distributing, Terms, order_of
from api.closing.officer import Officer
from api.closing.pots import AskedPot
from api.closing.security import draw_security
from ledger.answers import Receipt
from ledger.application import Ledger, open_ledger
from ledger.commands import Command
from ledger.rejections import Rejection
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


class _Telling(Officer):
    """Says so after each part."""

    def submit_each(self, ledger: Ledger, commands: Sequence[Command]) -> list[Receipt | Rejection]:
        answers = super().submit_each(ledger, commands)
        told()
        return answers


def draw(ledger: Ledger, chunk: int) -> None:
    """Draw 1,200 yuan of the security under one order, in small chunks."""
    draw_security(ledger, _Telling(SCHOOL, "officer-1"), 1_200_00, ORDER_NO, chunk)


def told(*_: object) -> None:
    """One more step is done."""
    sys.stdout.write("step\n")
    sys.stdout.flush()


def main() -> None:
    """Run what is asked."""
    url, deed, chunk = sys.argv[1:4]
    ledger = open_ledger(url, clock)
    {"close": close, "draw": draw, "distribute": distribute}[deed](ledger, int(chunk))
    ledger.close()


if __name__ == "__main__":
    main()
