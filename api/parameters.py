"""Path, query and header parameters, as strict as bodies."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BeforeValidator, Field

from api.problems import FieldError, Problem
from ledger.identifiers import ID_PATTERN

MAX_POSITION = 2**62
_KEY = re.compile(r'(?P<quote>"?)(?P<key>[A-Za-z0-9_.-]{1,64})(?P=quote)')
_VERSION = re.compile(r'"(?P<version>0|[1-9][0-9]{0,18})"')
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")


def _exactly(pattern: str | re.Pattern[str], read: Callable[[str], Any]) -> BeforeValidator:
    """Reads text of exactly this form; what is no text (a default) passes."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            return value
        if not re.fullmatch(pattern, value):
            raise ValueError
        return read(value)

    return BeforeValidator(check)


_digits = _exactly(r"0|[1-9][0-9]{0,18}", int)
InstitutionPath = Annotated[str, Path(pattern=ID_PATTERN, description="Id of the institution")]
IdPath = Annotated[str, Path(pattern=ID_PATTERN, description="Opaque id")]
IdQuery = Annotated[str | None, Query(pattern=ID_PATTERN)]
Flag = Annotated[bool, _exactly("true|false", lambda text: text == "true")]
_Whole = Annotated[int, Field(ge=0, le=MAX_POSITION), _digits]
Position = Annotated[_Whole, Query()]
OptionalPosition = Annotated[_Whole | None, Query()]
OptionalFen = Annotated[Annotated[int, Field(ge=1, le=10**15), _digits] | None, Query()]
OptionalPercent = Annotated[Annotated[int, Field(ge=0, le=100), _digits] | None, Query()]
Limit = Annotated[int, Field(ge=1, le=1000), _digits, Query(description="Most rows in one answer")]
OptionalDay = Annotated[Annotated[date, _exactly("[0-9]{4}-[0-9]{2}-[0-9]{2}", date.fromisoformat)] | None, Query()]
OptionalInstant = Annotated[Annotated[AwareDatetime, _exactly(_INSTANT, datetime.fromisoformat)] | None, Query()]


async def known_query(request: Request) -> None:
    """Refuses query parameters that the route does not have, and repeated ones. Raises Problem."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = _query_names(route.dependant)
    names = [name for name, _ in request.query_params.multi_items()]
    errors = [FieldError("unknown_parameter", parameter=name) for name in dict.fromkeys(names) if name not in known]
    errors += [
        FieldError("repeated_parameter", parameter=name)
        for name in dict.fromkeys(names)
        if name in known and names.count(name) > 1
    ]
    if errors:
        raise Problem("invalid_parameters", {"count": len(errors)}, tuple(errors))


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))


def idempotency_key(request: Request) -> str:
    """The key of a POST, bare or as a quoted string. Raises Problem: idempotency_key_missing, …_malformed."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        raise Problem("idempotency_key_missing")
    found = _KEY.fullmatch(values[0].strip())
    if found is None or len(values) > 1:
        raise Problem("idempotency_key_malformed")
    return found["key"]


def if_match(request: Request) -> int | None:
    """The version the caller decided from, if it says so. Raises Problem: if_match_malformed."""
    values = request.headers.getlist("if-match")
    if not values:
        return None
    found = _VERSION.fullmatch(values[0].strip())
    if found is None or len(values) > 1:
        raise Problem("if_match_malformed")
    return int(found["version"])
