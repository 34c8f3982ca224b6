"""Every command as a POST to the noun of its outcome, generated from the table of nouns."""

import json
from collections.abc import Callable, Collection
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.bodies import json_body
from api.documents import read_model
from api.nouns import NEEDS_SECOND_PERSON, NOUNS, OPENING
from api.openapi.operations import command_operation
from api.parameters import Flag, InstitutionPath, idempotency_key, if_match, known_query
from api.problems import Problem
from api.runtime import Runtime
from api.security.callers import callers
from api.security.mandate import Mandate
from api.submission import order_of, preview, refuse_body, submit
from ledger.commands import Command, OpenEscrow
from ledger.identifiers import Id, Role, is_id
from ledger.rejections import RoleNotAllowed

Commander = Callable[[Request], Mandate]
DryRun = Annotated[Flag, Query(description="Decide without recording")]


class NewEscrow(OpenEscrow):
    """Put an institution's prepaid fees under supervision at a custodian bank."""

    institution_id: Id
    """Opaque id of the institution; it names the escrow from here on."""


def command_routes(runtime: Runtime) -> APIRouter:
    """One route for each command."""
    router = APIRouter(prefix="/v1")
    for noun, kind in NOUNS.items():
        commander = commanders(runtime, kind)
        path, endpoint = f"/escrows/{{institution_id}}/{noun}", _poster(runtime, kind, commander)
        if noun == OPENING:
            path, endpoint = f"/{OPENING}", _opener(runtime, commander)
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            status_code=202 if kind in NEEDS_SECOND_PERSON else 201,
            dependencies=[Depends(commander), Depends(known_query)],
            **command_operation(kind, BODIES[noun]),
        )
    return router


def commanders(runtime: Runtime, kind: type[Command], roles: Collection[Role] | None = None) -> Commander:
    """A dependency that gives the mandate of a caller whose role may ask this. It raises RoleNotAllowed.

    `roles` are those of them who may ask it here, where not all may.
    """
    caller = callers(runtime.tokens)
    allowed = kind.by if roles is None else kind.by & frozenset(roles)

    def commander(request: Request) -> Mandate:
        mandate = caller(request)
        if mandate.role not in allowed:
            raise RoleNotAllowed(kind.name, mandate.role.value)
        return mandate

    return commander


def _poster(runtime: Runtime, kind: type[Command], commander: Commander) -> Callable[..., Response]:
    def post(
        request: Request,
        institution_id: InstitutionPath,
        caller: Annotated[Mandate, Depends(commander)],
        raw: Annotated[bytes, Depends(json_body)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        key, expected = idempotency_key(request), if_match(request)
        signature = runtime.signatures.check(request, caller, raw)
        try:
            command = read_model(kind, raw)
        except Problem as malformed:
            raise refuse_body(runtime, caller, institution_id, key, malformed) from None
        order = order_of(caller, institution_id, key, command, expected, signature)
        return preview(runtime, order) if dry_run else submit(runtime, order)

    return post


def _opener(runtime: Runtime, commander: Commander) -> Callable[..., Response]:
    def post(
        request: Request,
        caller: Annotated[Mandate, Depends(commander)],
        raw: Annotated[bytes, Depends(json_body)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        key, expected = idempotency_key(request), if_match(request)
        signature = runtime.signatures.check(request, caller, raw)
        try:
            opening = read_model(NewEscrow, raw)
        except Problem as malformed:
            raise refuse_body(runtime, caller, _named(raw), key, malformed) from None
        order = order_of(caller, opening.institution_id, key, opened(opening), expected, signature)
        return preview(runtime, order) if dry_run else submit(runtime, order)

    return post


def opened(body: NewEscrow) -> OpenEscrow:
    """The command in the body, whose institution goes into the order."""
    return OpenEscrow.model_construct(
        body.model_fields_set - {"institution_id"},
        **{name: getattr(body, name) for name in OpenEscrow.model_fields},
    )


def _named(raw: bytes) -> str | None:
    """The institution a malformed opening names, if it can be told."""
    try:
        document: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    named = document.get("institution_id") if isinstance(document, dict) else None
    return named if isinstance(named, str) and is_id(named) else None


BODIES: dict[str, type[BaseModel]] = {noun: NewEscrow if noun == OPENING else kind for noun, kind in NOUNS.items()}
"""What is posted to each noun."""
