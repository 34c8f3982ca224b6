"""The end of an institution: security, closure, refunds in chunks, a short pot shared, the account closed."""

import hashlib
from datetime import date

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.distribution import Due, Pot, distribute
from ledger.identifiers import Role
from ledger.sheets import Contract, Refund
from tests import examples as x
from tests.specification import Specification

TODAY = date(2026, 9, 10)
PLACE = c.PlaceRiskDeposit(amount_fen=500_00, bank_serial="r1")


def families(*paid_fen: int) -> Specification:
    """One contract per amount, paid in full, nothing taught."""
    school = Specification(x.SIGNED_ON).given(x.opening())
    for number, fen in enumerate(paid_fen, 1):
        name = f"c{number}"
        school.given(x.contract(name, student_id=f"child-{number}", price_fen=fen), x.deposit(name, fen, name))
    return school.on(TODAY)


def refunds(*contract_ids: str) -> c.OrderClosureRefunds:
    lines = [c.ClosureRefund(contract_id=each, refund_id=f"f-{each}") for each in contract_ids]
    return c.OrderClosureRefunds(refunds=lines)


def distribution(
    pot_fen: int, shares: dict[str, tuple[int, int]], name: str = "d1", **changes: object
) -> c.OrderDistribution:
    """An order over a list of (due, share) by contract."""
    chain = ""
    for contract_id, (due_fen, share_fen) in shares.items():
        chain = hashlib.sha256(f"{chain}{contract_id}:f-{contract_id}:{due_fen}:{share_fen}\n".encode()).hexdigest()
    return c.OrderDistribution.model_validate(
        {
            "distribution_id": name, "method": "pool", "pot_fen": pot_fen,
            "due_fen": sum(due_fen for due_fen, _ in shares.values()),
            "families": len(shares), "cut_off_on": TODAY, "list_sha256": chain, "approved_by": "regulator-2",
        } | changes
    )  # fmt: skip


def approval(shares: dict[str, int], name: str = "d1") -> c.ApproveShares:
    lines = [c.ShareLine(contract_id=each, refund_id=f"f-{each}", share_fen=fen) for each, fen in shares.items()]
    return c.ApproveShares(distribution_id=name, shares=lines)


@pytest.fixture
def short() -> Specification:
    """Three families are owed 1,000, 2,000 and 3,000; the last one's money was drawn on claims now reversed."""
    school = families(1_000_00, 2_000_00, 3_000_00)
    school.given(*x.taught("a", contract_id="c3", hours="30"), x.release(3_000_00, "c3"), x.settle_release("c3"))
    school.given(x.dispute("a", "c3"), x.decide_dispute("a", "reversed", "c3"), x.closure(TODAY))
    return school.given(refunds("c1", "c2", "c3"))


POOL = {"c1": (1_000_00, 500_00), "c2": (2_000_00, 1_000_00), "c3": (3_000_00, 1_500_00)}


# -- security


def test_security_is_kept_apart_and_given_back_only_when_nothing_is_owed() -> None:
    school = families(1_000_00).given(PLACE)
    assert school.escrow.header.custody_cash_fen == 1_000_00
    school.when(PLACE).refused(no.AlreadyRecorded("serial", "r1"))
    back = c.ReturnRiskDeposit(amount_fen=500_00, bank_serial="r2")
    school.when(back).refused(no.RiskDepositStillNeeded(1_000_00))
    school.given(x.request(), x.approve(), *x.paid_out())
    school.when(c.ReturnRiskDeposit(amount_fen=500_01, bank_serial="r2")).refused(
        no.RiskDepositExceeded(500_00, 500_01)
    )
    school.when(back).then(e.RiskDepositReturned)
    school.when(back).refused(no.AlreadyRecorded("serial", "r2"))


def test_security_covers_what_the_institution_must_put_back(short: Specification) -> None:
    draw = c.DrawRiskDeposit(contract_id="c3", amount_fen=500_00, order_no="1")
    short.when(draw).refused(no.RiskDepositExceeded(0, 500_00))
    other = families(1_000_00, 1_000_00).given(PLACE)
    other.when(draw.model_copy(update={"contract_id": "c1"})).refused(no.RiskDepositExceeded(0, 500_00))
    other.given(*x.taught("a", hours="30"), x.reverse_deposit("c1"))
    other.when(draw.model_copy(update={"contract_id": "c1"})).then(e.RiskDepositDrawn)
    header = other.escrow.header
    assert (header.institution_receivable_fen, header.risk_deposit_fen, header.custody_cash_fen) == (
        500_00,
        0,
        1_500_00,
    )


def test_a_closing_institution_places_no_security(short: Specification) -> None:
    short.when(PLACE).refused(no.EscrowIsClosing("abnormal"))


# -- closure


def test_a_closure_is_declared_by_two_and_once() -> None:
    school = families()
    school.when(x.closure(TODAY, approved_by="regulator-1")).refused(no.SecondPersonRequired("regulator-1"))
    school.when(x.closure(date(2026, 9, 11))).refused(no.DateInFuture("stopped_on", date(2026, 9, 11), TODAY))
    school.when(x.closure(TODAY, "orderly")).then(e.ClosureDeclared)
    school.when(x.closure(TODAY)).refused(no.EscrowIsClosing("orderly"))


@pytest.mark.parametrize(("licensed", "regime"), [(True, "licensed_school"), (False, "company")])
def test_the_order_of_payment_follows_the_licence(licensed: bool, regime: str) -> None:  # noqa: FBT001 - an example
    school = Specification(TODAY).given(x.opening(licensed=licensed), x.closure(TODAY))
    assert school.escrow.header.priority_regime == regime


def test_every_open_contract_becomes_due_under_the_institutions_cause() -> None:
    school = families(3_000_00, 3_000_00)
    school.when(refunds("c1")).refused(no.EscrowNotClosing())
    school.given(*x.taught("a", hours="10"), x.closure(TODAY))
    school.when(refunds("c1", "c2")).then(e.RefundOrdered, e.RefundOrdered)
    assert school.escrow.get(Refund, "f-c1").agreed_fen == 2_000_00
    school.when(refunds("c1")).refused(no.AlreadyRecorded("refund", "f-c1"))
    school.when(refunds("c1", "c1")).refused(no.LineRepeated("contract", "c1"))


def test_a_contract_with_a_claim_of_its_own_is_ordered_by_that_claim() -> None:
    school = families(1_000_00).given(x.request(), x.closure(TODAY))
    school.when(refunds("c1")).refused(no.RefundAlreadyOpen("c1", "f1"))
    school.when(x.order_refund()).then(e.RefundOrdered)
    paid = families(1_000_00).given(x.request(), x.approve(), *x.paid_out(), x.closure(TODAY))
    paid.when(refunds("c1")).refused(no.NothingDue("c1"))


def test_what_was_collected_after_the_stop_comes_back_too() -> None:
    school = families(1_000_00).given(x.closure(date(2026, 8, 1)))
    school.when(refunds("c1")).then(e.RefundOrdered)


def test_a_solvent_closure_pays_every_family_and_then_the_institution() -> None:
    school = families(1_000_00, 2_000_00).given(*x.taught("a", hours="3"), x.closure(TODAY, "orderly"))
    close = c.CloseEscrow()
    school.when(close).refused(no.EscrowNotEmpty("custody_cash", 3_000_00))
    school.given(refunds("c1", "c2"), *x.paid_out("f-c1"), *x.paid_out("f-c2"))
    school.given(x.release(100_00), x.settle_release()).when(close).then(e.EscrowClosed)
    school.when(x.deposit("late")).refused(no.EscrowNotOpen("school", "closed"))
    running = families()
    running.when(close).refused(no.EscrowNotClosing())


# -- a short pot


def test_a_short_pot_is_not_paid_first_come_first_served(short: Specification) -> None:
    short.when(x.instruct("f-c1")).refused(no.DistributionRequired(3_000_00, 6_000_00))


def test_a_pool_is_shared_in_proportion_and_paid_share_by_share(short: Specification) -> None:
    dues = [Due(each, due_fen) for each, (due_fen, _) in POOL.items()]
    shares = distribute("pool", dues, [Pot("custody", 3_000_00)], licensed=True).shares
    assert {share.contract_id: (share.due_fen, share.share_fen) for share in shares} == POOL
    short.given(distribution(3_000_00, POOL), approval({each: share for each, (_, share) in POOL.items()}))
    short.when(c.CompleteDistribution(distribution_id="d1")).then(e.DistributionCompleted)
    short.when(x.instruct("f-c3", amount_fen=1_500_01)).refused(no.CustodyShort(1_500_00, 1_500_01))
    for each in POOL:
        short.given(*x.paid_out(f"f-{each}"))
    assert (short.escrow.header.custody_cash_fen, short.escrow.header.refund_payable_fen) == (0, 3_000_00)


def test_a_later_pot_makes_a_further_distribution(short: Specification) -> None:
    short.given(distribution(3_000_00, POOL), approval({each: share for each, (_, share) in POOL.items()}))
    short.given(c.CompleteDistribution(distribution_id="d1"))
    for each in POOL:
        short.given(*x.paid_out(f"f-{each}"))
    short.given(
        c.RecordShortfallRepayment(
            bank_serial="p", account_id="6222000001", value_on=TODAY, contract_id="c3", amount_fen=600_00
        )
    )
    second = {"c1": (500_00, 100_00), "c2": (1_000_00, 200_00), "c3": (1_500_00, 300_00)}
    short.given(distribution(600_00, second, "d2"), approval({each: s for each, (_, s) in second.items()}, "d2"))
    short.given(c.CompleteDistribution(distribution_id="d2"))
    for each in POOL:
        short.given(*x.paid_out(f"f-{each}", "i2"))
    assert short.escrow.header.custody_cash_fen == 0


def test_a_share_is_new_money_also_where_a_part_was_paid_before() -> None:
    early = families(1_000_00, 1_000_00).given(x.request(), x.approve(), x.instruct(amount_fen=400_00), x.settle())
    early.given(*x.taught("a", contract_id="c2", hours="30"), x.release(1_000_00, "c2"), x.settle_release("c2"))
    early.given(x.dispute("a", "c2"), x.decide_dispute("a", "reversed", "c2"), x.closure(TODAY))
    chain = hashlib.sha256(b"c1:f1:60000:30000\n").hexdigest()
    early.given(distribution(600_00, {}, due_fen=600_00, families=1, list_sha256=chain))
    line = c.ShareLine(contract_id="c1", refund_id="f1", share_fen=300_00)
    early.given(c.ApproveShares(distribution_id="d1", shares=[line]))
    early.given(c.CompleteDistribution(distribution_id="d1"))
    early.when(x.instruct("f1", "i2", 300_00)).then(e.RefundInstructed)


def test_a_distribution_is_ordered_by_two_over_money_that_is_there(short: Specification) -> None:
    families(1_000_00).when(distribution(1, POOL)).refused(no.EscrowNotClosing())
    short.when(distribution(3_000_00, POOL, approved_by="regulator-1")).refused(no.SecondPersonRequired("regulator-1"))
    short.when(distribution(3_000_01, POOL)).refused(no.PotExceedsCustody(3_000_00, 3_000_01))
    short.when(distribution(1, POOL, cut_off_on=date(2026, 9, 11))).refused(no.DateInFuture)
    short.given(distribution(3_000_00, POOL)).when(distribution(3_000_00, POOL)).refused(
        no.AlreadyRecorded("distribution", "d1")
    )
    short.when(distribution(1, POOL, "d2")).refused(no.DistributionStillOpen("d1"))


def test_shares_are_the_ordered_list_and_nothing_else(short: Specification) -> None:
    short.when(approval({"c1": 1})).refused(no.DistributionUnknown("d1"))
    short.given(distribution(3_000_00, POOL))
    short.when(approval({"c1": 1_000_01})).refused(no.ShareExceedsDue("c1", 1_000_00, 1_000_01))
    short.when(approval({"c2": 2_000_00, "c1": 1_000_00, "c3": 1})).refused(
        no.SharesExceedPot("d1", 3_000_00, 3_000_01)
    )
    wrong = c.ShareLine(contract_id="c1", refund_id="f-c2", share_fen=1)
    short.when(c.ApproveShares(distribution_id="d1", shares=[wrong])).refused(no.RefundUnknown("f-c2"))
    short.when(c.ApproveShares(distribution_id="d1", shares=[wrong, wrong])).refused(no.LineRepeated("contract", "c1"))
    short.given(approval({"c1": 500_00}))
    short.when(approval({"c1": 1})).refused(no.AlreadyRecorded("share", "d1:c1"))
    complete = c.CompleteDistribution(distribution_id="d1")
    short.when(complete).refused(no.DistributionDiffersFromList("d1", 3, 1))
    short.given(approval({"c2": 1_000_00})).given(approval({"c3": 1_400_00}))
    short.when(complete).refused(no.DistributionDiffersFromList("d1", 3, 3))


def test_no_more_families_share_than_were_ordered(short: Specification) -> None:
    two = {each: POOL[each] for each in ("c1", "c2")}
    short.given(distribution(3_000_00, two), approval({"c1": 500_00, "c2": 1_000_00}))
    short.when(approval({"c3": 1})).refused(no.DistributionDiffersFromList("d1", 2, 3))
    short.given(c.CompleteDistribution(distribution_id="d1"))
    short.when(c.CompleteDistribution(distribution_id="d1")).refused(no.DistributionUnknown("d1"))


def test_money_tied_to_no_contract_goes_back_also_from_a_short_escrow() -> None:
    school = families(1_000_00).given(x.deposit("loose", 70_00, None), x.closure(TODAY))
    school.given(c.RefundDeposit(refund_id="f9", deposit_id=x.deposit_id("loose")), *x.paid_out("f9"))
    assert school.escrow.header.unapplied_fen == 0


def test_only_the_regulator_runs_a_closure() -> None:
    school = families(1_000_00)
    for command in (x.closure(TODAY), refunds("c1"), distribution(1, POOL), c.CloseEscrow()):
        school.when(command, Role.INSTITUTION).refused(no.RoleNotAllowed(command.name, Role.INSTITUTION))


def test_refunds_of_a_closure_are_taken_from_each_familys_own_money(short: Specification) -> None:
    assert short.escrow.get(Contract, "c3").institution_receivable_fen == 3_000_00
    assert short.escrow.get(Contract, "c1").institution_receivable_fen == 0


def test_a_draw_with_a_name_is_drawn_once_and_remembered_for_the_banks_line() -> None:
    school = families(1_000_00, 1_000_00).given(PLACE)
    school.given(*x.taught("a", hours="30"), x.reverse_deposit("c1"))
    draw = c.DrawRiskDeposit(contract_id="c1", amount_fen=100_00, order_no="1", draw_id="D-1")
    school.when(draw).then(e.RiskDepositDrawn)
    school.when(draw).refused(no.AlreadyRecorded("draw", "D-1"))
    school.when(draw.model_copy(update={"draw_id": None})).then(e.RiskDepositDrawn)
