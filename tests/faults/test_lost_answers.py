"""Answers lost after the commit: asking again under the same key replays, and nothing is recorded twice."""

from contextlib import suppress
from pathlib import Path

import pytest

from ledger.application import Ledger, open_ledger
from ledger.audit import audit
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from tests.conftest import Clock
from tests.faults.drill import dialect_of, drill, rounds, times
from tests.faults.families import at, open_schools, order_of
from tests.faults.judging import judge
from tests.faults.relay import Relay
from tests.faults.shop import SCHOOLS, Client, Told, nursery
from tests.store.savings import decide, evolve, pay

LONG = 1_700
"""Three ways to lose an answer: 5,100 together."""


def test_an_answer_lost_on_the_way_to_the_client_is_given_again(database_url: str) -> None:
    told = Told()
    ledger = open_ledger(database_url, at)
    open_schools(ledger, SCHOOLS)
    with drill(3, "HTTP answer lost after commit", dialect_of(database_url), LONG) as tally:
        with nursery(database_url) as keeper:
            server = keeper.start("serve")
            client = Client(keeper, 0, told)
            client.ask_next()
            for _ in rounds(60, LONG):
                client.ask_next(lose=True)
                tally.injected += 1
            client.close()
            keeper.kill(server)
        tally.count("replayed", client.replayed)
        tally.undetected += tally.injected - client.replayed  # each was recorded before its answer was lost
        judge(ledger, told, SCHOOLS, tally)
    ledger.close()


def test_an_answer_lost_between_database_and_ledger_leaves_the_outcome_open(postgres_url: str, tmp_path: Path) -> None:
    told = Told()
    with (
        drill(3, "database's answer to the commit lost", "PostgreSQL", LONG) as tally,
        Relay(postgres_url, tmp_path) as relay,
    ):
        ledger = open_ledger(relay.url, at)
        open_schools(ledger, SCHOOLS)
        number, prepared = 0, True
        while tally.injected < times(100, LONG):
            order = order_of(0, number, SCHOOLS)
            relay.lose_answer(
                2 if prepared else 3
            )  # a look, the preparation of the write on a new connection, the write
            try:
                ledger.submit(order)
                tally.count("lost a look instead")
            except OutcomeUnknown:
                tally.injected += 1
            receipt = ledger.submit(order)
            tally.undetected += not receipt.replayed  # it had been recorded before the answer was lost
            told[0, number] = receipt.first_version, receipt.last_version
            number, prepared = number + 1, not receipt.replayed
        judge(ledger, told, SCHOOLS, tally)
        ledger.close()


@pytest.mark.parametrize("message", [1, 2, 3, 4])
def test_an_answer_that_is_lost_is_given_again(postgres_url: str, clock: Clock, tmp_path: Path, message: int) -> None:
    with Relay(postgres_url, tmp_path) as relay:
        ledger = Ledger(relay.url, clock, decide)
        ledger.submit(pay())
        order = pay(times=2)
        relay.lose_answer(message)
        try:
            first = ledger.submit(order)
        except OutcomeUnknown:
            assert message == 2, "only the answer to the write leaves the outcome open"
            first = None
        with suppress(StoreUnavailable):  # the answer that was lost may be one to this question
            ledger.submit(order)
        again = ledger.submit(order)
        assert again.replayed
        assert first is None or first.events == again.events
        assert ledger.position() == 3
        assert audit(ledger, evolve=evolve).passed
        ledger.close()


def test_a_write_that_never_arrived_is_not_recorded_by_magic(postgres_url: str, clock: Clock, tmp_path: Path) -> None:
    with Relay(postgres_url, tmp_path) as relay:
        ledger = Ledger(relay.url, clock, decide)
        ledger.submit(pay())
        order = pay()
        relay.lose_request(2)
        with pytest.raises(OutcomeUnknown):
            ledger.submit(order)
        assert not ledger.submit(order).replayed
        assert ledger.position() == 2
        ledger.close()
