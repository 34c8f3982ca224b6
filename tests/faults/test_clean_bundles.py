"""Nothing is found where nothing is wrong, and nothing is called right where nothing was looked at."""

import pytest

from ledger.application import Ledger, open_ledger
from ledger.audit import audit
from ledger.log.bundle import NothingSigned
from ledger.log.inspection import inspect_log
from tests.faults.drill import dialect_of, dice, drill, rounds
from tests.faults.families import at, open_schools, order_of, step_of
from tests.faults.judging import verified
from tests.faults.shop import CLIENTS, SCHOOLS
from tests.log.schools import KEY


def test_a_clean_bundle_raises_no_alarm_at_any_moment(database_url: str) -> None:
    ledger, chance = open_ledger(database_url, at), dice("bundles", dialect_of(database_url))
    open_schools(ledger, SCHOOLS)
    done = [0] * CLIENTS
    with drill(12, "clean bundle", dialect_of(database_url), 100) as tally:
        tally.judges = "verifier"
        for _ in rounds(10, 100):
            for client in chance.choices(range(CLIENTS), k=chance.randint(1, 12)):
                ledger.submit(order_of(client, done[client], SCHOOLS))
                tally.acknowledged += step_of(client, done[client]).events
                done[client] += 1
            tally.undetected += len(verified(ledger))
            tally.injected += 1
    ledger.close()


def test_nothing_inspected_is_no_pass(ledger: Ledger) -> None:
    assert not audit(ledger).passed
    assert not inspect_log(ledger.engine, [KEY.public()]).passed
    with pytest.raises(NothingSigned):
        verified(ledger)
