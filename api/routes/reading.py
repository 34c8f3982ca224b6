"""How read routes are put up: roles, the dependencies every query has, and a table's four forms."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.openapi.operations import read_operation, ref
from api.parameters import Limit, known_query
from api.reads.asked import askers
from api.reads.files import FORMATS
from api.runtime import Runtime
from api.security.callers import readers
from ledger.identifiers import Role

OFFICIALS = (Role.REGULATOR, Role.AUDITOR)
STAFF = (*OFFICIALS, Role.MEDIATOR, Role.BANK, Role.INSTITUTION)
EVERYBODY = tuple(Role)

After = Annotated[str | None, Query(max_length=4200, description="Cursor of the page, from `next` of the one before")]
Word = Annotated[str | None, Query(min_length=1, max_length=500)]
DEFAULT_LIMIT = 100
PageSize = Limit


class Readings:
    """Puts up the read routes of one group of resources."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.router = APIRouter(prefix="/v1")

    def asked_by(self, roles: Iterable[Role]) -> Any:  # noqa: ANN401 - what FastAPI calls a dependency
        """The dependency that gives the question, for these roles."""
        return Depends(askers(self.runtime, roles))

    def one(self, path: str, endpoint: Callable[..., Any], shape: str, summary: str, roles: Iterable[Role]) -> None:
        """A route that answers with one thing."""
        operation = read_operation(f"get_{endpoint.__name__}", summary, ref(f"{shape}Answer"), roles)
        self._add(path, endpoint, roles, operation)

    def table(self, path: str, endpoint: Callable[..., Any], shape: str, summary: str, roles: Iterable[Role]) -> None:
        """A route that answers with a table: JSON pages, or by Accept or suffix the whole as a file."""
        name = f"list_{endpoint.__name__}"
        media_types = [each.media_type.partition(";")[0] for each in FORMATS.values()]
        operation = read_operation(name, summary, ref(f"{shape}List"), roles, formats=media_types)
        self._add(path, endpoint, roles, operation)
        for each in FORMATS.values():
            media_type = each.media_type.partition(";")[0]
            whole = read_operation(f"{name}_{each.suffix}", f"{summary} ({each.suffix})", {}, roles)
            whole["responses"][200]["content"] = {media_type: {"schema": {"type": "string"}}}
            self._add(f"{path}.{each.suffix}", endpoint, roles, whole)

    def _add(self, path: str, endpoint: Callable[..., Any], roles: Iterable[Role], operation: dict[str, Any]) -> None:
        checks = [Depends(readers(self.runtime.tokens, roles)), Depends(known_query)]
        self.router.add_api_route(path, endpoint, methods=["GET"], dependencies=checks, **operation)
