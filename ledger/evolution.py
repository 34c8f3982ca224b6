"""What an event changes: `evolve` folds one event into an escrow. It never refuses; history already happened."""

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec import structs

from ledger import events as e
from ledger.escrow import Escrow
from ledger.postings import ACCOUNTS, POSTINGS
from ledger.sheets import (
    Attachment,
    Case,
    Child,
    Contract,
    Deposit,
    Distribution,
    Instruction,
    Lesson,
    Mark,
    Profile,
    Refund,
    ReleaseLine,
    collected,
)
from ledger.workdays import Deadline

Fold = Callable[[Escrow, Any], None]

FOLDS: dict[type[e.Event], Fold] = {}
_ASSET = {account.name: account.asset for account in ACCOUNTS}
_BY_CONTRACT = {account.name for account in ACCOUNTS if account.by_contract}
_ON_HEADER = {
    kind: tuple(
        (f"{leg.account}_fen", leg.sign if _ASSET[leg.account] else -leg.sign, leg.amount) for leg in legs
    )
    for kind, legs in POSTINGS.items()
}
_ON_CONTRACT = {
    kind: tuple(
        (f"{leg.account}_fen", leg.sign if _ASSET[leg.account] else -leg.sign, leg.amount, leg.party)
        for leg in legs
        if leg.account in _BY_CONTRACT
    )
    for kind, legs in POSTINGS.items()
}


def evolve(escrow: Escrow, event: e.Event) -> None:
    """Fold one event into header and sheets: its legs by the posting table, the rest by its own fold."""
    kind = type(event)
    header = escrow.header
    for account, sign, amount in _ON_HEADER.get(kind, ()):
        setattr(header, account, getattr(header, account) + sign * getattr(event, amount))
    for account, sign, amount, party in _ON_CONTRACT.get(kind, ()):
        if (fen := getattr(event, amount)) and (contract_id := getattr(event, party, None)):
            contract = escrow.get(Contract, contract_id)
            setattr(contract, account, getattr(contract, account) + sign * fen)
    FOLDS[kind](escrow, event)


def _folds(*kinds: type[e.Event]) -> Callable[[Fold], Fold]:
    def register(fold: Fold) -> Fold:
        FOLDS.update(dict.fromkeys(kinds, fold))
        return fold

    return register


# ── escrow ────────────────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.EscrowOpened)
def _opened(escrow: Escrow, event: e.EscrowOpened) -> None:
    header = escrow.header
    header.status, header.opened_at = "open", event.effective_at
    header.jurisdiction, header.category, header.licensed = event.jurisdiction, event.category, event.licensed
    header.custodian, header.account_id = event.custodian, event.account_id
    escrow.put(
        Profile(
            institution_id=header.institution_id,
            name=event.name,
            uscc=event.uscc,
            district=event.district,
            agreement_no=event.agreement_no,
        )
    )


@_folds(e.CustodianChanged)
def _custodian_changed(escrow: Escrow, event: e.CustodianChanged) -> None:
    escrow.header.custodian, escrow.header.account_id = event.custodian, event.account_id
    escrow.get(Profile, escrow.header.institution_id).agreement_no = event.agreement_no


@_folds(e.EscrowFrozen, e.EscrowUnfrozen)
def _frozen(escrow: Escrow, event: e.EscrowFrozen | e.EscrowUnfrozen) -> None:
    escrow.header.frozen = isinstance(event, e.EscrowFrozen)


@_folds(e.AttachmentRecorded)
def _attached(escrow: Escrow, event: e.AttachmentRecorded) -> None:
    escrow.header.attached_fen += event.amount_fen
    escrow.put(Attachment(attachment_id=event.attachment_id, amount_fen=event.amount_fen))


@_folds(e.AttachmentLifted)
def _attachment_lifted(escrow: Escrow, event: e.AttachmentLifted) -> None:
    escrow.header.attached_fen -= event.amount_fen
    escrow.get(Attachment, event.attachment_id).lifted = True


@_folds(e.InstitutionRenamed)
def _renamed(escrow: Escrow, event: e.InstitutionRenamed) -> None:
    escrow.header.licensed = event.licensed
    profile = escrow.get(Profile, escrow.header.institution_id)
    profile.name, profile.uscc = event.name, event.uscc


@_folds(e.InstitutionSucceeded)
def _succeeded(escrow: Escrow, event: e.InstitutionSucceeded) -> None:
    escrow.header.successor_id = event.successor_id


@_folds(e.ClosureDeclared)
def _closure_declared(escrow: Escrow, event: e.ClosureDeclared) -> None:
    header = escrow.header
    header.status, header.closure = "closing", event.kind
    header.stopped_on, header.priority_regime = event.stopped_on, event.priority_regime


@_folds(e.EscrowClosed)
def _closed(escrow: Escrow, event: e.EscrowClosed) -> None:
    escrow.header.status = "closed"


@_folds(e.DaySealed)
def _sealed(escrow: Escrow, event: e.DaySealed) -> None:
    escrow.header.sealed_on = event.business_on


# ── contracts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _collect(escrow: Escrow, contract: Contract) -> None:
    child = escrow.find(Child, contract.student_id)
    if child is None:
        escrow.put(child := Child(student_id=contract.student_id))
    others = tuple(other for other in child.contracts if other.contract_id != contract.contract_id)
    child.contracts = others if contract.ended else (*others, collected(contract))


@_folds(e.ContractRegistered)
def _registered(escrow: Escrow, event: e.ContractRegistered) -> None:
    contract = Contract(
        contract_id=event.contract_id,
        guardian_id=event.guardian_id,
        student_id=event.student_id,
        course=event.course,
        subject=event.subject,
        signed_on=event.signed_on,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
        price_fen=event.price_fen,
        paid_centihours=event.paid_centihours,
        gift_centihours=event.gift_centihours,
        rules=event.rules,
        terms=event.terms,
        stock=event.stock,
    )
    escrow.put(contract)
    _collect(escrow, contract)


def _rebase(contract: Contract) -> None:
    contract.epoch += 1
    contract.base_centihours, contract.base_fen = contract.consumed_centihours, contract.consumed_fen


@_folds(e.ContractAmended)
def _amended(escrow: Escrow, event: e.ContractAmended) -> None:
    contract = escrow.get(Contract, event.contract_id)
    _rebase(contract)
    contract.price_fen, contract.ends_on = event.price_fen, event.ends_on
    contract.paid_centihours, contract.gift_centihours = event.paid_centihours, event.gift_centihours
    _collect(escrow, contract)


@_folds(e.LessonsTransferred)
def _transferred(escrow: Escrow, event: e.LessonsTransferred) -> None:
    for contract_id, sign in ((event.contract_id, -1), (event.to_contract_id, 1)):
        contract = escrow.get(Contract, contract_id)
        _rebase(contract)
        contract.price_fen += sign * event.amount_fen
        contract.paid_fen += sign * event.amount_fen
        contract.paid_centihours += sign * event.centihours
        _collect(escrow, contract)


@_folds(e.ContractEnded)
def _ended(escrow: Escrow, event: e.ContractEnded) -> None:
    contract = escrow.get(Contract, event.contract_id)
    contract.ended = event.reason
    _collect(escrow, contract)


# ── deposits ──────────────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.DepositReceived)
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


@_folds(e.DepositApplied)
def _applied(escrow: Escrow, event: e.DepositApplied) -> None:
    deposit = escrow.get(Deposit, event.deposit_id)
    deposit.unapplied_fen -= event.amount_fen
    deposit.applied = (*deposit.applied, (event.contract_id, event.amount_fen))
    contract = escrow.get(Contract, event.contract_id)
    contract.paid_fen += event.amount_fen
    if contract.first_paid_on is None or deposit.value_on < contract.first_paid_on:
        contract.first_paid_on = deposit.value_on
    contract.payer_ref = contract.payer_ref or deposit.payer_ref


@_folds(e.DepositReversed)
def _reversed(escrow: Escrow, event: e.DepositReversed) -> None:
    deposit = escrow.get(Deposit, event.deposit_id)
    deposit.reversed = True
    deposit.unapplied_fen -= event.unapplied_fen
    if event.contract_id is not None:
        contract = escrow.get(Contract, event.contract_id)
        contract.paid_fen -= event.amount_fen
        contract.refunded_fen -= event.payable_fen
        contract.beyond_fen += event.receivable_fen
        if event.payable_fen:
            _lower_refund(escrow, contract.refund_id, event.payable_fen)


def _lower_refund(escrow: Escrow, refund_id: str, fen: int) -> None:
    refund = escrow.get(Refund, refund_id)
    refund.agreed_fen -= fen
    _settle_up(escrow, refund)


@_folds(e.OffPlatformPaymentAsserted)
def _asserted(escrow: Escrow, event: e.OffPlatformPaymentAsserted) -> None:
    escrow.put(Mark(what="claim", reference=event.claim_id))
    escrow.get(Contract, event.contract_id).asserted_fen += event.amount_fen


@_folds(e.ShortfallRepaid)
def _repaid(escrow: Escrow, event: e.ShortfallRepaid) -> None:
    escrow.put(Mark(what="repayment", reference=event.deposit_id))


# ── class consumption ─────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.ClassConsumptionClaimed)
def _claimed(escrow: Escrow, event: e.ClassConsumptionClaimed) -> None:
    escrow.put(
        Lesson(
            contract_id=event.contract_id,
            lesson_id=event.lesson_id,
            centihours=event.centihours,
            taught_on=event.taught_on,
            notified_on=event.notified_on,
            window_ends_on=event.window_ends_on,
            provisional=event.provisional,
        )
    )
    escrow.get(Contract, event.contract_id).claimed_centihours += event.centihours


def _undispute(contract: Contract, lesson: Lesson) -> None:
    contract.disputes -= 1
    contract.disputed_centihours -= lesson.centihours if lesson.confirmed else 0
    contract.held_fen -= lesson.held_fen
    contract.order_held = contract.order_held and contract.disputes > 0
    lesson.held_fen = 0


@_folds(e.ClassConsumptionConfirmed)
def _confirmed(escrow: Escrow, event: e.ClassConsumptionConfirmed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    if lesson.status == "disputed":
        _undispute(contract, lesson)
    contract.claimed_centihours -= event.centihours
    lesson.status, lesson.confirmed, lesson.amount_fen = "confirmed", True, event.amount_fen
    contract.consumed_centihours += event.centihours
    contract.consumed_fen += event.amount_fen
    lesson.epoch = contract.epoch
    contract.last_confirmed_at = event.effective_at


@_folds(e.ClassConsumptionDisputed)
def _disputed(escrow: Escrow, event: e.ClassConsumptionDisputed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    lesson.status, lesson.held_fen = "disputed", event.earned_held_fen
    contract.disputes += 1
    contract.disputed_centihours += lesson.centihours if lesson.confirmed else 0
    contract.held_fen += event.earned_held_fen
    contract.order_held = contract.order_held or event.scope == "order"


@_folds(e.ClassConsumptionUpheld)
def _upheld(escrow: Escrow, event: e.ClassConsumptionUpheld) -> None:
    lesson = escrow.get(Lesson, event.contract_id, event.lesson_id)
    _undispute(escrow.get(Contract, event.contract_id), lesson)
    lesson.status = "confirmed"


@_folds(e.ClassConsumptionReversed)
def _unconsumed(escrow: Escrow, event: e.ClassConsumptionReversed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    if lesson.status == "disputed":
        _undispute(contract, lesson)
    if not lesson.confirmed:
        contract.claimed_centihours -= lesson.centihours
    else:
        contract.consumed_centihours -= lesson.centihours
        contract.consumed_fen -= event.amount_fen
        if lesson.epoch < contract.epoch:
            contract.base_centihours -= lesson.centihours
            contract.base_fen -= event.amount_fen
    lesson.status = "reversed"


# ── releases ──────────────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.ReleaseInstructed)
def _release_instructed(escrow: Escrow, event: e.ReleaseInstructed) -> None:
    escrow.put(
        ReleaseLine(release_id=event.release_id, contract_id=event.contract_id, amount_fen=event.amount_fen)
    )
    escrow.get(Contract, event.contract_id).released_fen += event.amount_fen


@_folds(e.ReleaseSettled)
def _release_settled(escrow: Escrow, event: e.ReleaseSettled) -> None:
    escrow.get(ReleaseLine, event.release_id, event.contract_id).status = "settled"


@_folds(e.ReleaseReturned)
def _release_returned(escrow: Escrow, event: e.ReleaseReturned) -> None:
    escrow.get(ReleaseLine, event.release_id, event.contract_id).status = "returned"
    escrow.get(Contract, event.contract_id).released_fen -= event.amount_fen


# ── refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.RefundRequested)
def _refund_requested(escrow: Escrow, event: e.RefundRequested) -> None:
    escrow.put(
        Refund(
            refund_id=event.refund_id,
            contract_id=event.contract_id,
            cause=event.cause,
            entitled_fen=event.entitled_fen,
            claim_fen=event.claim_fen,
            requested_on=event.requested_on,
            reply_by=event.reply_by,
            clock=Deadline(event.pay_by, event.calendar, event.provisional),
        )
    )
    contract = escrow.get(Contract, event.contract_id)
    contract.refund_id, contract.refund_cause = event.refund_id, event.cause


@_folds(e.RefundApproved, e.RefundDeemedAgreed, e.RefundOrdered)
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
            _supersede(escrow, contract.refund_id)
        contract.refund_id, contract.refund_cause = event.refund_id, event.cause
        contract.refunded_fen += event.amount_fen
        contract.beyond_fen += event.earned_fen + event.receivable_fen
    if event.deposit_id is not None:
        escrow.get(Deposit, event.deposit_id).unapplied_fen -= event.unapplied_fen


def _supersede(escrow: Escrow, refund_id: str) -> None:
    refund = escrow.get(Refund, refund_id)
    if refund.status in {"requested", "refused"}:
        refund.status = "superseded"


@_folds(e.RefundWithdrawn)
def _refund_withdrawn(escrow: Escrow, event: e.RefundWithdrawn) -> None:
    escrow.get(Refund, event.refund_id).status = "withdrawn"
    escrow.get(Contract, event.contract_id).refund_id = ""


@_folds(e.RefundRefused)
def _refund_refused(escrow: Escrow, event: e.RefundRefused) -> None:
    escrow.get(Refund, event.refund_id).status = "refused"


@_folds(e.RefundInstructed)
def _refund_instructed(escrow: Escrow, event: e.RefundInstructed) -> None:
    refund = escrow.get(Refund, event.refund_id)
    refund.instructed_fen += event.amount_fen
    refund.instructions = (*refund.instructions, Instruction(event.instruction_id, event.amount_fen))


def _mark(refund: Refund, instruction_id: str, status: str) -> None:
    refund.instructions = tuple(
        structs.replace(order, status=status) if order.instruction_id == instruction_id else order
        for order in refund.instructions
    )


def _settle_up(escrow: Escrow, refund: Refund) -> None:
    if refund.open_fen == 0 and refund.instructed_fen == 0:
        refund.status = "paid"
        if refund.contract_id is not None:
            contract = escrow.get(Contract, refund.contract_id)
            if contract.refund_id == refund.refund_id:
                contract.refund_id = ""


@_folds(e.RefundSettled)
def _refund_settled(escrow: Escrow, event: e.RefundSettled) -> None:
    refund = escrow.get(Refund, event.refund_id)
    refund.instructed_fen -= event.amount_fen
    refund.settled_fen += event.amount_fen
    _mark(refund, event.instruction_id, "settled")
    _settle_up(escrow, refund)


@_folds(e.RefundReturned)
def _refund_returned(escrow: Escrow, event: e.RefundReturned) -> None:
    refund = escrow.get(Refund, event.refund_id)
    refund.instructed_fen -= event.amount_fen
    _mark(refund, event.instruction_id, "returned")


@_folds(e.PayeeSubstituted)
def _payee_substituted(escrow: Escrow, event: e.PayeeSubstituted) -> None:
    escrow.get(Refund, event.refund_id).payee_ref = event.payee_ref


@_folds(e.DeductionRetained)
def _retained(escrow: Escrow, event: e.DeductionRetained) -> None:
    escrow.put(Mark(what="deduction", reference=f"{event.contract_id}:{event.deduction_id}"))
    contract = escrow.get(Contract, event.contract_id)
    contract.deducted_fen += event.amount_fen
    if contract.refund_id:
        refund = escrow.get(Refund, contract.refund_id)
        if refund.status in {"requested", "refused"}:
            refund.entitled_fen = max(0, refund.entitled_fen - event.amount_fen)


@_folds(e.OffPlatformRefundAcknowledged)
def _acknowledged(escrow: Escrow, event: e.OffPlatformRefundAcknowledged) -> None:
    contract = escrow.get(Contract, event.contract_id)
    contract.refunded_fen += event.unearned_fen
    if event.refund_id is not None:
        refund = escrow.get(Refund, event.refund_id)
        refund.acknowledged_fen += event.payable_fen
        _settle_up(escrow, refund)


# ── mediation ─────────────────────────────────────────────────────────────────────────────────────────────────────


@_folds(e.MediationOpened)
def _mediation_opened(escrow: Escrow, event: e.MediationOpened) -> None:
    escrow.put(
        Case(
            case_id=event.case_id,
            contract_id=event.contract_id,
            cause=event.cause,
            stage=event.stage,
            referred_by=event.referred_by,
            opened_on=event.opened_on,
            claim_fen=event.claim_fen,
            entitled_fen=event.entitled_fen,
        )
    )
    escrow.get(Contract, event.contract_id).case_id = event.case_id


@_folds(e.MediationAccepted)
def _mediation_accepted(escrow: Escrow, event: e.MediationAccepted) -> None:
    case = escrow.get(Case, event.case_id)
    case.status, case.mediator, case.ends_on = "in_mediation", event.mediator, event.ends_on


@_folds(e.MediationExtended)
def _mediation_extended(escrow: Escrow, event: e.MediationExtended) -> None:
    escrow.get(Case, event.case_id).ends_on = event.ends_on


@_folds(e.SettlementAgreed)
def _settlement_agreed(escrow: Escrow, event: e.SettlementAgreed) -> None:
    case = escrow.get(Case, event.case_id)
    case.status, case.kind_of_settlement, case.amount_fen = "agreed", event.kind, event.amount_fen
    case.agreed_on, case.confirm_by, case.instalments = event.agreed_on, event.confirm_by, event.instalments
    contract = escrow.get(Contract, event.contract_id)
    contract.case_id, contract.settlement_case_id = "", event.case_id
    contract.settlement_fen = event.amount_fen if event.kind in {"amount", "instalments"} else None
    contract.settled_on = event.agreed_on
    if contract.refund_id:
        _supersede(escrow, contract.refund_id)
        contract.refund_id = ""


@_folds(e.InstalmentPerformed)
def _instalment_performed(escrow: Escrow, event: e.InstalmentPerformed) -> None:
    case = escrow.get(Case, event.case_id)
    case.performed = (*case.performed, event.number)
    if len(case.performed) == len(case.instalments):
        case.status = "performed"


@_folds(e.SettlementBreached)
def _settlement_breached(escrow: Escrow, event: e.SettlementBreached) -> None:
    case = escrow.get(Case, event.case_id)
    if case.status != "confirmed":
        escrow.get(Contract, event.contract_id).settlement_fen = None
    case.status = "breached"


@_folds(e.MediationFailed, e.MediationWithdrawn, e.MediationExpired)
def _mediation_ended(
    escrow: Escrow, event: e.MediationFailed | e.MediationWithdrawn | e.MediationExpired
) -> None:
    case = escrow.get(Case, event.case_id)
    match event:
        case e.MediationFailed():
            case.status = "failed"
        case e.MediationWithdrawn():
            case.status = "withdrawn"
        case e.MediationExpired():
            case.status = "expired"
    escrow.get(Contract, event.contract_id).case_id = ""


@_folds(e.JudicialConfirmationRecorded)
def _judicially_confirmed(escrow: Escrow, event: e.JudicialConfirmationRecorded) -> None:
    if event.outcome == "confirmed":
        escrow.get(Case, event.case_id).status = "confirmed"


@_folds(e.AwardRecorded)
def _awarded(escrow: Escrow, event: e.AwardRecorded) -> None:
    escrow.put(Mark(what="award", reference=event.award_id))
    escrow.get(Contract, event.contract_id).awarded_fen = event.amount_fen


# ── risk deposit and closure ──────────────────────────────────────────────────────────────────────────────────────


@_folds(e.RiskDepositPlaced, e.RiskDepositReturned)
def _risk_deposit_moved(escrow: Escrow, event: e.RiskDepositPlaced | e.RiskDepositReturned) -> None:
    escrow.put(Mark(what="serial", reference=event.bank_serial))


@_folds(e.RiskDepositDrawn)
def _risk_deposit_drawn(escrow: Escrow, event: e.RiskDepositDrawn) -> None:
    """The legs say it all."""


@_folds(e.DistributionOrdered)
def _distribution_ordered(escrow: Escrow, event: e.DistributionOrdered) -> None:
    escrow.header.distribution_id = event.distribution_id
    escrow.put(
        Distribution(
            distribution_id=event.distribution_id,
            pot_fen=event.pot_fen,
            families=event.families,
            list_sha256=event.list_sha256,
        )
    )


@_folds(e.DistributionShareApproved)
def _share_approved(escrow: Escrow, event: e.DistributionShareApproved) -> None:
    distribution = escrow.get(Distribution, event.distribution_id)
    distribution.approved += 1
    distribution.chain = chained(distribution.chain, event)
    distribution.shared_fen += event.share_fen
    escrow.put(Mark(what="share", reference=f"{event.distribution_id}:{event.contract_id}"))
    refund = escrow.get(Refund, event.refund_id)
    refund.allowed_fen = (refund.allowed_fen or 0) + event.share_fen


def chained(chain: str, share: e.DistributionShareApproved) -> str:
    """The next link of the hash over a distribution's list of shares."""
    line = f"{chain}{share.contract_id}:{share.refund_id}:{share.due_fen}:{share.share_fen}\n"
    return hashlib.sha256(line.encode()).hexdigest()


@_folds(e.DistributionCompleted)
def _distribution_completed(escrow: Escrow, event: e.DistributionCompleted) -> None:
    escrow.get(Distribution, event.distribution_id).completed = True
