"""Paying a refund: instructed, settled, returned, to a substitute, outside custody."""

from datetime import date

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.sheets import Contract, Refund
from tests import examples as x
from tests.specification import Specification

TODAY = date(2026, 9, 10)


@pytest.fixture
def school() -> Specification:
    """One lesson taught; a refund of 2,900 yuan is agreed."""
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(TODAY)
    return school.given(*x.taught("a"), x.request(), x.approve())


def refund(school: Specification) -> Refund:
    return school.escrow.get(Refund, "f1")


def returned(instruction_id: str = "i1") -> c.ReturnRefund:
    return c.ReturnRefund(refund_id="f1", instruction_id=instruction_id, reason="account closed")


def acknowledge(
    amount_fen: int, refund_id: str | None = "f1", contract_id: str = "c1"
) -> c.AcknowledgeOffPlatformRefund:
    return c.AcknowledgeOffPlatformRefund(
        contract_id=contract_id, refund_id=refund_id, amount_fen=amount_fen, evidence="signed by the family"
    )


def test_a_refund_goes_back_to_the_account_that_paid(school: Specification) -> None:
    school.when(x.instruct()).then(e.RefundInstructed)
    assert school.history[-1].payee_ref == "payer-1"  # type: ignore[attr-defined]
    school.when(x.settle()).then(e.RefundSettled)
    assert (refund(school).status, school.escrow.header.custody_cash_fen) == ("paid", 100_00)
    school.when(x.instruct("f1", "i2")).refused(no.RefundNotInState("f1", "paid"))


def test_a_refund_may_be_paid_in_parts(school: Specification) -> None:
    school.given(x.instruct(amount_fen=1_000_00), x.settle())
    school.when(x.instruct("f1", "i2", 1_900_01)).refused(no.InstructionExceedsRefund("f1", 1_900_00, 1_900_01))
    school.given(*x.paid_out("f1", "i2"))
    assert refund(school).settled_fen == 2_900_00


def test_an_instruction_is_given_and_answered_once(school: Specification) -> None:
    school.given(x.instruct(amount_fen=1_00)).when(x.instruct()).refused(no.AlreadyRecorded("instruction", "i1"))
    school.given(x.settle())
    for again in (x.settle(), returned(), x.settle("f1", "i9"), returned("i9")):
        school.when(again).refused(no.InstructionUnknown)


def test_a_returned_payment_is_owed_again_and_the_clock_runs_on(school: Specification) -> None:
    clock = refund(school).clock
    school.given(x.instruct()).when(returned()).then(e.RefundReturned)
    assert (school.escrow.header.refund_payable_fen, refund(school).clock) == (2_900_00, clock)
    school.given(c.SubstitutePayee(refund_id="f1", payee_ref="payer-1b", evidence="bank letter"))
    school.when(x.instruct("f1", "i2")).then(e.RefundInstructed)
    assert school.history[-1].payee_ref == "payer-1b"  # type: ignore[attr-defined]


def test_another_payee_is_named_while_there_is_something_to_pay(school: Specification) -> None:
    school.given(*x.paid_out())
    substitute = c.SubstitutePayee(refund_id="f1", payee_ref="p", evidence="e")
    school.when(substitute).refused(no.RefundNotInState("f1", "paid"))
    school.when(substitute.model_copy(update={"refund_id": "f9"})).refused(no.RefundUnknown("f9"))


def test_nothing_is_paid_that_was_not_agreed(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"), x.request("f2", "c2"))
    school.when(x.instruct("f2")).refused(no.RefundNotInState("f2", "requested"))


def test_another_familys_money_never_pays_what_the_institution_must_put_back() -> None:
    two = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit())
    two.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2")).on(TODAY)
    two.given(*x.taught("a", hours="30"), x.release(x.PRICE_FEN), x.dispute("a"), x.settle_release())
    two.given(x.decide_dispute("a", "reversed"), x.request(), x.approve())
    two.when(x.instruct()).refused(no.CustodyShort(0, x.PRICE_FEN))
    repay = c.RecordShortfallRepayment(
        bank_serial="p1", account_id="6222000001", value_on=TODAY, contract_id="c1", amount_fen=1_000_00
    )
    two.given(repay).when(x.instruct()).then(e.RefundInstructed)
    assert two.escrow.header.refund_in_transit_fen == 1_000_00


def test_without_an_original_channel_a_verified_payee_is_needed() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract()).on(TODAY)
    award = c.RecordAward.model_validate(
        {
            "contract_id": "c1",
            "award_id": "w1",
            "cause": "institution",
            "forum": "court",
            "amount_fen": 5_00,
            "reason": "r",
        }
    )
    repay = c.RecordShortfallRepayment(
        bank_serial="p1", account_id="6222000001", value_on=TODAY, contract_id="c1", amount_fen=5_00
    )
    school.given(award, x.order_refund(award_id="w1"), repay)
    school.when(x.instruct()).refused(no.PayeeUnknown("f1"))
    school.given(c.SubstitutePayee(refund_id="f1", payee_ref="p", evidence="court file"), *x.paid_out())


def test_attached_money_pays_nobody(school: Specification) -> None:
    school.given(c.RecordAttachment(attachment_id="a", authority="court", order_no="1", amount_fen=2_000_00))
    school.when(x.instruct()).refused(no.CustodyShort(1_000_00, 2_900_00))
    school.when(x.instruct(amount_fen=1_000_00)).then(e.RefundInstructed)


# -- outside custody


def test_only_the_familys_word_lowers_what_it_is_owed(school: Specification) -> None:
    assert c.AcknowledgeOffPlatformRefund.by == {"guardian"}
    school.when(acknowledge(2_900_01)).refused(no.AcknowledgementExceedsDue("c1", 2_900_00, 2_900_01))
    school.given(acknowledge(900_00))
    header = school.escrow.header
    assert (header.refund_payable_fen, header.earned_fen, header.custody_cash_fen) == (2_000_00, 1_000_00, 3_000_00)
    school.given(*x.paid_out())
    assert refund(school).status == "paid"


def test_cash_got_back_without_a_request_lowers_what_is_held(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"))
    school.when(acknowledge(x.PRICE_FEN + 1, None, "c2")).refused(no.AcknowledgementExceedsDue)
    school.given(acknowledge(1_000_00, None, "c2"), x.request("f2", "c2"))
    assert school.history[-1].entitled_fen == 2_000_00  # type: ignore[attr-defined]


def test_a_refund_belongs_to_its_contract(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"))
    school.when(acknowledge(1, "f1", "c2")).refused(no.RefundUnknown("f1"))


def test_a_loans_money_goes_back_to_the_account_it_came_from() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract())
    school.given(x.deposit(funding="training_loan", payer_ref="lender")).on(TODAY)
    school.given(x.request(), x.approve(), x.instruct())
    assert school.history[-1].payee_ref == "lender"  # type: ignore[attr-defined]
    received = [event for event in school.history if isinstance(event, e.DepositReceived)]
    assert received[0].funding == "training_loan"
    assert school.escrow.get(Contract, "c1").payer_ref == "lender"
