"""Contracts: registration, amendment, transfer, end."""

from datetime import date

import pytest
from pydantic import ValidationError

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.rulebook import NoRuleSetInForce
from ledger.sheets import Contract
from tests import examples as x
from tests.specification import Specification

LATER = date(2026, 9, 20)


@pytest.fixture
def school() -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening())


@pytest.fixture
def paid(school: Specification) -> Specification:
    return school.given(x.contract(), x.deposit()).on(LATER)


def sheet(school: Specification, contract_id: str = "c1") -> Contract:
    return school.escrow.get(Contract, contract_id)


def test_a_contract_is_registered_with_its_terms_under_the_rules_of_its_signing(school: Specification) -> None:
    terms = {"list_unit_price_fen": 150_00, "list_price_disclosed": True, "refund_due_workdays": 10}
    school.when(x.contract(terms=terms)).then(e.ContractRegistered)
    assert sheet(school).terms.list_unit_price_fen == 150_00
    assert sheet(school).rules.startswith("CN/non_academic@")
    school.when(x.contract()).refused(no.ContractAlreadyRegistered("c1"))


def test_dates_of_a_contract_run_forward_and_not_for_ever(school: Specification) -> None:
    school.when(x.contract(ends_on=date(2026, 8, 31))).refused(no.DatesOutOfOrder("starts_on", "ends_on"))
    school.when(x.contract(ends_on=date(2046, 8, 31))).refused(no.DatesOutOfOrder("starts_on", "ends_on"))
    school.when(x.contract(starts_on=date.max, ends_on=date.max)).refused(no.DateBeyondCalendar)
    school.when(x.contract(signed_on=date(2026, 8, 26))).refused(
        no.DateInFuture("signed_on", date(2026, 8, 26), date(2026, 8, 25))
    )
    school.when(x.contract(signed_on=date(1, 1, 1))).refused(NoRuleSetInForce("CN", "non_academic", date(1, 1, 1)))


def test_days_at_the_end_of_the_calendar_are_refused_by_name() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening("CN-BJ", "culture_art"))
    school.when(x.contract(starts_on=date.max, ends_on=date.max)).refused(no.DateBeyondCalendar)


def test_a_training_loan_is_refused(school: Specification) -> None:
    school.when(x.contract(terms={"training_loan": True})).refused(no.TrainingLoanProhibited)


def test_a_closing_institution_signs_nothing(school: Specification) -> None:
    school.given(x.closure(x.SIGNED_ON))
    school.when(x.contract()).refused(no.EscrowIsClosing("abnormal"))


@pytest.mark.parametrize(
    "terms",
    [
        {"list_price_disclosed": True},
        {"unlimited_pass": True, "bonus_fen": 1},
        {"unlimited_pass": True, "tiers": [{"used_over_hours": "1", "refund_percent": 50}]},
        {"tiers": [{"used_over_hours": "1", "refund_percent": 50}, {"used_over_hours": "1.0", "refund_percent": 40}]},
    ],
)
def test_terms_from_which_no_refund_could_be_computed_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        x.contract(terms=terms)


@pytest.mark.parametrize("hours", ["17.555", "-1", "0", "1e3", "１０", 17.5, 17, True, None])
def test_hours_are_decimal_strings_of_two_places(hours: object) -> None:
    with pytest.raises(ValidationError):
        x.contract(hours=hours)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("fen", [0, -1, 1.0, "100", True, 10**15 + 1])
def test_money_is_whole_positive_fen(fen: object) -> None:
    with pytest.raises(ValidationError):
        x.contract(price_fen=fen)  # type: ignore[arg-type]  # that is the point


def test_unknown_fields_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="discount_fen"):
        x.contract(discount_fen=1)


# -- amendment


def test_a_price_change_leaves_consumed_lessons_their_price(paid: Specification) -> None:
    paid.given(*x.taught("a", "b"))
    paid.when(x.amendment(price_fen=4_800_00)).then(e.ContractAmended)
    paid.given(x.deposit("s2", 1_800_00), *x.taught("d"))
    # 28 lessons are left for 4,600 yuan: 164.2857 each.
    assert sheet(paid).consumed_fen == 2 * 100_00 + 164_29
    paid.given(c.ReverseLesson(contract_id="c1", lesson_id="a", reason="not taught"))
    assert sheet(paid).consumed_fen == 100_00 + 164_29


def test_after_an_amendment_the_refund_counts_each_lesson_at_the_price_it_had(paid: Specification) -> None:
    paid.given(*x.taught("a", "b"), x.amendment(price_fen=4_800_00), x.deposit("s2", 1_800_00))
    paid.when(x.request()).then(e.RefundRequested)
    (requested,) = paid.events
    assert isinstance(requested, e.RefundRequested)
    assert requested.entitled_fen == 4_600_00


def test_an_amendment_keeps_what_was_taught_claimed_and_paid(paid: Specification) -> None:
    paid.given(*x.taught("a"), x.claim("b"))
    for wrong in (x.amendment(price_fen=4_800_00, hours="1"), x.amendment(price_fen=x.PRICE_FEN - 1)):
        paid.when(wrong).refused(no.AmendmentBelowConsumed("c1"))
    paid.given(x.confirm("b"))
    paid.when(x.amendment(price_fen=3_000_00, hours="2")).refused(no.AmendmentBelowConsumed("c1"))
    paid.when(x.amendment(price_fen=4_800_00, ends_on=date(2026, 8, 1))).refused(
        no.DatesOutOfOrder("starts_on", "ends_on")
    )
    paid.when(x.amendment("c9", price_fen=4_800_00)).refused(no.ContractUnknown("c9"))


def test_an_amendment_after_a_chargeback_keeps_what_was_consumed(paid: Specification) -> None:
    paid.given(x.contract("other", student_id="child-2"), x.deposit("s2", contract_id="other"))
    paid.given(*x.taught("a", hours="10"), x.reverse_deposit())
    paid.when(x.amendment(price_fen=1)).refused(no.AmendmentBelowConsumed("c1"))


def test_no_lesson_is_ever_worth_less_than_nothing(paid: Specification) -> None:
    paid.given(*x.taught("a", hours="5"), x.amendment(price_fen=5_000_00), x.deposit("s2", 2_000_00), *x.taught("b"))
    paid.given(c.ReverseLesson(contract_id="c1", lesson_id="a", reason="not taught"))
    paid.given(*x.taught("tiny", hours="0.01"))
    assert paid.events[-1].amount_fen >= 0  # type: ignore[attr-defined]
    rest = (f"{29 - 1 - 0.01:.2f}",)
    paid.given(*x.taught("rest", hours=rest[0]), *x.taught("last", hours="1"))
    assert sheet(paid).consumed_fen == 5_000_00
    assert sheet(paid).unearned_fen == 0


def test_lessons_of_before_an_amendment_give_back_all_they_took(school: Specification) -> None:
    school.given(x.contract(price_fen=100, hours="3"), x.deposit(amount_fen=100)).on(LATER)
    school.given(*x.taught("a"), *x.taught("b"), c.ReverseLesson(contract_id="c1", lesson_id="a", reason="r"))
    school.given(x.amendment(price_fen=200, hours="4"), c.ReverseLesson(contract_id="c1", lesson_id="b", reason="r"))
    assert (sheet(school).consumed_fen, sheet(school).earned_fen, sheet(school).unearned_fen) == (0, 0, 100)


def test_a_contract_under_refund_is_not_amended(paid: Specification) -> None:
    paid.given(x.request()).when(x.amendment(price_fen=4_800_00)).refused(no.RefundAlreadyOpen("c1", "f1"))


# -- transfer


@pytest.fixture
def siblings(school: Specification) -> Specification:
    school.given(x.contract(), x.deposit())
    school.given(x.contract("c2", student_id="child-2", hours="10", price_fen=1_000_00))
    return school.given(x.deposit("s2", 1_000_00, "c2")).on(LATER)


def test_a_transfer_moves_hours_with_their_value(siblings: Specification) -> None:
    siblings.given(*x.taught("a"))
    siblings.when(x.transfer("10")).then(e.LessonsTransferred)
    assert (sheet(siblings).unearned_fen, sheet(siblings).paid_centihours) == (1_900_00, 2000)
    assert (sheet(siblings, "c2").unearned_fen, sheet(siblings, "c2").paid_centihours) == (2_000_00, 2000)


def test_a_transfer_takes_no_more_than_is_left_and_not_to_itself(siblings: Specification) -> None:
    siblings.given(*x.taught("a"), x.claim("b"))
    siblings.when(x.transfer("28.01")).refused(no.NotEnoughHours("c1", "28", "28.01"))
    siblings.when(x.transfer("10", to_contract_id="c1")).refused(no.SameContract("c1"))
    siblings.when(x.transfer("10", to_contract_id="c9")).refused(no.ContractUnknown("c9"))


def test_only_lessons_that_are_paid_for_move(siblings: Specification) -> None:
    siblings.given(x.contract("c3", student_id="child-3"))
    siblings.when(x.transfer("10", to_contract_id="c3")).refused(no.ContractNotPaid("c3", x.PRICE_FEN, 0))
    siblings.given(x.request(), x.approve(), *x.paid_out())
    siblings.when(x.transfer("1")).refused(no.ContractNotPaid("c1", x.PRICE_FEN, x.PRICE_FEN))


def test_the_caps_of_the_receiving_child_hold(siblings: Specification) -> None:
    siblings.given(x.contract("c3", student_id="child-2", subject="chess", price_fen=3_900_00, hours="20"))
    siblings.when(x.transfer("2")).refused(no.AmountAboveCap)


def test_lessons_under_a_refund_do_not_move(siblings: Specification) -> None:
    siblings.given(x.request(contract_id="c2")).when(x.transfer("10")).refused(no.RefundAlreadyOpen("c2", "f1"))


def test_all_lessons_may_move_and_the_empty_contract_ends(siblings: Specification) -> None:
    siblings.given(x.transfer("30"), c.EndContract(contract_id="c1"))
    assert sheet(siblings).ended == "transferred"


# -- end


def test_a_contract_ends_when_nothing_is_left_to_teach_or_to_pay(paid: Specification) -> None:
    end = c.EndContract(contract_id="c1")
    paid.when(end).refused(no.ContractNotFinished("c1", x.PRICE_FEN, 0))
    paid.given(x.claim("a", hours="30")).when(end).refused(no.ContractNotFinished)
    paid.given(x.confirm("a")).when(end).then(e.ContractEnded)
    assert sheet(paid).ended == "completed"
    paid.when(end).refused(no.ContractHasEnded("c1", "completed"))
    paid.when(x.claim("b")).refused(no.ContractHasEnded("c1", "completed"))


def test_a_contract_that_was_never_paid_ends_unpaid(school: Specification) -> None:
    school.given(x.contract(), c.EndContract(contract_id="c1"))
    assert sheet(school).ended == "unpaid"


def test_a_refunded_contract_ends_with_what_the_formula_leaves_the_institution(paid: Specification) -> None:
    paid.given(*x.taught("a"), x.dispute("a"), x.request(), x.approve(), *x.paid_out(), x.decide_dispute("a", "upheld"))
    paid.when(c.EndContract(contract_id="c1")).then(e.ContractEnded)
    assert sheet(paid).ended == "refunded"
    assert paid.escrow.header.earned_fen == x.LESSON_FEN


def test_a_contract_with_an_open_refund_does_not_end(paid: Specification) -> None:
    paid.given(x.request(), x.approve())
    paid.when(c.EndContract(contract_id="c1")).refused(no.ContractNotFinished("c1", 0, x.PRICE_FEN))
