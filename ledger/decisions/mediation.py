"""Mediation: opened, accepted, extended, settled, performed, breached, ended; court confirmation and awards."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.dues import agreement, circumstances_of, default_pay_by, derive, due_fen
from ledger.decisions.lookups import case_of, contract_of, new_refund, unmarked
from ledger.sheets import Case, Contract, Refund
from ledger.workdays import Deadline, deadline


@decides(c.OpenMediation)
def _open(command: c.OpenMediation, context: Context) -> Iterator[e.Event]:
    contract = _disputable(context, command.contract_id)
    if context.escrow.find(Case, command.case_id) is not None:
        raise no.AlreadyRecorded("case", command.case_id)
    if contract.case_id:
        raise no.CaseAlreadyOpen(contract.contract_id, contract.case_id)
    _no_agreed_refund(context, contract)
    derivation = derive(context, contract, command.cause, circumstances=circumstances_of(command.circumstances))
    yield e.MediationOpened(
        effective_at=context.effective_at,
        case_id=command.case_id,
        contract_id=contract.contract_id,
        stage=command.stage,
        referred_by=command.referred_by,
        cause=command.cause,
        claim_fen=command.claim_fen,
        entitled_fen=due_fen(derivation, contract),
        opened_on=context.effective_on,
    )


def _disputable(context: Context, contract_id: str) -> Contract:
    """A contract about which a claim may exist: it runs, or it ended and the family was not given back all it paid.

    Raises ContractUnknown, ContractHasEnded.
    """
    contract = contract_of(context, contract_id)
    if contract.ended and contract.paid_fen <= contract.refunded_fen:
        raise no.ContractHasEnded(contract_id, contract.ended)
    return contract


def _no_agreed_refund(context: Context, contract: Contract) -> None:
    """Raises RefundAlreadyOpen while a refund is agreed and unpaid, or a settlement in force is not yet performed."""
    agreed = contract.refund_id and context.escrow.get(Refund, contract.refund_id).status == "agreed"
    if agreed or (contract.settlement_fen is not None and contract.refund_payable_fen):
        raise no.RefundAlreadyOpen(contract.contract_id, contract.refund_id or contract.settlement_case_id)


@decides(c.AcceptMediation)
def _accept(command: c.AcceptMediation, context: Context) -> Iterator[e.Event]:
    """The clock starts when the mediator signs for the file (特邀调解规定 art. 27), not at intake."""
    case = case_of(context, command.case_id, "opened")
    context.refuse_future("accepted_on", command.accepted_on)
    window = context.rules.mediation_window(case.stage)
    if window is None:
        raise no.RuleUnknown(f"mediation.{case.stage}", context.rules.id)
    ends = deadline(command.accepted_on, window.count, window.unit)
    yield e.MediationAccepted(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        mediator=context.actor,
        ends_on=ends.on,
        calendar=ends.calendar,
        provisional=ends.provisional,
    )


@decides(c.ExtendMediation)
def _extend(command: c.ExtendMediation, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "in_mediation")
    if case.ends_on is not None and command.ends_on <= case.ends_on:
        raise no.DatesOutOfOrder("ends_on", "new ends_on")
    yield e.MediationExtended(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        ends_on=command.ends_on,
    )


@decides(c.AgreeSettlement)
def _agree(command: c.AgreeSettlement, context: Context) -> Iterator[e.Event]:
    """From the signatures on, the settlement replaces the formula; each instalment is a refund of its own."""
    case = case_of(context, command.case_id, "in_mediation")
    contract = _disputable(context, case.contract_id)
    context.refuse_future("agreed_on", command.agreed_on)
    if command.agreed_on < contract.signed_on:
        raise no.DatesOutOfOrder("signed_on", "agreed_on")
    if case.ends_on is not None and command.agreed_on > case.ends_on:
        raise no.MediationTimeOver(case.case_id, case.ends_on)
    _no_agreed_refund(context, contract)
    instalments = _instalments(command, case, contract, context)
    for part in instalments:
        new_refund(context, f"{case.case_id}.{part.number}")
    confirm_by = _confirm_by(command, context)
    yield e.SettlementAgreed(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=contract.contract_id,
        kind=command.kind,
        amount_fen=command.amount_fen,
        instalments=instalments,
        to_contract_id=command.to_contract_id,
        agreed_on=command.agreed_on,
        confirm_by=confirm_by.on,
        calendar=confirm_by.calendar,
    )
    for part in instalments:
        yield agreement(
            e.RefundApproved,
            context,
            contract,
            f"{case.case_id}.{part.number}",
            case.cause,
            part.amount_fen,
            Deadline(part.due_on),
            "settlement",
            case_id=case.case_id,
            instalment=part.number,
        )


def _confirm_by(command: c.AgreeSettlement, context: Context) -> Deadline:
    window = context.rules.judicial_confirmation
    if window is None:
        raise no.RuleUnknown("confirmation.apply_within", context.rules.id)
    return deadline(command.agreed_on, window.count, window.unit)


def _instalments(
    command: c.AgreeSettlement, case: Case, contract: Contract, context: Context
) -> tuple[e.Instalment, ...]:
    money = command.kind in {"amount", "instalments"}
    _check_complete(command, money=money)
    if not money:
        return ()
    if command.amount_fen > (most_fen := contract.paid_fen - contract.refunded_fen):
        raise no.RefundAbovePaid(contract.contract_id, most_fen, command.amount_fen)
    if command.kind == "amount":
        return (e.Instalment(1, default_pay_by(context, command.agreed_on).on, command.amount_fen),)
    days = [part.due_on for part in command.instalments]
    total_fen = sum(part.amount_fen for part in command.instalments)
    if total_fen != command.amount_fen or days != sorted(days) or days[0] < command.agreed_on:
        raise no.InstalmentsDiffer(case.case_id, command.amount_fen, total_fen)
    return tuple(
        e.Instalment(number, part.due_on, part.amount_fen) for number, part in enumerate(command.instalments, 1)
    )


def _check_complete(command: c.AgreeSettlement, *, money: bool) -> None:
    needs = {
        "amount_fen": money == bool(command.amount_fen),
        "instalments": (command.kind == "instalments") == bool(command.instalments),
        "to_contract_id": (command.kind == "transfer") == (command.to_contract_id is not None),
    }
    for field, fits in needs.items():
        if not fits:
            raise no.SettlementIncomplete(command.case_id, field)


@decides(c.BreachSettlement)
def _breach(command: c.BreachSettlement, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "agreed", "confirmed")
    overdue = (part for part in case.instalments if part.number not in case.performed)
    if not any(part.due_on < context.effective_on for part in overdue):
        raise no.SettlementNotOverdue(case.case_id)
    yield e.SettlementBreached(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        reason=command.reason,
    )


@decides(c.FailMediation)
def _fail(command: c.FailMediation, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "opened", "in_mediation")
    yield e.MediationFailed(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        reason=command.reason,
    )


@decides(c.WithdrawMediation)
def _withdraw(command: c.WithdrawMediation, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "opened", "in_mediation")
    yield e.MediationWithdrawn(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        reason=command.reason,
    )


@decides(c.ExpireMediation)
def _expire(command: c.ExpireMediation, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "in_mediation")
    if case.ends_on is not None and context.effective_on <= case.ends_on:
        raise no.MediationTimeRunning(case.case_id, case.ends_on)
    yield e.MediationExpired(effective_at=context.effective_at, case_id=case.case_id, contract_id=case.contract_id)


@decides(c.RecordJudicialConfirmation)
def _confirm(command: c.RecordJudicialConfirmation, context: Context) -> Iterator[e.Event]:
    case = case_of(context, command.case_id, "agreed", "performed", "breached")
    context.refuse_future("applied_on", command.applied_on)
    if case.agreed_on is not None and command.applied_on < case.agreed_on:
        raise no.DatesOutOfOrder("agreed_on", "applied_on")
    if case.confirm_by is not None and command.applied_on > case.confirm_by:
        raise no.ConfirmationTooLate(case.case_id, case.confirm_by)
    yield e.JudicialConfirmationRecorded(
        effective_at=context.effective_at,
        case_id=case.case_id,
        contract_id=case.contract_id,
        outcome=command.outcome,
        ruling_no=command.ruling_no,
    )


@decides(c.RecordAward)
def _award(command: c.RecordAward, context: Context) -> Iterator[e.Event]:
    """A discretionary award stays beside the formula figure; the regulator orders what is still to be paid."""
    contract = contract_of(context, command.contract_id)
    unmarked(context, "award", command.award_id)
    if command.case_id is not None:
        case = context.escrow.find(Case, command.case_id)
        if case is None or case.contract_id != contract.contract_id:
            raise no.CaseUnknown(command.case_id)
    try:
        formula_fen = derive(context, contract, command.cause).binding_refund_fen
    except no.Rejection:  # a court decides also where the recorded facts do not determine a figure
        formula_fen = None
    yield e.AwardRecorded(
        effective_at=context.effective_at,
        case_id=command.case_id,
        contract_id=contract.contract_id,
        award_id=command.award_id,
        forum=command.forum,
        amount_fen=command.amount_fen,
        formula_fen=formula_fen,
        reason=command.reason,
    )
