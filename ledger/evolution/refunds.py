"""How refunds go from request to payment."""

from msgspec import structs

from ledger import events as e
from ledger.allowance import reserving
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Contract, Deposit, Instruction, Mark, Refund
from ledger.workdays import Deadline


@folds(e.RefundRequested)
def _refund_requested(escrow: Escrow, event: e.RefundRequested) -> None:
    escrow.put(
        Refund(
            refund_id=event.refund_id,
            contract_id=event.contract_id,
            cause=event.cause,
            entitled_fen=event.entitled_fen,
            circumstances=event.circumstances,
            claim_fen=event.claim_fen,
            requested_on=event.requested_on,
            reply_by=event.reply_by,
            clock=Deadline(event.pay_by, event.calendar, event.provisional),
        )
    )
    contract = escrow.get(Contract, event.contract_id)
    contract.refund_id, contract.refund_cause = event.refund_id, event.cause


@folds(e.RefundApproved, e.RefundDeemedAgreed, e.RefundOrdered)
def _refund_agreed(escrow: Escrow, event: e.RefundAgreement) -> None:
    refund = escrow.find(Refund, event.refund_id)
    if refund is None:
        refund = Refund(refund_id=event.refund_id, contract_id=event.contract_id, deposit_id=event.deposit_id)
        escrow.put(refund)
    refund.status, refund.cause = "agreed", event.cause
    refund.clock = Deadline(event.pay_by, event.calendar, event.provisional)
    refund.case_id, refund.instalment = event.case_id, event.instalment
    refund.agreed_fen += event.amount_fen
    if event.contract_id is not None:
        contract = escrow.get(Contract, event.contract_id)
        if contract.refund_id not in {"", event.refund_id}:
            supersede(escrow, contract.refund_id)
        contract.refund_id, contract.refund_cause = event.refund_id, event.cause
        contract.refunded_fen += event.amount_fen
        contract.beyond_fen += event.earned_fen + event.receivable_fen
    if event.deposit_id is not None:
        escrow.header.reserved_fen += event.amount_fen
        deposit = escrow.get(Deposit, event.deposit_id)
        deposit.unapplied_fen -= event.unapplied_fen
        deposit.refund_id = event.refund_id
    settle_up(escrow, refund)


def supersede(escrow: Escrow, refund_id: str) -> None:
    """Another agreement took the place of an open request."""
    refund = escrow.get(Refund, refund_id)
    if refund.status in {"requested", "refused"}:
        refund.status = "superseded"


@folds(e.RefundWithdrawn)
def _refund_withdrawn(escrow: Escrow, event: e.RefundWithdrawn) -> None:
    escrow.get(Refund, event.refund_id).status = "withdrawn"
    escrow.get(Contract, event.contract_id).refund_id = ""


@folds(e.RefundRefused)
def _refund_refused(escrow: Escrow, event: e.RefundRefused) -> None:
    escrow.get(Refund, event.refund_id).status = "refused"


@folds(e.RefundInstructed)
def _refund_instructed(escrow: Escrow, event: e.RefundInstructed) -> None:
    refund = escrow.get(Refund, event.refund_id)
    with reserving(escrow, refund):
        refund.instructed_fen += event.amount_fen
    refund.instructions = (*refund.instructions, Instruction(event.instruction_id, event.amount_fen))


def _mark(refund: Refund, instruction_id: str, status: str) -> None:
    refund.instructions = tuple(
        structs.replace(order, status=status) if order.instruction_id == instruction_id else order
        for order in refund.instructions
    )


def settle_up(escrow: Escrow, refund: Refund) -> None:
    """A refund of which nothing is open or on its way is paid."""
    if refund.open_fen == 0 and refund.instructed_fen == 0:
        refund.status = "paid"
        if refund.contract_id is not None:
            contract = escrow.get(Contract, refund.contract_id)
            if contract.refund_id == refund.refund_id:
                contract.refund_id = ""


@folds(e.RefundSettled)
def _refund_settled(escrow: Escrow, event: e.RefundSettled) -> None:
    refund = escrow.get(Refund, event.refund_id)
    refund.instructed_fen -= event.amount_fen
    refund.settled_fen += event.amount_fen
    _mark(refund, event.instruction_id, "settled")
    settle_up(escrow, refund)


@folds(e.RefundReturned)
def _refund_returned(escrow: Escrow, event: e.RefundReturned) -> None:
    refund = escrow.get(Refund, event.refund_id)
    with reserving(escrow, refund):
        refund.instructed_fen -= event.amount_fen
    _mark(refund, event.instruction_id, "returned")


@folds(e.PayeeSubstituted)
def _payee_substituted(escrow: Escrow, event: e.PayeeSubstituted) -> None:
    escrow.get(Refund, event.refund_id).payee_ref = event.payee_ref


@folds(e.DeductionRetained)
def _retained(escrow: Escrow, event: e.DeductionRetained) -> None:
    escrow.put(Mark(what="deduction", reference=f"{event.contract_id}:{event.deduction_id}"))
    contract = escrow.get(Contract, event.contract_id)
    contract.deducted_fen += event.amount_fen
    contract.remainder_fen += event.amount_fen if event.kind == "formula_remainder" else 0
    contract.gifts_kept_fen += event.amount_fen if event.kind == "gift" else 0
    if contract.refund_id:
        refund = escrow.get(Refund, contract.refund_id)
        if refund.status in {"requested", "refused"}:
            refund.entitled_fen = max(0, refund.entitled_fen - event.amount_fen)


@folds(e.OffPlatformRefundAcknowledged)
def _acknowledged(escrow: Escrow, event: e.OffPlatformRefundAcknowledged) -> None:
    contract = escrow.get(Contract, event.contract_id)
    contract.refunded_fen += event.unearned_fen
    if event.refund_id is not None:
        refund = escrow.get(Refund, event.refund_id)
        with reserving(escrow, refund):
            refund.acknowledged_fen += event.payable_fen
        settle_up(escrow, refund)
