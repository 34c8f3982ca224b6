"""What happened: the history of the money, and the audit trail of who did what under which rules."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath, OptionalInstant
from api.public import microseconds
from api.reads.asked import Asked
from api.reads.contracts import require_contract
from api.reads.tables import Listed, Page, table
from api.routes.reading import EVERYBODY, OFFICIALS, STAFF, Readings
from api.routes.shelves import Filters, Paging
from api.runtime import Runtime
from projections.answers import Answer, Moment
from projections.audit_trail import AuditEntry, list_audit_trail, list_whole_trail
from projections.fund_history import FundMovement, list_fund_history
from projections.reading import Reader

Topic = Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}\.[0-9]{1,4}$", description="Only events of this name")]
FromAt = Annotated[OptionalInstant, Query(description="Recorded at this instant or later")]
UntilAt = Annotated[OptionalInstant, Query(description="Recorded at this instant or earlier")]


def _recordings(topic: Topic = None, recorded_from: FromAt = None, recorded_until: UntilAt = None) -> Filters:
    return {
        "topics": () if topic is None else (topic,),
        "recorded_from": None if recorded_from is None else microseconds(recorded_from),
        "recorded_until": None if recorded_until is None else microseconds(recorded_until),
    }


Recordings = Annotated[Filters, Depends(_recordings)]


def history_routes(runtime: Runtime) -> APIRouter:
    """`…/fund-history` of an institution and of a contract, `…/audit-trail` of an institution and of all."""
    readings = Readings(runtime)
    _fund_history(readings)
    _audit_trail(readings)
    return readings.router


def _fund_history(readings: Readings) -> None:
    of_staff, of_everybody = readings.asked_by(STAFF), readings.asked_by(EVERYBODY)

    def history(asked: Asked, page: Page, institution_id: str, contract_id: str | None = None) -> Response:
        return table(
            asked,
            Listed("fund-history", FundMovement, log=True, checked=contract_id is not None),
            lambda reader, moment, cursor, size: list_fund_history(
                reader, institution_id, moment, contract_id=contract_id, after=cursor, limit=size
            ),
            page,
            institution_id,
        )

    def fund_history(institution_id: InstitutionPath, page: Paging, asked: Asked = of_staff) -> Response:
        return history(asked, page, institution_id)

    def contract_history(
        institution_id: InstitutionPath, contract_id: IdPath, page: Paging, asked: Asked = of_everybody
    ) -> Response:
        require_contract(asked, institution_id, contract_id)
        return history(asked, page, institution_id, contract_id)

    path, summary = "/escrows/{institution_id}", "What moved the money"
    readings.table(f"{path}/fund-history", fund_history, "FundMovement", summary, STAFF)
    of_contract = f"{path}/contracts/{{contract_id}}/fund-history"
    readings.table(of_contract, contract_history, "FundMovement", f"{summary} of a contract", EVERYBODY)


def _audit_trail(readings: Readings) -> None:
    of_staff, of_officials = readings.asked_by(STAFF), readings.asked_by(OFFICIALS)
    listed = Listed("audit-trail", AuditEntry, log=True)

    def audit_trail(
        institution_id: InstitutionPath,
        what: Recordings,
        page: Paging,
        asked: Asked = of_staff,
        contract_id: IdQuery = None,
    ) -> Response:
        def entries(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[AuditEntry]]:
            of_one = {**what, "contract_id": contract_id}
            return list_audit_trail(reader, institution_id, moment, **of_one, after=cursor, limit=size)

        return table(asked, listed, entries, page, institution_id)

    def whole_trail(what: Recordings, page: Paging, asked: Asked = of_officials) -> Response:
        def entries(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[AuditEntry]]:
            return list_whole_trail(reader, moment, **what, after=cursor, limit=size)

        return table(asked, listed, entries, page)

    summary = "Who did what, when, in which role, under which rules"
    readings.table("/escrows/{institution_id}/audit-trail", audit_trail, "AuditEntry", summary, STAFF)
    readings.table("/audit-trail", whole_trail, "AuditEntry", summary, OFFICIALS)
