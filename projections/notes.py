"""What the read models remember beyond the ledger's own sheets: why a refund is due, since when, by what clock."""

from collections.abc import Callable
from datetime import date
from typing import Any

from ledger import events as e
from ledger.decisions.context import local_date
from ledger.escrow import Escrow
from ledger.sheets import Sheet


class RefundNote(Sheet, kw_only=True):
    """The reasons of one refund, as its events gave them."""

    kind = "refund_note"
    names = ("refund_id",)

    refund_id: str
    since_on: date
    """When it was asked for, or ordered without being asked for."""
    derived_on: date
    """The business date on which what is due was derived."""
    agreed_on: date | None = None
    """The business date on which it was approved, deemed agreed or ordered: from then on it is verified."""
    method: str = ""
    ground: str = ""
    rules: str = ""
    basis: str = ""
    refused_because: str = ""


class ContractNote(Sheet, kw_only=True):
    """What became of one contract beside its lessons: its refunds, and the last award."""

    kind = "contract_note"
    names = ("contract_id",)

    contract_id: str
    refunds: tuple[str, ...] = ()
    """Ids of all its refunds, in order of their id."""
    award_id: str = ""
    awarded_on: date | None = None
    forum: str = ""


class CaseNote(Sheet, kw_only=True):
    """How one mediation case came to its end, and whether its last day may still move."""

    kind = "case_note"
    names = ("case_id",)

    case_id: str
    provisional: bool = False
    reason: str = ""
    confirmation: str = ""
    ruling_no: str = ""
    to_contract_id: str = ""


class ClosureNote(Sheet, kw_only=True):
    """When the closure of the institution was declared."""

    kind = "closure_note"
    names = ("institution_id",)

    institution_id: str
    declared_on: date
    reason: str
    declared_by: str


Noting = Callable[[Escrow, Any], None]

NOTINGS: dict[type[e.Event], Noting] = {}


def _notes(*kinds: type[e.Event]) -> Callable[[Noting], Noting]:
    def register(noting: Noting) -> Noting:
        NOTINGS.update(dict.fromkeys(kinds, noting))
        return noting

    return register


def _contract_note(escrow: Escrow, contract_id: str) -> ContractNote:
    note = escrow.find(ContractNote, contract_id)
    if note is None:
        escrow.put(note := ContractNote(contract_id=contract_id))
    return note


def _refund_note(escrow: Escrow, event: e.RefundRequested | e.RefundAgreement, since_on: date) -> RefundNote:
    note = escrow.find(RefundNote, event.refund_id)
    if note is None:
        escrow.put(
            note := RefundNote(refund_id=event.refund_id, since_on=since_on, derived_on=local_date(event.effective_at))
        )
        if event.contract_id is not None:
            of_contract = _contract_note(escrow, event.contract_id)
            of_contract.refunds = tuple(sorted({*of_contract.refunds, event.refund_id}))
    note.rules = event.rules
    return note


@_notes(e.RefundRequested)
def _requested(escrow: Escrow, event: e.RefundRequested) -> None:
    note = _refund_note(escrow, event, event.requested_on)
    note.method, note.ground = event.method, event.ground


@_notes(e.RefundApproved, e.RefundDeemedAgreed, e.RefundOrdered)
def _agreed(escrow: Escrow, event: e.RefundAgreement) -> None:
    note = _refund_note(escrow, event, local_date(event.effective_at))
    note.basis = event.basis
    note.agreed_on = local_date(event.effective_at)
    note.method, note.ground = event.method or note.method, event.ground or note.ground


@_notes(e.RefundRefused)
def _refused(escrow: Escrow, event: e.RefundRefused) -> None:
    note = escrow.find(RefundNote, event.refund_id)
    if note is not None:
        note.refused_because = event.reason


@_notes(e.AwardRecorded)
def _awarded(escrow: Escrow, event: e.AwardRecorded) -> None:
    note = _contract_note(escrow, event.contract_id)
    note.award_id, note.awarded_on, note.forum = event.award_id, local_date(event.effective_at), event.forum


@_notes(e.MediationAccepted)
def _accepted(escrow: Escrow, event: e.MediationAccepted) -> None:
    escrow.put(CaseNote(case_id=event.case_id, provisional=event.provisional))


@_notes(e.SettlementAgreed)
def _settled(escrow: Escrow, event: e.SettlementAgreed) -> None:
    _case_note(escrow, event.case_id).to_contract_id = event.to_contract_id or ""


@_notes(e.SettlementBreached, e.MediationFailed, e.MediationWithdrawn)
def _ended(escrow: Escrow, event: e.SettlementBreached | e.MediationFailed | e.MediationWithdrawn) -> None:
    _case_note(escrow, event.case_id).reason = event.reason


@_notes(e.JudicialConfirmationRecorded)
def _confirmed(escrow: Escrow, event: e.JudicialConfirmationRecorded) -> None:
    note = _case_note(escrow, event.case_id)
    note.confirmation, note.ruling_no = event.outcome, event.ruling_no


def _case_note(escrow: Escrow, case_id: str) -> CaseNote:
    note = escrow.find(CaseNote, case_id)
    if note is None:
        escrow.put(note := CaseNote(case_id=case_id))
    return note


@_notes(e.ClosureDeclared)
def _closing(escrow: Escrow, event: e.ClosureDeclared) -> None:
    institution_id = escrow.header.institution_id
    escrow.put(
        ClosureNote(
            institution_id=institution_id,
            declared_on=local_date(event.effective_at),
            reason=event.reason,
            declared_by=event.declared_by,
        )
    )
