"""The composition root: what the program is made of, and its only real clock."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from api.answers import install_refusals, last_resort
from api.edge import Edge
from api.openapi.document import openapi_of
from api.routes.batches import batch_routes
from api.routes.calculations import calculation_routes
from api.routes.commands import command_routes
from api.routes.operation import operation_routes
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings, database_url, token_secret

Clock = Callable[[], int]


def now() -> int:
    """Microseconds since the epoch, UTC: the clock of this program."""
    return time.time_ns() // 1000


def create_app(settings: Settings, ledger: GuardedLedger | None = None, clock: Clock = now) -> FastAPI:
    """The HTTP application on a ledger, which is opened (and closed at the end) where none is given.

    Raises SettingMissing, SchemaMissing, StoreUnavailable.
    """
    secret = token_secret(settings)
    opened = GuardedLedger(database_url(settings), clock) if ledger is None else ledger
    runtime = Runtime(settings, clock, opened, Tokens(secret, settings.token_issuer, clock))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if ledger is None:
            opened.close()

    return assemble(runtime, lifespan)


def assemble(runtime: Runtime, lifespan: Callable[[FastAPI], object] | None = None) -> FastAPI:
    """The routes over a runtime."""
    app = FastAPI(docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False)  # type: ignore[arg-type]
    for routes in (command_routes, batch_routes, calculation_routes, operation_routes):
        app.include_router(routes(runtime))
    install_refusals(app, runtime)

    def resort(scope: Scope) -> ASGIApp:
        response: Response = last_resort(runtime, scope)
        return response

    app.add_middleware(Edge, metrics=runtime.metrics, last_resort=resort)
    app.openapi = lambda: app.openapi_schema or _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, object]:
    app.openapi_schema = openapi_of(app)
    return app.openapi_schema
