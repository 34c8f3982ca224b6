"""The one door for files and runs that become many orders: who may, whose word it is, for which escrow."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.bankfiles.posting import Poster
from api.bodies import json_body
from api.keeping import require_covered
from api.parameters import InstitutionPath, idempotency_key, known_query
from api.routes.commands import commanders
from api.runtime import Runtime
from api.security.mandate import Mandate
from api.submission import command_key
from ledger.commands import Command
from ledger.identifiers import Role

Body = Callable[..., Any]
"""A dependency that gives the raw body."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sent for an escrow that is theirs to send it for."""

    institution_id: str
    poster: Poster
    data: bytes


def senders(
    runtime: Runtime, kind: type[Command], body: Body = json_body, roles: Collection[Role] | None = None
) -> Callable[..., Sent]:
    """A dependency for whoever may ask the command (in one of `roles`, where they are given).

    Role, parameters, key, signature and escrow are looked at before anything in the body is. It raises
    RoleNotAllowed, what `Signatures.check` raises, and Problem escrow_unknown as for an escrow of others.
    """
    commander = commanders(runtime, kind, roles)

    def sender(
        request: Request,
        institution_id: InstitutionPath,
        caller: Annotated[Mandate, Depends(commander)],
        _known: Annotated[None, Depends(known_query)],
        data: Annotated[bytes, Depends(body)],
    ) -> Sent:
        key = idempotency_key(request)
        signature = runtime.signatures.check(request, caller, data)
        require_covered(runtime.ledger, caller, institution_id)
        return Sent(institution_id, _poster(caller, key, signature), data)

    return sender


def add_sending(
    router: APIRouter, noun: str, endpoint: Callable[..., Response], operation: dict[str, Any], status_code: int = 200
) -> None:
    """The route of something that is sent to an escrow."""
    path = f"/escrows/{{institution_id}}/{noun}"
    router.add_api_route(path, endpoint, methods=["POST"], status_code=status_code, **operation)


def _poster(caller: Mandate, key: str, signature: str) -> Poster:
    """The caller as a poster of many orders; the key is the caller's own."""
    return Poster(
        actor=caller.subject,
        role=caller.role,
        signature=signature,
        mandate=caller,
        key=command_key(caller, key),
    )
