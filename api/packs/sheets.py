"""Tables of a pack, written row by row: CSV and NDJSON for machines, sheets of one workbook for people."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

import xlsxwriter

from api.reads.files import text_cell

MOST_ROWS = 1_000_000
"""Rows of one sheet; a spreadsheet has room for 1,048,576."""
_WIDTHS = {"money": 14, "day": 12, "text": 20, "number": 10}
_CREATED = datetime(1980, 1, 1, tzinfo=UTC)
_AS_THEY_ARE = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)


class Heading(NamedTuple):
    """A column: its stable name, and what people call it."""

    name: str
    zh: str
    en: str

    @property
    def kind(self) -> str:
        """`money` in fen (yuan in a workbook), `day`, `number` or `text`; by its name."""
        if self.name.endswith("_fen"):
            return "money"
        if self.name.endswith("_on") or self.name.endswith("_by"):
            return "day"
        return "number" if self.name in {"debts", "line", "position", "version"} else "text"


Row = Sequence[Any]


class Csv:
    """UTF-8 with a byte order mark; what a spreadsheet would take for a formula is written as text."""

    def __init__(self, file: IO[bytes], headings: Sequence[Heading]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        self._write = csv.writer(self._text).writerow
        self._write([heading.name for heading in headings])

    def row(self, values: Row) -> None:
        """One line; days as YYYY-MM-DD, amounts in fen."""
        self._write(["" if value is None else text_cell(value) if type(value) is str else value for value in values])

    def close(self) -> None:
        """Write what is left; the file stays open."""
        self._text.flush()
        self._text.detach()


class Workbook:
    """One workbook in constant memory; amounts in yuan, headings in Chinese and English."""

    def __init__(self, path: Path) -> None:
        self._book = xlsxwriter.Workbook(str(path), {"constant_memory": True, **_AS_THEY_ARE})
        self._book.set_properties({"created": _CREATED})  # the same state gives the same file
        self._head = self._book.add_format({"bold": True, "bg_color": "#E8EEF4", "text_wrap": True})
        self._formats = {
            "money": self._book.add_format({"num_format": "#,##0.00"}),
            "day": None,
            "text": None,
            "number": self._book.add_format({"num_format": "#,##0"}),
        }

    def sheet(self, title: str, headings: Sequence[Heading]) -> "Sheet":
        """A new sheet; one that is full goes on in another of the same name with a number."""
        return Sheet(self._add, title, headings, self._formats)

    def _add(self, title: str, headings: Sequence[Heading]) -> Any:  # noqa: ANN401 - the library has no types
        sheet = self._book.add_worksheet(title)
        sheet.freeze_panes(1, 1)
        for column, heading in enumerate(headings):
            sheet.set_column(column, column, _WIDTHS[heading.kind])
            sheet.write_string(0, column, f"{heading.zh} {heading.en}", self._head)
        return sheet

    def close(self) -> None:
        """Write the file."""
        self._book.close()


class Sheet:
    """One table of the workbook."""

    def __init__(
        self,
        add: Callable[[str, Sequence[Heading]], Any],
        title: str,
        headings: Sequence[Heading],
        formats: dict[str, Any],
    ) -> None:
        self._add, self._title, self._headings = add, title, headings
        self._columns = [(heading.kind == "money", formats[heading.kind]) for heading in headings]
        self._parts = 1
        self._sheet = add(title, headings)
        self._line = 0

    def row(self, values: Row) -> None:
        """One line; amounts come in fen."""
        self._line += 1
        if self._line > MOST_ROWS:
            self._parts, self._line = self._parts + 1, 1
            self._sheet = self._add(f"{self._title} {self._parts}", self._headings)
        line, string, number = self._line, self._sheet.write_string, self._sheet.write_number
        for column, value in enumerate(values):
            if value is None or value == "":
                continue
            money, form = self._columns[column]
            if type(value) is int:
                number(line, column, Decimal(value).scaleb(-2) if money else value, form)
            elif type(value) is bool:
                string(line, column, "是 yes" if value else "否 no", form)
            else:
                text = value.isoformat() if isinstance(value, date) else value
                string(line, column, str(text_cell(text)), form)


@contextmanager
def workbook(path: Path) -> Iterator[Workbook]:
    """A workbook that is written when the block ends."""
    book = Workbook(path)
    try:
        yield book
    finally:
        book.close()
