"""What one collection may take: span, hours, money and time, also across split contracts of one child."""

from datetime import date, timedelta

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from tests import examples as x
from tests.specification import Specification

SUNDAY = date(2026, 9, 6)
RULES = "CN/non_academic@2025-03-26#1"


def place(jurisdiction: str = "CN", category: str = "non_academic") -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening(jurisdiction, category))


def spanning(ends_on: date, starts_on: date = date(2026, 9, 1)) -> c.RegisterContract:
    return x.contract(starts_on=starts_on, ends_on=ends_on)


@pytest.mark.parametrize("category", ["non_academic", "academic", "sport", "sci_tech"])
def test_a_contract_covers_three_months_and_no_day_more(category: str) -> None:
    school = place("CN-BJ", category)
    school.when(spanning(date(2026, 12, 1))).refused(no.SpanAboveCap)
    school.when(spanning(date(2026, 11, 30))).then(e.ContractRegistered)


def test_in_beijing_culture_and_arts_it_covers_ninety_days() -> None:
    school = place("CN-BJ", "culture_art")
    school.when(spanning(date(2026, 11, 30))).refused(no.SpanAboveCap)
    school.when(spanning(date(2026, 11, 29))).then(e.ContractRegistered)


@pytest.mark.parametrize("starts_on", [date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)])
def test_three_months_that_reach_a_short_month_end_with_it(starts_on: date) -> None:
    place().when(spanning(date(2027, 3, 1), starts_on)).refused(no.SpanAboveCap)
    place().when(spanning(date(2027, 2, 28), starts_on)).then(e.ContractRegistered)


def test_three_months_end_on_the_day_before_the_corresponding_day() -> None:
    place().when(spanning(date(2027, 2, 28), date(2026, 11, 28))).refused(no.SpanAboveCap)
    place().when(spanning(date(2027, 2, 27), date(2026, 11, 28))).then(e.ContractRegistered)


def test_sixty_hours_are_the_most() -> None:
    school = place()
    school.when(x.contract(hours="60.01")).refused(no.HoursAboveCap("60.01", "60", RULES))
    school.when(x.contract(hours="60")).then(e.ContractRegistered)


def test_gift_hours_are_not_collected_for() -> None:
    place().when(x.contract(hours="60", gift_hours="12")).then(e.ContractRegistered)


def test_five_thousand_yuan_are_the_most_outside_academic_training() -> None:
    place().when(x.contract(price_fen=5_000_01)).refused(no.AmountAboveCap)
    place().when(x.contract(price_fen=5_000_00)).then(e.ContractRegistered)
    place("CN-BJ", "academic").when(x.contract(price_fen=9_000_00)).then(e.ContractRegistered)


def test_before_the_amount_was_capped_it_was_not() -> None:
    school = Specification(date(2022, 12, 28)).given(x.opening())
    school.when(x.contract(price_fen=9_000_00, signed_on=date(2022, 12, 28), starts_on=date(2023, 1, 3),
                           ends_on=date(2023, 3, 1))).then(e.ContractRegistered)  # fmt: skip
    school.on(date(2022, 12, 29))
    school.when(x.contract("c2", price_fen=9_000_00, signed_on=date(2022, 12, 29), starts_on=date(2023, 4, 3),
                           ends_on=date(2023, 5, 1))).refused(no.AmountAboveCap)  # fmt: skip


def test_caps_hold_across_split_contracts_of_one_child() -> None:
    school = place().given(x.contract("c1", price_fen=2_500_00))
    school.when(x.contract("c2", price_fen=2_500_01)).refused(no.AmountAboveCap(5_000_01, 5_000_00, RULES))
    school.when(x.contract("c2", price_fen=2_500_01, student_id="child-2")).then(e.ContractRegistered)
    school.when(x.contract("c3", price_fen=1_00, hours="31")).refused(no.HoursAboveCap)
    school.when(x.contract("c3", price_fen=2_500_00)).then(e.ContractRegistered)


@pytest.mark.parametrize("hours", ["20", "15", "10", "1"])
def test_many_small_contracts_are_still_one_collection(hours: str) -> None:
    school = place()
    whole = 60 // int(hours)
    for number in range(whole):
        school.given(x.contract(f"c{number}", price_fen=1_00, hours=hours))
    school.when(x.contract("more", price_fen=1_00, hours="0.01")).refused(no.HoursAboveCap)


def test_hours_are_counted_per_subject_in_academic_training() -> None:
    school = place("CN-BJ", "academic").given(x.contract("c1", hours="60", subject="maths"))
    school.when(x.contract("c2", hours="60", subject="physics")).then(e.ContractRegistered)
    school.when(x.contract("c3", hours="1", subject="maths")).refused(no.HoursAboveCap)


def test_the_span_holds_across_contracts_that_meet() -> None:
    school = place().given(x.contract("c1"))
    school.when(x.contract("c2", hours="1", price_fen=1, starts_on=x.ENDS_ON, ends_on=date(2026, 12, 30))).refused(
        no.SpanAboveCap
    )


def test_once_a_contract_was_taught_until_little_is_left_the_next_may_follow() -> None:
    school = place().given(x.contract("c1", hours="50", price_fen=5_000_00), x.deposit(amount_fen=5_000_00)).on(SUNDAY)
    renewal = x.contract("c2", hours="50", price_fen=5_000_00, signed_on=SUNDAY)
    school.given(*x.taught("a", hours="29"))
    school.when(renewal).refused(no.HoursAboveCap)
    school.given(*x.taught("b"))
    school.when(renewal).then(e.ContractRegistered)
    school.when(x.contract("c3", hours="1", price_fen=1)).refused(no.HoursAboveCap)


def test_a_refunded_contract_no_longer_counts() -> None:
    school = place().given(x.contract("c1", price_fen=5_000_00), x.deposit(amount_fen=5_000_00)).on(SUNDAY)
    school.when(x.contract("c2", price_fen=1_00)).refused(no.AmountAboveCap)
    school.given(x.request(requested_on=SUNDAY), x.approve(), *x.paid_out())
    school.when(x.contract("c2", price_fen=1_00)).then(e.ContractRegistered)


def test_an_amendment_is_a_collection_too_unless_it_shrinks() -> None:
    school = place().given(x.contract("c1", hours="60"))
    grow = {"contract_id": "c1", "price_fen": x.PRICE_FEN, "ends_on": x.ENDS_ON, "reason": "r", "consent": "d"}
    school.when(c.AmendContract.model_validate(grow | {"paid_hours": "61"})).refused(no.HoursAboveCap)
    school.given(x.contract("old", hours="200", price_fen=9_000_00, stock=True, student_id="child-2"))
    less = grow | {"contract_id": "old", "paid_hours": "190", "price_fen": 8_000_00}
    school.when(c.AmendContract.model_validate(less)).then(e.ContractAmended)


def test_fees_of_before_supervision_are_in_scope_and_not_capped() -> None:
    stock = x.contract(hours="150", price_fen=20_000_00, ends_on=date(2027, 6, 30), stock=True)
    place().when(stock).then(e.ContractRegistered)


# -- early collection


def collected(school: Specification, value_on: date, contract_id: str = "c1", serial: str = "s1") -> Specification:
    return school.when(x.deposit(serial, value_on=value_on, contract_id=contract_id))


def test_money_is_taken_a_month_before_the_course_and_not_earlier() -> None:
    school = Specification(date(2026, 8, 1)).given(x.opening(), x.contract(signed_on=date(2026, 8, 1)))
    early = Specification(date(2026, 7, 31)).given(x.opening(), x.contract(signed_on=date(2026, 7, 31)))
    collected(school, date(2026, 8, 1)).then(e.DepositReceived, e.DepositApplied)
    collected(early, date(2026, 7, 31)).then(e.DepositReceived)


def test_money_that_came_too_early_is_refundable_and_cannot_be_applied() -> None:
    school = Specification(date(2026, 7, 31)).given(x.opening(), x.contract(signed_on=date(2026, 7, 31)))
    collected(school, date(2026, 7, 31))
    deposit_id = x.deposit_id(value_on=date(2026, 7, 31))
    share = c.Share(contract_id="c1", amount_fen=1)
    school.when(c.ApplyDeposit(deposit_id=deposit_id, shares=[share], basis="renewal")).refused(
        no.CollectedTooEarly(date(2026, 9, 1), date(2026, 8, 1), RULES)
    )
    school.when(c.RefundDeposit(refund_id="f1", deposit_id=deposit_id)).then(e.RefundOrdered)


def test_by_hours_money_is_taken_when_at_most_twenty_of_the_subject_are_left() -> None:
    school = place().given(x.contract("c1", hours="40", price_fen=4_000_00), x.deposit(amount_fen=4_000_00)).on(SUNDAY)
    school.given(x.contract("c2", starts_on=date(2026, 11, 29), ends_on=date(2027, 1, 30), signed_on=SUNDAY))
    school.given(*x.taught("a", hours="19"))
    collected(school, SUNDAY, "c2", "s2").then(e.DepositReceived)
    school.given(*x.taught("b"))
    collected(school, SUNDAY, "c2", "s3").then(e.DepositReceived, e.DepositApplied)


def test_all_hours_left_of_the_subject_count() -> None:
    school = place().given(x.contract("c1", hours="30"), x.deposit())
    school.given(x.contract("c2", hours="30", price_fen=2_000_00), x.deposit("s2", 2_000_00, "c2")).on(SUNDAY)
    school.given(*x.taught("a", hours="28"))
    school.given(x.contract("c3", starts_on=date(2026, 11, 29), ends_on=date(2027, 1, 30), signed_on=SUNDAY))
    collected(school, SUNDAY, "c3", "s3").then(e.DepositReceived)


# -- bounds that the contract itself states


def test_a_course_stays_within_the_lease_and_the_semester_that_its_contract_states() -> None:
    day, longer = x.ENDS_ON - timedelta(days=1), x.amendment("c2", ends_on=x.ENDS_ON + timedelta(days=1))
    leased = Specification(x.SIGNED_ON).given(x.opening("CN-BJ", "sci_tech"))
    leased.when(x.contract(terms={"lease_ends_on": day})).refused(no.BeyondLease)
    leased.when(x.contract(stock=True, terms={"lease_ends_on": day})).then(e.ContractRegistered)
    leased.given(x.contract("c2", student_id="child-2", terms={"lease_ends_on": x.ENDS_ON}))
    leased.when(longer).refused(no.BeyondLease)
    chengdu = Specification(x.SIGNED_ON).given(x.opening("CN-SC-CD", "sport"))
    chengdu.when(x.contract(terms={"semester_ends_on": day})).refused(no.AcrossSemesters)
    chengdu.given(x.contract("c2", student_id="child-2", terms={"semester_ends_on": x.ENDS_ON}))
    chengdu.when(longer).refused(no.AcrossSemesters)


def test_a_bound_that_nobody_stated_or_no_rule_sets_refuses_nothing() -> None:
    Specification(x.SIGNED_ON).given(x.opening("CN-BJ", "sci_tech")).when(x.contract()).then(e.ContractRegistered)
    early = {"lease_ends_on": x.STARTS_ON, "semester_ends_on": x.STARTS_ON}
    Specification(x.SIGNED_ON).given(x.opening()).when(x.contract(terms=early)).then(e.ContractRegistered)
