"""The seven invariants: what a bug would break is refused before it is recorded."""

from datetime import date

import pytest

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution import evolve
from ledger.invariants import BrokenInvariant, check
from ledger.sheets import Contract
from tests import examples as x
from tests.specification import Specification

AT = 1_788_000_000_000_000


@pytest.fixture
def escrow() -> Escrow:
    """3,000 yuan paid, two lessons earned, one of them contested."""
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(date(2026, 9, 10))
    return school.given(*x.taught("a", "b"), x.dispute("a")).escrow


def breaks(escrow: Escrow, event: e.Event, sentence: str) -> None:
    evolve(escrow, event)
    with pytest.raises(BrokenInvariant, match=sentence):
        check(escrow, event)


def release(amount_fen: int) -> e.ReleaseInstructed:
    return e.ReleaseInstructed(effective_at=AT, release_id="r", contract_id="c1", amount_fen=amount_fen)


def agreed(amount_fen: int, *, unearned_fen: int, earned_fen: int = 0) -> e.RefundApproved:
    return e.RefundApproved(
        effective_at=AT, refund_id="f", contract_id="c1", cause="institution", pay_by=date(2026, 9, 30), calendar="c",
        basis="b", rules="r", amount_fen=amount_fen, unearned_fen=unearned_fen, earned_fen=earned_fen,
    )  # fmt: skip


def test_legs_that_do_not_sum_to_zero(escrow: Escrow) -> None:
    breaks(escrow, agreed(amount_fen=10, unearned_fen=9), "legs sum to zero")


def test_a_liability_below_zero(escrow: Escrow) -> None:
    breaks(escrow, release(200_01), "no liability below zero")


def test_custody_below_zero(escrow: Escrow) -> None:
    paid = e.DepositReversed(
        effective_at=AT, deposit_id=x.deposit_id(), reversal_id="v", contract_id="c1", amount_fen=3_000_01,
        receivable_fen=3_000_01, reason="chargeback",
    )  # fmt: skip
    breaks(escrow, paid, "cash adds up")


def test_cash_that_no_liability_or_receivable_explains(escrow: Escrow) -> None:
    escrow.header.custody_cash_fen += 1
    received = e.ClassConsumptionConfirmed(
        effective_at=AT, contract_id="c1", lesson_id="b", centihours=100, amount_fen=1, by="guardian", rules="r"
    )
    breaks(escrow, received, "custody backs what is owed")


def test_more_consumed_and_refunded_than_was_paid(escrow: Escrow) -> None:
    escrow.get(Contract, "c1").consumed_fen += 1
    breaks(escrow, agreed(amount_fen=1, unearned_fen=1), "within what was paid")


def test_more_hours_than_the_contract_has(escrow: Escrow) -> None:
    confirmed = e.ClassConsumptionConfirmed(
        effective_at=AT, contract_id="c1", lesson_id="a", centihours=2901, amount_fen=1, by="guardian", rules="r"
    )
    escrow.get(Contract, "c1").claimed_centihours += 3000
    breaks(escrow, confirmed, "hours are within the contract")


def test_a_release_of_contested_money(escrow: Escrow) -> None:
    breaks(escrow, release(100_01), "earned and undisputed")


def test_a_release_of_a_frozen_escrow(escrow: Escrow) -> None:
    escrow.header.frozen = True
    breaks(escrow, release(1), "a frozen escrow releases nothing")


def test_an_amount_below_zero(escrow: Escrow) -> None:
    breaks(escrow, agreed(amount_fen=0, unearned_fen=-5, earned_fen=5), "no amount is negative")


def test_the_receiving_contract_of_a_transfer_is_checked_too() -> None:
    twin = (
        Specification(x.SIGNED_ON)
        .given(x.opening(), x.contract(), x.deposit(), x.contract("c2", student_id="s2"))
        .escrow
    )
    twin.get(Contract, "c2").consumed_fen = 1
    moved = e.LessonsTransferred(
        effective_at=AT, contract_id="c1", to_contract_id="c2", centihours=100, amount_fen=100_00, reason="r"
    )
    breaks(twin, moved, "within what was paid")


def test_what_moves_no_money_is_not_checked(escrow: Escrow) -> None:
    escrow.header.custody_cash_fen += 1
    check(escrow, e.EscrowFrozen(effective_at=AT, authority="court", order_no="1", reason="r"))
