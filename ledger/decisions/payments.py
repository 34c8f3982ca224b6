"""Paying a refund: instructed, settled, returned, to a substitute, outside custody; what the institution may keep."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.allowance import allowed_fen, reserved_fen
from ledger.decisions.context import Context, decides
from ledger.decisions.dues import retain_remainder
from ledger.decisions.lookups import (
    contract_of,
    in_custody,
    live_contract,
    no_running_distribution,
    payable_fen,
    refund_of,
    unmarked,
)
from ledger.sheets import Case, Contract, Deposit, Instruction, Refund


@decides(c.InstructRefund)
def _instruct(command: c.InstructRefund, context: Context) -> Iterator[e.Event]:
    """A frozen escrow still refunds; a short one that closes pays by an ordered distribution only."""
    refund = refund_of(context, command.refund_id, "agreed")
    if any(order.instruction_id == command.instruction_id for order in refund.instructions):
        raise no.AlreadyRecorded("instruction", command.instruction_id)
    covered_fen = _covered_fen(refund, context)
    amount_fen = command.amount_fen or covered_fen or refund.open_fen
    if not 0 < amount_fen <= refund.open_fen:
        raise no.InstructionExceedsRefund(refund.refund_id, refund.open_fen, amount_fen)
    if amount_fen > (available_fen := min(covered_fen, payable_fen(context))):
        raise no.CustodyShort(available_fen, amount_fen)
    yield e.RefundInstructed(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id,
        instruction_id=command.instruction_id,
        amount_fen=amount_fen,
        payee_ref=_payee(refund, context),
    )


def _covered_fen(refund: Refund, context: Context) -> int:
    """What custody holds for this refund: its own contract's money, or the shares that distributions allow.

    Another family's money never pays it: what the institution must put back for this contract waits until it is there.
    """
    header = context.header
    if allowed_fen(context.escrow, refund) is not None or refund.contract_id is None:
        return reserved_fen(context.escrow, refund)
    no_running_distribution(context)
    owed_fen = header.refund_payable_fen + header.unearned_fen + header.unapplied_fen
    if header.closure is not None and owed_fen > (available_fen := payable_fen(context)):
        raise no.DistributionRequired(available_fen, owed_fen)
    contract = context.escrow.get(Contract, refund.contract_id)
    return max(0, min(refund.open_fen, contract.refund_payable_fen - contract.institution_receivable_fen))


def _payee(refund: Refund, context: Context) -> str:
    """The verified substitute, else the account that paid: refunds go back by the original channel."""
    if refund.payee_ref:
        return refund.payee_ref
    if refund.contract_id is not None:
        payer_ref = context.escrow.get(Contract, refund.contract_id).payer_ref
    else:
        payer_ref = context.escrow.get(Deposit, refund.deposit_id or "").payer_ref
    if not payer_ref:
        raise no.PayeeUnknown(refund.refund_id)
    return payer_ref


def _open_instruction(refund: Refund, instruction_id: str) -> Instruction:
    for order in refund.instructions:
        if order.instruction_id == instruction_id and order.status == "instructed":
            return order
    raise no.InstructionUnknown(refund.refund_id, instruction_id)


@decides(c.SettleRefund)
def _settle(command: c.SettleRefund, context: Context) -> Iterator[e.Event]:
    refund = refund_of(context, command.refund_id, "agreed")
    order = _open_instruction(refund, command.instruction_id)
    in_custody(context, order.amount_fen)
    yield e.RefundSettled(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id,
        instruction_id=order.instruction_id,
        amount_fen=order.amount_fen,
        bank_serial=command.bank_serial,
    )
    yield from perform_instalment(refund.refund_id, context)


def perform_instalment(refund_id: str, context: Context) -> Iterator[e.Event]:
    """The part of a settlement that this refund is, once it is paid; after the last the rest is the institution's."""
    refund = context.escrow.get(Refund, refund_id)
    if refund.status != "paid" or refund.case_id is None or refund.instalment is None or refund.contract_id is None:
        return
    yield e.InstalmentPerformed(
        effective_at=context.effective_at,
        case_id=refund.case_id,
        contract_id=refund.contract_id,
        number=refund.instalment,
        amount_fen=refund.agreed_fen,
    )
    if context.escrow.get(Case, refund.case_id).status == "performed":
        contract = context.escrow.get(Contract, refund.contract_id)
        yield from retain_remainder(context, contract, refund.case_id)


@decides(c.ReturnRefund)
def _return(command: c.ReturnRefund, context: Context) -> Iterator[e.Event]:
    refund = refund_of(context, command.refund_id, "agreed")
    order = _open_instruction(refund, command.instruction_id)
    yield e.RefundReturned(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id,
        instruction_id=order.instruction_id,
        amount_fen=order.amount_fen,
        reason=command.reason,
    )


@decides(c.SubstitutePayee)
def _substitute(command: c.SubstitutePayee, context: Context) -> Iterator[e.Event]:
    refund = refund_of(context, command.refund_id, "requested", "refused", "agreed")
    yield e.PayeeSubstituted(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id,
        payee_ref=command.payee_ref,
        evidence=command.evidence,
    )


@decides(c.RetainDeduction)
def _retain(command: c.RetainDeduction, context: Context) -> Iterator[e.Event]:
    contract = live_contract(context, command.contract_id)
    refund = context.escrow.get(Refund, contract.refund_id) if contract.refund_id else None
    if not contract.case_id and (refund is None or refund.status not in {"requested", "refused"}):
        raise no.DeductionWithoutRefund(contract.contract_id)
    unmarked(context, "deduction", f"{command.contract_id}:{command.deduction_id}", command.deduction_id)
    if command.amount_fen > contract.unearned_fen:
        raise no.DeductionExceedsHeld(contract.contract_id, contract.unearned_fen, command.amount_fen)
    yield e.DeductionRetained(
        effective_at=context.effective_at,
        contract_id=command.contract_id,
        deduction_id=command.deduction_id,
        kind=command.kind,
        amount_fen=command.amount_fen,
        evidence=command.evidence,
    )


@decides(c.AcknowledgeOffPlatformRefund)
def _acknowledge(command: c.AcknowledgeOffPlatformRefund, context: Context) -> Iterator[e.Event]:
    """Only what the family itself confirms lowers what it is owed."""
    contract = contract_of(context, command.contract_id)
    refund = refund_of(context, command.refund_id, "agreed") if command.refund_id is not None else None
    if refund is not None and refund.contract_id != contract.contract_id:
        raise no.RefundUnknown(refund.refund_id)
    if refund is not None:
        no_running_distribution(context)
    owed_fen = contract.unearned_fen if refund is None else refund.open_fen
    if command.amount_fen > owed_fen:
        raise no.AcknowledgementExceedsDue(contract.contract_id, owed_fen, command.amount_fen)
    yield e.OffPlatformRefundAcknowledged(
        effective_at=context.effective_at,
        contract_id=contract.contract_id,
        refund_id=command.refund_id,
        amount_fen=command.amount_fen,
        unearned_fen=command.amount_fen if refund is None else 0,
        payable_fen=0 if refund is None else command.amount_fen,
        evidence=command.evidence,
    )
    if command.refund_id is not None:
        yield from perform_instalment(command.refund_id, context)
