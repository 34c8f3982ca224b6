"""Mediation cases: where they stand, their clocks, and what was agreed."""

from fastapi import APIRouter
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath
from api.problems.mapping import row_unknown
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed
from api.routes.reading import EVERYBODY, Readings, Word
from api.routes.shelves import Filters, Shelf, own_district, put_up
from api.runtime import Runtime
from projections.mediation_cases import MediationCase, find_mediation_case, list_mediation_cases


def mediation_routes(runtime: Runtime) -> APIRouter:
    """`/v1/mediation-cases`, and the cases of one institution."""
    readings = Readings(runtime)
    asking = readings.asked_by(EVERYBODY)

    def mediation_case(institution_id: InstitutionPath, case_id: IdPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = find_mediation_case(runtime.reader, institution_id, case_id, asked.moment)
        if answer.data is None or not asked.scope.sees(answer.data):
            raise row_unknown("mediation case", case_id)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    put_up(
        readings,
        Shelf(
            Listed("mediation-cases", MediationCase),
            list_mediation_cases,
            "Mediation cases",
            EVERYBODY,
            everywhere=_cases,
            here=_cases_here,
            of_all=own_district,
        ),
    )
    path = "/escrows/{institution_id}/mediation-cases"
    readings.one(f"{path}/{{case_id}}", mediation_case, "MediationCase", "A mediation case", EVERYBODY)
    return readings.router


def _cases(district: Word = None, status: Word = None, mediator: Word = None) -> Filters:
    return {"district": district, "status": status, "mediator": mediator}


def _cases_here(contract_id: IdQuery = None, status: Word = None) -> Filters:
    return {"contract_id": contract_id, "status": status}
