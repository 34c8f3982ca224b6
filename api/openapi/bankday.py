"""The routes of the bank's day: their descriptions."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi.operations import BEARER, content, problems, ref, request_body
from ledger.identifiers import Role

_STATUSES = (400, 401, 403, 404, 409, 413, 415, 422, 500, 503)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    "description": "Names this request; what it records is recorded once, under whatever key it is sent",
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "schema": {"type": "string", "default": "zh"},
    "description": "Language of problems: zh or en",
}


def day_operation(
    name: str, summary: str, description: str, model: type[BaseModel], shape: str, roles: Iterable[Role]
) -> dict[str, Any]:
    """A route that runs something for a day."""
    return {
        "operation_id": name,
        "tags": ["bank day"],
        "summary": summary,
        "description": f"{description}\n\nMay be asked by: {_names(roles)}. A bank signs the request (RFC 9421).",
        "responses": {
            200: {"description": "What became of it", "content": content(ref(shape))},
            **problems(*_STATUSES),
        },
        "openapi_extra": {
            "parameters": [_KEY, _LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def payment_file_operation(name: str, media_type: str, roles: Iterable[Role]) -> dict[str, Any]:
    """A route that gives a payment file."""
    return {
        "operation_id": name,
        "tags": ["bank day"],
        "summary": f"A payment file ({media_type})",
        "description": "Made again from its events: the same bytes each time. Payees stand in it by their references, "
        f"which the bank resolves.\n\nMay be read by: {_names(roles)}.",
        "responses": {
            200: {"description": "The file", "content": content({"type": "string"}, media_type)},
            **problems(401, 403, 404, 422, 500, 503),
        },
        "openapi_extra": {"parameters": [_LANGUAGE], "security": BEARER},
    }


def _names(roles: Iterable[Role]) -> str:
    return ", ".join(sorted(role.value for role in roles))
