"""Contract statements: what was signed, what it came to, and what is left."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath
from api.problems.mapping import row_unknown
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed
from api.routes.reading import EVERYBODY, Readings
from api.routes.shelves import Filters, Shelf, own_family, put_up
from api.runtime import Runtime
from projections.contract_statement import (
    ContractStatement,
    Standing,
    find_contract_statement,
    list_contract_statements,
)

StandingQuery = Annotated[Standing | None, Query()]


def contract_routes(runtime: Runtime) -> APIRouter:
    """`/v1/contracts`, and the contracts of one institution."""
    readings = Readings(runtime)
    asking = readings.asked_by(EVERYBODY)

    def contract(institution_id: InstitutionPath, contract_id: IdPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = find_contract_statement(runtime.reader, institution_id, contract_id, asked.moment)
        if answer.data is None or not asked.scope.sees(answer.data):
            raise row_unknown("contract", contract_id)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    put_up(
        readings,
        Shelf(
            Listed("contracts", ContractStatement),
            list_contract_statements,
            "Contract statements",
            EVERYBODY,
            everywhere=_contracts,
            here=_contracts_here,
            of_one=own_family,
        ),
    )
    path = "/escrows/{institution_id}/contracts"
    readings.one(f"{path}/{{contract_id}}", contract, "ContractStatement", "The statement of a contract", EVERYBODY)
    return readings.router


def _contracts(
    contract_id: IdQuery = None, guardian_id: IdQuery = None, student_id: IdQuery = None, status: StandingQuery = None
) -> Filters:
    return {"contract_id": contract_id, "guardian_id": guardian_id, "student_id": student_id, "status": status}


def _contracts_here(student_id: IdQuery = None, status: StandingQuery = None) -> Filters:
    return {"student_id": student_id, "status": status}
