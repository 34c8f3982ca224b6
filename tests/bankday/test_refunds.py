"""A refund run pays what is due, first due first, within its cover, and never to an account that sent money back."""

from datetime import date, timedelta

import pytest

from api.bankday.stored import stored_escrow
from ledger import commands as c
from ledger import events as e
from ledger.application import Ledger
from ledger.sheets import Refund
from ledger.workdays import deadline
from tests import examples as x
from tests.bankday.day import MONDAY, add_family, happened, kept, lines, run, school_with
from tests.conftest import Clock
from tests.projections.school import School

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    """Two families whose refunds are approved: the second asked first."""
    school = school_with(ledger, clock).on(MONDAY)
    school.asks(x.request("f2", "c2", requested_on=date(2026, 9, 2)), x.approve("f2"))
    school.asks(x.request("f1", "c1", requested_on=date(2026, 9, 4)), x.approve("f1"))
    return school


def back(school: School, payment_id: str, refund_id: str = "f1") -> None:
    school.asks(c.ReturnRefund(refund_id=refund_id, instruction_id=payment_id, reason="销户"))


def test_what_is_due_first_is_paid_first_to_the_account_that_paid(school: School) -> None:
    done = run(school, "refund")
    assert lines(done) == [("c2", 3_000_00), ("c1", 3_000_00)]
    assert [each.payee_ref for each in done.files[0].payments] == ["p.2", "p.1"]
    instructed = [each for each in happened(school.ledger) if isinstance(each, e.RefundInstructed)]
    assert [each.instruction_id for each in instructed] == [f"{done.first}.1", f"{done.first}.2"]


def test_a_run_that_is_over_pays_nothing_twice(school: School) -> None:
    first = run(school, "refund")
    back(school, f"{first.first}.2")
    again = run(school, "refund")
    assert (again.recorded, again.files) == (0, first.files)
    assert len([each for each in happened(school.ledger) if isinstance(each, e.RefundInstructed)]) == 2


def test_a_returned_payment_reopens_the_debt_and_its_clock_runs_on(school: School) -> None:
    first = run(school, "refund")
    pay_by = next(each.pay_by for each in happened(school.ledger) if isinstance(each, e.RefundApproved))
    back(school, f"{first.first}.2")
    done = run(school.on(TUESDAY), "refund")
    assert (lines(done), kept(done)) == ([], [("c1", 3_000_00, "payee_returned")])
    assert len(done.findings) == 1
    school.asks(c.SubstitutePayee(refund_id="f1", payee_ref="p.new", evidence="doc-1"))
    paid = run(school, "refund", number=2)
    assert [each.payee_ref for each in paid.files[0].payments] == ["p.new"]
    with stored_escrow(school.ledger, "school") as stored:
        (refund,) = stored.find_all(Refund, [("f1",)])
    assert refund is not None
    assert refund.clock is not None
    assert refund.clock.on == deadline(date(2026, 9, 4), 15, "day").on
    assert refund.clock.on >= pay_by


def test_a_substitute_that_sends_money_back_needs_another_one(school: School) -> None:
    first = run(school, "refund")
    back(school, f"{first.first}.2")
    school.asks(c.SubstitutePayee(refund_id="f1", payee_ref="p.new", evidence="doc-1"))
    second = run(school.on(TUESDAY), "refund")
    back(school, f"{second.first}.1")
    assert kept(run(school, "refund", number=2)) == [("c1", 3_000_00, "payee_returned")]


def test_an_account_that_was_verified_again_after_it_sent_money_back_is_paid(school: School) -> None:
    first = run(school, "refund")
    school.asks(c.SubstitutePayee(refund_id="f1", payee_ref="p.1", evidence="before"))
    back(school, f"{first.first}.2")
    assert kept(run(school.on(TUESDAY), "refund")) == [("c1", 3_000_00, "payee_returned")]
    school.asks(c.SubstitutePayee(refund_id="f1", payee_ref="p.1", evidence="opened again"))
    second = run(school, "refund")
    assert [each.payee_ref for each in second.files[0].payments] == ["p.1"]
    back(school, f"{second.first}.1")
    assert kept(run(school, "refund", number=2)) == [("c1", 3_000_00, "payee_returned")]


def test_money_tied_to_no_contract_goes_back_to_who_paid_it(school: School) -> None:
    school.asks(x.deposit("s9", 50_00, None, payer_ref="p.9", value_on=MONDAY))
    school.asks(c.RefundDeposit(refund_id="d9", deposit_id=x.deposit_id("s9", MONDAY)))
    done = run(school, "refund")
    paid = {each.refund_id: each.payee_ref for each in done.files[0].payments}
    assert paid == {"f1": "p.1", "f2": "p.2", "d9": "p.9"}
    number = next(each.number for each in done.files[0].payments if each.refund_id == "d9")
    back(school, f"{done.first}.{number}", "d9")
    assert kept(run(school.on(TUESDAY), "refund")) == [(None, 50_00, "payee_returned")]


def test_nothing_is_paid_beyond_its_cover_and_the_rest_is_listed(school: School) -> None:
    school.asks(c.RecordAttachment(attachment_id="a", authority="court", order_no="1", amount_fen=2_000_00))
    done = run(school, "refund")
    assert lines(done) == [("c2", 3_000_00), ("c1", 1_000_00)]
    assert kept(done) == [("c1", 2_000_00, "custody_short")]
    assert [each.refund_id for each in done.findings] == ["f1"]
    again = run(school, "refund")
    assert (again.recorded, again.files, kept(again)) == (0, done.files, kept(done))
    school.on(TUESDAY).asks(c.LiftAttachment(attachment_id="a", order_no="2"))
    assert lines(run(school, "refund")) == [("c1", 2_000_00)]


def test_what_the_institution_must_put_back_for_a_family_waits_for_it(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock)
    school.asks(*x.taught("a", hours="10"), x.release(1_000_00), x.settle_release())
    school.asks(x.dispute("a"), x.decide_dispute("a", "reversed"), x.request(requested_on=x.STARTS_ON), x.approve())
    done = run(school, "refund")
    assert (lines(done), kept(done)) == ([("c1", 2_000_00)], [("c1", 1_000_00, "custody_short")])


def settled_in_instalments(school: School, *due_on: date) -> None:
    school.asks(x.open_mediation(), x.accept_mediation(school.clock.now.date()))
    parts = [c.InstalmentLine(due_on=day, amount_fen=500_00) for day in due_on]
    agreed_on = school.clock.now.date()
    school.asks(x.settlement(agreed_on, kind="instalments", amount_fen=500_00 * len(parts), instalments=parts))


def test_instalments_are_paid_as_they_fall_due(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 1).on(MONDAY)
    settled_in_instalments(school, MONDAY, date(2026, 9, 12), date(2026, 10, 9))
    assert [each.refund_id for each in run(school, "refund").files[0].payments] == ["m1.1"]
    assert run(school.on(date(2026, 9, 10)), "refund").files == []
    friday = run(school.on(date(2026, 9, 11)), "refund")
    assert [each.refund_id for each in friday.files[0].payments] == ["m1.2"], "Saturday's, as nobody pays on Saturday"
    assert run(school.on(date(2026, 9, 30)), "refund").files == []
    after = run(school.on(date(2026, 10, 9)), "refund")
    assert [each.refund_id for each in after.files[0].payments] == ["m1.3"]


def test_a_frozen_school_still_refunds(school: School) -> None:
    school.asks(x.freeze())
    assert lines(run(school, "refund")) == [("c2", 3_000_00), ("c1", 3_000_00)]


def test_a_short_school_that_closes_pays_by_a_distribution_only(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock)
    school.asks(*x.taught("a", hours="10"), x.release(1_000_00), x.settle_release())
    school.asks(x.dispute("a"), x.decide_dispute("a", "reversed"), x.closure(x.STARTS_ON))
    refunds = [c.ClosureRefund(contract_id=f"c{number}", refund_id=f"f{number}") for number in (1, 2)]
    school.asks(c.OrderClosureRefunds(refunds=refunds))
    done = run(school, "refund")
    assert done.files == []
    assert {each.code for each in done.findings} == {"distribution_required"}


def test_a_long_run_is_cut_and_pays_each_once(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 0).on(MONDAY)
    for number in range(1, 8):
        add_family(school, number)
        school.asks(x.request(f"f{number}", f"c{number}", requested_on=MONDAY), x.approve(f"f{number}"))
    done = run(school, "refund", part=3)
    assert [len(file.payments) for file in done.files] == [3, 3, 1]
    assert sorted(each for each, _ in lines(done)) == [f"c{number}" for number in range(1, 8)]
    assert (run(school, "refund", part=3).files, run(school, "refund", part=3).recorded) == (done.files, 0)
