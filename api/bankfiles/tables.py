"""Tables in files: CSV text and spreadsheets as numbered rows of cleaned cells, within bounds, without formulas."""

import csv
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from api.bankfiles import refusals as no
from api.bankfiles.guards import MAX_COLUMNS, check_biff, check_package
from api.bankfiles.source import Source
from api.bankfiles.text import clean

MAX_ROWS = 250_000
MAX_ROW_CHARACTERS = 32_768
MAX_CELLS = 4_000_000
WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_EXACT = 10**15
"""Beyond so much a number cell no longer holds every digit."""
_FORMULA = ("=", "@", "+=", "-=")


class Row(NamedTuple):
    """One row with its number in the file, from 1."""

    line: int
    cells: list[str]


def csv_rows(source: Source, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a CSV file. Raises RowTooLong, UnclosedQuote, TooManyColumns, TooManyLines, FormulaCell."""
    if (count := source.written.lines) > MAX_ROWS:
        raise no.TooManyLines(line=MAX_ROWS, found=str(count))
    reader = csv.reader(_bounded(source.lines(MAX_ROW_CHARACTERS)), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            if reader.line_num != before + 1:
                raise no.UnclosedQuote(line=before + 1)
            before = reader.line_num
            yield _row(before, cells)
    except csv.Error as error:
        raise no.UnclosedQuote(line=before + 1) from error


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_ROW_CHARACTERS:
            raise no.RowTooLong(line=number, found=str(len(line)))
        yield line.rstrip("\r") + "\n"


def _row(line: int, cells: list[str]) -> Row:
    if len(cells) > MAX_COLUMNS:
        raise no.TooManyColumns(line=line, column=MAX_COLUMNS + 1, found=str(len(cells)))
    cleaned = [clean(cell) for cell in cells]
    for column, cell in enumerate(cleaned, 1):
        if cell.startswith(_FORMULA):
            raise no.FormulaCell(line, column, cell)
    return Row(line, cleaned)


def sheet_rows(source: Source) -> Iterator[Row]:
    """Rows of the one sheet of an XLS or XLSX workbook that holds anything; its reader holds it whole.

    Numbers come as their shortest exact decimal text. Raises what csv_rows raises, and MalformedFile,
    PasswordProtected, SeveralSheets, NumberLosesDigits, ExternalEntity.
    """
    check_package(source.opened()) if source.head.startswith(b"PK") else check_biff(source.opened())
    try:
        workbook = CalamineWorkbook.from_filelike(source.opened())
        filled = [
            sheet
            for sheet in map(workbook.get_sheet_by_name, workbook.sheet_names)
            if sheet.total_height and sheet.total_width
        ]
    except PasswordError as error:
        raise no.PasswordProtected from error
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise no.MalformedFile from error
    if not filled:
        raise no.EmptyFile
    if len(filled) > 1:
        raise no.SeveralSheets(found=filled[1].name)
    yield from _rows_of(filled[0])


def _rows_of(sheet: CalamineSheet) -> Iterator[Row]:
    if sheet.total_height > MAX_ROWS or sheet.total_height * sheet.total_width > MAX_CELLS:
        raise no.TooManyLines(line=sheet.total_height)
    if sheet.total_width > MAX_COLUMNS:
        raise no.TooManyColumns(column=sheet.total_width)
    first_row, first_column = sheet.start or (0, 0)
    padding = [""] * first_column
    for line, cells in enumerate(sheet.iter_rows(), first_row + 1):
        texts = [_text(cell, line, column) for column, cell in enumerate(cells, first_column + 1)]
        yield _row(line, padding + texts)


def _text(cell: object, line: int, column: int) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float | int):
        if abs(cell) >= _EXACT:
            raise no.NumberLosesDigits(line, column, repr(cell))
        return str(int(cell)) if cell == int(cell) else format(Decimal(repr(cell)), "f")
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S") if cell.time() != time() else cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    raise no.UnreadableValue(line, column, str(cell))


def rows_of(source: Source, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a file that is a table, whichever kind it is by its first bytes."""
    return sheet_rows(source) if source.head.startswith(WORKBOOK) else csv_rows(source, delimiter)
