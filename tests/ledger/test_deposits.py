"""Deposits: received, applied, reversed, asserted outside custody, put back by the institution."""

from datetime import date, timedelta

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.sheets import Contract, Deposit, Refund
from tests import examples as x
from tests.specification import Specification

TODAY = date(2026, 9, 10)


@pytest.fixture
def school() -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening(), x.contract())


@pytest.fixture
def two(school: Specification) -> Specification:
    """A second family's money is in custody as well."""
    return school.given(x.contract("c2", student_id="child-2"), x.deposit("other", contract_id="c2"))


def apply(**amounts: int) -> c.ApplyDeposit:
    shares = [c.Share(contract_id=contract_id, amount_fen=fen) for contract_id, fen in amounts.items()]
    return c.ApplyDeposit(deposit_id=x.deposit_id(), shares=shares, basis="price list")


def repay(amount_fen: int, serial: str = "p1", contract_id: str | None = "c1") -> c.RecordShortfallRepayment:
    return c.RecordShortfallRepayment(
        bank_serial=serial,
        account_id="6222000001",
        value_on=x.SIGNED_ON,
        contract_id=contract_id,
        amount_fen=amount_fen,
    )


def test_money_for_a_contract_is_applied_to_it_at_once(school: Specification) -> None:
    school.when(x.deposit()).then(e.DepositReceived, e.DepositApplied)
    assert school.escrow.header.unearned_fen == x.PRICE_FEN
    assert school.escrow.get(Contract, "c1").payer_ref == "payer-1"


def test_the_same_serial_of_an_account_and_day_is_the_same_money(school: Specification) -> None:
    school.given(x.deposit()).when(x.deposit()).refused(no.DuplicateBankSerial(x.deposit_id()))
    school.when(x.deposit(amount_fen=1, contract_id=None)).refused(no.DuplicateBankSerial)
    school.when(x.deposit(value_on=date(2026, 8, 24), contract_id=None)).then(e.DepositReceived)


def test_money_to_another_account_or_from_tomorrow_is_refused(school: Specification) -> None:
    school.when(x.deposit(account_id="1")).refused(no.WrongAccount("1"))
    tomorrow = date(2026, 8, 26)
    school.when(x.deposit(value_on=tomorrow)).refused(no.DateInFuture("value_on", tomorrow, x.SIGNED_ON))


def test_money_for_an_unknown_contract_waits_unapplied_and_is_never_released(school: Specification) -> None:
    school.when(x.deposit(contract_id="c9")).then(e.DepositReceived)
    assert (school.escrow.header.unapplied_fen, school.escrow.header.earned_fen) == (x.PRICE_FEN, 0)
    school.when(x.release(1)).refused(no.ReleaseExceedsEarned("c1", 0, 1))


def test_a_second_payment_of_the_same_price_stays_unapplied_and_goes_back_in_full(school: Specification) -> None:
    school.given(x.deposit()).when(x.deposit("s2")).then(e.DepositReceived)
    school.when(c.RefundDeposit(refund_id="f1", deposit_id=x.deposit_id("s2"))).then(e.RefundOrdered)
    school.given(*x.paid_out())
    assert school.escrow.header.unapplied_fen == 0
    school.when(c.RefundDeposit(refund_id="f1", deposit_id=x.deposit_id("s2"))).refused(
        no.AlreadyRecorded("refund", "f1")
    )
    school.when(c.RefundDeposit(refund_id="f2", deposit_id=x.deposit_id("s2"))).refused(
        no.DepositExceeded(x.deposit_id("s2"), 0, x.PRICE_FEN)
    )
    school.when(c.RefundDeposit(refund_id="f2", deposit_id="none")).refused(no.DepositUnknown("none"))


def test_an_overpayment_is_applied_up_to_the_price(school: Specification) -> None:
    school.given(x.deposit(amount_fen=x.PRICE_FEN + 1))
    assert (school.escrow.header.unearned_fen, school.escrow.header.unapplied_fen) == (x.PRICE_FEN, 1)


def test_one_payment_is_split_between_siblings_on_a_recorded_basis(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit(amount_fen=5_000_00, contract_id=None))
    school.when(apply(c1=2_000_00, c2=3_000_01)).refused(no.DepositExceeded(x.deposit_id(), 5_000_00, 5_000_01))
    school.when(apply(c1=2_000_00, c2=3_000_00)).then(e.DepositApplied, e.DepositApplied)
    assert school.escrow.get(Deposit, x.deposit_id()).applied == (("c1", 2_000_00), ("c2", 3_000_00))
    assert school.escrow.get(Contract, "c2").unearned_fen == 3_000_00


def test_a_share_goes_to_a_live_contract_once_and_within_its_price(school: Specification) -> None:
    school.given(x.deposit(amount_fen=9_000_00, contract_id=None))
    school.when(apply(c9=1)).refused(no.ContractUnknown("c9"))
    school.when(apply(c1=x.PRICE_FEN + 1)).refused(no.PriceExceeded("c1", x.PRICE_FEN, x.PRICE_FEN + 1))
    twice = c.ApplyDeposit(deposit_id=x.deposit_id(), shares=[c.Share(contract_id="c1", amount_fen=1)] * 2, basis="b")
    school.when(twice).refused(no.LineRepeated("contract", "c1"))
    school.given(c.EndContract(contract_id="c1")).when(apply(c1=1)).refused(no.ContractHasEnded("c1", "unpaid"))


def test_nothing_is_applied_to_a_contract_under_refund_or_after_a_closure(school: Specification) -> None:
    school.given(x.deposit(amount_fen=1_000_00), x.deposit("s2", contract_id=None)).on(TODAY)
    late = c.ApplyDeposit(deposit_id=x.deposit_id("s2"), shares=[c.Share(contract_id="c1", amount_fen=1)], basis="b")
    school.given(x.request()).when(late).refused(no.RefundAlreadyOpen("c1", "f1"))
    school.when(x.deposit("s3")).then(e.DepositReceived)
    school.given(x.closure(TODAY)).when(late).refused(no.EscrowIsClosing("abnormal"))


# -- reversals


def test_a_reversal_takes_from_what_is_unapplied_then_from_what_is_unearned(school: Specification) -> None:
    school.given(x.deposit(amount_fen=x.PRICE_FEN + 50)).when(x.reverse_deposit())
    school.then(e.DepositReversed, e.DepositReversed)
    header = school.escrow.header
    assert (header.custody_cash_fen, header.unapplied_fen, header.unearned_fen) == (0, 0, 0)
    school.when(x.reverse_deposit()).refused(no.DepositAlreadyReversed(x.deposit_id()))


def test_a_payment_that_the_bank_took_back_begins_no_seven_days_and_has_no_payer(school: Specification) -> None:
    school.given(x.deposit(), x.reverse_deposit()).on(TODAY)
    school.given(x.deposit("again", value_on=TODAY, payer_ref="payer-2"), *x.taught("a")).on(TODAY + timedelta(days=4))
    school.when(x.request(cause="family", requested_on=TODAY + timedelta(days=4)))
    assert school.events[0].method == "full_cooling_off"  # type: ignore[attr-defined] # it was requested
    school.given(x.approve()).when(x.instruct())
    assert school.events[0].payee_ref == "payer-2"  # type: ignore[attr-defined] # it was instructed


def test_a_reversal_after_consumption_is_owed_by_the_institution_and_blocks_its_releases(two: Specification) -> None:
    two.given(x.deposit()).on(TODAY).given(*x.taught("a", hours="10"), x.release(600_00), x.settle_release())
    two.when(x.reverse_deposit()).then(e.DepositReversed)
    contract, header = two.escrow.get(Contract, "c1"), two.escrow.header
    assert (contract.unearned_fen, contract.institution_receivable_fen, contract.earned_fen) == (0, 1_000_00, 400_00)
    assert header.custody_cash_fen == x.PRICE_FEN - 600_00
    two.when(x.release(1, release_id="r2")).refused(no.ReleaseExceedsEarned("c1", 0, 1))
    two.given(*x.taught("b", contract_id="c2", hours="6"))
    two.when(x.release(1, "c2", "r2")).refused(no.CustodyShort(0, 1))
    two.given(repay(1_000_00)).when(x.release(1_000_00, "c2", "r2")).refused(no.ReleaseExceedsEarned)
    two.when(x.release(600_00, "c2", "r2")).then(e.ReleaseInstructed)


def test_what_the_bank_no_longer_has_it_cannot_take_back(school: Specification) -> None:
    school.given(x.deposit()).on(TODAY).given(*x.taught("a"), x.release(x.LESSON_FEN), x.settle_release())
    school.when(x.reverse_deposit()).refused(no.CustodyShort(x.PRICE_FEN - x.LESSON_FEN, x.PRICE_FEN))


def test_a_chargeback_lowers_the_refund_that_was_agreed(two: Specification) -> None:
    two.given(x.deposit()).on(TODAY).given(*x.taught("a"), x.request(), x.approve())
    two.when(x.reverse_deposit()).then(e.DepositReversed)
    refund = two.escrow.get(Refund, "f1")
    assert (refund.agreed_fen, refund.status) == (0, "paid")
    assert two.escrow.get(Contract, "c1").institution_receivable_fen == x.LESSON_FEN


def test_a_chargeback_leaves_nothing_due_on_an_open_request(two: Specification) -> None:
    two.given(x.deposit()).on(TODAY).given(x.request(), x.reverse_deposit())
    two.when(x.approve(amount_fen=1)).refused(no.RefundAbovePaid("c1", 0, 1))
    two.when(x.approve()).then(e.RefundApproved)
    assert two.escrow.get(Refund, "f1").status == "paid"
    two.when(x.request("f2")).refused(no.NothingDue("c1"))


def test_a_deposit_taken_back_before_its_refund_was_paid_lowers_that_refund(school: Specification) -> None:
    school.given(x.deposit(contract_id=None), c.RefundDeposit(refund_id="f1", deposit_id=x.deposit_id()))
    school.when(x.reverse_deposit()).then(e.DepositReversed)
    assert (school.escrow.header.refund_payable_fen, school.escrow.header.custody_cash_fen) == (0, 0)


def test_a_deposit_taken_back_after_its_refund_is_owed_by_the_institution(two: Specification) -> None:
    two.given(x.deposit(contract_id=None), c.RefundDeposit(refund_id="f1", deposit_id=x.deposit_id()), *x.paid_out())
    two.when(x.reverse_deposit()).then(e.DepositReversed)
    assert two.escrow.header.institution_receivable_fen == x.PRICE_FEN
    two.when(repay(x.PRICE_FEN + 1, contract_id=None)).refused(
        no.RepaymentExceedsReceivable("", x.PRICE_FEN, x.PRICE_FEN + 1)
    )
    two.when(repay(x.PRICE_FEN, contract_id=None)).then(e.ShortfallRepaid)
    assert two.escrow.header.institution_receivable_fen == 0


def test_a_chargeback_races_a_release_and_the_release_bounces(school: Specification) -> None:
    school.given(x.deposit()).on(TODAY).given(*x.taught("a"), x.release(x.LESSON_FEN))
    school.given(x.reverse_deposit())
    school.when(x.settle_release()).refused(no.CustodyShort(0, x.LESSON_FEN))
    school.given(c.ReturnRelease(release_id="r1", contract_ids=["c1"], reason="no funds"))
    header = school.escrow.header
    assert (header.earned_fen, header.institution_receivable_fen, header.custody_cash_fen) == (100_00, 100_00, 0)


def test_a_chargeback_races_a_refund_and_the_refund_bounces(school: Specification) -> None:
    school.given(x.deposit()).on(TODAY).given(x.request(), x.approve(), x.instruct(), x.reverse_deposit())
    school.when(x.settle()).refused(no.CustodyShort(0, x.PRICE_FEN))
    school.given(c.ReturnRefund(refund_id="f1", instruction_id="i1", reason="no funds"))
    assert school.escrow.header.refund_payable_fen == x.PRICE_FEN


# -- outside custody, and put back


def test_a_payment_outside_custody_is_a_claim_and_never_cover(school: Specification) -> None:
    command = c.AssertOffPlatformPayment(contract_id="c1", claim_id="k1", amount_fen=500_00, evidence="receipt")
    school.when(command).then(e.OffPlatformPaymentAsserted)
    assert (school.escrow.header.custody_cash_fen, school.escrow.get(Contract, "c1").asserted_fen) == (0, 500_00)
    school.when(command).refused(no.AlreadyRecorded("claim", "k1"))
    school.when(command.model_copy(update={"contract_id": "c9"})).refused(no.ContractUnknown("c9"))


def test_a_bank_serial_books_its_money_once_as_deposit_or_as_repayment(two: Specification) -> None:
    two.given(x.deposit()).on(TODAY).given(*x.taught("a"), x.reverse_deposit())
    two.when(repay(x.LESSON_FEN, "other")).refused(no.DuplicateBankSerial(x.deposit_id("other")))
    two.given(repay(x.LESSON_FEN, "p1")).when(x.deposit("p1")).refused(no.DuplicateBankSerial(x.deposit_id("p1")))


def test_the_institution_puts_back_no_more_than_it_owes(two: Specification) -> None:
    two.given(x.deposit()).on(TODAY).given(*x.taught("a"), x.reverse_deposit())
    two.when(repay(x.LESSON_FEN + 1)).refused(no.RepaymentExceedsReceivable("c1", x.LESSON_FEN, x.LESSON_FEN + 1))
    two.given(repay(1))
    two.when(repay(1)).refused(no.AlreadyRecorded("repayment", x.deposit_id("p1")))
    two.when(repay(1, "p2", "c9")).refused(no.ContractUnknown("c9"))
    wrong = repay(1, "p2").model_copy(update={"account_id": "other"})
    two.when(wrong).refused(no.WrongAccount("other"))
