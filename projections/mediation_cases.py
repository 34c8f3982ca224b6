"""Mediation cases: who asks what of whom, how far it is, and what was agreed."""

from collections.abc import Iterable
from datetime import date

from ledger.escrow import Escrow
from ledger.events import Instalment
from ledger.identifiers import Cause
from ledger.sheets import Case, Contract, Profile
from projections.answers import NOW, Answer, Moment
from projections.database import Row, read_row, table_of
from projections.notes import CaseNote
from projections.reading import Reader, matching


class MediationCase(Row, frozen=True):
    """One case at a pre-litigation mediation centre, in fen."""

    institution_id: str
    case_id: str
    district: str
    contract_id: str
    guardian_id: str
    status: str
    stage: str
    referred_by: str
    cause: Cause
    mediator: str
    opened_on: date | None
    ends_on: date | None
    provisional: bool
    claim_fen: int
    entitled_fen: int
    """What the formula gave when the case was opened."""
    settlement: str
    """amount, instalments, lessons or transfer; empty before an agreement."""
    amount_fen: int
    to_contract_id: str
    agreed_on: date | None
    confirm_by: date | None
    confirmation: str
    ruling_no: str
    instalments: tuple[Instalment, ...]
    performed: tuple[int, ...]
    performed_fen: int
    next_instalment_on: date | None
    reason: str
    """Why it failed, was withdrawn or breached."""


mediation_case = table_of(
    "mediation_case",
    MediationCase,
    ["institution_id", "case_id"],
    ["institution_id", "contract_id"],
    ["case_id"],
    ["status", "institution_id", "case_id"],
    ["mediator"],
)


def case_rows(escrow: Escrow, case: Case) -> Iterable[MediationCase]:
    """The row of a case."""
    note = escrow.find(CaseNote, case.case_id) or CaseNote(case_id=case.case_id)
    open_instalments = [part for part in case.instalments if part.number not in case.performed]
    yield MediationCase(
        institution_id=escrow.header.institution_id,
        case_id=case.case_id,
        district=escrow.get(Profile, escrow.header.institution_id).district,
        contract_id=case.contract_id,
        guardian_id=escrow.get(Contract, case.contract_id).guardian_id,
        status=case.status,
        stage=case.stage,
        referred_by=case.referred_by,
        cause=case.cause,
        mediator=case.mediator,
        opened_on=case.opened_on,
        ends_on=case.ends_on,
        provisional=note.provisional,
        claim_fen=case.claim_fen,
        entitled_fen=case.entitled_fen,
        settlement=case.kind_of_settlement,
        amount_fen=case.amount_fen,
        to_contract_id=note.to_contract_id,
        agreed_on=case.agreed_on,
        confirm_by=case.confirm_by,
        confirmation=note.confirmation,
        ruling_no=note.ruling_no,
        instalments=case.instalments,
        performed=case.performed,
        performed_fen=sum(part.amount_fen for part in case.instalments if part.number in case.performed),
        next_instalment_on=min((part.due_on for part in open_instalments), default=None),
        reason=note.reason,
    )


def find_mediation_case(
    reader: Reader, institution_id: str, case_id: str, moment: Moment = NOW
) -> Answer[MediationCase | None]:
    """One case, None where it is unknown at this moment.

    One primary-key look-up; at another moment a fold of its contract's events.
    """
    query = matching(mediation_case, institution_id=institution_id, case_id=case_id)
    with reader.open_log(moment, institution_id) as reading:
        row = reading.first(query)
        if moment.live or row is None:
            return reading.answer(None if row is None else read_row(MediationCase, row))
    contract_id = read_row(MediationCase, row).contract_id
    with reader.open(moment, institution_id, contract_id) as reading:
        row = reading.first(query)
        return reading.answer(None if row is None else read_row(MediationCase, row))


def list_mediation_cases(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    institution_id: str | None = None,
    contract_id: str | None = None,
    case_id: str | None = None,
    district: str | None = None,
    status: str | None = None,
    mediator: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[MediationCase]]:
    """Cases in order of institution and id. An index range by institution, contract, case, status or mediator."""
    query = matching(
        mediation_case,
        institution_id=institution_id,
        contract_id=contract_id,
        case_id=case_id,
        district=district,
        status=status,
        mediator=mediator,
    )
    key = [mediation_case.c.institution_id, mediation_case.c.case_id]
    with reader.open(moment, institution_id, contract_id if institution_id else None) as reading:
        return reading.page(MediationCase, query, key, after, limit)
