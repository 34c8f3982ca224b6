"""Institutions and their escrows: who they are, and what is in custody for whom."""

from fastapi import APIRouter
from starlette.responses import Response

from api.parameters import InstitutionPath
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed, table
from api.routes.reading import STAFF, Readings, Word
from api.routes.shelves import Paging
from api.runtime import Runtime
from projections.answers import Answer, Moment
from projections.escrow_balance import EscrowBalance, get_escrow_balance, list_escrow_balances
from projections.institution import Institution, get_institution, list_institutions
from projections.reading import Reader


def institution_routes(runtime: Runtime) -> APIRouter:
    """`/v1/institutions`, `/v1/escrow-balances`, `/v1/escrows/{institution_id}` and its balance."""
    readings = Readings(runtime)
    _tables(readings)
    asking = readings.asked_by(STAFF)

    def escrow(institution_id: InstitutionPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = get_institution(runtime.reader, institution_id, asked.moment)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    def escrow_balance(institution_id: InstitutionPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        get_institution(runtime.reader, institution_id, asked.moment)
        answer = get_escrow_balance(runtime.reader, institution_id, asked.moment)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    readings.one("/escrows/{institution_id}", escrow, "Institution", "An institution as last recorded", STAFF)
    readings.one(
        "/escrows/{institution_id}/balance", escrow_balance, "EscrowBalance", "What is in custody, for whom", STAFF
    )
    return readings.router


def _tables(readings: Readings) -> None:
    asking = readings.asked_by(STAFF)

    def institutions(
        page: Paging,
        asked: Asked = asking,
        district: Word = None,
        jurisdiction: Word = None,
        status: Word = None,
        uscc: Word = None,
    ) -> Response:
        given = {"district": district, "jurisdiction": jurisdiction, "status": status, "uscc": uscc}

        def found(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[Institution]]:
            return list_institutions(reader, moment, **given, after=cursor, limit=size)

        return table(asked, Listed("institutions", Institution), found, page)

    def escrow_balances(page: Paging, asked: Asked = asking) -> Response:
        return table(
            asked,
            Listed("escrow-balances", EscrowBalance),
            lambda reader, moment, cursor, size: list_escrow_balances(reader, moment, after=cursor, limit=size),
            page,
        )

    readings.table("/institutions", institutions, "Institution", "Institutions under supervision", STAFF)
    readings.table("/escrow-balances", escrow_balances, "EscrowBalance", "The accounts of every escrow", STAFF)
