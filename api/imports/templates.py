"""The templates of contracts and lessons, in Chinese and English, as CSV and XLSX; and their columns as data."""

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
import xlsxwriter
from msgspec import Struct

from api.language import Language

Kind = Literal["contracts", "lessons"]
Form = Literal["csv", "xlsx"]
KINDS: tuple[Kind, ...] = ("contracts", "lessons")
_FILE = Path(__file__).parent / "columns.toml"
_YES_NO = {"是": "yes", "否": "no"}


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of a template."""

    field: str
    zh: str
    en: str
    kind: Literal["text", "date", "yuan", "hours", "yes_no"]
    required: bool
    example: str

    def title(self, language: Language) -> str:
        """Its heading."""
        return self.zh if language == "zh" else self.en

    def shown(self, language: Language) -> str:
        """Its cell in the example row."""
        return self.example if language == "zh" else _YES_NO.get(self.example, self.example)


@cache
def columns() -> Mapping[Kind, tuple[Column, ...]]:
    """The columns of every template, in their order."""
    return MappingProxyType(msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), dict[Kind, tuple[Column, ...]]))


def template(kind: Kind, language: Language, form: Form) -> bytes:
    """An empty template: headings and one example row. CSV comes with a BOM, so that spreadsheets read it as UTF-8."""
    headings = [column.title(language) for column in columns()[kind]]
    example = [column.shown(language) for column in columns()[kind]]
    return _csv([headings, example]) if form == "csv" else _xlsx([headings, example])


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """Every column is text, so that long numbers keep their digits and dates their form."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        as_text, heading = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        sheet.set_column(0, len(rows[0]) - 1, 18, as_text)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, cell, as_text if number else heading)
    return out.getvalue()
