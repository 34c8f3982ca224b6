"""Refunds up to the debt: requested, approved, deemed agreed, refused, withdrawn, ordered."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.dues import (
    NO_CIRCUMSTANCES,
    agreement,
    circumstances_of,
    default_pay_by,
    derive,
    due_fen,
    due_now_fen,
    order_award,
    pay_by,
    retain_remainder,
)
from ledger.decisions.lookups import (
    contract_of,
    deposit_of,
    live_contract,
    new_refund,
    no_open_refund,
    refund_of,
)
from ledger.sheets import Contract, Refund
from ledger.workdays import Deadline, deadline


@decides(c.RequestRefund)
def _request(command: c.RequestRefund, context: Context) -> Iterator[e.Event]:
    contract = live_contract(context, command.contract_id)
    new_refund(context, command.refund_id)
    no_open_refund(contract)
    if contract.case_id:
        raise no.CaseAlreadyOpen(contract.contract_id, contract.case_id)
    context.refuse_future("requested_on", command.requested_on)
    if command.requested_on < contract.signed_on:
        raise no.DatesOutOfOrder("signed_on", "requested_on")
    circumstances = circumstances_of(command.circumstances)
    derivation = derive(context, contract, command.cause, command.requested_on, circumstances)
    entitled_fen = due_fen(derivation, contract)
    if entitled_fen == 0:
        raise no.NothingDue(contract.contract_id)
    last = pay_by(context, contract, command.requested_on, derivation)
    reply = context.rules.institution_reply if context.rules.silence_agrees else None
    yield e.RefundRequested(
        effective_at=context.effective_at,
        refund_id=command.refund_id,
        contract_id=contract.contract_id,
        cause=command.cause,
        requested_on=command.requested_on,
        entitled_fen=entitled_fen,
        method=derivation.binding.method,
        ground=derivation.binding.ground,
        rules=context.rules.id,
        circumstances=circumstances,
        claim_fen=command.claim_fen,
        reply_by=deadline(command.requested_on, reply.count, reply.unit).on if reply else None,
        pay_by=last.on,
        calendar=last.calendar,
        provisional=last.provisional,
    )


def _asked_fen(refund: Refund, entitled_fen: int) -> int:
    """What the family gets at least: what is due, and never above its own claim."""
    return entitled_fen if refund.claim_fen is None else min(refund.claim_fen, entitled_fen)


@decides(c.ApproveRefund)
def _approve(command: c.ApproveRefund, context: Context) -> Iterator[e.Event]:
    refund = refund_of(context, command.refund_id, "requested", "refused")
    contract = contract_of(context, refund.contract_id or "")
    entitled_fen = due_now_fen(context, contract, refund)
    least_fen = _asked_fen(refund, entitled_fen)
    amount_fen = least_fen if command.amount_fen is None else command.amount_fen
    if amount_fen < least_fen:
        raise no.RefundBelowEntitlement(refund.refund_id, least_fen, amount_fen)
    if amount_fen > (most_fen := max(0, contract.paid_fen - contract.refunded_fen)):
        raise no.RefundAbovePaid(contract.contract_id, most_fen, amount_fen)
    basis = "approved by the institution"
    yield agreement(
        e.RefundApproved, context, contract, refund.refund_id, refund.cause, amount_fen, _clock(refund), basis
    )
    unclaimed_fen = max(0, entitled_fen - amount_fen)
    yield from retain_remainder(context, contract, refund.refund_id, unclaimed_fen=unclaimed_fen)


def _clock(refund: Refund) -> Deadline:
    assert refund.clock is not None, "a requested refund has a clock"
    return refund.clock


@decides(c.DeemRefundAgreed)
def _deem_agreed(command: c.DeemRefundAgreed, context: Context) -> Iterator[e.Event]:
    """Silence of the institution agrees only where the place's rule says so and its window is over."""
    refund = refund_of(context, command.refund_id, "requested")
    if refund.reply_by is None:
        raise no.ReplyWindowUnknown(context.rules.id)
    if context.effective_on <= refund.reply_by:
        raise no.ReplyWindowStillOpen(refund.refund_id, refund.reply_by)
    contract = contract_of(context, refund.contract_id or "")
    entitled_fen, basis = due_now_fen(context, contract, refund), "silence of the institution"
    amount_fen = _asked_fen(refund, entitled_fen)
    yield agreement(
        e.RefundDeemedAgreed,
        context,
        contract,
        refund.refund_id,
        refund.cause,
        amount_fen,
        _clock(refund),
        basis,
    )
    yield from retain_remainder(context, contract, refund.refund_id, unclaimed_fen=entitled_fen - amount_fen)


@decides(c.RefuseRefund)
def _refuse(command: c.RefuseRefund, context: Context) -> Iterator[e.Event]:
    """Within the window by the day of recording: a day that the institution states gives no right back."""
    refund = refund_of(context, command.refund_id, "requested")
    if refund.reply_by is not None and context.today > refund.reply_by:
        raise no.ReplyWindowOver(refund.refund_id, refund.reply_by)
    yield e.RefundRefused(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id or "",
        reason=command.reason,
    )


@decides(c.WithdrawRefund)
def _withdraw(command: c.WithdrawRefund, context: Context) -> Iterator[e.Event]:
    refund = refund_of(context, command.refund_id, "requested", "refused")
    yield e.RefundWithdrawn(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id or "",
        reason=command.reason,
    )


@decides(c.OrderRefund)
def _order(command: c.OrderRefund, context: Context) -> Iterator[e.Event]:
    """What is due under the cause, or an award: a court may also give money back under a contract that is over."""
    find = live_contract if command.award_id is None else contract_of
    contract = find(context, command.contract_id)
    refund = _own_request(command, context, contract)
    requested_on = refund.requested_on if refund is not None and refund.requested_on else context.effective_on
    if command.award_id is not None:
        if contract.awarded_fen is None or contract.award_id != command.award_id:
            raise no.AwardUnknown(command.award_id)
        yield from order_award(context, contract, command.refund_id, command.cause, requested_on, command.basis)
        return
    found = circumstances_of(command.circumstances)
    if refund is not None and found == NO_CIRCUMSTANCES:
        found = refund.circumstances
    derivation = derive(context, contract, command.cause, requested_on, found)
    if (amount_fen := due_fen(derivation, contract)) == 0:
        raise no.NothingDue(contract.contract_id)
    yield agreement(
        e.RefundOrdered,
        context,
        contract,
        command.refund_id,
        command.cause,
        amount_fen,
        pay_by(context, contract, requested_on, derivation),
        command.basis,
        figure=derivation.binding,
    )
    yield from retain_remainder(context, contract, command.refund_id)


def _own_request(command: c.OrderRefund, context: Context, contract: Contract) -> Refund | None:
    """The request that the order answers, if there is one. Raises RefundAlreadyOpen, RefundNotInState."""
    if contract.refund_id and contract.refund_id != command.refund_id:
        raise no.RefundAlreadyOpen(contract.contract_id, contract.refund_id)
    refund = context.escrow.find(Refund, command.refund_id)
    if refund is not None and (
        refund.contract_id != contract.contract_id or refund.status not in {"requested", "refused"}
    ):
        raise no.RefundNotInState(command.refund_id, refund.status)
    return refund


@decides(c.RefundDeposit)
def _refund_deposit(command: c.RefundDeposit, context: Context) -> Iterator[e.Event]:
    """Money tied to no contract is the payer's, in full and at once."""
    deposit = deposit_of(context, command.deposit_id)
    new_refund(context, command.refund_id)
    if deposit.unapplied_fen == 0:
        raise no.DepositExceeded(deposit.deposit_id, 0, deposit.amount_fen)
    last = default_pay_by(context, context.effective_on)
    yield e.RefundOrdered(
        effective_at=context.effective_at,
        refund_id=command.refund_id,
        deposit_id=deposit.deposit_id,
        cause="neither",
        amount_fen=deposit.unapplied_fen,
        unapplied_fen=deposit.unapplied_fen,
        pay_by=last.on,
        calendar=last.calendar,
        provisional=last.provisional,
        basis="money tied to no contract",
        rules=context.rules.id,
    )
