"""What a family is entitled to under a contract, derived from what is recorded; and the lessons that were taught."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from msgspec.structs import replace
from starlette.responses import Response

from api.parameters import Flag, IdPath, InstitutionPath, OptionalDay, OptionalFen, OptionalPercent
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.contracts import require_contract
from api.reads.tables import Listed, table
from api.routes.reading import EVERYBODY, Readings
from api.routes.shelves import Paging
from api.runtime import Runtime
from ledger.events import Circumstances
from ledger.identifiers import Cause
from projections.answers import Answer, Moment, decode_cursor, encode_cursor
from projections.entitlement import get_entitlement
from projections.lessons import LessonTaught, list_lessons
from projections.reading import Reader

CauseQuery = Annotated[Cause, Query(description="Why the contract ends")]
On = Annotated[OptionalDay, Query(description="Were it decided on this day; today if left out")]
RequestedOn = Annotated[OptionalDay, Query(description="Were it asked for on this day")]

PATH = "/escrows/{institution_id}/contracts/{contract_id}"


def _stated(
    market_unit_price_fen: OptionalFen = None,
    list_price_unreasonable: Annotated[Flag, Query()] = False,  # noqa: FBT002 - a query parameter
    contract_unit_price_fen: OptionalFen = None,
    progress_percent: OptionalPercent = None,
) -> Circumstances:
    return Circumstances(
        market_unit_price_fen=market_unit_price_fen,
        list_price_unreasonable=list_price_unreasonable,
        contract_unit_price_fen=contract_unit_price_fen,
        progress_percent=progress_percent,
    )


Stated = Annotated[Circumstances, Depends(_stated)]


def entitlement_routes(runtime: Runtime) -> APIRouter:
    """`…/contracts/{contract_id}/entitlement` and `…/lessons`."""
    readings = Readings(runtime)
    _entitlement(readings)
    _lessons(readings)
    return readings.router


def _entitlement(readings: Readings) -> None:
    asking = readings.asked_by(EVERYBODY)

    def entitlement(  # noqa: PLR0913 - what is asked, and what the mediator states
        institution_id: InstitutionPath,
        contract_id: IdPath,
        cause: CauseQuery,
        circumstances: Stated,
        asked: Asked = asking,
        on: On = None,
        requested_on: RequestedOn = None,
        claim_fen: OptionalFen = None,
    ) -> Response:
        institution = require_contract(asked, institution_id, contract_id)
        answer = get_entitlement(
            readings.runtime.reader,
            institution_id,
            contract_id,
            cause,
            on or asked.moment.as_of or asked.today,
            asked.moment,
            requested_on=requested_on,
            claim_fen=claim_fen,
            circumstances=circumstances,
        )
        return respond(asked, answer, institution)

    summary = "What is due under a contract, by which rule, until when, and is the money there"
    readings.one(f"{PATH}/entitlement", entitlement, "Entitlement", summary, EVERYBODY)


def _lessons(readings: Readings) -> None:
    asking = readings.asked_by(EVERYBODY)

    def lessons(
        institution_id: InstitutionPath, contract_id: IdPath, paging: Paging, asked: Asked = asking
    ) -> Response:
        require_contract(asked, institution_id, contract_id)

        def page(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[LessonTaught]]:
            return _part(list_lessons(reader, institution_id, contract_id, moment), cursor, size)

        listed = Listed("lessons", LessonTaught, log=True, checked=True)
        return table(asked, listed, page, paging, institution_id)

    readings.table(f"{PATH}/lessons", lessons, "LessonTaught", "The lessons claimed under a contract", EVERYBODY)


def _part(answer: Answer[list[LessonTaught]], cursor: str | None, size: int) -> Answer[list[LessonTaught]]:
    """A page of lessons; they keep their order, so that the cursor is the number of those before."""
    last = decode_cursor(cursor, 1)
    start = int(last[0]) if last is not None and last[0].isdecimal() else 0
    more = encode_cursor(str(start + size)) if len(answer.data) > start + size else None
    return replace(answer, data=answer.data[start : start + size], next=more)
