"""How deposits arrive, are applied and taken back."""

from collections.abc import Iterable

from ledger import events as e
from ledger.allowance import reserving
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.evolution.refunds import settle_up
from ledger.sheets import Contract, Deposit, Mark, Refund


@folds(e.DepositReceived)
def _received(escrow: Escrow, event: e.DepositReceived) -> None:
    escrow.put(
        Deposit(
            deposit_id=event.deposit_id,
            amount_fen=event.amount_fen,
            account_id=event.account_id,
            value_on=event.value_on,
            payer_ref=event.payer_ref,
            unapplied_fen=event.amount_fen,
        )
    )


@folds(e.DepositApplied)
def _applied(escrow: Escrow, event: e.DepositApplied) -> None:
    deposit = escrow.get(Deposit, event.deposit_id)
    deposit.unapplied_fen -= event.amount_fen
    deposit.applied = (*deposit.applied, (event.contract_id, event.amount_fen))
    contract = escrow.get(Contract, event.contract_id)
    if not contract.paid_fen:  # what was paid before was taken back by the bank: it is no payment
        contract.first_paid_on, contract.payer_ref = None, ""
    contract.paid_fen += event.amount_fen
    if contract.first_paid_on is None or deposit.value_on < contract.first_paid_on:
        contract.first_paid_on = deposit.value_on
    contract.payer_ref = contract.payer_ref or deposit.payer_ref


@folds(e.DepositReversed)
def _reversed(escrow: Escrow, event: e.DepositReversed) -> None:
    deposit = escrow.get(Deposit, event.deposit_id)
    deposit.reversed = True
    deposit.unapplied_fen -= event.unapplied_fen
    if event.contract_id is not None:
        contract = escrow.get(Contract, event.contract_id)
        contract.paid_fen -= event.amount_fen
        contract.refunded_fen -= event.payable_fen
        contract.beyond_fen += event.receivable_fen
        _lower_refunds(escrow, contract.refund_ids, event.payable_fen)
    else:
        escrow.header.loose_receivable_fen += event.receivable_fen
        _lower_refunds(escrow, (deposit.refund_id,), event.payable_fen)


def _lower_refunds(escrow: Escrow, refund_ids: Iterable[str], fen: int) -> None:
    for refund_id in refund_ids:
        if not fen:
            return
        refund = escrow.get(Refund, refund_id)
        if refund.status == "agreed":
            lowered_fen = min(fen, refund.open_fen)
            with reserving(escrow, refund):
                refund.agreed_fen -= lowered_fen
            fen -= lowered_fen
            settle_up(escrow, refund)


@folds(e.OffPlatformPaymentAsserted)
def _asserted(escrow: Escrow, event: e.OffPlatformPaymentAsserted) -> None:
    escrow.put(Mark(what="claim", reference=event.claim_id))
    escrow.get(Contract, event.contract_id).asserted_fen += event.amount_fen


@folds(e.ShortfallRepaid)
def _repaid(escrow: Escrow, event: e.ShortfallRepaid) -> None:
    escrow.put(Mark(what="repayment", reference=event.deposit_id, amount_fen=event.amount_fen))
    if event.contract_id is None:
        escrow.header.loose_receivable_fen -= event.amount_fen
