"""Finding what a decision is about, or saying which rule its absence breaks."""

from collections.abc import Iterable

from ledger import rejections as no
from ledger.allowance import running_distribution
from ledger.decisions.context import Context
from ledger.sheets import Case, Contract, Deposit, Lesson, Mark, Refund


def open_escrow(context: Context) -> None:
    """Raises EscrowNotOpen unless the escrow exists and is not closed."""
    if context.header.status in {"none", "closed"}:
        raise no.EscrowNotOpen(context.order.institution_id, context.header.status)


def running_escrow(context: Context) -> None:
    """Raises EscrowNotOpen, or EscrowIsClosing once the institution has stopped."""
    open_escrow(context)
    if context.header.closure is not None:
        raise no.EscrowIsClosing(context.header.closure)


def contract_of(context: Context, contract_id: str) -> Contract:
    """The contract. Raises EscrowNotOpen, ContractUnknown."""
    open_escrow(context)
    contract = context.escrow.find(Contract, contract_id)
    if contract is None or not _theirs(context, contract):
        raise no.ContractUnknown(contract_id)
    return contract


def _theirs(context: Context, contract: Contract) -> bool:
    """Whether a guardian's order may see this contract: another family's does not exist for it."""
    return context.order.guardian_id in {None, contract.guardian_id}


def _theirs_by_id(context: Context, contract_id: str | None) -> bool:
    if context.order.guardian_id is None:
        return True
    return contract_id is not None and _theirs(context, context.escrow.get(Contract, contract_id))


def live_contract(context: Context, contract_id: str) -> Contract:
    """The contract, which has not ended. Raises ContractUnknown, ContractHasEnded."""
    contract = contract_of(context, contract_id)
    if contract.ended:
        raise no.ContractHasEnded(contract_id, contract.ended)
    return contract


def lesson_of(context: Context, contract_id: str, lesson_id: str) -> Lesson:
    """The lesson. Raises LessonUnknown."""
    lesson = context.escrow.find(Lesson, contract_id, lesson_id)
    if lesson is None:
        raise no.LessonUnknown(contract_id, lesson_id)
    return lesson


def deposit_of(context: Context, deposit_id: str) -> Deposit:
    """The deposit. Raises DepositUnknown."""
    open_escrow(context)
    deposit = context.escrow.find(Deposit, deposit_id)
    if deposit is None:
        raise no.DepositUnknown(deposit_id)
    return deposit


def refund_of(context: Context, refund_id: str, *states: str) -> Refund:
    """The refund, in one of the states. Raises RefundUnknown, RefundNotInState."""
    open_escrow(context)
    refund = context.escrow.find(Refund, refund_id)
    if refund is None or not _theirs_by_id(context, refund.contract_id):
        raise no.RefundUnknown(refund_id)
    if states and refund.status not in states:
        raise no.RefundNotInState(refund_id, refund.status)
    return refund


def new_refund(context: Context, refund_id: str) -> None:
    """Raises AlreadyRecorded when the refund id is taken."""
    if context.escrow.find(Refund, refund_id) is not None:
        raise no.AlreadyRecorded("refund", refund_id)


def no_open_refund(contract: Contract) -> None:
    """Raises RefundAlreadyOpen: one claim per contract at a time."""
    if contract.refund_id:
        raise no.RefundAlreadyOpen(contract.contract_id, contract.refund_id)


def no_refund_promised(contract: Contract) -> None:
    """Raises RefundAlreadyOpen while a refund is asked for, or agreed (in instalments, too) and not yet paid."""
    if contract.refund_id or contract.refund_payable_fen:
        raise no.RefundAlreadyOpen(contract.contract_id, contract.refund_id or contract.settlement_case_id)


def case_of(context: Context, case_id: str, *states: str) -> Case:
    """The mediation case, in one of the states. Raises CaseUnknown, CaseNotInState."""
    open_escrow(context)
    case = context.escrow.find(Case, case_id)
    if case is None or not _theirs_by_id(context, case.contract_id):
        raise no.CaseUnknown(case_id)
    if case.status not in states:
        raise no.CaseNotInState(case_id, case.status)
    return case


def unmarked(context: Context, what: str, reference: str, shown: str | None = None) -> None:
    """Raises AlreadyRecorded when this reference was used before."""
    if context.escrow.find(Mark, what, reference) is not None:
        raise no.AlreadyRecorded(what, shown or reference)


def unrepeated(what: str, ids: Iterable[str]) -> None:
    """Raises LineRepeated when an id stands twice."""
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise no.LineRepeated(what, each)
        seen.add(each)


def no_running_distribution(context: Context) -> None:
    """Raises DistributionStillOpen while a list of shares is being approved: what is owed must stay as it was read."""
    running = running_distribution(context.escrow)
    if running is not None:
        raise no.DistributionStillOpen(running.distribution_id)


def in_custody(context: Context, amount_fen: int) -> None:
    """Raises CustodyShort when the bank reports a payment of money that is not there (taken back meanwhile)."""
    if amount_fen > context.header.custody_cash_fen:
        raise no.CustodyShort(context.header.custody_cash_fen, amount_fen)


def payable_fen(context: Context) -> int:
    """Money in custody that is neither attached nor already on its way, fen."""
    header = context.header
    on_its_way = header.release_in_transit_fen + header.refund_in_transit_fen
    return max(0, header.custody_cash_fen - header.attached_fen - on_its_way)
