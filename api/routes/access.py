"""The log of reads: who looked at which family's data, when, and why."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from starlette.responses import Response

from api.parameters import IdQuery
from api.reads.asked import Asked
from api.reads.bounds import last_instant
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, OFFICIALS, After, PageSize, Readings
from api.runtime import Runtime
from api.security.access_log import AccessEntry, access_log
from ledger.identifiers import Role
from projections.answers import Answer, Moment, encode_cursor
from projections.reading import Reader, filtered

RoleQuery = Annotated[Role | None, Query(description="In which role somebody read")]


def access_routes(runtime: Runtime) -> APIRouter:
    """`/v1/access-log`."""
    readings = Readings(runtime)
    asking = readings.asked_by(OFFICIALS)

    def entries(  # noqa: PLR0913 - each is a filter
        asked: Asked = asking,
        institution_id: IdQuery = None,
        contract_id: IdQuery = None,
        subject_id: IdQuery = None,
        actor: IdQuery = None,
        role: RoleQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        wanted = {
            "institution_id": institution_id,
            "contract_id": contract_id,
            "subject_id": subject_id,
            "actor": actor,
            "role": None if role is None else role.value,
        }

        def lister(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[AccessEntry]]:
            return _list(asked, reader, moment, cursor, size, wanted)

        return table(asked, Listed("access-log", AccessEntry, log=True, checked=True), lister, Page(after, limit))

    readings.table("/access-log", entries, "AccessEntry", "Who read a family's data", OFFICIALS)
    return readings.router


def _list(
    asked: Asked, reader: Reader, moment: Moment, cursor: str | None, size: int, wanted: dict[str, str | None]
) -> Answer[list[AccessEntry]]:
    """Entries in order; those about institutions and places that are not the officer's are left out."""
    query = select(access_log).where(*filtered(access_log.c, **wanted))
    if (until := last_instant(moment)) is not None:
        query = query.where(access_log.c.read_at <= until)
    with reader.open_log(moment) as reading:
        page = reading.page(AccessEntry, query, [access_log.c.number], cursor, size)
        following = None if page.next is None else encode_cursor(str(page.data[-1].number))
        return reading.answer([each for each in page.data if _exists_for(asked, each)], next=following)


def _exists_for(asked: Asked, entry: AccessEntry) -> bool:
    if entry.institution_id is not None:
        return asked.scope.institution(entry.institution_id) is not None
    return entry.place is not None and asked.caller.covers_place(entry.place, entry.district or "")
