"""What is told about an import: a result for each row, in the reader's language; the same in API and terminal."""

from typing import Any

from msgspec import Struct

from api.imports.importing import ImportResult, RowResult
from api.language import Language
from api.problems import Catalogue, problem_of
from api.public import plain


class RowReport(Struct):
    """What became of one row."""

    line: int
    status: str
    """`recorded` (of a dry run `would_record`, each row judged without the others of the file), `repeated` (recorded
    before, by this or another file, or twice in this one), `refused`, or `not_tried`."""
    code: str = ""
    message: str = ""
    column: int = 0
    """From 1; 0 where the row as a whole is meant."""
    field: str = ""
    details: dict[str, Any] = {}


class ImportReport(Struct):
    """What became of a file."""

    sha256: str
    kind: str
    dry_run: bool
    atomic: bool
    recorded: int
    would_record: int
    repeated: int
    refused: int
    not_tried: int
    rows: list[RowReport]


def import_report(
    kind: str, result: ImportResult, catalogue: Catalogue, language: Language, *, dry_run: bool, atomic: bool
) -> ImportReport:
    """The report of a result."""
    return ImportReport(
        sha256=result.sha256,
        kind=kind,
        dry_run=dry_run,
        atomic=atomic,
        recorded=result.count("recorded"),
        would_record=result.count("would_record"),
        repeated=result.count("repeated"),
        refused=result.count("refused"),
        not_tried=result.count("not_tried"),
        rows=[_row(each, catalogue, language) for each in result.rows],
    )


def _row(row: RowResult, catalogue: Catalogue, language: Language) -> RowReport:
    message = ""
    if row.rejection is not None:
        problem = problem_of(row.rejection)
        message = catalogue.detail(problem.code, problem.fields, language)
    elif row.code:
        message = catalogue.field_error(_reading(row.code), language)
    details = {name: plain(value) for name, value in row.details.items()}
    return RowReport(row.line, row.status, row.code, message, row.column, row.field, details)


def _reading(code: str) -> str:
    """The sentence for what is wrong with a cell: `invalid_price` is told as any malformed value."""
    if code.startswith("invalid_"):
        return "not_valid"
    return "required" if code == "missing" else code
