"""What the description says about each route: parameters, bodies, every answer and every refusal."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from api.nouns import DECIDED_FROM_WHAT_WAS_READ, NEEDS_SECOND_PERSON
from api.openapi.examples import example_of
from api.problems.problem import MEDIA_TYPE
from api.security.mandate import MUST_SIGN
from ledger.commands import Command
from ledger.identifiers import Role

SCHEMAS = "#/components/schemas/"
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

_MEANINGS = {
    400: "The request cannot be read",
    401: "No valid token",
    403: "This role may not",
    404: "Nothing there, or not for this caller",
    405: "Not this method",
    406: "Not in this format",
    409: "What is recorded does not allow it now",
    412: "The stream moved on since it was read",
    413: "The body is too large",
    415: "The body is not of a type that is taken here, or is encoded",
    422: "What was sent contradicts itself or a rule",
    429: "Too many requests",
    428: "If-Match is required here",
    500: "Something went wrong here",
    503: "Not now; ask again",
}
WRITE = (400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503)
LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "schema": {"type": "string", "default": "zh"},
    "description": "Language of problems: zh or en",
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    "description": "Names this request for ever: the same key with the same body answers the same, once",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^"(0|[1-9][0-9]{0,18})"$'},
    "description": "Version of the stream, in quotes, from which the caller decided",
}
_REPLAYED = {
    "Idempotency-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present where the answer was given before",
    },
}


def ref(name: str) -> dict[str, Any]:
    """Points to a shape of this description."""
    return {"$ref": SCHEMAS + name}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route."""
    content = {MEDIA_TYPE: {"schema": ref("Problem")}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in (*statuses, 429)}


def content(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """A body of this shape."""
    return {media_type: {"schema": schema}}


RECORDED: dict[bool, dict[int | str, dict[str, Any]]] = {
    False: {
        201: {
            "description": "Recorded",
            "content": content(ref("Receipt")),
            "headers": {
                "ETag": {"schema": {"type": "string"}, "description": "Version of the stream"},
                "Location": {"schema": {"type": "string"}, "description": "The first event"},
                **_REPLAYED,
            },
        }
    },
    True: {
        202: {
            "description": "Waits for a second person",
            "content": content(ref("Approval")),
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "The approval"},
                **_REPLAYED,
            },
        }
    },
}
"""Whether a command is recorded at once, or once a second person has approved it."""


def command_operation(kind: type[Command], body: type[BaseModel]) -> dict[str, Any]:
    """A command's route."""
    statuses = (*WRITE, 428) if kind in DECIDED_FROM_WHAT_WAS_READ else WRITE
    match_header = {**_IF_MATCH, "required": kind in DECIDED_FROM_WHAT_WAS_READ}
    return {
        "operation_id": kind.name,
        "tags": ["commands"],
        "summary": _first_line(kind),
        "description": f"{kind.__doc__}\n\nMay be asked by: {role_names(kind.by)}.{_signed(kind.by)}",
        "responses": {
            **RECORDED[kind in NEEDS_SECOND_PERSON],
            200: {"description": "What would be recorded (dry_run)", "content": content(ref("Preview"))},
            **problems(*statuses),
        },
        "openapi_extra": {
            "parameters": [KEY, match_header, LANGUAGE],
            "requestBody": request_body(body),
            "security": BEARER,
        },
    }


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    """The body of a POST."""
    shape = {"schema": ref(model.__name__), "example": example_of(model)}
    return {"required": True, "content": {"application/json": shape}}


def batch_operation(model: type[BaseModel]) -> dict[str, Any]:
    """The route of batches."""
    return {
        "operation_id": "post_batch",
        "tags": ["commands"],
        "summary": "Record up to 1,000 commands",
        "description": "With `atomic` all or none; otherwise every item has its own outcome. An item without a key "
        "of its own has the key of the batch, a dot and its index. A bank signs the whole batch (RFC 9421).",
        "responses": {
            200: {"description": "The outcome of every item", "content": content(ref("BatchOutcome"))},
            **problems(*WRITE),
        },
        "openapi_extra": {
            "parameters": [KEY, LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def calculation_operation(model: type[BaseModel]) -> dict[str, Any]:
    """The route of the calculator."""
    return {
        "operation_id": "calculate_entitlement",
        "tags": ["entitlement"],
        "summary": "What is due under one contract, by which rule, until when",
        "description": "Needs no ledger and records nothing. Without a jurisdiction the judicial rules bind.",
        "responses": {
            200: {"description": "The derivation", "content": content(ref("Derivation"))},
            **problems(400, 401, 413, 415, 422, 500),
        },
        "openapi_extra": {
            "parameters": [LANGUAGE],
            "requestBody": request_body(model),
            "security": BEARER,
        },
    }


def token_operation() -> dict[str, Any]:
    """The route of tokens."""
    names = ("grant_type", "client_assertion_type", "client_assertion", "username", "password")
    form = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": ["grant_type"],
    }
    return {
        "operation_id": "request_token",
        "tags": ["access"],
        "summary": "A short-lived access token",
        "description": "`client_credentials` with `private_key_jwt` for clients, `password` for local users. "
        "An assertion is taken once. Nothing is said about why a name, password or assertion is refused.",
        "responses": {
            200: {"description": "The token (RFC 6749, 5.1)", "content": content(ref("TokenAnswer"))},
            **problems(400, 401, 413, 415, 422, 500, 503),
        },
        "openapi_extra": {
            "parameters": [LANGUAGE],
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
            "security": [],
        },
    }


def jwks_operation() -> dict[str, Any]:
    """The route of the keys that verify our tokens."""
    keys = {"type": "object", "properties": {"keys": {"type": "array", "items": {"type": "object"}}}}
    answer = {"description": "The keys (RFC 7517)", "content": content(keys)}
    return public_operation("get_jwks", "The public keys that verify access tokens", {200: answer, **problems(422)})


def read_operation(
    name: str,
    summary: str,
    schema: dict[str, Any],
    roles: Iterable[Role],
    *,
    formats: Iterable[str] = (),
    description: str = "",
) -> dict[str, Any]:
    """The route of a query; `formats` are the media types of a table beside JSON."""
    shapes = content(schema)
    for media_type in formats:
        shapes |= content({"type": "string"}, media_type)
    links = {"Link": {"schema": {"type": "string"}, "description": "The next page (RFC 8288)"}}
    return {
        "operation_id": name,
        "tags": ["queries"],
        "summary": summary,
        "description": f"{description or summary}\n\nMay be read by: {role_names(roles)}.",
        "responses": {
            200: {"description": "The answer", "content": shapes, "headers": links},
            **problems(401, 403, 404, 406, 409, 422, 500, 503),
        },
        "openapi_extra": {"parameters": [LANGUAGE], "security": BEARER},
    }


def public_operation(name: str, summary: str, responses: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    """A route that needs no token."""
    return {
        "operation_id": name,
        "tags": ["operation"],
        "summary": summary,
        "responses": responses,
        "openapi_extra": {"security": []},
    }


def _signed(roles: Iterable[Role]) -> str:
    """What is said of signatures where somebody must sign."""
    if not MUST_SIGN & set(roles):
        return ""
    return " A bank signs the request (RFC 9421: Content-Digest, Signature-Input, Signature; docs/access.md)."


def _first_line(kind: type[Command]) -> str:
    return (kind.__doc__ or kind.__name__).splitlines()[0].split(":")[0].rstrip(".")


def role_names(roles: Iterable[Role]) -> str:
    """Roles in words."""
    return ", ".join(sorted(role.value for role in roles))
