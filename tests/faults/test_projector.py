"""The projector killed in the middle of a batch, poisoned, and overtaken by a rebuild: every event counts once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from sqlalchemy import text

from ledger.application import Ledger, open_ledger
from projections.reader import ReadModels
from projections.rebuild import rebuild
from projections.runner import Runner
from tests.faults.drill import Tally, dialect_of, dice, drill, rounds, times
from tests.faults.families import at, expected, open_schools, order_of
from tests.faults.judging import judge, verified
from tests.faults.shop import CLIENTS, SCHOOLS, Told, nursery, wait_for
from tests.projections.comparison import MODELS, folded_rows, live_rows
from tests.projections.test_runner import record_nonsense


def test_a_projector_killed_in_the_middle_takes_every_event_in_once(database_url: str) -> None:
    ledger, told, chance = open_ledger(database_url, at), Told(), dice("projector", dialect_of(database_url))
    open_schools(ledger, SCHOOLS)
    runner = Runner(ledger.engine)
    with drill(9, "projector killed mid-batch", dialect_of(database_url), 250) as tally:
        with nursery(database_url) as keeper:
            for number in rounds(40, 250):
                for client in range(CLIENTS):
                    receipt = ledger.submit(order_of(client, number, SCHOOLS))
                    told[client, number] = receipt.first_version, receipt.last_version
                projector = keeper.start("project", chance.randint(1, 5))
                time.sleep(chance.random() * 0.06)
                tally.count("still at work", runner.health().lag > 0)
                assert keeper.kill(projector)
                tally.injected += 1
        runner.catch_up()
        judge(ledger, told, SCHOOLS, tally)
        _compare(ledger, tally)
        assert tally.found["still at work"] > tally.injected // 10
    ledger.close()


def _compare(ledger: Ledger, tally: Tally) -> None:
    """Live rows against one fold of everything; sums that are too large were taken in twice."""
    reader = ReadModels(ledger.engine)
    live, folded = live_rows(reader), folded_rows(reader)
    tally.lost += sum(len(set(folded[name]) - set(live[name])) for name in MODELS)
    tally.doubled += sum(len(set(live[name]) - set(folded[name])) for name in MODELS)


def test_a_poisoned_stream_stands_still_alone_and_health_is_red(database_url: str) -> None:
    ledger = open_ledger(database_url, at)
    with drill(9, "poison event", dialect_of(database_url), 25) as tally:
        poisoned = times(25, 25)
        open_schools(ledger, 2 * poisoned)
        runner, told = Runner(ledger.engine, batch=11), Told()
        for school in range(poisoned):
            version = ledger.head(f"school-{school}")
            assert version is not None
            record_nonsense(ledger.engine, f"school-{school}", version.version + 1)
            tally.injected += 1
            healthy = school + poisoned
            for number in range(4):
                receipt = ledger.submit(order_of(healthy, number, 2 * poisoned))
                told[healthy, number] = receipt.first_version, receipt.last_version
            runner.catch_up()
            health = runner.health()
            tally.undetected += health.green or health.lag != 0
            tally.undetected += {each.institution_id for each in health.parked} != {
                f"school-{each}" for each in range(school + 1)
            }
        tally.acknowledged += sum(last - first + 1 for first, last in told.values())
        tally.lost += _missing_balances(ledger, told, 2 * poisoned)
        tally.undetected += not verified(ledger)  # the verifier sees the unknown events, too
    ledger.close()


def _missing_balances(ledger: Ledger, told: Told, schools: int) -> int:
    """Healthy schools whose balance is not what the account says."""
    with ledger.engine.connect() as connection:
        rows = connection.execute(text("select institution_id, custody_cash_fen from escrow_balance")).all()
    kept = {institution_id: fen for institution_id, fen in rows}  # noqa: C416 - rows are no plain tuples
    wanted = expected(told, schools)
    return sum(account.cash != kept.get(name, 0) for name, account in wanted.items())


def test_a_rebuild_that_swaps_under_writes_equals_what_catching_up_gives(
    database_url: str,
) -> None:
    ledger, told, stop = open_ledger(database_url, at), Told(), Event()
    open_schools(ledger, SCHOOLS)
    runner = Runner(ledger.engine, batch=50)

    def write(client: int) -> None:
        number = 0
        while not stop.is_set():
            receipt = ledger.submit(order_of(client, number, SCHOOLS))
            told[client, number] = receipt.first_version, receipt.last_version
            number += 1
            time.sleep(0.002)  # others want their turn, too

    with drill(9, "rebuild and swap under writes", dialect_of(database_url), 10) as tally:
        with ThreadPoolExecutor(5) as pool:
            running = [pool.submit(write, client) for client in range(4)]
            running.append(pool.submit(runner.work, time.sleep, stop.is_set))
            try:
                for _ in rounds(3, 10):
                    before = len(told)
                    wait_for(lambda before=before: len(told) > before + 20)  # type: ignore[misc]
                    report = rebuild(ledger.engine)
                    tally.injected += 1
                    tally.undetected += not report.swapped or bool(report.differences)
            finally:
                stop.set()
            for each in running:
                each.result()
        runner.catch_up()
        judge(ledger, told, SCHOOLS, tally)
        _compare(ledger, tally)
    ledger.close()
