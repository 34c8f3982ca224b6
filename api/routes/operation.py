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
from ledger.log.standing import standing
from ledger.store.epochs import current_epoch
from ledger.store.failures import StoreUnavailable
from projections.answers import PROJECTION_VERSION
from projections.runner import REMEDY

Shape = dict[str, Any]
Responses = dict[int | str, Shape]
BEHIND = "wait, or run one more: ledger worker"


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
    notary: Literal["none", "follows", "stopped"] = "none"
    """Whether this program signs checkpoints; `stopped` where the store is not what was signed: see `ledger verify`."""
    unsigned: int | None = None
    """Events under no signed checkpoint yet, whoever signs; null where the store cannot be asked."""
    epoch: str | None = None
    """Which history this is; another one after a restore."""
    remedy: str | None = None
    """What to do; null where nothing has to be done."""


def readiness(runtime: Runtime) -> Readiness:
    """How it stands; a store that cannot be asked is not ready."""
    try:
        health, unsigned = runtime.runner.health(), standing(runtime.ledger.engine).unsigned
        epoch = current_epoch(runtime.ledger.engine).name
    except (SQLAlchemyError, StoreUnavailable):
        return Readiness("not_ready", None, 0, 0, PROJECTION_VERSION)
    ready = health.green and health.lag <= runtime.settings.ready_lag
    status: Literal["ready", "not_ready"] = "ready" if ready else "not_ready"
    remedy = None if ready else BEHIND if health.green else REMEDY
    parked, notary = len(health.parked), notary_state(runtime)
    facts = (PROJECTION_VERSION, notary, unsigned, epoch, remedy)
    return Readiness(status, health.lag, parked, health.incomplete, *facts)


def notary_state(runtime: Runtime) -> Literal["none", "follows", "stopped"]:
    """What the notary of this program does."""
    if runtime.notary is None:
        return "none"
    return "stopped" if runtime.notary.broken else "follows"


def gauge(runtime: Runtime) -> None:
    """Bring the gauges up to date."""
    state, metrics = readiness(runtime), runtime.metrics
    metrics.parked.set(state.parked)
    if state.lag is None:
        return
    metrics.lag.set(state.lag)
    if runtime.notary is not None:
        one = runtime.notary
        here = standing(runtime.ledger.engine, one.key.name, [each.key for each in one.witnesses])
        metrics.notary_stopped.set(one.broken)
        metrics.unsigned.set(here.unsigned)
        metrics.directory.set(here.directory_size)
        for name, size in here.witnessed.items():
            metrics.witnessed.labels(name).set(size)


def epoch_now(runtime: Runtime) -> str | None:
    """The epoch; None where the store cannot be asked, which keeps nobody from being alive."""
    try:
        return current_epoch(runtime.ledger.engine).name
    except (SQLAlchemyError, StoreUnavailable):
        return None


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
        return json_response({"status": "ok", "epoch": epoch_now(runtime)})

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

    told: Shape = {"status": {"type": "string"}, "epoch": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    state: Shape = {"type": "object", "properties": told, "required": [*told]}
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
