"""Reads the rule files: one TOML file per document, checked strictly, a missing source is an error."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from ledger.rulebook.parameters import Parameter, Value, Verified

Book = Literal["administrative", "judicial", "rates"]


class RuleFileInvalid(ValueError):
    """A rule file says something that no rule can say."""


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str
    verified: Verified
    value: Value | None = None
    unknown: bool = False
    unit: str = ""
    article: str = ""
    category: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    source: str | None = None
    since_revision: int = 1
    until_revision: int | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    book: Book
    jurisdiction: str
    effective_from: date
    source: str
    parameters: tuple[_Row, ...]
    category: str = "all"


@cache
def parameters(book: Book) -> tuple[Parameter, ...]:
    """Every row of a book, from every file, whatever its dates and revision. Raises RuleFileInvalid."""
    found = (
        msgspec.toml.decode(path.read_bytes(), type=_File)
        for path in sorted((files("ledger.rulebook") / "data").iterdir(), key=lambda path: path.name)
        if path.name.endswith(".toml")
    )
    return tuple(_parameter(file, row) for file in found if file.book == book for row in file.parameters)


def _parameter(file: _File, row: _Row) -> Parameter:
    if (row.value is None) is not row.unknown:
        message = f"{file.title}: {row.key} must have a value, or say unknown = true"
        raise RuleFileInvalid(message)
    source = file.source if row.source is None else row.source
    if not source:
        message = f"{file.title}: {row.key} names no source"
        raise RuleFileInvalid(message)
    return Parameter(
        key=row.key,
        value=row.value,
        unit=row.unit,
        jurisdiction=file.jurisdiction,
        category=row.category or file.category,
        effective_from=row.effective_from or file.effective_from,
        effective_to=row.effective_to,
        source=source,
        article=row.article,
        verified=row.verified,
        since_revision=row.since_revision,
        until_revision=row.until_revision,
    )
