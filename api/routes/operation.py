"""What runs the program asks: is it alive, is it ready, what does it count; and what a problem means."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api.answers import json_response
from api.language import preferred
from api.openapi.operations import content, problems, public_operation, ref
from api.parameters import known_query
from api.problems import STATUS, Problem
from api.runtime import Runtime

Shape = dict[str, Any]
Responses = dict[int | str, Shape]


class Meaning(msgspec.Struct):
    """What a problem means."""

    type: str
    code: str
    status: int
    title: str
    detail: str
    """The sentence, with its fields in braces."""


def operation_routes(runtime: Runtime) -> APIRouter:
    """`/healthz`, `/metrics` and `/problems/{code}`; none of them says anything about anybody."""
    router = APIRouter(dependencies=[Depends(known_query)])

    def healthz() -> Response:
        return json_response({"status": "ok"})

    def metrics() -> Response:
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
    text: Responses = {200: {"description": "Prometheus text", "content": content({"type": "string"}, "text/plain")}}
    meaning: Responses = {200: {"description": "The meaning", "content": content(ref("Meaning"))}}
    for path, endpoint, operation in (
        ("/healthz", healthz, public_operation("healthz", "Is it alive", alive | problems(422))),
        ("/metrics", metrics, public_operation("metrics", "What is counted", text | problems(422))),
        (
            "/problems/{code}",
            problem,
            public_operation("get_problem", "What a problem means", meaning | problems(404, 422)),
        ),
    ):
        router.add_api_route(path, endpoint, methods=["GET"], **operation)
    return router
