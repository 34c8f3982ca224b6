"""How mediation cases run."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.evolution.refunds import supersede
from ledger.sheets import Case, Contract, Mark


@folds(e.MediationOpened)
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


@folds(e.MediationAccepted)
def _mediation_accepted(escrow: Escrow, event: e.MediationAccepted) -> None:
    case = escrow.get(Case, event.case_id)
    case.status, case.mediator, case.ends_on = "in_mediation", event.mediator, event.ends_on


@folds(e.MediationExtended)
def _mediation_extended(escrow: Escrow, event: e.MediationExtended) -> None:
    escrow.get(Case, event.case_id).ends_on = event.ends_on


@folds(e.SettlementAgreed)
def _settlement_agreed(escrow: Escrow, event: e.SettlementAgreed) -> None:
    case = escrow.get(Case, event.case_id)
    case.status, case.kind_of_settlement, case.amount_fen = "agreed", event.kind, event.amount_fen
    case.agreed_on, case.confirm_by, case.instalments = event.agreed_on, event.confirm_by, event.instalments
    contract = escrow.get(Contract, event.contract_id)
    contract.case_id, contract.settlement_case_id = "", event.case_id
    contract.settlement_fen = event.amount_fen if event.kind in {"amount", "instalments"} else None
    contract.settled_on, contract.settlement_parts = event.agreed_on, len(event.instalments)
    if contract.refund_id:
        supersede(escrow, contract.refund_id)
        contract.refund_id = ""


@folds(e.InstalmentPerformed)
def _instalment_performed(escrow: Escrow, event: e.InstalmentPerformed) -> None:
    case = escrow.get(Case, event.case_id)
    case.performed = (*case.performed, event.number)
    if len(case.performed) == len(case.instalments) and case.status in {"agreed", "confirmed"}:
        case.status = "performed"


@folds(e.SettlementBreached)
def _settlement_breached(escrow: Escrow, event: e.SettlementBreached) -> None:
    case = escrow.get(Case, event.case_id)
    if case.status != "confirmed":
        contract = escrow.get(Contract, event.contract_id)
        contract.settlement_fen = None
        if contract.refund_id in {f"{case.case_id}.{part.number}" for part in case.instalments}:
            contract.refund_id = ""
    case.status = "breached"


@folds(e.MediationFailed, e.MediationWithdrawn, e.MediationExpired)
def _mediation_ended(escrow: Escrow, event: e.MediationFailed | e.MediationWithdrawn | e.MediationExpired) -> None:
    case = escrow.get(Case, event.case_id)
    match event:
        case e.MediationFailed():
            case.status = "failed"
        case e.MediationWithdrawn():
            case.status = "withdrawn"
        case e.MediationExpired():
            case.status = "expired"
    escrow.get(Contract, event.contract_id).case_id = ""


@folds(e.JudicialConfirmationRecorded)
def _judicially_confirmed(escrow: Escrow, event: e.JudicialConfirmationRecorded) -> None:
    if event.outcome == "confirmed":
        case = escrow.get(Case, event.case_id)
        case.status = "confirmed"
        if case.instalments:
            escrow.get(Contract, event.contract_id).settlement_fen = case.amount_fen


@folds(e.AwardRecorded)
def _awarded(escrow: Escrow, event: e.AwardRecorded) -> None:
    escrow.put(Mark(what="award", reference=event.award_id))
    contract = escrow.get(Contract, event.contract_id)
    contract.awarded_fen, contract.award_id = event.amount_fen, event.award_id
