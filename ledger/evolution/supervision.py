"""How opening, custodian, freezes, identity and sealing change an escrow."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Attachment, Profile


@folds(e.EscrowOpened)
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


@folds(e.CustodianChanged)
def _custodian_changed(escrow: Escrow, event: e.CustodianChanged) -> None:
    escrow.header.custodian, escrow.header.account_id = event.custodian, event.account_id
    escrow.get(Profile, escrow.header.institution_id).agreement_no = event.agreement_no


@folds(e.EscrowFrozen)
def _frozen(escrow: Escrow, event: e.EscrowFrozen) -> None:
    escrow.header.frozen, escrow.header.frozen_at = True, event.effective_at


@folds(e.EscrowUnfrozen)
def _unfrozen(escrow: Escrow, event: e.EscrowUnfrozen) -> None:
    escrow.header.frozen = False
    escrow.header.frozen_workdays += event.stopped_workdays


@folds(e.AttachmentRecorded)
def _attached(escrow: Escrow, event: e.AttachmentRecorded) -> None:
    escrow.header.attached_fen += event.amount_fen
    escrow.put(Attachment(attachment_id=event.attachment_id, amount_fen=event.amount_fen))


@folds(e.AttachmentLifted)
def _attachment_lifted(escrow: Escrow, event: e.AttachmentLifted) -> None:
    escrow.header.attached_fen -= event.amount_fen
    escrow.get(Attachment, event.attachment_id).lifted = True


@folds(e.InstitutionRenamed)
def _renamed(escrow: Escrow, event: e.InstitutionRenamed) -> None:
    escrow.header.licensed = event.licensed
    profile = escrow.get(Profile, escrow.header.institution_id)
    profile.name, profile.uscc = event.name, event.uscc


@folds(e.InstitutionSucceeded)
def _succeeded(escrow: Escrow, event: e.InstitutionSucceeded) -> None:
    escrow.header.successor_id = event.successor_id


@folds(e.ClosureDeclared)
def _closure_declared(escrow: Escrow, event: e.ClosureDeclared) -> None:
    header = escrow.header
    header.status, header.closure = "closing", event.kind
    header.stopped_on, header.priority_regime = event.stopped_on, event.priority_regime


@folds(e.EscrowClosed)
def _closed(escrow: Escrow, _: e.EscrowClosed) -> None:
    escrow.header.status = "closed"


@folds(e.DaySealed)
def _sealed(escrow: Escrow, event: e.DaySealed) -> None:
    escrow.header.sealed_on = event.business_on
