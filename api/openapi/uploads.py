"""The routes that take files and runs: their descriptions."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi.operations import BEARER, content, problems, ref, request_body
from api.uploads import MEDIA_TYPES
from ledger.identifiers import Role

_STATUSES = (400, 401, 403, 404, 409, 413, 415, 422, 500, 503)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    "description": "Names this request; what a file brings is recorded once, under whatever key it is sent",
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "schema": {"type": "string", "default": "zh"},
    "description": "Language of problems and of row results: zh or en",
}


def file_operation(name: str, summary: str, description: str, shape: str, roles: Iterable[Role]) -> dict[str, Any]:
    """A route that takes a file."""
    file = {"schema": {"type": "string", "format": "binary"}}
    return {
        "operation_id": name,
        "tags": ["files"],
        "summary": summary,
        "description": f"{description}\n\nMay be asked by: {_names(roles)}. A bank signs the request (RFC 9421).",
        "responses": {
            201: {"description": "Something of it was recorded", "content": content(ref(shape))},
            200: {"description": "A preview, or nothing that was new", "content": content(ref(shape))},
            **problems(*_STATUSES),
        },
        "openapi_extra": {
            "parameters": [_KEY, _LANGUAGE],
            "requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, file)},
            "security": BEARER,
        },
    }


def reconciliation_operation(model: type[BaseModel], roles: Iterable[Role]) -> dict[str, Any]:
    """The route of reconciliation runs."""
    return {
        "operation_id": "post_reconciliation",
        "tags": ["files"],
        "summary": "Hold bank and ledger against each other",
        "description": "A payment that statements should have shown by now becomes a break, once; asked again, nothing "
        f"is repeated.\n\nMay be asked by: {_names(roles)}. A bank signs the request (RFC 9421).",
        "responses": {
            200: {"description": "Where they stand", "content": content(ref("DayReconciled"))},
            **problems(*_STATUSES),
        },
        "openapi_extra": {
            "parameters": [_KEY, _LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def _names(roles: Iterable[Role]) -> str:
    return ", ".join(sorted(role.value for role in roles))
