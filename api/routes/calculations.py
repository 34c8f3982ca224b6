"""The calculator: facts of one contract in, the derivation out; no ledger needed."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.answers import json_response
from api.bodies import json_body
from api.calculation import calculate
from api.openapi.operations import calculation_operation
from api.parameters import known_query
from api.runtime import Runtime
from api.security.callers import callers
from ledger.entitlement import EntitlementRequest


def calculation_routes(runtime: Runtime) -> APIRouter:
    """`POST /v1/entitlement-calculations`, for every role."""
    router = APIRouter(prefix="/v1")

    def post(raw: Annotated[bytes, Depends(json_body)]) -> Response:
        return json_response(calculate(raw))

    router.add_api_route(
        "/entitlement-calculations",
        post,
        methods=["POST"],
        dependencies=[Depends(callers(runtime.tokens)), Depends(known_query)],
        **calculation_operation(EntitlementRequest),
    )
    return router
