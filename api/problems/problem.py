"""A refusal on its way out: RFC 9457 `application/problem+json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import msgspec

from api.language import Language
from api.problems.catalogue import Catalogue
from api.problems.statuses import STATUS

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with what was sent: where (JSON pointer, or parameter name) and what (stable code)."""

    code: str
    pointer: str | None = None
    parameter: str | None = None
    detail: str | None = None
    """What exactly, where the code alone does not say it: the code of another message."""


@dataclass
class Problem(Exception):
    """A refused request. `fields` are the typed facts of this occurrence; nothing of the inside belongs there."""

    code: str
    fields: dict[str, object] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status of its code."""
        return STATUS[self.code]


class FieldErrorBody(msgspec.Struct, omit_defaults=True):
    """One thing that is wrong with what was sent."""

    code: str
    message: str
    pointer: str | None = None
    """JSON pointer into the body."""
    parameter: str | None = None
    """Name of the path or query parameter."""


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """A refused request (RFC 9457)."""

    type: str
    """Stable for each code; it can be read with GET."""
    title: str
    status: int
    code: str
    """Stable name of the violated rule."""
    detail: str
    """What happened, in the reader's language."""
    trace_id: str | None = None
    fields: dict[str, str | int | bool | None] | None = None
    """The facts of this occurrence: amounts in fen, dates as YYYY-MM-DD."""
    errors: list[FieldErrorBody] | None = None


def body_of(problem: Problem, catalogue: Catalogue, language: Language, trace_id: str | None = None) -> ProblemBody:
    """The problem as it is sent."""
    return ProblemBody(
        type=f"/problems/{problem.code}",
        title=catalogue.title(problem.code, language),
        status=problem.status,
        code=problem.code,
        detail=catalogue.detail(problem.code, problem.fields, language),
        trace_id=trace_id,
        fields={name: _plain(value) for name, value in problem.fields.items()} or None,
        errors=[_error(each, catalogue, language) for each in problem.errors] or None,
    )


def _error(error: FieldError, catalogue: Catalogue, language: Language) -> FieldErrorBody:
    message = catalogue.field_error(error.code, language)
    if error.detail is not None:
        message = f"{message}: {catalogue.field_error(error.detail, language)}"
    return FieldErrorBody(error.code, message, error.pointer, error.parameter)


def _plain(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
