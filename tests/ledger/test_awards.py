"""Awards of courts and evidenced deductions beside the formula."""

from datetime import date

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.entitlement.refusals import CourtRuleUnknown
from ledger.sheets import Contract, Refund
from tests import examples as x
from tests.specification import Specification


@pytest.fixture
def school() -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(date(2026, 9, 10))


def refund(school: Specification) -> Refund:
    return school.escrow.get(Refund, "f1")


def retain(amount_fen: int, deduction_id: str = "d1", kind: str = "materials") -> c.RetainDeduction:
    return c.RetainDeduction.model_validate(
        {
            "contract_id": "c1",
            "deduction_id": deduction_id,
            "kind": kind,
            "amount_fen": amount_fen,
            "evidence": "receipt",
        }
    )


def award(amount_fen: int, award_id: str = "w1", cause: str = "institution") -> c.RecordAward:
    return c.RecordAward.model_validate(
        {
            "contract_id": "c1",
            "award_id": award_id,
            "cause": cause,
            "forum": "court",
            "amount_fen": amount_fen,
            "reason": "r",
        }
    )


# -- awards


def test_an_award_stands_beside_the_formula_and_is_ordered(school: Specification) -> None:
    school.given(*x.taught("a", "b")).when(award(2_500_00)).then(e.AwardRecorded)
    assert school.history[-1].formula_fen == 2_800_00  # type: ignore[attr-defined]
    school.when(award(1)).refused(no.AlreadyRecorded("award", "w1"))
    school.when(x.order_refund(award_id="w9")).refused(no.AwardUnknown("w9"))
    school.when(x.order_refund(award_id="w1")).then(e.RefundOrdered, e.DeductionRetained)
    assert refund(school).agreed_fen == 2_500_00
    school.given(*x.paid_out()).when(x.request("f2")).refused(no.NothingDue("c1"))


def test_an_award_belongs_to_a_case_of_its_contract(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.open_mediation("m2", "c2"), x.open_mediation("m1"))
    for case_id in ("m2", "m9"):
        school.when(award(1_00).model_copy(update={"case_id": case_id})).refused(no.CaseUnknown(case_id))
    school.when(award(1_00).model_copy(update={"case_id": "m1"})).then(e.AwardRecorded)


def test_the_last_award_counts(school: Specification) -> None:
    school.given(award(1_000_00), award(2_000_00, "w2"))
    school.when(x.order_refund(award_id="w1")).refused(no.AwardUnknown("w1"))
    school.when(x.order_refund(award_id="w2")).then(e.RefundOrdered, e.DeductionRetained)


def test_an_award_is_recorded_also_where_no_figure_can_be_computed() -> None:
    early = date(2016, 1, 4)
    school = Specification(early).given(x.opening())
    terms = {"list_unit_price_fen": 150_00, "list_price_disclosed": True}
    school.given(x.contract(signed_on=early, starts_on=date(2016, 1, 5), ends_on=date(2016, 2, 5), terms=terms))
    school.given(x.deposit(value_on=early)).on(date(2016, 1, 20))
    school.when(x.request(cause="family", requested_on=early.replace(day=20))).refused(CourtRuleUnknown)
    school.when(award(1_00, cause="family")).then(e.AwardRecorded)
    assert school.history[-1].formula_fen is None  # type: ignore[attr-defined]


def test_a_court_may_give_money_back_under_a_contract_that_is_over(school: Specification) -> None:
    school.given(*x.taught("a", hours="30"), c.EndContract(contract_id="c1"), award(1_000_00))
    school.when(x.order_refund()).refused(no.ContractHasEnded("c1", "completed"))
    school.when(x.order_refund(award_id="w1")).then(e.RefundOrdered)
    assert school.escrow.header.earned_fen == 2_000_00


def test_in_a_closure_too_an_award_stands_before_the_formula(school: Specification) -> None:
    school.given(*x.taught("a", "b"), award(2_500_00), x.closure(date(2026, 9, 10)))
    order = c.OrderClosureRefunds(refunds=[c.ClosureRefund(contract_id="c1", refund_id="f1")])
    school.when(order).then(e.RefundOrdered, e.DeductionRetained)
    assert refund(school).agreed_fen == 2_500_00
    assert school.escrow.get(Contract, "c1").unearned_fen == 0


# -- deductions


def test_an_evidenced_deduction_lowers_what_is_due(school: Specification) -> None:
    school.when(retain(1)).refused(no.DeductionWithoutRefund("c1"))
    school.given(*x.taught("a"), x.request(), retain(100_00))
    school.when(retain(1)).refused(no.AlreadyRecorded("deduction", "d1"))
    school.when(retain(2_800_01, "d2")).refused(no.DeductionExceedsHeld("c1", 2_800_00, 2_800_01))
    school.when(x.approve()).then(e.RefundApproved)
    assert refund(school).agreed_fen == 2_800_00
    school.when(retain(1, "d2")).refused(no.DeductionWithoutRefund("c1"))


def test_deductions_may_take_the_whole_refund_and_it_is_finished(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(), retain(2_900_00)).when(x.approve()).then(e.RefundApproved)
    assert (refund(school).status, school.escrow.get(Contract, "c1").refund_id) == ("paid", "")
