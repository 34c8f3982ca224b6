"""Request bodies as JSON, strictly: UTF-8, no floats, no duplicate members, no control characters, bounded depth."""

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from api.problems import FieldError, Problem
from ledger.commands import CONTRADICTIONS

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_ERRORS = 50
_MAX_DIGITS = 20
_FORBIDDEN = re.compile(r"[\x00\ud800-\udfff]")

M = TypeVar("M", bound=BaseModel)


class _Refused:
    """Stands in the document where a number stands that is not taken."""

    def __init__(self, code: str) -> None:
        self.code = code


class _Members(dict[str, Any]):
    """An object that remembers which of its members stood twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = {name for name in names if names.count(name) > 1} if len(self) < len(names) else set()


def read_document(raw: bytes) -> object:
    """The JSON value in `raw`.

    Raises Problem: body_not_utf8, body_not_json, body_too_deep, or invalid_body with a pointer to each float, each
    repeated member and each character that cannot be stored.
    """
    try:
        document = json.loads(
            raw.decode(),
            object_pairs_hook=_Members,
            parse_float=lambda _: _Refused("float_not_allowed"),
            parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else _Refused("out_of_range"),
            parse_constant=lambda _: _Refused("float_not_allowed"),
        )
    except UnicodeDecodeError:
        raise Problem("body_not_utf8") from None
    except json.JSONDecodeError as error:
        raise Problem("body_not_json", {"line": error.lineno, "column": error.colno}) from None
    except RecursionError:
        raise Problem("body_too_deep", {"limit": MAX_DEPTH}) from None
    errors: list[FieldError] = []
    _inspect(document, "", MAX_DEPTH, errors)
    if errors:
        raise invalid(errors)
    return document


def read_model(model: type[M], raw: bytes) -> M:
    """The body as a model, strictly. Raises Problem like `read_document`, and invalid_body where it does not fit."""
    return checked_model(model, read_document(raw), raw)


def checked_model(model: type[M], document: object, raw: bytes | None = None, at: str = "") -> M:
    """A document that was read already, as a model; `at` is where it stands in the body."""
    try:
        return model.model_validate_json(json.dumps(document) if raw is None else raw)
    except ValidationError as error:
        raise invalid(_field_errors(error, document, at)) from None


def invalid(errors: list[FieldError]) -> Problem:
    """The problem of a body with these errors."""
    return Problem("invalid_body", {"count": len(errors)}, tuple(errors[:MAX_ERRORS]))


def escaped(member: str | int) -> str:
    """A member name or index as a step of a JSON pointer (RFC 6901)."""
    return "/" + str(member).replace("~", "~0").replace("/", "~1")


def _inspect(value: object, at: str, depth: int, errors: list[FieldError]) -> None:
    match value:
        case _Refused():
            errors.append(FieldError(value.code, at))
        case str() if _FORBIDDEN.search(value):
            errors.append(FieldError("control_character", at))
        case dict() | list() if depth == 0:
            raise Problem("body_too_deep", {"limit": MAX_DEPTH})
        case _Members():
            for name, member in value.items():
                if _FORBIDDEN.search(name):
                    errors.append(FieldError("control_character", at))
                    continue
                if name in value.repeated:
                    errors.append(FieldError("repeated_member", at + escaped(name)))
                _inspect(member, at + escaped(name), depth - 1, errors)
        case list():
            for index, item in enumerate(value):
                _inspect(item, at + escaped(index), depth - 1, errors)
        case _:
            pass


_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_one_of",
    "enum": "not_one_of",
    "string_pattern_mismatch": "malformed",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "too_short": "too_few",
    "too_long": "too_many",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "value_error": "malformed",
    "union_tag_not_found": "required",
    "union_tag_invalid": "not_one_of",
    "timezone_aware": "malformed_instant",
}


def field_code(kind: str) -> str:
    """The stable code of a validation error of pydantic."""
    if kind in _CODES:
        return _CODES[kind]
    if kind.startswith("datetime_"):
        return "malformed_instant"
    if kind.startswith("date_"):
        return "malformed_date"
    return "wrong_type" if kind.endswith(("_type", "_parsing")) else "not_valid"


def _field_errors(error: ValidationError, document: object, at: str) -> list[FieldError]:
    found: dict[str, FieldError] = {}
    for each in error.errors(include_url=False, include_context=False):
        pointer, code, detail = at + _pointer(each["loc"], document), field_code(each["type"]), None
        if each["type"] in CONTRADICTIONS:
            code, detail = "contradictory", each["type"]
        found[pointer] = FieldError(code, pointer, detail=detail)
    return list(found.values())


def _pointer(location: tuple[int | str, ...], document: object) -> str:
    """The pointer to an error; steps that name a branch of a union are no part of the document."""
    pointer = ""
    for step in location:
        if isinstance(document, dict):
            pointer += escaped(step)
            document = document.get(str(step))
        elif isinstance(document, list) and isinstance(step, int):
            pointer += escaped(step)
            document = document[step] if step < len(document) else None
        else:
            break
    return pointer
