"""A process that ends a day and releases at many schools, and says after each what is done: made to be killed."""

import sys
from datetime import date

from api.bankday.ending import end_day
from api.bankday.numbers import file_id
from api.bankday.plans import Ask
from api.bankday.runs import run_payments
from ledger.application import open_ledger
from projections.runner import Runner
from tests.bankday.day import OFFICER

SCHOOLS = tuple(f"school-{number}" for number in range(5))
DAY = date(2026, 9, 22)
NOW = 1_790_208_000_000_000
"""24 September 2026, 08:00 in Beijing."""
PART = 3


def evening(url: str, now: int = NOW) -> None:
    """The whole evening."""
    ledger = open_ledger(url, lambda: now)
    Runner(ledger.engine).catch_up()
    for school in SCHOOLS:
        for kind in ("release", "refund"):
            ask = Ask(file_id(kind, school, DAY), OFFICER, now, part=PART)
            done = run_payments(ledger, school, ask)
            print(school, kind, done.payments, flush=True)
    for done in end_day(ledger, SCHOOLS, DAY, OFFICER, now=now):
        print(done.institution_id, done.state, flush=True)
    ledger.close()


if __name__ == "__main__":
    evening(sys.argv[1])
