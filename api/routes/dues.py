"""What is due to whom, why, until when and whether the money is there; and every clock that runs."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.parameters import IdQuery, InstitutionPath, OptionalDay
from api.reads.asked import Asked
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, STAFF, After, PageSize, Readings, Word
from api.runtime import Runtime
from projections.deadlines import DeadlineKind, RunningDeadline, list_deadlines
from projections.refunds_due import RefundDue, State, list_refunds_due

StateQuery = Annotated[State | None, Query()]
OverdueOn = Annotated[OptionalDay, Query(description="Only those whose last day lies before this day")]
KindQuery = Annotated[DeadlineKind | None, Query()]


def due_routes(runtime: Runtime) -> APIRouter:
    """`/v1/refunds-due` of the city, a district or an institution, and `/v1/deadlines`."""
    readings = Readings(runtime)
    _refunds(readings)
    _deadlines(readings)
    return readings.router


def _refunds(readings: Readings) -> None:
    asking = readings.asked_by(EVERYBODY)

    def refunds_due(
        asked: Asked = asking,
        district: Word = None,
        state: StateQuery = None,
        overdue_on: OverdueOn = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("refunds-due", RefundDue),
            lambda reader, moment, cursor, size: list_refunds_due(
                reader,
                moment,
                district=district or asked.caller.district,
                guardian_id=asked.caller.guardian_id,
                state=state,
                overdue_on=overdue_on,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    def refunds_due_of_escrow(
        institution_id: InstitutionPath,
        asked: Asked = asking,
        contract_id: IdQuery = None,
        state: StateQuery = None,
        overdue_on: OverdueOn = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("refunds-due", RefundDue),
            lambda reader, moment, cursor, size: list_refunds_due(
                reader,
                moment,
                institution_id=institution_id,
                contract_id=contract_id,
                guardian_id=asked.caller.guardian_id,
                state=state,
                overdue_on=overdue_on,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    summary = "What is due to whom, why, until when, and is the money there"
    readings.table("/refunds-due", refunds_due, "RefundDue", summary, EVERYBODY)
    readings.table("/escrows/{institution_id}/refunds-due", refunds_due_of_escrow, "RefundDue", summary, EVERYBODY)


def _deadlines(readings: Readings) -> None:
    asking = readings.asked_by(STAFF)

    def deadlines(
        asked: Asked = asking,
        from_on: OptionalDay = None,
        until_on: OptionalDay = None,
        district: Word = None,
        kind: KindQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("deadlines", RunningDeadline),
            lambda reader, moment, cursor, size: list_deadlines(
                reader,
                moment,
                from_on=from_on,
                until_on=until_on,
                district=district or asked.caller.district,
                kind=kind,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    def deadlines_of_escrow(  # noqa: PLR0913 - each is a filter of the list
        institution_id: InstitutionPath,
        asked: Asked = asking,
        from_on: OptionalDay = None,
        until_on: OptionalDay = None,
        contract_id: IdQuery = None,
        kind: KindQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("deadlines", RunningDeadline),
            lambda reader, moment, cursor, size: list_deadlines(
                reader,
                moment,
                from_on=from_on,
                until_on=until_on,
                institution_id=institution_id,
                contract_id=contract_id,
                kind=kind,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    readings.table("/deadlines", deadlines, "RunningDeadline", "Every clock that runs", STAFF)
    path = "/escrows/{institution_id}/deadlines"
    readings.table(path, deadlines_of_escrow, "RunningDeadline", "The clocks that run at an institution", STAFF)
