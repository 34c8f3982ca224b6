"""Mediation cases: where they stand, their clocks, and what was agreed."""

from fastapi import APIRouter
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath
from api.problems.mapping import row_unknown
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, After, PageSize, Readings, Word
from api.runtime import Runtime
from projections.mediation_cases import MediationCase, find_mediation_case, list_mediation_cases


def mediation_routes(runtime: Runtime) -> APIRouter:
    """`/v1/mediation-cases`, and the cases of one institution."""
    readings = Readings(runtime)
    asking = readings.asked_by(EVERYBODY)

    def mediation_cases(
        asked: Asked = asking,
        district: Word = None,
        status: Word = None,
        mediator: Word = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("mediation-cases", MediationCase),
            lambda reader, moment, cursor, size: list_mediation_cases(
                reader,
                moment,
                district=district or asked.caller.district,
                status=status,
                mediator=mediator,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    def mediation_cases_of_escrow(
        institution_id: InstitutionPath,
        asked: Asked = asking,
        contract_id: IdQuery = None,
        status: Word = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("mediation-cases", MediationCase),
            lambda reader, moment, cursor, size: list_mediation_cases(
                reader,
                moment,
                institution_id=institution_id,
                contract_id=contract_id,
                status=status,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    def mediation_case(institution_id: InstitutionPath, case_id: IdPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = find_mediation_case(runtime.reader, institution_id, case_id, asked.moment)
        if answer.data is None or not asked.scope.sees(answer.data):
            raise row_unknown("mediation case", case_id)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    path = "/escrows/{institution_id}/mediation-cases"
    readings.table("/mediation-cases", mediation_cases, "MediationCase", "Mediation cases", EVERYBODY)
    readings.table(path, mediation_cases_of_escrow, "MediationCase", "Mediation cases of an institution", EVERYBODY)
    readings.one(f"{path}/{{case_id}}", mediation_case, "MediationCase", "A mediation case", EVERYBODY)
    return readings.router
