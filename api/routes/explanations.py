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
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, STAFF, After, PageSize, Readings
from api.runtime import Runtime
from ledger.postings import ACCOUNTS
from projections.explain import ExplainedLine, explain_balance, list_explained_lines

AccountName = StrEnum("AccountName", {account.name: account.name for account in ACCOUNTS})  # type: ignore[misc]
AccountPath = Annotated[AccountName, Path(description="Account of the chart")]
LISTED = Listed("explained-lines", ExplainedLine, log=True, checked=True)


def explanation_routes(runtime: Runtime) -> APIRouter:
    """`…/explanations/{account}` of an institution and of a contract, and the lines behind each."""
    readings = Readings(runtime)
    _of_institution(readings)
    _of_contract(readings)
    return readings.router


def _of_institution(readings: Readings) -> None:
    asking, models = readings.asked_by(STAFF), readings.runtime.reader

    def explanation(institution_id: InstitutionPath, account: AccountPath, asked: Asked = asking) -> Response:
        institution, _ = asked.escrow(institution_id)
        return respond(asked, explain_balance(models, institution_id, account.value, asked.moment), institution)

    def explained_lines(
        institution_id: InstitutionPath,
        account: AccountPath,
        asked: Asked = asking,
        topic: Topic = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            LISTED,
            lambda reader, moment, cursor, size: list_explained_lines(
                reader, institution_id, account.value, moment, topic=topic, after=cursor, limit=size
            ),
            Page(after, limit),
            institution_id,
        )

    path = "/escrows/{institution_id}/explanations/{account}"
    readings.one(path, explanation, "Explanation", "Why an account holds what it holds", STAFF)
    readings.table(f"{path}/lines", explained_lines, "ExplainedLine", "The events behind a balance", STAFF)


def _of_contract(readings: Readings) -> None:
    asking, models = readings.asked_by(EVERYBODY), readings.runtime.reader

    def contract_explanation(
        institution_id: InstitutionPath, contract_id: IdPath, account: AccountPath, asked: Asked = asking
    ) -> Response:
        institution = require_contract(asked, institution_id, contract_id)
        answer = explain_balance(models, institution_id, account.value, asked.moment, contract_id=contract_id)
        return respond(asked, answer, institution)

    def contract_explained_lines(
        institution_id: InstitutionPath,
        contract_id: IdPath,
        account: AccountPath,
        asked: Asked = asking,
        topic: Topic = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        require_contract(asked, institution_id, contract_id)
        return table(
            asked,
            LISTED,
            lambda reader, moment, cursor, size: list_explained_lines(
                reader,
                institution_id,
                account.value,
                moment,
                contract_id=contract_id,
                topic=topic,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
            institution_id,
        )

    path = "/escrows/{institution_id}/contracts/{contract_id}/explanations/{account}"
    summary = "Why an account holds what it holds for a contract"
    readings.one(path, contract_explanation, "Explanation", summary, EVERYBODY)
    readings.table(f"{path}/lines", contract_explained_lines, "ExplainedLine", "The events behind it", EVERYBODY)
