"""Looking again at what no event named: the same rows as one fold, however it is cut, and nothing kept in memory."""

import gc
from datetime import date
from weakref import ref

import pytest

from ledger.application import Ledger
from projections.families import page_of_families
from projections.reader import ReadModels
from projections.reviews import review_next
from projections.runner import Runner
from tests import examples as x
from tests.closing.schools import SCHOOL, STOPPED_ON, closed, distributed, drained, opened, previewed, tell
from tests.conftest import Clock
from tests.projections.comparison import folded_rows, live_rows


def reviewed(runner: Runner, limit: int) -> int:
    """Look at everything that waits to be looked at again; in how many parts."""
    parts = 0
    while True:
        with runner.writing() as connection:
            if not review_next(connection, limit):
                return parts
        parts += 1


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_closure_and_a_distribution_come_to_the_rows_of_one_fold(
    ledger: Ledger, clock: Clock, reader: ReadModels, limit: int
) -> None:
    opened(ledger, [1_000_00] * 12)
    drained(ledger, c3=1_000_00, c8=1_000_00)
    clock.advance(days=10)
    tell(ledger, x.claim("l-open", contract_id="c5"), x.request(contract_id="c6", refund_id="f-open"))
    tell(ledger, x.deposit("loose", 50_00, None, payer_ref="account-of-nobody"))
    runner = Runner(ledger.engine)
    runner.catch_up()
    tell(ledger, x.closure(STOPPED_ON))
    runner.take_in()
    assert reviewed(runner, limit) > 1
    assert live_rows(reader) == folded_rows(reader)
    closed(ledger, clock)
    distributed(ledger, previewed(ledger, cut_off_on=date(2026, 10, 1)))
    runner.take_in()
    assert reviewed(runner, limit) > 1
    assert live_rows(reader) == folded_rows(reader)


def test_a_page_of_contracts_is_let_go_without_a_collection(ledger: Ledger, reader: ReadModels) -> None:
    opened(ledger, [1_000_00] * 3)
    Runner(ledger.engine).catch_up()
    gc.disable()
    try:
        with reader.open() as reading:
            page = page_of_families(reading, SCHOOL, "")
            escrow = ref(page[0].escrow)
            assert [family.contract.contract_id for family in page] == ["c1", "c2", "c3"]
            del page
        assert escrow() is None
    finally:
        gc.enable()
