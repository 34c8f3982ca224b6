"""How answers leave: JSON, and refusals as problems."""

import sqlite3
from typing import Any

import msgspec
import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from api.documents import field_code
from api.language import preferred
from api.problems import FieldError, Problem, problem_of
from api.problems.mapping import RETRY
from api.problems.problem import MEDIA_TYPE, body_of
from api.runtime import Runtime
from api.vault.masters import VaultDamaged, VaultLocked
from ledger.rejections import Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from projections.answers import UnknownRow

log = structlog.get_logger("api")

_NOT_FOUND = 404
_NOT_LET_IN = frozenset({400, 401, 403, _NOT_FOUND, 413, 415, 429})
"""Refused before any rule was asked. What is somebody else's answers as what does not exist: both are counted."""
_BY_STATUS = {404: "not_found", 405: "method_not_allowed"}


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A body of structs and plain values as JSON."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def problem_response(runtime: Runtime, request: Request, problem: Problem) -> Response:
    """A refusal in the reader's language."""
    language = preferred(request.headers.get("accept-language"))
    trace_id = request.scope.get("state", {}).get("trace_id")
    body = body_of(problem, runtime.catalogue, language, trace_id)
    headers = {"Content-Language": language, "Vary": "Accept-Language", **problem.headers}
    return Response(msgspec.json.encode(body), problem.status, headers, MEDIA_TYPE)


def install_refusals(app: FastAPI, runtime: Runtime) -> None:
    """Every error becomes a problem."""

    def refuse(request: Request, error: Exception) -> Response:
        problem = _problem(error)
        if problem.status == _NOT_FOUND and getattr(request.state, "stale", False):
            problem = Problem("store_unavailable", headers=RETRY)  # it may be there and not have been taken in
        if problem.status in _NOT_LET_IN:
            record_refusal(runtime, request, problem.code)
        return problem_response(runtime, request, problem)

    for kind in (
        Problem,
        Rejection,
        StoreUnavailable,
        OutcomeUnknown,
        UnknownRow,
        VaultLocked,
        VaultDamaged,
        OperationalError,
        InterfaceError,
        psycopg.OperationalError,
        sqlite3.OperationalError,
        RequestValidationError,
        HTTPException,
    ):
        app.add_exception_handler(kind, refuse)


def record_refusal(runtime: Runtime, request: Request, code: str) -> None:
    """Count and log who was not let in: the code, the place and the subject, nothing of what was sent."""
    runtime.metrics.refused.labels(code).inc()
    state = request.scope.get("state", {})
    route = getattr(request.scope.get("route"), "path", "none")
    subject, trace_id = state.get("subject"), state.get("trace_id")
    log.warning("not let in", code=code, route=route, subject=subject, trace_id=trace_id)


def last_resort(runtime: Runtime, scope: Scope) -> Response:
    """What is said when nothing else is known: the trace id, and nothing of the inside."""
    return problem_response(runtime, Request(scope), Problem("internal_error"))


def _problem(error: Exception) -> Problem:
    match error:
        case RequestValidationError():
            errors = tuple(_parameter_error(each) for each in error.errors())
            return Problem("invalid_parameters", {"count": len(errors)}, errors)
        case HTTPException():
            return Problem(_BY_STATUS.get(error.status_code, "bad_request"), headers=error.headers or {})
        case _:
            return problem_of(error)


def _parameter_error(error: dict[str, Any]) -> FieldError:
    location = error["loc"]
    return FieldError(field_code(error["type"]), parameter=str(location[1] if len(location) > 1 else location[-1]))
