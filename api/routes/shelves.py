"""Tables of the whole city and of one institution: one question serves both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

from fastapi import Depends
from starlette.responses import Response

from api.parameters import InstitutionPath
from api.reads.asked import Asked
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, After, PageSize, Readings
from api.security.mandate import Mandate
from ledger.identifiers import Role
from projections.answers import Answer

Filters: TypeAlias = dict[str, Any]
"""Keyword arguments of a list."""


def paging(after: After = None, limit: PageSize = DEFAULT_LIMIT) -> Page:
    """Which part of a table is asked for."""
    return Page(after, limit)


Paging = Annotated[Page, Depends(paging)]


def unbounded(_caller: Mandate) -> Filters:
    """A list that is not narrowed by who asks; what exists for the caller is sorted out row by row."""
    return {}


def own_district(caller: Mandate) -> Filters:
    """The officer's own district, where no other is asked for."""
    return {} if caller.district is None else {"district": caller.district}


def own_family(caller: Mandate) -> Filters:
    """A guardian's own contracts."""
    return {} if caller.guardian_id is None else {"guardian_id": caller.guardian_id}


@dataclass(frozen=True)
class Shelf:
    """A list that takes `institution_id`; its routes are `/v1/{name}` and `/v1/escrows/{institution_id}/{name}`."""

    listed: Listed
    rows: Callable[..., Answer[list[Any]]]
    """The list: reader, moment, filters by name, `after`, `limit`."""
    summary: str
    roles: Iterable[Role]
    everywhere: Callable[..., Filters]
    """A dependency that reads the filters of the list of all."""
    here: Callable[..., Filters]
    """The same for one institution."""
    of_all: Callable[[Mandate], Filters] = field(default=unbounded)
    """What of all is for the caller, where the question does not say."""
    of_one: Callable[[Mandate], Filters] = field(default=unbounded)
    """What of one institution is for the caller, whatever the question says."""


def put_up(readings: Readings, shelf: Shelf) -> None:
    """The two routes of a shelf, each with its files."""
    asking = readings.asked_by(shelf.roles)

    def answer(asked: Asked, filters: Filters, page: Page, institution_id: str | None = None) -> Response:
        if institution_id is not None:
            filters = {**filters, "institution_id": institution_id}
        return table(
            asked,
            shelf.listed,
            lambda reader, moment, cursor, size: shelf.rows(reader, moment, **filters, after=cursor, limit=size),
            page,
            institution_id,
        )

    def everywhere(page: Paging, asked: Asked = asking, filters: Filters = Depends(shelf.everywhere)) -> Response:  # noqa: B008 - how FastAPI is told
        said = {name: value for name, value in filters.items() if value is not None}
        return answer(asked, {**shelf.of_all(asked.caller), **said, **shelf.of_one(asked.caller)}, page)

    def here(
        institution_id: InstitutionPath,
        page: Paging,
        asked: Asked = asking,
        filters: Filters = Depends(shelf.here),  # noqa: B008 - same
    ) -> Response:
        return answer(asked, {**filters, **shelf.of_one(asked.caller)}, page, institution_id)

    name, kind = shelf.listed.name, shelf.listed.kind.__name__
    everywhere.__name__ = name.replace("-", "_")
    here.__name__ = f"{everywhere.__name__}_of_escrow"
    readings.table(f"/{name}", everywhere, kind, shelf.summary, shelf.roles)
    of_one = f"{shelf.summary} (one institution)"
    readings.table(f"/escrows/{{institution_id}}/{name}", here, kind, of_one, shelf.roles)
