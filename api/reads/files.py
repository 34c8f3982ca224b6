"""Tables as files: CSV, spreadsheet, NDJSON. What looks like a formula is written as text."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

import msgspec
import xlsxwriter
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from api.problems import Problem
from api.public import shown_name

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How formulas begin, in full-width signs too; a break or tab may hide one behind it."""
_IN_MEMORY = 8 * 1024 * 1024
_CHUNK = 64 * 1024


class Format(NamedTuple):
    """One form of a table."""

    suffix: str
    media_type: str
    write: Callable[[IO[bytes], list[str], Iterable[dict[str, Any]]], None]


def text_cell(value: object) -> object:
    """A cell as it is written: a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(value, list | dict):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _write_csv(file: IO[bytes], names: list[str], rows: Iterable[dict[str, Any]]) -> None:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if row[name] is None else text_cell(row[name]) for name in names])
    text.detach()


def _write_ndjson(file: IO[bytes], names: list[str], rows: Iterable[dict[str, Any]]) -> None:  # noqa: ARG001 - rows name themselves
    for row in rows:
        file.write(msgspec.json.encode(row) + b"\n")


def _write_xlsx(file: IO[bytes], names: list[str], rows: Iterable[dict[str, Any]]) -> None:
    as_they_are = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    with xlsxwriter.Workbook(file, {"constant_memory": True, **as_they_are}) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(names):
            sheet.write_string(0, column, name)
        for line, row in enumerate(rows, 1):
            for column, name in enumerate(names):
                _write_cell(sheet, line, column, row[name])


def _write_cell(sheet: Any, line: int, column: int, value: object) -> None:  # noqa: ANN401 - the library has no types
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int):
        sheet.write_number(line, column, value)
    else:
        sheet.write_string(line, column, str(text_cell(value)))


FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", _write_csv),
    "xlsx": Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _write_xlsx),
    "ndjson": Format("ndjson", "application/x-ndjson", _write_ndjson),
}
_MEDIA_TYPES = {each.media_type.partition(";")[0]: name for name, each in FORMATS.items()}
_JSON = {"application/json", "application/*", "*/*"}


def format_of(request: Request) -> str:
    """`json`, or a key of FORMATS: by the suffix of the path, else by Accept. Raises Problem: not_acceptable."""
    suffix = request.url.path.rpartition("/")[2].rpartition(".")[2]
    if request.scope["route"].path.endswith(f".{suffix}") and suffix in FORMATS:
        return suffix
    wanted = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "*/*").split(",")]
    for media_type in wanted:
        if media_type in _JSON:
            return "json"
        if media_type in _MEDIA_TYPES:
            return _MEDIA_TYPES[media_type]
    raise Problem("not_acceptable", {"offered": ", ".join(["application/json", *_MEDIA_TYPES])})


def file_response(
    chosen: Format, name: str, kind: type[Struct], rows: Iterable[dict[str, Any]], headers: dict[str, str]
) -> Response:
    """A whole table as a file. It is complete before the first byte leaves, so that an error can still be told."""
    file: Any = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    try:
        chosen.write(file, [shown_name(each) for each in kind.__struct_fields__], rows)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    headers = headers | {
        "Content-Disposition": f'attachment; filename="{name}.{chosen.suffix}"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(file), headers=headers, media_type=chosen.media_type)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
