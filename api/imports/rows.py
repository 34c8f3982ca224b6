"""Rows of an import file as commands, or what is wrong with them, row by row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from api.bankfiles import refusals as no
from api.bankfiles.amounts import read_amount, read_date
from api.bankfiles.source import Source
from api.bankfiles.tables import Row, rows_of
from api.bankfiles.text import plain
from api.imports.templates import Column, Kind, columns
from api.language import LANGUAGES
from ledger import commands as c
from ledger.hours import format_hours, parse_hours
from ledger.money import cumulative_fen

_YES, _NO = frozenset({"是", "YES", "Y", "TRUE", "1"}), frozenset({"", "否", "NO", "N", "FALSE", "0"})
Values = dict[str, object]
L = TypeVar("L", bound=c.Line)


@dataclass(frozen=True, slots=True)
class RowRefused:
    """One thing that is wrong with one row: where, which field, and a stable code."""

    line: int
    column: int
    field: str
    code: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row that is a command."""

    line: int
    command: c.RegisterContract | c.ClaimLessons


@dataclass(slots=True)
class ReadFile:
    """What a file holds: its rows in order, and what is wrong with the others."""

    sha256: str
    rows: list[ReadRow] = field(default_factory=list)
    refused: list[RowRefused] = field(default_factory=list)


class _Wrong(Exception):
    def __init__(self, name: str, code: str) -> None:
        super().__init__(code)
        self.name = name
        self.code = code


def read_file(kind: Kind, data: bytes) -> ReadFile:
    """The rows of a contracts or lessons file, CSV or workbook, with Chinese or English headings.

    Raises a FileRefused where the file as a whole cannot be read; what is wrong with single rows stands in `refused`.
    """
    source = Source(data)
    rows = rows_of(source)
    header = next((row for row in rows if any(row.cells)), None)
    if header is None:
        raise no.EmptyFile
    places = _places(kind, header)
    found = ReadFile(source.sha256)
    for row in rows:
        if any(row.cells):
            _read_row(kind, row, places, found)
    if not found.rows and not found.refused:
        raise no.EmptyFile(line=header.line)
    return found


def _places(kind: Kind, header: Row) -> dict[str, int]:
    """Field → column (from 0). Raises UnknownLayout with the column that is missing or unknown."""
    titles = {plain(title): column for column in columns()[kind] for title in (column.zh, column.en, column.field)}
    places: dict[str, int] = {}
    for at, cell in enumerate(header.cells):
        if not cell:
            continue
        column = titles.get(plain(cell))
        if column is None:
            raise no.ColumnUnknown(header.line, at + 1, cell)
        if column.field in places:
            raise no.ColumnTwice(header.line, at + 1, cell)
        places[column.field] = at
    for column in columns()[kind]:
        if column.required and column.field not in places:
            raise no.ColumnMissing(header.line, found=f"{column.zh} {column.en}")
    return places


def _read_row(kind: Kind, row: Row, places: Mapping[str, int], found: ReadFile) -> None:
    if _is_example(kind, row, places):
        first = columns()[kind][0].field
        found.refused.append(RowRefused(row.line, places[first] + 1, first, "example_row"))
        return
    values: Values = {}
    wrong = []
    for column in columns()[kind]:
        try:
            values[column.field] = _value(column, row, places.get(column.field))
        except _Wrong as error:
            wrong.append(error)
    if not wrong:
        try:
            found.rows.append(ReadRow(row.line, _COMMANDS[kind](values)))
        except _Wrong as error:
            wrong.append(error)
    found.refused += [RowRefused(row.line, places.get(each.name, -1) + 1, each.name, each.code) for each in wrong]


def _is_example(kind: Kind, row: Row, places: Mapping[str, int]) -> bool:
    """Whether it is the template's own row, left in and sent with the rest: it is about nobody."""
    told = [_cell(row, places.get(column.field)) for column in columns()[kind]]
    return any(told == [column.shown(language) for column in columns()[kind]] for language in LANGUAGES)


def _cell(row: Row, at: int | None) -> str:
    return row.cells[at] if at is not None and at < len(row.cells) else ""


def _value(column: Column, row: Row, at: int | None) -> object:
    text = _cell(row, at)
    if not text:
        if column.required:
            raise _Wrong(column.field, "missing")
        return False if column.kind == "yes_no" else None
    value = _READERS[column.kind](text)
    if value is None:
        raise _Wrong(column.field, f"unreadable_{column.kind}")
    return value


def _hours(text: str) -> int | None:
    try:
        return parse_hours(text)
    except ValueError:
        return None


def _yes_no(text: str) -> bool | None:
    word = plain(text).upper()
    return True if word in _YES else False if word in _NO else None


_READERS: dict[str, Callable[[str], object]] = {
    "text": lambda text: text,
    "date": read_date,
    "yuan": read_amount,
    "hours": _hours,
    "yes_no": _yes_no,
}


def _contract(values: Values) -> c.RegisterContract:
    if values["stock"]:
        _leave_what_is_left(values)
    elif values["taught_hours"] is not None or values["balance"] is not None:
        raise _Wrong("stock", "only_for_stock")
    terms = {} if values["list_unit_price"] is None else {
        "list_unit_price_fen": values["list_unit_price"], "list_price_disclosed": True,
    }  # fmt: skip
    body = {name: values[name] for name in _PLAIN}
    body |= {"price_fen": values["price"], "stock": values["stock"], "terms": _validated(c.ContractTerms, terms)}
    body |= {"paid_hours": _text_of(values["paid_hours"]), "gift_hours": _text_of(values["gift_hours"] or 0)}
    return _validated(c.RegisterContract, body)


_PLAIN = ("contract_id", "guardian_id", "student_id", "course", "subject", "signed_on", "starts_on", "ends_on")
_NAMES = {"price_fen": "price", "paid_centihours": "paid_hours", "gift_centihours": "gift_hours"}


def _text_of(centihours: object) -> str:
    assert isinstance(centihours, int)
    return format_hours(centihours)


def _number(values: Values, name: str) -> int:
    value = values[name]
    return value if isinstance(value, int) else 0


def _leave_what_is_left(values: Values) -> None:
    """Opening stock: what was taught before supervision stays outside; the rest becomes the contract.

    The hours left, and the stated balance or else the price less the average value of what was taught, over all hours
    including gifts. Paid hours count as taught first.
    """
    price, paid, gift, taught = (
        _number(values, name) for name in ("price", "paid_hours", "gift_hours", "taught_hours")
    )
    left = paid + gift - taught
    if left <= 0 or price <= 0:
        raise _Wrong("taught_hours", "nothing_left")
    stated = values["balance"] is not None
    balance = _number(values, "balance") if stated else price - cumulative_fen(price, taught, paid + gift)
    if not 0 < balance <= price:
        raise _Wrong("balance", "balance_out_of_range")
    paid_left = max(0, paid - taught) or left
    values |= {"price": balance, "paid_hours": paid_left, "gift_hours": left - paid_left}


def _lesson(values: Values) -> c.ClaimLessons:
    line = {name: values[name] for name in ("contract_id", "lesson_id", "taught_on", "notified_on")}
    line["hours"] = _text_of(values["hours"])
    return _validated(c.ClaimLessons, {"lessons": [_validated(c.ClaimedLesson, line)]})


def _validated(model: type[L], body: Mapping[str, object]) -> L:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][-1]) if first["loc"] else ""
        raise _Wrong(_NAMES.get(name, name), f"invalid_{_NAMES.get(name, name) or 'row'}") from error


_COMMANDS: dict[Kind, Callable[[Values], c.RegisterContract | c.ClaimLessons]] = {
    "contracts": _contract,
    "lessons": _lesson,
}
