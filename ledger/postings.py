"""Posting rules: event → balanced legs, as one table of data, and the chart of accounts. Nothing else moves money."""

from collections.abc import Iterator
from typing import NamedTuple

from ledger import events as e


class Account(NamedTuple):
    """An account of one escrow; `by_contract` accounts are also kept on each contract's sheet."""

    name: str
    asset: bool
    by_contract: bool = False
    backed_by_custody: bool = True


ACCOUNTS = (
    Account("custody_cash", asset=True),
    Account("risk_deposit_cash", asset=True, backed_by_custody=False),
    Account("institution_receivable", asset=True, by_contract=True),
    Account("unapplied", asset=False),
    Account("unearned", asset=False, by_contract=True),
    Account("earned", asset=False, by_contract=True),
    Account("release_in_transit", asset=False),
    Account("refund_payable", asset=False, by_contract=True),
    Account("refund_in_transit", asset=False),
    Account("risk_deposit", asset=False, backed_by_custody=False),
)
"""The chart of accounts. Assets grow by debits (+), liabilities by credits (-)."""

AMOUNTS = ("amount_fen", "unapplied_fen", "unearned_fen", "earned_fen", "payable_fen", "receivable_fen")
"""Every amount field that a leg may take its money from; the store keeps each as a typed column."""


class Leg(NamedTuple):
    """One side of a posting: `sign` +1 debits and -1 credits `account` with the event's `amount` field."""

    account: str
    sign: int
    amount: str = "amount_fen"
    party: str = "contract_id"
    """The event field that names whose sub-ledger a by-contract account belongs to."""


def _legs(*debits_and_credits: str) -> tuple[Leg, ...]:
    legs = []
    for text in debits_and_credits:
        account, _, amount = text[1:].partition(" ")
        legs.append(Leg(account, 1 if text[0] == "+" else -1, f"{amount or 'amount'}_fen"))
    return tuple(legs)


_AGREED = _legs(
    "+unapplied unapplied",
    "+unearned unearned",
    "+earned earned",
    "+institution_receivable receivable",
    "-refund_payable",
)

POSTINGS: dict[type[e.Event], tuple[Leg, ...]] = {
    e.DepositReceived: _legs("+custody_cash", "-unapplied"),
    e.DepositApplied: _legs("+unapplied", "-unearned"),
    e.DepositReversed: _legs(
        "+unapplied unapplied",
        "+unearned unearned",
        "+refund_payable payable",
        "+institution_receivable receivable",
        "-custody_cash",
    ),
    e.ShortfallRepaid: _legs("+custody_cash", "-institution_receivable"),
    e.LessonsTransferred: (Leg("unearned", 1), Leg("unearned", -1, party="to_contract_id")),
    e.ClassConsumptionConfirmed: _legs("+unearned", "-earned"),
    e.ClassConsumptionReversed: _legs("+earned earned", "+institution_receivable receivable", "-unearned"),
    e.ReleaseInstructed: _legs("+earned", "-release_in_transit"),
    e.ReleaseSettled: _legs("+release_in_transit", "-custody_cash"),
    e.ReleaseReturned: _legs("+release_in_transit", "-earned"),
    e.RefundApproved: _AGREED,
    e.RefundDeemedAgreed: _AGREED,
    e.RefundOrdered: _AGREED,
    e.RefundInstructed: _legs("+refund_payable", "-refund_in_transit"),
    e.RefundSettled: _legs("+refund_in_transit", "-custody_cash"),
    e.RefundReturned: _legs("+refund_in_transit", "-refund_payable"),
    e.ReleaseSettlementReversed: _legs("+custody_cash", "-release_in_transit"),
    e.RefundSettlementReversed: _legs("+custody_cash", "-refund_in_transit"),
    e.DeductionRetained: _legs("+unearned", "-earned"),
    e.OffPlatformRefundAcknowledged: _legs("+unearned unearned", "+refund_payable payable", "-earned"),
    e.RiskDepositPlaced: _legs("+risk_deposit_cash", "-risk_deposit"),
    e.RiskDepositDrawn: _legs("+risk_deposit", "-risk_deposit_cash", "+custody_cash", "-institution_receivable"),
    e.RiskDepositReturned: _legs("+risk_deposit", "-risk_deposit_cash"),
}
"""An event that is not listed moves no money."""


class Movement(NamedTuple):
    """One leg with its amount: `debit_fen` is positive for a debit, negative for a credit."""

    account: str
    debit_fen: int
    contract_id: str | None


def movements(event: e.Event) -> Iterator[Movement]:
    """The legs of one event with their amounts in fen; legs of zero are left out. They sum to zero."""
    for leg in POSTINGS.get(type(event), ()):
        if amount := getattr(event, leg.amount):
            yield Movement(leg.account, leg.sign * amount, getattr(event, leg.party, None))
