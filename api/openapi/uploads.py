"""The routes that take files and runs, and give payment files: their descriptions."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.openapi.operations import BEARER, KEY, LANGUAGE, content, problems, ref, request_body, role_names
from api.uploads import MEDIA_TYPES
from ledger.identifiers import Role

_STATUSES = (400, 401, 403, 404, 409, 413, 415, 422, 500, 503)
_KEY = KEY | {"description": "Names this request; what it brings is recorded once, under whatever key it is sent"}
_LANGUAGE = LANGUAGE | {"description": "Language of problems and of row results: zh or en"}


def file_operation(name: str, summary: str, description: str, shape: str, roles: Iterable[Role]) -> dict[str, Any]:
    """A route that takes a file."""
    file = {"schema": {"type": "string", "format": "binary"}}
    responses = {
        201: {"description": "Something of it was recorded", "content": content(ref(shape))},
        200: {"description": "A preview, or nothing that was new", "content": content(ref(shape))},
    }
    body = {"required": True, "content": dict.fromkeys(MEDIA_TYPES, file)}
    return _sent("files", (name, summary, description), responses, body, roles)


def run_operation(
    tag: str, name: str, summary: str, description: str, model: type[BaseModel], shape: str, roles: Iterable[Role]
) -> dict[str, Any]:
    """A route that runs something over an escrow."""
    responses = {200: {"description": "What became of it", "content": content(ref(shape))}}
    return _sent(tag, (name, summary, description), responses, request_body(model), roles)


def payment_file_operation(name: str, media_type: str, roles: Iterable[Role]) -> dict[str, Any]:
    """A route that gives a payment file."""
    return {
        "operation_id": name,
        "tags": ["bank day"],
        "summary": f"A payment file ({media_type})",
        "description": "Made again from its events: the same bytes each time. Payees stand in it by their references, "
        "which the bank resolves; with `accounts=true` by their accounts as far as the vault knows them, for an "
        "institution and a regulator who say why (header `Purpose`); each read stands in the log of reads.\n\n"
        f"May be read by: {role_names(roles)}.",
        "responses": {
            200: {"description": "The file", "content": content({"type": "string"}, media_type)},
            **problems(401, 403, 404, 422, 500, 503),
        },
        "openapi_extra": {"parameters": [LANGUAGE], "security": BEARER},
    }


def _sent(
    tag: str,
    words: tuple[str, str, str],
    responses: dict[int, dict[str, Any]],
    body: dict[str, Any],
    roles: Iterable[Role],
) -> dict[str, Any]:
    name, summary, description = words
    return {
        "operation_id": name,
        "tags": [tag],
        "summary": summary,
        "description": f"{description}\n\nMay be asked by: {role_names(roles)}. A bank signs the request (RFC 9421).",
        "responses": {**responses, **problems(*_STATUSES)},
        "openapi_extra": {"parameters": [_KEY, _LANGUAGE], "requestBody": body, "security": BEARER},
    }
