"""Refunds up to the debt: requested, approved, deemed agreed, refused, withdrawn, ordered; how much and until when."""

from datetime import date, datetime

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.entitlement.refusals import MarketPriceMissing
from ledger.sheets import Refund
from tests import examples as x
from tests.specification import BEIJING, Specification

TODAY = date(2026, 9, 10)


def place(
    jurisdiction: str = "CN", category: str = "non_academic", terms: dict[str, object] | None = None
) -> Specification:
    school = Specification(x.SIGNED_ON).given(x.opening(jurisdiction, category), x.contract(terms=terms or {}))
    return school.given(x.deposit()).on(TODAY)


@pytest.fixture
def school() -> Specification:
    return place()


def requested(school: Specification) -> e.RefundRequested:
    (event,) = school.events
    assert isinstance(event, e.RefundRequested)
    return event


def refund(school: Specification, refund_id: str = "f1") -> Refund:
    return school.escrow.get(Refund, refund_id)


# -- what is due


def test_a_request_derives_what_is_due_and_starts_the_clocks(school: Specification) -> None:
    school.given(*x.taught("a", "b"))
    event = requested(school.when(x.request(requested_on=date(2026, 9, 8))))
    assert (event.entitled_fen, event.method) == (2_800_00, "paid_average")
    assert (event.reply_by, event.pay_by, event.provisional) == (date(2026, 9, 15), date(2026, 9, 23), False)


def test_the_familys_own_cause_counts_lessons_at_the_disclosed_list_price() -> None:
    school = place(terms={"list_unit_price_fen": 150_00, "list_price_disclosed": True}).given(*x.taught("a", "b"))
    assert requested(school.when(x.request(cause="family"))).entitled_fen == 2_700_00
    school.when(x.approve()).then(e.RefundApproved, e.DeductionRetained)
    assert school.escrow.header.earned_fen == 300_00


def test_what_the_formula_leaves_the_institution_is_not_deducted_twice() -> None:
    school = place(terms={"list_unit_price_fen": 150_00, "list_price_disclosed": True}).given(*x.taught("a", "b"))
    school.given(
        x.request(cause="family"), x.approve(), *x.paid_out(), x.dispute("a"), x.decide_dispute("a", "reversed")
    )
    assert requested(school.when(x.request("f2", cause="family"))).entitled_fen == 150_00


def test_where_only_a_part_was_paid_lessons_still_count_at_their_price() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit(amount_fen=600_00)).on(TODAY)
    school.given(*x.taught("a", hours="5"))
    assert requested(school.when(x.request())).entitled_fen == 100_00
    school.when(x.approve()).then(e.RefundApproved)
    assert school.escrow.header.earned_fen == 500_00


def test_a_lesson_that_nobody_confirmed_does_not_count(school: Specification) -> None:
    school.given(x.claim("a"))
    assert requested(school.when(x.request())).entitled_fen == x.PRICE_FEN


def test_transferred_hours_take_their_money_along(school: Specification) -> None:
    school.given(
        x.contract("c2", student_id="child-2", price_fen=1_000_00, hours="10"), x.deposit("s2", 1_000_00, "c2")
    )
    school.given(*x.taught("a", "b"))
    move = c.TransferLessons.model_validate(
        {
            "contract_id": "c1",
            "to_contract_id": "c2",
            "hours": "8",
            "reason": "r",
            "consent": "d",
            "receiver_consent": "d",
        }
    )
    school.given(move)
    assert requested(school.when(x.request())).entitled_fen == 2_000_00
    assert requested(school.when(x.request("f2", "c2"))).entitled_fen == 1_800_00


def test_all_comes_back_within_the_days_the_contract_grants_after_the_start() -> None:
    school = place(terms={"full_refund_days_after_start": 10}).given(*x.taught("a"))
    assert requested(school.when(x.request(cause="family"))).entitled_fen == x.PRICE_FEN
    late = place(terms={"full_refund_days_after_start": 5}).given(*x.taught("a"))
    assert requested(late.when(x.request(cause="family"))).entitled_fen == 2_900_00


def test_an_expired_contract_that_was_not_taught_is_not_forfeited(school: Specification) -> None:
    school.on(date(2026, 12, 20)).given(*x.taught("a"))
    assert requested(school.when(x.request(requested_on=date(2026, 12, 20)))).entitled_fen == 2_900_00


def test_an_unlimited_pass_goes_by_the_term_that_is_left() -> None:
    school = place(terms={"unlimited_pass": True})
    assert requested(school.when(x.request(cause="family"))).entitled_fen == round(3_000_00 * 79 / 89)


def test_nothing_is_due_twice(school: Specification) -> None:
    school.given(x.request(), x.approve(), *x.paid_out())
    school.when(x.request("f2")).refused(no.NothingDue("c1"))
    school.when(x.order_refund("f2")).refused(no.NothingDue("c1"))


def test_facts_that_do_not_determine_a_figure_are_refused_by_name(school: Specification) -> None:
    unclear = x.request(cause="family", circumstances=c.Circumstances(list_price_unreasonable=True))
    disclosed = place(terms={"list_price_disclosed": True, "list_unit_price_fen": 150_00})
    disclosed.when(unclear).refused(MarketPriceMissing())
    school.when(x.request(requested_on=date(2026, 8, 1))).refused(no.DatesOutOfOrder("signed_on", "requested_on"))
    school.when(x.request(requested_on=date(2026, 9, 11))).refused(no.DateInFuture)


def test_a_request_is_made_once_in_one_forum(school: Specification) -> None:
    school.given(x.request()).when(x.request()).refused(no.AlreadyRecorded("refund", "f1"))
    school.when(x.request("f2")).refused(no.RefundAlreadyOpen("c1", "f1"))
    school.when(x.order_refund("f2")).refused(no.RefundAlreadyOpen("c1", "f1"))
    other = place().given(x.open_mediation())
    other.when(x.request()).refused(no.CaseAlreadyOpen("c1", "m1"))


# -- until when


@pytest.mark.parametrize(
    ("where", "category", "asked_on", "pay_by"),
    [
        ("CN-BJ", "academic", date(2026, 8, 28), date(2026, 9, 2)),  # 5 days before the start
        ("CN-BJ", "academic", date(2026, 8, 31), date(2026, 9, 7)),  # ends on a Saturday: Monday
        ("CN-BJ", "academic", date(2026, 9, 2), date(2026, 9, 17)),  # 15 days
        ("CN-BJ", "academic", date(2026, 9, 10), date(2026, 9, 28)),  # ends in the Mid-Autumn holidays
        ("CN-BJ", "academic", date(2026, 9, 16), date(2026, 10, 8)),  # ends on National Day
        ("CN-TJ", "non_academic", date(2026, 8, 28), date(2026, 9, 4)),  # 5 working days
        ("CN-TJ", "non_academic", date(2026, 9, 2), date(2026, 9, 22)),  # 15 working days, 20 September is worked
    ],
)
def test_the_clock_of_the_place_counts_from_the_day_after(
    where: str, category: str, asked_on: date, pay_by: date
) -> None:
    school = place(where, category).on(date(2026, 9, 16))
    if asked_on >= x.STARTS_ON:
        school.given(*x.taught("a"))
    assert requested(school.when(x.request(requested_on=asked_on))).pay_by == pay_by


def test_a_deadline_in_a_year_without_calendar_is_provisional() -> None:
    school = place("CN-TJ").given(*x.taught("a")).on(date(2026, 12, 28))
    event = requested(school.when(x.request(requested_on=date(2026, 12, 28))))
    assert (event.provisional, event.calendar) == (True, "CN-2006-2026.1")


def test_the_contracts_own_term_holds_where_it_is_earlier() -> None:
    school = place(terms={"refund_due_workdays": 3}).given(*x.taught("a"))
    assert requested(school.when(x.request())).pay_by == date(2026, 9, 15)
    slow = place(terms={"refund_due_workdays": 90}).given(*x.taught("a"))
    assert requested(slow.when(x.request())).pay_by == date(2026, 9, 28)


# -- answers


def test_an_approval_gives_all_that_is_due_or_more_and_never_more_than_was_paid(school: Specification) -> None:
    school.given(*x.taught("a"), x.request())
    school.when(x.approve(amount_fen=2_899_99)).refused(no.RefundBelowEntitlement("f1", 2_900_00, 2_899_99))
    school.when(x.approve(amount_fen=3_000_01)).refused(no.RefundAbovePaid("c1", 3_000_00, 3_000_01))
    school.when(x.approve(amount_fen=2_950_00)).then(e.RefundApproved)
    assert (school.escrow.header.earned_fen, school.escrow.header.refund_payable_fen) == (50_00, 2_950_00)
    school.when(x.approve()).refused(no.RefundNotInState("f1", "agreed"))
    school.when(x.approve("f9")).refused(no.RefundUnknown("f9"))


def test_a_claim_below_the_entitlement_leaves_the_rest_with_the_family(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(claim_fen=500_00)).when(x.approve()).then(e.RefundApproved)
    assert (school.escrow.header.unearned_fen, school.escrow.header.refund_payable_fen) == (2_400_00, 500_00)
    school.given(*x.paid_out())
    assert requested(school.when(x.request("f2"))).entitled_fen == 2_400_00


def test_what_was_decided_since_the_request_counts_at_the_approval(school: Specification) -> None:
    school.given(*x.taught("a", "b"), x.dispute("a"), x.request(), x.decide_dispute("a", "reversed"))
    school.when(x.approve(amount_fen=2_800_00)).refused(no.RefundBelowEntitlement("f1", 2_900_00, 2_800_00))
    school.when(x.approve()).then(e.RefundApproved)
    assert refund(school).agreed_fen == 2_900_00


def test_silence_of_the_institution_agrees_after_its_window(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(requested_on=date(2026, 9, 8)))
    deem = c.DeemRefundAgreed(refund_id="f1")
    school.on(date(2026, 9, 15)).when(deem).refused(no.ReplyWindowStillOpen("f1", date(2026, 9, 15)))
    school.on(date(2026, 9, 16)).when(deem).then(e.RefundDeemedAgreed)
    school.when(deem).refused(no.RefundNotInState("f1", "agreed"))


def test_an_institution_that_was_silent_too_long_refuses_nothing_by_whatever_clock(school: Specification) -> None:
    refusal = c.RefuseRefund(refund_id="f1", reason="no")
    school.given(*x.taught("a"), x.request(requested_on=date(2026, 9, 8))).on(date(2026, 9, 16))
    school.when(refusal).refused(no.ReplyWindowOver("f1", date(2026, 9, 15)))
    in_time = datetime(2026, 9, 15, 10, tzinfo=BEIJING)
    school.when(refusal.model_copy(update={"effective_at": in_time})).refused(no.ReplyWindowOver)
    school.when(x.approve()).then(e.RefundApproved)


def test_an_institution_may_refuse_on_the_last_day_of_its_window(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(requested_on=date(2026, 9, 8))).on(date(2026, 9, 15))
    school.when(c.RefuseRefund(refund_id="f1", reason="no")).then(e.RefundRefused)


def test_where_no_reply_window_is_known_silence_means_nothing() -> None:
    school = Specification(date(2022, 8, 25)).given(x.opening())
    school.given(x.contract(signed_on=date(2022, 8, 25), starts_on=date(2022, 9, 1), ends_on=date(2022, 11, 1)))
    school.given(x.deposit(value_on=date(2022, 8, 25))).on(date(2022, 8, 26))
    school.given(x.request(requested_on=date(2022, 8, 26))).on(date(2022, 12, 1))
    school.when(c.DeemRefundAgreed(refund_id="f1")).refused(no.ReplyWindowUnknown("CN/non_academic@2022-01-01#1"))
    school.when(c.RefuseRefund(refund_id="f1", reason="no")).then(e.RefundRefused)


def test_a_refused_claim_stays_and_may_be_ordered(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(), c.RefuseRefund(refund_id="f1", reason="no"))
    school.when(c.DeemRefundAgreed(refund_id="f1")).refused(no.RefundNotInState("f1", "refused"))
    school.when(c.RefuseRefund(refund_id="f1", reason="no")).refused(no.RefundNotInState("f1", "refused"))
    school.when(x.order_refund()).then(e.RefundOrdered)
    assert refund(school).agreed_fen == 2_900_00
    school.when(x.order_refund()).refused(no.RefundNotInState("f1", "agreed"))


def test_a_withdrawn_request_lets_lessons_go_on(school: Specification) -> None:
    withdraw = c.WithdrawRefund(refund_id="f1", reason="stays")
    school.given(x.request(), withdraw, *x.taught("a"))
    school.when(withdraw).refused(no.RefundNotInState("f1", "withdrawn"))
    school.when(x.order_refund()).refused(no.RefundNotInState("f1", "withdrawn"))


def test_an_order_keeps_the_circumstances_that_the_request_found() -> None:
    school = place(terms={"list_unit_price_fen": 200_00, "list_price_disclosed": True}).given(*x.taught("a", "b"))
    found = c.Circumstances(list_price_unreasonable=True, market_unit_price_fen=120_00)
    school.given(x.request(cause="family", circumstances=found)).when(x.order_refund(cause="family"))
    assert refund(school).agreed_fen == 2_760_00
