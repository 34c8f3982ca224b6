"""The composition root: what the program is made of, and its only real clock."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from api.answers import install_refusals, last_resort, problem_response, record_refusal
from api.approvals.deciding import resume
from api.edge import Edge
from api.logs import configure_logs
from api.notarizing import follower, following
from api.openapi.document import openapi_of
from api.problems import Problem
from api.routes.access import access_routes
from api.routes.approvals import approval_routes
from api.routes.bankday import bankday_routes
from api.routes.batches import batch_routes
from api.routes.calculations import calculation_routes
from api.routes.closing import closing_routes
from api.routes.commands import command_routes
from api.routes.contracts import contract_routes
from api.routes.dues import due_routes
from api.routes.entitlements import entitlement_routes
from api.routes.events import event_routes
from api.routes.explanations import explanation_routes
from api.routes.histories import history_routes
from api.routes.identity import identity_routes
from api.routes.imports import import_routes
from api.routes.institutions import institution_routes
from api.routes.mediation import mediation_routes
from api.routes.operation import operation_routes
from api.routes.packs import pack_routes
from api.routes.proofs import proof_routes
from api.routes.reconciliations import reconciliation_routes
from api.routes.standings import standing_routes
from api.routes.statements import statement_routes
from api.routes.vault import vault_routes
from api.runtime import Runtime
from api.security.doors import open_doors
from api.security.guard import GuardedLedger
from api.security.limits import Gate
from api.settings import Settings, database_url, master_keys, token_secret
from api.vault.letting_go import warn_of_the_remembered
from api.worker import projector
from projections.reader import ReadModels
from projections.runner import Runner

ROUTES = (
    command_routes,
    batch_routes,
    bankday_routes,
    approval_routes,
    access_routes,
    vault_routes,
    calculation_routes,
    institution_routes,
    contract_routes,
    due_routes,
    mediation_routes,
    entitlement_routes,
    explanation_routes,
    history_routes,
    standing_routes,
    event_routes,
    statement_routes,
    reconciliation_routes,
    import_routes,
    proof_routes,
    closing_routes,
    pack_routes,
    operation_routes,
    identity_routes,
)
Clock = Callable[[], int]


def now() -> int:
    """Microseconds since the epoch, UTC: the clock of this program."""
    return time.time_ns() // 1000


def create_app(settings: Settings, ledger: GuardedLedger | None = None, clock: Clock = now) -> FastAPI:
    """The HTTP application on a ledger, which is opened (and closed at the end) where none is given.

    Raises SettingMissing, SettingUnusable, LogKeyUnusable, UnreadableMasterKeys, SchemaMissing, StoreUnavailable.
    """
    configure_logs(settings)
    token_secret(settings)
    master_keys(settings)
    opened = GuardedLedger(database_url(settings), clock) if ledger is None else ledger
    doors = open_doors(settings, opened.engine, clock)
    notary = follower(settings, opened.engine, clock)
    runtime = Runtime(
        settings,
        clock,
        opened,
        doors.tokens,
        ReadModels(opened.engine),
        Runner(opened.engine),
        doors.signatures,
        doors.grants,
        notary=notary,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        resume(runtime)
        warn_of_the_remembered(runtime)
        keeping = projector(runtime.runner) if settings.projector else nullcontext()
        with keeping, following(notary, settings.log_round_seconds):
            yield
        doors.nonces.close()
        if ledger is None:
            opened.close()

    return assemble(runtime, lifespan)


def assemble(runtime: Runtime, lifespan: Callable[[FastAPI], object] | None = None) -> FastAPI:
    """The routes over a runtime."""
    app = FastAPI(docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False)  # type: ignore[arg-type] # it takes a generator as well
    app.state.runtime = runtime
    for routes in ROUTES:
        app.include_router(routes(runtime))
    install_refusals(app, runtime)

    def resort(scope: Scope) -> ASGIApp:
        response: Response = last_resort(runtime, scope)
        return response

    def refuse(scope: Scope, problem: Problem) -> ASGIApp:
        record_refusal(runtime, Request(scope), problem.code)
        response: Response = problem_response(runtime, Request(scope), problem)
        return response

    app.add_middleware(Gate, throttle=runtime.throttle, refuse=refuse)
    app.add_middleware(Edge, metrics=runtime.metrics, last_resort=resort)
    app.openapi = lambda: app.openapi_schema or _described(app)  # type: ignore[method-assign] # the library documents it so
    return app


def _described(app: FastAPI) -> dict[str, object]:
    app.openapi_schema = openapi_of(app)
    return app.openapi_schema
