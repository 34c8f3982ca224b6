"""Closing an institution: declared once, frozen, every contract due, whatever interrupts it."""

import pytest

from api.closing.closure import Closure, Declaration
from api.closing.forecast import forecast
from api.closing.refunds import refund_id
from ledger import commands as c
from ledger import rejections as no
from ledger.application import Ledger
from ledger.audit import audit
from projections.reader import ReadModels
from projections.runner import Runner
from tests import examples as x
from tests.closing.schools import GONE, OFFICER, ORDER_NO, SCHOOL, STOPPED_ON, closed, drained, dues, opened, tell
from tests.conftest import Clock


def test_every_contract_becomes_due_and_releases_are_frozen(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    tell(ledger, *x.taught("a", contract_id="c1", hours="15"))
    outcome = closed(ledger, clock)
    assert (outcome.declared, outcome.frozen, outcome.refunds) == (True, True, 3)
    assert outcome.amount_fen == 500_00 + 2_000_00 + 3_000_00
    found = dues(ledger)
    assert {name: row.due_fen for name, row in found.items()} == {"c1": 500_00, "c2": 2_000_00, "c3": 3_000_00}
    assert {row.state for row in found.values()} == {"agreed"}
    with pytest.raises(no.EscrowIsClosing):
        tell(ledger, x.release(1, "c1"))
    assert audit(ledger).passed


def test_a_closure_that_is_run_twice_is_run_once(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00])
    closed(ledger, clock)
    position = ledger.position()
    again = Closure(ledger, OFFICER).run(Declaration("orderly", STOPPED_ON, "another reason"), ORDER_NO)
    assert (again.declared, again.frozen, again.refunds, again.refused) == (False, False, 0, [])
    assert ledger.position() == position


def test_a_closure_that_was_only_declared_is_frozen_and_what_was_lifted_since_stays_lifted(
    ledger: Ledger, clock: Clock
) -> None:
    opened(ledger, [1_000_00])
    tell(ledger, x.freeze(), x.unfreeze())
    clock.advance(days=20)
    tell(ledger, x.closure(STOPPED_ON))
    closure = Closure(ledger, OFFICER)
    assert closure.must_freeze()
    assert closure.run(GONE, ORDER_NO).frozen
    assert not closure.must_freeze()
    tell(ledger, x.unfreeze())
    assert not closure.must_freeze()
    assert not Closure(ledger, OFFICER).run(GONE, ORDER_NO).frozen


def test_an_orderly_closure_freezes_nothing_that_is_not_owed(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00])
    clock.advance(days=20)
    outcome = Closure(ledger, OFFICER).run(Declaration("orderly", STOPPED_ON, "the lease ends"), ORDER_NO)
    assert (outcome.frozen, outcome.refunds) == (False, 1)


def test_open_claims_awards_and_loose_money_are_ordered_on_their_own_ground(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    clock.advance(days=12)
    tell(ledger, x.deposit("loose", 70_00, None))
    tell(ledger, x.request("f1", "c1", cause="family"))
    outcome = Closure(ledger, OFFICER).run(GONE, ORDER_NO)
    found = dues(ledger)
    assert found["c1"].refund_id == "f1"
    assert (found["c1"].state, found["c1"].cause, found["c1"].due_fen) == ("agreed", "institution", 1_000_00)
    loose = found[x.deposit_id("loose")]
    assert (loose.state, loose.due_fen, loose.payer) == ("agreed", 70_00, "custody")
    assert outcome.refunds == 4


def test_a_contract_on_which_nothing_is_due_stops_nobody_else(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    tell(ledger, *x.taught("all", contract_id="c2", hours="30"))
    outcome = closed(ledger, clock)
    assert (outcome.refunds, outcome.refused) == (2, [])
    assert set(dues(ledger)) == {"c1", "c3"}


def test_a_chunk_that_is_refused_is_ordered_without_what_it_was_refused_for(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    clock.advance(days=20)
    closure = Closure(ledger, OFFICER)
    tell(ledger, x.closure(STOPPED_ON))
    one = c.ClosureRefund(contract_id="c2", refund_id=refund_id("c2"))
    tell(ledger, c.OrderClosureRefunds(refunds=[one]))  # somebody was faster, and the read models have not seen it
    lines = [c.ClosureRefund(contract_id=each, refund_id=refund_id(each)) for each in ("c1", "c2", "c3")]
    closure._order(c.OrderClosureRefunds(refunds=lines))
    assert closure.outcome.refunds == 2
    assert [(name, type(refusal)) for name, refusal in closure.outcome.refused] == [("c2", no.AlreadyRecorded)]
    assert closure.order().refused == []
    assert len(dues(ledger)) == 3


def test_only_a_closing_institution_is_made_due(ledger: Ledger) -> None:
    opened(ledger, [1_000_00])
    with pytest.raises(no.EscrowNotClosing):
        Closure(ledger, OFFICER).order()


def test_one_person_alone_closes_nothing(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00])
    clock.advance(days=20)
    alone = type(OFFICER)(SCHOOL, "officer-1")
    with pytest.raises(no.SecondPersonRequired):
        Closure(ledger, alone).run(Declaration("orderly", STOPPED_ON, "x"), ORDER_NO)


def test_the_forecast_is_what_the_closure_then_orders(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    drained(ledger, c3=1_500_00)
    tell(ledger, *x.taught("a", contract_id="c1", hours="15"))
    clock.advance(days=20)
    Runner(ledger.engine).catch_up()
    position = ledger.position()
    found = forecast(ReadModels(ledger.engine), SCHOOL, STOPPED_ON, STOPPED_ON)
    assert ledger.position() == position
    outcome = Closure(ledger, OFFICER).run(GONE, ORDER_NO)
    assert (found.due, found.due_fen) == (outcome.refunds, outcome.amount_fen)
    assert found.missing_fen == sum(row.missing_fen or 0 for row in dues(ledger).values()) == 1_500_00


def test_ids_of_closure_refunds_fit_whatever_the_contract_is_called() -> None:
    longest = "c" * 128
    assert len(refund_id(longest)) <= 128
    assert refund_id(longest) != refund_id("c" * 127)
    assert refund_id("c1") != refund_id("c1", 5)
