"""Forgetting: an institution lets go of a family member once nothing is held, due or on its way for them."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.lookups import unrepeated
from ledger.sheets import Case, Child, Contract, Mark, Refund

FORGOTTEN = "forgotten"
"""What the mark of a forgotten id says."""


def remembered(context: Context, *subject_ids: str) -> None:
    """Raises SubjectIsForgotten: an id that was let go of never comes back."""
    for subject_id in subject_ids:
        if context.escrow.find(Mark, FORGOTTEN, subject_id) is not None:
            raise no.SubjectIsForgotten(subject_id)


@decides(c.ForgetSubject)
def _forget(command: c.ForgetSubject, context: Context) -> Iterator[e.Event]:
    """Also after the escrow was closed. Evidence is kept while anything can still be claimed (PIPL art. 47)."""
    header = context.header
    if header.status == "none":
        raise no.EscrowNotOpen(context.order.institution_id, header.status)
    remembered(context, command.subject_id)
    if command.stream_version != header.version:
        raise no.ForgettingOutdated(command.stream_version, header.version)
    unrepeated("contract", command.contract_ids)
    _complete(context, command)
    for contract_id in command.contract_ids:
        contract = context.escrow.find(Contract, contract_id)
        if contract is None or command.subject_id not in {contract.guardian_id, contract.student_id}:
            raise no.ContractUnknown(contract_id)
        if reason := needed_for(context, contract):
            raise no.SubjectStillNeeded(contract_id, reason)
    yield e.SubjectForgotten(
        effective_at=context.effective_at,
        subject_id=command.subject_id,
        contract_ids=tuple(command.contract_ids),
    )


def _complete(context: Context, command: c.ForgetSubject) -> None:
    """Raises SubjectStillNeeded for a child's live contract that was left out; the rest the caller looked up."""
    child = context.escrow.find(Child, command.subject_id)
    for live in child.contracts if child else ():
        if live.contract_id not in command.contract_ids:
            raise no.SubjectStillNeeded(live.contract_id, "running")


def needed_for(context: Context, contract: Contract) -> str:
    """Why the family of a contract cannot be forgotten yet, in a word; empty where nothing keeps it."""
    if contract.unearned_fen:
        return "money_held"
    if contract.refund_payable_fen or contract.refund_id:
        return "refund_due"
    if contract.awarded_fen is not None and contract.refunded_fen < contract.awarded_fen:
        return "award_open"
    if contract.case_id or contract.disputes:
        return "case_open"
    return _unpaid(context, contract) or ("" if contract.ended or context.header.status == "closed" else "running")


def _unpaid(context: Context, contract: Contract) -> str:
    """What of the contract's refunds and settlement is still on its way, in a word."""
    for refund_id in contract.refund_ids:
        refund = context.escrow.find(Refund, refund_id)
        if refund is not None and refund.instructed_fen:
            return "payment_in_transit"
    if contract.settlement_case_id and contract.settlement_fen is not None:
        case = context.escrow.get(Case, contract.settlement_case_id)
        if len(case.performed) < len(case.instalments):
            return "settlement_open"
    return ""
