"""Why a balance is what it is: by kind of event, and down to every event, bank serial and document."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from api.parameters import IdPath, InstitutionPath
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.contracts import require_contract
from api.reads.tables import Listed, Page, table
from api.routes.histories import Topic
from api.routes.reading import EVERYBODY, STAFF, Readings
from api.routes.shelves import Paging
from api.runtime import Runtime
from ledger.postings import ACCOUNTS
from projections.answers import Answer, Moment
from projections.explain import ExplainedLine, explain_balance, list_explained_lines
from projections.reading import Reader

AccountName = StrEnum("AccountName", {account.name: account.name for account in ACCOUNTS})  # type: ignore[misc] # its names are known at run time
AccountPath = Annotated[AccountName, Path(description="Account of the chart")]
LISTED = Listed("explained-lines", ExplainedLine, log=True, checked=True)


def explanation_routes(runtime: Runtime) -> APIRouter:
    """`…/explanations/{account}` of an institution and of a contract, and the lines behind each."""
    readings = Readings(runtime)
    _of_institution(readings)
    _of_contract(readings)
    return readings.router


def _explained(asked: Asked, account: AccountName, institution_id: str, contract_id: str | None = None) -> Response:
    if contract_id is None:
        institution, _ = asked.escrow(institution_id)
    else:
        institution = require_contract(asked, institution_id, contract_id)
    models = asked.runtime.reader
    answer = explain_balance(models, institution_id, account.value, asked.moment, contract_id=contract_id)
    return respond(asked, answer, institution)


def _lines(
    asked: Asked,
    account: AccountName,
    topic: str | None,
    page: Page,
    institution_id: str,
    contract_id: str | None = None,
) -> Response:
    if contract_id is not None:
        require_contract(asked, institution_id, contract_id)

    def lines(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[ExplainedLine]]:
        of = {"contract_id": contract_id, "topic": topic}
        return list_explained_lines(reader, institution_id, account.value, moment, **of, after=cursor, limit=size)

    return table(asked, LISTED, lines, page, institution_id)


def _of_institution(readings: Readings) -> None:
    asking = readings.asked_by(STAFF)

    def explanation(institution_id: InstitutionPath, account: AccountPath, asked: Asked = asking) -> Response:
        return _explained(asked, account, institution_id)

    def explained_lines(
        institution_id: InstitutionPath, account: AccountPath, page: Paging, asked: Asked = asking, topic: Topic = None
    ) -> Response:
        return _lines(asked, account, topic, page, institution_id)

    path = "/escrows/{institution_id}/explanations/{account}"
    readings.one(path, explanation, "Explanation", "Why an account holds what it holds", STAFF)
    readings.table(f"{path}/lines", explained_lines, "ExplainedLine", "The events behind a balance", STAFF)


def _of_contract(readings: Readings) -> None:
    asking = readings.asked_by(EVERYBODY)

    def contract_explanation(
        institution_id: InstitutionPath, contract_id: IdPath, account: AccountPath, asked: Asked = asking
    ) -> Response:
        return _explained(asked, account, institution_id, contract_id)

    def contract_explained_lines(
        institution_id: InstitutionPath,
        contract_id: IdPath,
        account: AccountPath,
        page: Paging,
        asked: Asked = asking,
        topic: Topic = None,
    ) -> Response:
        return _lines(asked, account, topic, page, institution_id, contract_id)

    path = "/escrows/{institution_id}/contracts/{contract_id}/explanations/{account}"
    summary = "Why an account holds what it holds for a contract"
    readings.one(path, contract_explanation, "Explanation", summary, EVERYBODY)
    readings.table(f"{path}/lines", contract_explained_lines, "ExplainedLine", "The events behind it", EVERYBODY)
