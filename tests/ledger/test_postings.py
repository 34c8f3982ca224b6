"""Posting rules: one table, balanced legs, and nothing else moves money."""

from datetime import date
from typing import get_args

import pytest

from ledger import events as e
from ledger.postings import ACCOUNTS, AMOUNTS, POSTINGS, movements
from ledger.sheets import Header
from tests import examples as x
from tests.specification import Specification
from tests.stored_events.record import example

EVENTS = get_args(e.Happening)

CARRIED = {
    "CustodianChanged": "carried_fen",
    "AttachmentRecorded": "amount_fen",
    "AttachmentLifted": "amount_fen",
    "ContractRegistered": "price_fen",
    "ContractAmended": "price_fen",
    "OffPlatformPaymentAsserted": "amount_fen",
    "ClassConsumptionDisputed": "earned_held_fen",
    "RefundRequested": "entitled_fen",
    "MediationOpened": "claim_fen",
    "SettlementAgreed": "amount_fen",
    "InstalmentPerformed": "amount_fen",
    "AwardRecorded": "amount_fen",
    "DistributionOrdered": "pot_fen",
    "DistributionShareApproved": "share_fen",
    "DistributionCompleted": "shared_fen",
}
"""Events that name an amount of fen and move none."""


@pytest.mark.parametrize("kind", POSTINGS, ids=lambda kind: kind.__name__)
def test_every_leg_names_an_account_and_an_amount_of_its_event(kind: type[e.Event]) -> None:
    names = {account.name for account in ACCOUNTS}
    for leg in POSTINGS[kind]:
        assert leg.account in names
        assert leg.sign in {1, -1}
        assert leg.amount in AMOUNTS
        assert leg.amount in kind.__struct_fields__
        by_contract = next(account.by_contract for account in ACCOUNTS if account.name == leg.account)
        assert not by_contract or leg.party in kind.__struct_fields__


@pytest.mark.parametrize("kind", POSTINGS, ids=lambda kind: kind.__name__)
def test_legs_balance_whenever_the_parts_sum_to_the_amount(kind: type[e.Event]) -> None:
    parts = {leg.amount for leg in POSTINGS[kind]} - {"amount_fen"}
    whole = sum(range(1, len(parts) + 1)) if parts else 7
    amounts = dict(zip(sorted(parts), range(1, len(parts) + 1), strict=True)) | {"amount_fen": whole}
    fields = {name: getattr(example(kind), name) for name in kind.__struct_fields__}
    event = kind(**(fields | {name: fen for name, fen in amounts.items() if name in fields}))
    moved = list(movements(event))
    assert sum(movement.debit_fen for movement in moved) == 0
    assert moved


def test_every_event_that_names_money_moves_it_or_is_known_not_to() -> None:
    money = {
        kind.__name__
        for kind in EVENTS
        if kind not in POSTINGS and any(name.endswith("_fen") for name in kind.__struct_fields__)
    }
    bank_books = {
        "StatementRecorded",
        "StatementLineMatched",
        "ReconciliationBreakOpened",
        "ReconciliationBreakResolved",
    }
    assert money - bank_books == set(CARRIED)


def test_every_account_is_on_the_header_and_is_touched_by_some_rule() -> None:
    touched = {leg.account for legs in POSTINGS.values() for leg in legs}
    assert touched == {account.name for account in ACCOUNTS}
    assert {f"{account.name}_fen" for account in ACCOUNTS} <= set(Header.__struct_fields__)


def test_legs_of_nothing_are_left_out_and_parties_are_kept() -> None:
    reversed_ = e.DepositReversed(
        effective_at=0,
        deposit_id="d",
        reversal_id="v",
        contract_id="c",
        amount_fen=5,
        unearned_fen=5,
        reason="chargeback",
    )
    assert [tuple(movement) for movement in movements(reversed_)] == [("unearned", 5, "c"), ("custody_cash", -5, "c")]
    moved = e.LessonsTransferred(
        effective_at=0, contract_id="a", to_contract_id="b", centihours=100, amount_fen=9, reason="r"
    )
    assert [tuple(movement) for movement in movements(moved)] == [("unearned", 9, "a"), ("unearned", -9, "b")]


def test_balances_are_the_sums_of_movements() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(date(2026, 9, 10))
    school.given(*x.taught("a", "b"), x.release(50_00), x.settle_release(), x.request(), x.approve(), x.instruct())
    sums = dict.fromkeys((account.name for account in ACCOUNTS), 0)
    for event in school.history:
        for movement in movements(event):
            sums[movement.account] += movement.debit_fen
    for account in ACCOUNTS:
        sign = 1 if account.asset else -1
        assert getattr(school.escrow.header, f"{account.name}_fen") == sign * sums[account.name]
