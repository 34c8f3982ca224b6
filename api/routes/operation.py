"""What runs the program asks: is it alive, is it ready, what does it count; and what a problem means."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.answers import json_response
from api.language import preferred
from api.openapi.operations import content, problems, public_operation, ref
from api.parameters import known_query
from api.problems import STATUS, Problem
from api.runtime import Runtime
from projections.answers import PROJECTION_VERSION

Shape = dict[str, Any]
Responses = dict[int | str, Shape]


class Readiness(msgspec.Struct):
    """Whether the program may be asked, and what keeps it."""

    status: Literal["ready", "not_ready"]
    lag: int | None
    """Events the read models have not taken in yet; null where the store cannot be asked."""
    parked: int
    """Institutions whose answers stopped before an event that cannot be read."""
    incomplete: int
    """Institutions some of whose rows are still being computed."""
    projection_version: int


def readiness(runtime: Runtime) -> Readiness:
    """How it stands; a store that cannot be asked is not ready."""
    try:
        health = runtime.runner.health()
    except SQLAlchemyError:
        return Readiness("not_ready", None, 0, 0, PROJECTION_VERSION)
    ready = health.green and health.lag <= runtime.settings.ready_lag
    status: Literal["ready", "not_ready"] = "ready" if ready else "not_ready"
    return Readiness(status, health.lag, len(health.parked), health.incomplete, PROJECTION_VERSION)


def gauge(runtime: Runtime) -> None:
    """Bring the gauges up to date."""
    state = readiness(runtime)
    runtime.metrics.parked.set(state.parked)
    if state.lag is not None:
        runtime.metrics.lag.set(state.lag)


class Meaning(msgspec.Struct):
    """What a problem means."""

    type: str
    code: str
    status: int
    title: str
    detail: str
    """The sentence, with its fields in braces."""


def operation_routes(runtime: Runtime) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics` and `/problems/{code}`; none of them says anything about anybody."""
    router = APIRouter(dependencies=[Depends(known_query)])

    def healthz() -> Response:
        return json_response({"status": "ok"})

    def readyz() -> Response:
        state = readiness(runtime)
        return json_response(state, 200 if state.status == "ready" else 503)

    def metrics() -> Response:
        gauge(runtime)
        return Response(runtime.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def problem(request: Request, code: Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")]) -> Response:
        if code not in STATUS:
            raise Problem("not_found")
        language, texts = preferred(request.headers.get("accept-language")), runtime.catalogue
        body = Meaning(
            f"/problems/{code}", code, STATUS[code], texts.title(code, language), texts.pattern(code, language)
        )
        return json_response(body, headers={"Content-Language": language, "Vary": "Accept-Language"})

    state: Shape = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    alive: Responses = {200: {"description": "The program answers", "content": content(state)}}
    ready: Responses = {
        200: {"description": "Ready", "content": content(ref("Readiness"))},
        503: {
            "description": "Not ready: too far behind, or an institution stands still",
            "content": content(ref("Readiness")),
        },
    }
    text: Responses = {200: {"description": "Prometheus text", "content": content({"type": "string"}, "text/plain")}}
    meaning: Responses = {200: {"description": "The meaning", "content": content(ref("Meaning"))}}
    for path, endpoint, operation in (
        ("/healthz", healthz, public_operation("healthz", "Is it alive", alive | problems(422))),
        ("/readyz", readyz, public_operation("readyz", "May it be asked", ready | problems(422))),
        ("/metrics", metrics, public_operation("metrics", "What is counted", text | problems(422))),
        (
            "/problems/{code}",
            problem,
            public_operation("get_problem", "What a problem means", meaning | problems(404, 422)),
        ),
    ):
        router.add_api_route(path, endpoint, methods=["GET"], **operation)
    return router
