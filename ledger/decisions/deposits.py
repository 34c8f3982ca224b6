"""Deposits: received, applied to contracts, reversed by the bank; payments outside custody; shortfalls put back."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.contracts import check_collection
from ledger.decisions.lookups import (
    contract_of,
    deposit_of,
    live_contract,
    no_open_refund,
    open_escrow,
    unmarked,
    unrepeated,
)
from ledger.sheets import Contract, Deposit, Refund


@decides(c.RecordDeposit)
def _receive(command: c.RecordDeposit, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    context.refuse_future("value_on", command.value_on)
    if command.account_id != context.header.account_id:
        raise no.WrongAccount(command.account_id)
    if context.escrow.find(Deposit, command.deposit_id) is not None:
        raise no.DuplicateBankSerial(command.deposit_id)
    yield e.DepositReceived(
        effective_at=context.effective_at,
        deposit_id=command.deposit_id,
        amount_fen=command.amount_fen,
        account_id=command.account_id,
        value_on=command.value_on,
        payer_ref=command.payer_ref,
        funding=command.funding,
        remittance=command.remittance,
    )
    if command.contract_id is not None:
        yield from _apply_what_fits(command, context, command.contract_id)


def _apply_what_fits(command: c.RecordDeposit, context: Context, contract_id: str) -> Iterator[e.Event]:
    """The bank's word that money came is never refused; what the contract may not take stays unapplied."""
    contract = context.escrow.find(Contract, contract_id)
    if contract is None or contract.ended or contract.refund_id or context.header.closure is not None:
        return
    amount_fen = min(command.amount_fen, outstanding_fen(contract))
    try:
        check_collection(context, contract, command.value_on)
    except no.CollectedTooEarly:
        return
    if amount_fen > 0:
        yield e.DepositApplied(
            effective_at=context.effective_at,
            deposit_id=command.deposit_id,
            contract_id=contract_id,
            amount_fen=amount_fen,
            basis="named by the payment",
        )


def outstanding_fen(contract: Contract) -> int:
    """What of the price has not been paid, fen."""
    return contract.price_fen - contract.paid_fen


@decides(c.ApplyDeposit)
def _apply(command: c.ApplyDeposit, context: Context) -> Iterator[e.Event]:
    deposit = deposit_of(context, command.deposit_id)
    if context.header.closure is not None:
        raise no.EscrowIsClosing(context.header.closure)
    unrepeated("contract", (share.contract_id for share in command.shares))
    asked_fen = sum(share.amount_fen for share in command.shares)
    if asked_fen > deposit.unapplied_fen:
        raise no.DepositExceeded(deposit.deposit_id, deposit.unapplied_fen, asked_fen)
    for share in command.shares:
        contract = live_contract(context, share.contract_id)
        no_open_refund(contract)
        if share.amount_fen > outstanding_fen(contract):
            raise no.PriceExceeded(contract.contract_id, outstanding_fen(contract), share.amount_fen)
        check_collection(context, contract, deposit.value_on)
        yield e.DepositApplied(
            effective_at=context.effective_at,
            deposit_id=deposit.deposit_id,
            contract_id=share.contract_id,
            amount_fen=share.amount_fen,
            basis=command.basis,
        )


@decides(c.ReverseDeposit)
def _reverse(command: c.ReverseDeposit, context: Context) -> Iterator[e.Event]:
    """From what is unapplied, else unearned, else a refund not yet instructed, else the institution puts it back."""
    deposit = deposit_of(context, command.deposit_id)
    if deposit.reversed:
        raise no.DepositAlreadyReversed(deposit.deposit_id)
    applied_fen = sum(fen for _, fen in deposit.applied)
    in_transit_fen = context.header.release_in_transit_fen + context.header.refund_in_transit_fen
    if (available_fen := context.header.custody_cash_fen - in_transit_fen) < applied_fen + deposit.unapplied_fen:
        raise no.CustodyShort(available_fen, applied_fen + deposit.unapplied_fen)
    if deposit.unapplied_fen or not deposit.applied:
        yield e.DepositReversed(
            effective_at=context.effective_at,
            deposit_id=deposit.deposit_id,
            reversal_id=command.reversal_id,
            amount_fen=deposit.unapplied_fen,
            unapplied_fen=deposit.unapplied_fen,
            reason=command.reason,
        )
    for contract_id, fen in deposit.applied:
        contract = context.escrow.get(Contract, contract_id)
        unearned_fen = min(fen, contract.unearned_fen)
        payable_fen = min(fen - unearned_fen, _open_refund_fen(context, contract))
        yield e.DepositReversed(
            effective_at=context.effective_at,
            deposit_id=deposit.deposit_id,
            reversal_id=command.reversal_id,
            contract_id=contract_id,
            amount_fen=fen,
            unearned_fen=unearned_fen,
            payable_fen=payable_fen,
            receivable_fen=fen - unearned_fen - payable_fen,
            reason=command.reason,
        )


def _open_refund_fen(context: Context, contract: Contract) -> int:
    if not contract.refund_id:
        return 0
    return min(context.escrow.get(Refund, contract.refund_id).open_fen, contract.refund_payable_fen)


@decides(c.AssertOffPlatformPayment)
def _assert(command: c.AssertOffPlatformPayment, context: Context) -> Iterator[e.Event]:
    contract_of(context, command.contract_id)
    unmarked(context, "claim", command.claim_id)
    yield e.OffPlatformPaymentAsserted(
        effective_at=context.effective_at,
        contract_id=command.contract_id,
        claim_id=command.claim_id,
        amount_fen=command.amount_fen,
        evidence=command.evidence,
    )


@decides(c.RecordShortfallRepayment)
def _repay(command: c.RecordShortfallRepayment, context: Context) -> Iterator[e.Event]:
    contract = contract_of(context, command.contract_id)
    context.refuse_future("value_on", command.value_on)
    if command.account_id != context.header.account_id:
        raise no.WrongAccount(command.account_id)
    deposit_id = f"{command.account_id}.{command.value_on:%Y%m%d}.{command.bank_serial}"
    unmarked(context, "repayment", deposit_id)
    if command.amount_fen > contract.institution_receivable_fen:
        raise no.RepaymentExceedsReceivable(
            contract.contract_id, contract.institution_receivable_fen, command.amount_fen
        )
    yield e.ShortfallRepaid(
        effective_at=context.effective_at,
        deposit_id=deposit_id,
        contract_id=contract.contract_id,
        amount_fen=command.amount_fen,
        account_id=command.account_id,
    )
