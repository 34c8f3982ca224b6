"""What happened: the history of the money, and the audit trail of who did what under which rules."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath, OptionalInstant
from api.public import microseconds
from api.reads.asked import Asked
from api.reads.contracts import require_contract
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, OFFICIALS, STAFF, After, PageSize, Readings
from api.runtime import Runtime
from projections.audit_trail import AuditEntry, list_audit_trail, list_whole_trail
from projections.fund_history import FundMovement, list_fund_history

Topic = Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}\.[0-9]{1,4}$", description="Only events of this name")]
FromAt = Annotated[OptionalInstant, Query(description="Recorded at this instant or later")]
UntilAt = Annotated[OptionalInstant, Query(description="Recorded at this instant or earlier")]


def history_routes(runtime: Runtime) -> APIRouter:
    """`…/fund-history` of an institution and of a contract, `…/audit-trail` of an institution and of all."""
    readings = Readings(runtime)
    _fund_history(readings)
    _audit_trail(readings)
    return readings.router


def _fund_history(readings: Readings) -> None:
    listed = Listed("fund-history", FundMovement, log=True)
    of_staff, of_everybody = readings.asked_by(STAFF), readings.asked_by(EVERYBODY)

    def fund_history(
        institution_id: InstitutionPath,
        asked: Asked = of_staff,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            listed,
            lambda reader, moment, cursor, size: list_fund_history(
                reader, institution_id, moment, after=cursor, limit=size
            ),
            Page(after, limit),
            institution_id,
        )

    def contract_history(
        institution_id: InstitutionPath,
        contract_id: IdPath,
        asked: Asked = of_everybody,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        require_contract(asked, institution_id, contract_id)
        return table(
            asked,
            listed._replace(checked=True),
            lambda reader, moment, cursor, size: list_fund_history(
                reader, institution_id, moment, contract_id=contract_id, after=cursor, limit=size
            ),
            Page(after, limit),
            institution_id,
        )

    path = "/escrows/{institution_id}"
    readings.table(f"{path}/fund-history", fund_history, "FundMovement", "What moved the money", STAFF)
    readings.table(
        f"{path}/contracts/{{contract_id}}/fund-history",
        contract_history,
        "FundMovement",
        "What moved the money of a contract",
        EVERYBODY,
    )


def _audit_trail(readings: Readings) -> None:
    of_staff, of_officials = readings.asked_by(STAFF), readings.asked_by(OFFICIALS)

    def audit_trail(  # noqa: PLR0913 - each is a filter of the list
        institution_id: InstitutionPath,
        asked: Asked = of_staff,
        contract_id: IdQuery = None,
        topic: Topic = None,
        recorded_from: FromAt = None,
        recorded_until: UntilAt = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("audit-trail", AuditEntry, log=True),
            lambda reader, moment, cursor, size: list_audit_trail(
                reader,
                institution_id,
                moment,
                contract_id=contract_id,
                topics=() if topic is None else (topic,),
                recorded_from=None if recorded_from is None else microseconds(recorded_from),
                recorded_until=None if recorded_until is None else microseconds(recorded_until),
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    def whole_trail(
        asked: Asked = of_officials,
        topic: Topic = None,
        recorded_from: FromAt = None,
        recorded_until: UntilAt = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("audit-trail", AuditEntry, log=True),
            lambda reader, moment, cursor, size: list_whole_trail(
                reader,
                moment,
                topics=() if topic is None else (topic,),
                recorded_from=None if recorded_from is None else microseconds(recorded_from),
                recorded_until=None if recorded_until is None else microseconds(recorded_until),
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    summary = "Who did what, when, in which role, under which rules"
    readings.table("/escrows/{institution_id}/audit-trail", audit_trail, "AuditEntry", summary, STAFF)
    readings.table("/audit-trail", whole_trail, "AuditEntry", summary, OFFICIALS)
