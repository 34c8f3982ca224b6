"""`POST /v1/tokens` gives short-lived tokens; `/.well-known/jwks.json` holds the key that verifies them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.answers import json_response
from api.bodies import require_type
from api.openapi.operations import jwks_operation, token_operation
from api.parameters import known_query
from api.problems import Problem
from api.runtime import Runtime
from api.security.grants import read_form
from api.security.limits import address_of
from api.security.tokens import LIFETIME_SECONDS

MAX_FORM_BYTES = 16 * 1024
_TYPE = "application/x-www-form-urlencoded"


class TokenAnswer(msgspec.Struct):
    """An access token (OAuth 2.0, RFC 6749 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    """Seconds."""


async def form_body(request: Request) -> bytes:
    """The raw form. Raises Problem: content_type_unsupported, body_too_large."""
    require_type(request, _TYPE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Problem("body_too_large", {"limit_bytes": MAX_FORM_BYTES}, headers={"Connection": "close"})
    return bytes(body)


def identity_routes(runtime: Runtime) -> APIRouter:
    """The doors that stand open: each of them checks for itself who asks."""
    router = APIRouter(dependencies=[Depends(known_query)])

    def token(request: Request, raw: Annotated[bytes, Depends(form_body)]) -> Response:
        subject = runtime.grants.subject_of(read_form(raw), runtime.clock(), address_of(request.scope))
        answer = TokenAnswer(runtime.tokens.issue_for(subject), "Bearer", LIFETIME_SECONDS)
        return json_response(answer, headers={"Pragma": "no-cache"})

    def jwks() -> Response:
        return json_response({"keys": [runtime.tokens.public_key.jwk()]})

    router.add_api_route("/v1/tokens", token, methods=["POST"], **token_operation())
    router.add_api_route("/.well-known/jwks.json", jwks, methods=["GET"], **jwks_operation())
    return router
