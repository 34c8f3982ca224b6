"""The routes of second persons and of the vault: their descriptions."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi.operations import (
    BEARER,
    KEY,
    LANGUAGE,
    RECORDED,
    WRITE,
    content,
    problems,
    ref,
    request_body,
    role_names,
)
from ledger.identifiers import Role


def proposal_operation(model: type[BaseModel]) -> dict[str, Any]:
    """The route of acts that two persons do together."""
    return {
        "operation_id": "propose_act",
        "tags": ["approvals"],
        "summary": "Propose to register or revoke a client's key",
        "description": "Commands of an escrow are proposed at their own address.\n\nMay be asked by: regulator.",
        "responses": {**RECORDED[True], **problems(*WRITE)},
        "openapi_extra": {
            "parameters": [KEY, LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def decision_operation(model: type[BaseModel]) -> dict[str, Any]:
    """The route of the second person."""
    return {
        "operation_id": "decide_approval",
        "tags": ["approvals"],
        "summary": "Approve or reject what somebody else proposed",
        "description": "The command is judged afresh and recorded once; see `state`. Whoever proposed may only reject "
        "(take back).\n\nMay be asked by: regulator.",
        "responses": {
            200: {"description": "What became of it", "content": content(ref("Approval"))},
            **problems(*WRITE),
        },
        "openapi_extra": {
            "parameters": [KEY, LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def vault_operation(
    name: str, body: type[BaseModel], shape: str, roles: Iterable[Role], status: int = 200, *, key: bool = True
) -> dict[str, Any]:
    """A route of the vault that takes a body."""
    return {
        "operation_id": name,
        "status_code": status,
        "tags": ["vault"],
        "summary": (body.__doc__ or "").splitlines()[0].rstrip("."),
        "description": f"{body.__doc__}\n\nMay be asked by: {role_names(roles)}.",
        "responses": {status: {"description": "Done", "content": content(ref(shape))}, **problems(*WRITE)},
        "openapi_extra": {
            "parameters": [*([KEY] if key else []), LANGUAGE],
            "requestBody": request_body(body),
            "security": BEARER,
        },
    }
