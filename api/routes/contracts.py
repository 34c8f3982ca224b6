"""Contract statements: what was signed, what it came to, and what is left."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.parameters import IdPath, IdQuery, InstitutionPath
from api.problems.mapping import row_unknown
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, After, PageSize, Readings
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

    def contracts(
        asked: Asked = asking,
        contract_id: IdQuery = None,
        guardian_id: IdQuery = None,
        student_id: IdQuery = None,
        status: StandingQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("contracts", ContractStatement),
            lambda reader, moment, cursor, size: list_contract_statements(
                reader,
                moment,
                contract_id=contract_id,
                guardian_id=asked.caller.guardian_id or guardian_id,
                student_id=student_id,
                status=status,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    def contracts_of_escrow(
        institution_id: InstitutionPath,
        asked: Asked = asking,
        student_id: IdQuery = None,
        status: StandingQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("contracts", ContractStatement),
            lambda reader, moment, cursor, size: list_contract_statements(
                reader,
                moment,
                institution_id=institution_id,
                guardian_id=asked.caller.guardian_id,
                student_id=student_id,
                status=status,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    def contract(institution_id: InstitutionPath, contract_id: IdPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = find_contract_statement(runtime.reader, institution_id, contract_id, asked.moment)
        if answer.data is None or not asked.scope.sees(answer.data):
            raise row_unknown("contract", contract_id)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    path = "/escrows/{institution_id}/contracts"
    readings.table("/contracts", contracts, "ContractStatement", "Contract statements", EVERYBODY)
    readings.table(path, contracts_of_escrow, "ContractStatement", "Contract statements of an institution", EVERYBODY)
    readings.one(f"{path}/{{contract_id}}", contract, "ContractStatement", "The statement of a contract", EVERYBODY)
    return readings.router
