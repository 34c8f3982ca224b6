"""Institutions and their escrows: who they are, and what is in custody for whom."""

from fastapi import APIRouter
from starlette.responses import Response

from api.parameters import InstitutionPath
from api.reads.answer import respond
from api.reads.asked import Asked
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, STAFF, After, PageSize, Readings, Word
from api.runtime import Runtime
from projections.escrow_balance import EscrowBalance, get_escrow_balance, list_escrow_balances
from projections.institution import Institution, get_institution, list_institutions


def institution_routes(runtime: Runtime) -> APIRouter:
    """`/v1/institutions`, `/v1/escrow-balances`, `/v1/escrows/{institution_id}` and its balance."""
    readings = Readings(runtime)
    asking = readings.asked_by(STAFF)

    def institutions(
        asked: Asked = asking,
        district: Word = None,
        jurisdiction: Word = None,
        status: Word = None,
        uscc: Word = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("institutions", Institution),
            lambda reader, moment, cursor, size: list_institutions(
                reader,
                moment,
                district=district,
                jurisdiction=jurisdiction,
                status=status,
                uscc=uscc,
                after=cursor,
                limit=size,
            ),
            Page(after, limit),
        )

    def escrow_balances(asked: Asked = asking, after: After = None, limit: PageSize = DEFAULT_LIMIT) -> Response:
        return table(
            asked,
            Listed("escrow-balances", EscrowBalance),
            lambda reader, moment, cursor, size: list_escrow_balances(reader, moment, after=cursor, limit=size),
            Page(after, limit),
        )

    def escrow(institution_id: InstitutionPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        answer = get_institution(runtime.reader, institution_id, asked.moment)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    def escrow_balance(institution_id: InstitutionPath, asked: Asked = asking) -> Response:
        institution, etag = asked.escrow(institution_id)
        get_institution(runtime.reader, institution_id, asked.moment)
        answer = get_escrow_balance(runtime.reader, institution_id, asked.moment)
        return respond(asked, answer, institution, etag if asked.moment.live else None)

    readings.table("/institutions", institutions, "Institution", "Institutions under supervision", STAFF)
    readings.table("/escrow-balances", escrow_balances, "EscrowBalance", "The accounts of every escrow", STAFF)
    readings.one("/escrows/{institution_id}", escrow, "Institution", "An institution as last recorded", STAFF)
    readings.one(
        "/escrows/{institution_id}/balance", escrow_balance, "EscrowBalance", "What is in custody, for whom", STAFF
    )
    return readings.router
