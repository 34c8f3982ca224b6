"""Deposits: received, applied to contracts, reversed by the bank; payments outside custody; shortfalls put back."""

from collections.abc import Iterable, Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.contracts import check_collection
from ledger.decisions.lookups import (
    contract_of,
    deposit_of,
    in_custody,
    live_contract,
    no_refund_promised,
    open_escrow,
    unmarked,
    unrepeated,
)
from ledger.decisions.payments import perform_instalment
from ledger.sheets import Contract, Deposit, Mark, Refund


@decides(c.RecordDeposit)
def _receive(command: c.RecordDeposit, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    context.refuse_future("value_on", command.value_on)
    if command.account_id != context.header.account_id:
        raise no.WrongAccount(command.account_id)
    booked = (
        context.escrow.find(Deposit, command.deposit_id),
        context.escrow.find(Mark, "repayment", command.deposit_id),
    )
    if any(booked):
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
    if contract is None or contract.ended or context.header.closure is not None:
        return
    if contract.refund_id or contract.refund_payable_fen:
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
        no_refund_promised(contract)
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
    """From what is unapplied, else unearned, else a refund not yet instructed, else the institution puts it back.

    What is already on its way does not stand against the bank's word: those payments will come back.
    """
    deposit = deposit_of(context, command.deposit_id)
    if deposit.reversed:
        raise no.DepositAlreadyReversed(deposit.deposit_id)
    in_custody(context, deposit.amount_fen)
    loose_fen = deposit.amount_fen - sum(fen for _, fen in deposit.applied)
    if loose_fen:
        yield _taken_back(command, context, None, loose_fen)
    for contract_id, fen in deposit.applied:
        contract = context.escrow.get(Contract, contract_id)
        open_ids = [ref for ref in contract.refund_ids if context.escrow.get(Refund, ref).status == "agreed"]
        yield _taken_back(command, context, contract, fen)
        for refund_id in open_ids:
            yield from perform_instalment(refund_id, context)


def _taken_back(command: c.ReverseDeposit, context: Context, contract: Contract | None, fen: int) -> e.DepositReversed:
    deposit = context.escrow.get(Deposit, command.deposit_id)
    unapplied_fen = deposit.unapplied_fen if contract is None else 0
    unearned_fen = 0 if contract is None else min(fen, contract.unearned_fen)
    refund_ids = contract.refund_ids if contract is not None else (deposit.refund_id,)
    payable_fen = min(fen - unapplied_fen - unearned_fen, _open_refunds_fen(context, refund_ids))
    return e.DepositReversed(
        effective_at=context.effective_at,
        deposit_id=command.deposit_id,
        reversal_id=command.reversal_id,
        contract_id=contract.contract_id if contract is not None else None,
        amount_fen=fen,
        unapplied_fen=unapplied_fen,
        unearned_fen=unearned_fen,
        payable_fen=payable_fen,
        receivable_fen=fen - unapplied_fen - unearned_fen - payable_fen,
        reason=command.reason,
    )


def _open_refunds_fen(context: Context, refund_ids: Iterable[str]) -> int:
    refunds = (context.escrow.get(Refund, refund_id) for refund_id in refund_ids if refund_id)
    return sum(refund.open_fen for refund in refunds if refund.status == "agreed")


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
    open_escrow(context)
    context.refuse_future("value_on", command.value_on)
    if command.account_id != context.header.account_id:
        raise no.WrongAccount(command.account_id)
    if context.escrow.find(Deposit, command.deposit_id) is not None:
        raise no.DuplicateBankSerial(command.deposit_id)
    unmarked(context, "repayment", command.deposit_id)
    missing_fen = context.header.loose_receivable_fen
    if command.contract_id is not None:
        missing_fen = contract_of(context, command.contract_id).institution_receivable_fen
    if command.amount_fen > missing_fen:
        raise no.RepaymentExceedsReceivable(command.contract_id or "", missing_fen, command.amount_fen)
    yield e.ShortfallRepaid(
        effective_at=context.effective_at,
        deposit_id=command.deposit_id,
        contract_id=command.contract_id,
        amount_fen=command.amount_fen,
        account_id=command.account_id,
    )
