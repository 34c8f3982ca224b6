"""A closure in which every lesson ended on half a fen: nobody is short of a fen that rounding made up."""

from datetime import timedelta

import pytest

from api.closing.forecast import forecast
from ledger import commands as c
from ledger.application import Ledger
from ledger.events import RefundOrdered
from projections.dues import due_without_request
from projections.entitlement import get_entitlement
from projections.families import list_families
from projections.reader import ReadModels
from projections.resolution import find_claim
from projections.runner import Runner
from tests import examples as x
from tests.closing.schools import SCHOOL, STOPPED_ON, closed, custody_fen, dues, opened, tell
from tests.conftest import Clock

PRICES = [3000_15, 2999_85, 1000_05, 999_99]
EARNED = [100_01, 100_00, 33_34, 33_33]
"""Half up of a thirtieth: 100.005, 99.995, 33.335, 33.333."""
DUE = [2900_14, 2899_85, 966_71, 966_66]


@pytest.fixture
def taught(ledger: Ledger) -> Ledger:
    """A lesson of each contract was confirmed, and what it earned was released."""
    opened(ledger, PRICES)
    for number, fen in enumerate(EARNED, 1):
        name = f"c{number}"
        tell(ledger, *x.taught("l", contract_id=name), x.release(fen, name, f"r{number}"))
        tell(ledger, x.settle_release(name, release_id=f"r{number}"))
    Runner(ledger.engine).catch_up()
    return ledger


def test_what_is_forecast_shown_ordered_and_packed_is_what_is_left(taught: Ledger, clock: Clock) -> None:
    models = ReadModels(taught.engine)
    on = STOPPED_ON + timedelta(days=11)
    expected = forecast(models, SCHOOL, STOPPED_ON, on)
    assert (expected.due_fen, expected.missing_fen) == (sum(DUE), 0)
    found = get_entitlement(models, SCHOOL, "c1", "institution", on).data
    assert (found.due_fen, found.missing_fen) == (2900_14, 0)
    assert [line.amount_fen for line in found.derivation.binding.lines] == [3000_15, -100_01]

    clock.advance(days=20)
    tell(taught, x.closure(STOPPED_ON))
    shown = dues(taught)
    assert [(row.due_fen, row.missing_fen) for row in shown.values()] == [(fen, 0) for fen in DUE]
    with models.open() as reading:
        told = [due_without_request(family.escrow, family.contract) for family in list_families(reading, SCHOOL)]
        assert [due.fen for due in told if due is not None] == DUE
        (debt,) = find_claim(reading, SCHOOL, "c1").debts
        assert [line.amount_fen for line in debt.lines] == [3000_15, -100_01]

    closed(taught, clock)
    orders = [one.event for one in taught.stream(SCHOOL) if isinstance(one.event, RefundOrdered)]
    assert [(each.amount_fen, each.receivable_fen) for each in orders] == [(fen, 0) for fen in DUE]


def test_a_covered_closure_pays_every_family_without_a_distribution(taught: Ledger, clock: Clock) -> None:
    closed(taught, clock)
    for row in dues(taught).values():
        assert row.refund_id is not None
        tell(taught, c.InstructRefund(refund_id=row.refund_id, instruction_id="i"), x.settle(row.refund_id, "i"))
    assert custody_fen(taught) == 0
    assert dues(taught) == {}


def test_money_released_for_lessons_that_do_not_count_is_owed_still(taught: Ledger, clock: Clock) -> None:
    tell(taught, x.dispute("l", "c1"), x.decide_dispute("l", "reversed", "c1"))
    assert closed(taught, clock).amount_fen == sum(DUE) + 100_01
    assert {name: row.missing_fen for name, row in dues(taught).items()}["c1"] == 100_01
