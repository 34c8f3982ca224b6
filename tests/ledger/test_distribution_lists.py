"""A distribution counts when its whole list is approved; a wrong list is cancelled and has paid nothing."""

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.allowance import allowed_fen, reserved_fen
from ledger.identifiers import Role
from ledger.sheets import Distribution, Refund
from tests import examples as x
from tests.ledger.test_closure import POOL, TODAY, approval, distribution, families, refunds
from tests.specification import Specification

SHARES = {each: share for each, (_, share) in POOL.items()}
CANCEL = c.CancelDistribution(distribution_id="d1", reason="wrong share of c1", approved_by="regulator-2")
COMPLETE = c.CompleteDistribution(distribution_id="d1")


@pytest.fixture
def short() -> Specification:
    """Three families are owed 1,000, 2,000 and 3,000; 3,000 are in custody."""
    school = families(1_000_00, 2_000_00, 3_000_00)
    school.given(*x.taught("a", contract_id="c3", hours="30"), x.release(3_000_00, "c3"), x.settle_release("c3"))
    school.given(x.dispute("a", "c3"), x.decide_dispute("a", "reversed", "c3"), x.closure(TODAY))
    return school.given(refunds("c1", "c2", "c3"))


def test_no_share_is_paid_before_the_whole_list_is_complete(short: Specification) -> None:
    short.given(distribution(3_000_00, POOL), approval(SHARES))
    short.when(x.instruct("f-c1")).refused(no.DistributionStillOpen("d1"))
    assert short.escrow.header.reserved_fen == 0
    short.given(COMPLETE)
    assert short.escrow.header.reserved_fen == 3_000_00
    short.when(x.instruct("f-c1")).then(e.RefundInstructed)


def test_a_wrong_share_is_cancelled_with_its_list_and_a_right_one_ordered(short: Specification) -> None:
    wrong = SHARES | {"c1": 1_000_00, "c2": 500_00}
    short.given(distribution(3_000_00, POOL), approval(wrong))
    short.when(COMPLETE).refused(no.DistributionDiffersFromList("d1", 3, 3))
    short.when(CANCEL).then(e.DistributionCancelled)
    refund = short.escrow.get(Refund, "f-c1")
    assert (allowed_fen(short.escrow, refund), reserved_fen(short.escrow, refund)) == (None, 0)
    short.when(COMPLETE).refused(no.DistributionUnknown("d1"))
    short.when(approval({"c3": 1})).refused(no.DistributionUnknown("d1"))
    short.when(distribution(3_000_00, POOL)).refused(no.AlreadyRecorded("distribution", "d1"))
    short.given(distribution(3_000_00, POOL, "d2"), approval(SHARES, "d2"))
    short.given(c.CompleteDistribution(distribution_id="d2"))
    assert allowed_fen(short.escrow, short.escrow.get(Refund, "f-c1")) == 500_00


def test_a_distribution_is_cancelled_by_two_and_only_before_it_is_complete(short: Specification) -> None:
    short.when(CANCEL).refused(no.DistributionUnknown("d1"))
    short.given(distribution(3_000_00, POOL))
    alone = CANCEL.model_copy(update={"approved_by": "regulator-1"})
    short.when(alone).refused(no.SecondPersonRequired("regulator-1"))
    short.when(CANCEL, Role.INSTITUTION).refused(no.RoleNotAllowed)
    short.given(approval(SHARES), COMPLETE)
    short.when(CANCEL).refused(no.DistributionUnknown("d1"))


def test_a_cancelled_list_leaves_an_earlier_share_as_it_was(short: Specification) -> None:
    short.given(distribution(600_00, {each: (due, 200_00) for each, (due, _) in POOL.items()}))
    short.given(approval(dict.fromkeys(POOL, 200_00)), COMPLETE)
    rest = {each: (due - 200_00, 300_00) for each, (due, _) in POOL.items()}
    short.given(distribution(900_00, rest, "d2"), approval(dict.fromkeys(POOL, 300_00), "d2"))
    short.given(x.instruct("f-c1", amount_fen=50_00))
    short.given(CANCEL.model_copy(update={"distribution_id": "d2"}))
    assert allowed_fen(short.escrow, short.escrow.get(Refund, "f-c1")) == 200_00
    assert short.escrow.header.reserved_fen == 550_00
    short.when(x.instruct("f-c1", "i2", 150_01)).refused(no.CustodyShort(150_00, 150_01))


def test_the_same_money_is_not_given_away_twice(short: Specification) -> None:
    short.given(distribution(3_000_00, POOL), approval(SHARES), COMPLETE)
    short.when(distribution(1, POOL, "d2")).refused(no.PotExceedsCustody(0, 1))
    short.given(*x.paid_out("f-c1"))
    short.when(distribution(1, POOL, "d2")).refused(no.PotExceedsCustody(0, 1))


def test_a_payers_own_deposit_is_in_nobody_elses_pot() -> None:
    school = families(1_000_00).given(
        x.deposit("loose", 70_00, None), x.deposit("other", 30_00, None), x.closure(TODAY)
    )
    school.given(c.RefundDeposit(refund_id="f9", deposit_id=x.deposit_id("loose")))
    assert school.escrow.header.reserved_fen == 70_00
    school.when(distribution(1_000_01, POOL)).refused(no.PotExceedsCustody(1_000_00, 1_000_01))
    school.given(*x.paid_out("f9"))
    assert school.escrow.header.reserved_fen == 0


def test_what_is_owed_stands_still_while_a_list_is_approved(short: Specification) -> None:
    short.given(distribution(3_000_00, POOL))
    paid_in_cash = c.AcknowledgeOffPlatformRefund(contract_id="c1", refund_id="f-c1", amount_fen=1_00, evidence="r 1")
    short.when(paid_in_cash).refused(no.DistributionStillOpen("d1"))
    short.given(approval(SHARES), COMPLETE)
    short.when(paid_in_cash).then(e.OffPlatformRefundAcknowledged)


def test_a_deposit_taken_back_meanwhile_is_reserved_for_nobody(short: Specification) -> None:
    short.given(distribution(3_000_00, POOL), approval(SHARES))
    assert short.escrow.get(Distribution, "d1").pending_fen == 3_000_00
    short.given(x.reverse_deposit("c1"))
    assert short.escrow.get(Refund, "f-c1").open_fen == 0
    short.given(COMPLETE)
    assert short.escrow.header.reserved_fen == 2_500_00


def test_the_parts_of_a_settlement_have_shares_of_their_own() -> None:
    share = c.ShareLine(contract_id="c1", refund_id="f1", share_fen=1)
    asked = c.ApproveShares(distribution_id="d1", shares=[share, share.model_copy(update={"refund_id": "f2"})])
    school = families(1_000_00).given(x.closure(TODAY), refunds("c1"), distribution(1, POOL))
    school.when(asked).refused(no.RefundUnknown("f1"))
    twice = c.ApproveShares(distribution_id="d1", shares=[share, share])
    school.when(twice).refused(no.LineRepeated("contract", "c1"))
