"""A statement from a table: CSV or spreadsheet rows read by a layout profile."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice

from api.bankfiles import refusals as no
from api.bankfiles.amounts import is_masked, read_amount, read_date
from api.bankfiles.layouts import CNY, CREDIT_WORDS, DEBIT_WORDS, HEADER_WITHIN, Found, Place, Profile, find_header
from api.bankfiles.parties import Parties, masked_party, masked_text, split_party
from api.bankfiles.spool import DISK
from api.bankfiles.tables import Row
from api.bankfiles.text import plain
from ledger.statements import CURRENCY, Statement, StatementLine

_REVERSAL = re.compile("冲正|抹账|撤销|红字")


def read_table(rows: Iterable[Row], sha256: str, profiles: Sequence[Profile], parties: Parties) -> Statement:
    """The statement in a table, by the first profile whose header stands in it. Raises a FileRefused."""
    rows = iter(rows)
    head = list(islice(rows, HEADER_WITHIN))
    if not head:
        raise no.EmptyFile
    found = find_header(head, profiles)
    before = [row for row in head if row.line < found.header.line]
    after = chain((row for row in head if row.line > found.header.line), rows)
    table = _Table(found, parties)
    lines = DISK.keep(StatementLine, table.lines(after))
    if not lines and table.closing_fen is None:
        raise no.EmptyFile(line=found.header.line)
    marks = found.profile.preamble
    texts = [(row.line, cell) for row in before for cell in row.cells if cell]
    closing_fen = table.closing_fen if table.closing_fen is not None else _marked_amount(marks.closing, texts)
    return Statement(
        sha256=sha256,
        format=found.profile.name,
        currency=table.currency or CURRENCY,
        lines=lines,
        account=_marked(marks.account, texts)[1],
        opening_fen=_marked_amount(marks.opening, texts),
        closing_fen=closing_fen,
        credits_fen=table.credits_fen,
        debits_fen=table.debits_fen,
    )


def _marked(pattern: str, texts: Iterable[tuple[int, str]]) -> tuple[int, str]:
    if pattern:
        for line, text in texts:
            if found := re.search(pattern, text):
                return line, found[1]
    return 0, ""


def _marked_amount(pattern: str, texts: Iterable[tuple[int, str]]) -> int | None:
    line, text = _marked(pattern, texts)
    if not text:
        return None
    if (amount_fen := read_amount(text)) is None:
        raise no.UnreadableAmount(line, 1, text)
    return amount_fen


@dataclass
class _Table:
    """Reads the rows under one header; remembers what the footer and the currency column say."""

    found: Found
    parties: Parties
    currency: str = ""
    closing_fen: int | None = None
    credits_fen: int | None = None
    debits_fen: int | None = None
    _ended: bool = field(default=False)

    def lines(self, rows: Iterable[Row]) -> Iterator[StatementLine]:
        """The booked lines."""
        for row in rows:
            if not any(row.cells):
                continue
            if self._is_footer(row):
                self._read_footer(row)
            elif self._ended:
                raise no.LinesAfterFooter(line=row.line)
            else:
                self._check_shape(row)
                yield self._line(self._told(row))

    def _told(self, row: Row) -> Row:
        """The row without what stands for nothing."""
        nothing = self.found.profile.empty
        return Row(row.line, ["" if cell in nothing or not cell.strip("-") else cell for cell in row.cells])

    def _is_footer(self, row: Row) -> bool:
        pattern = self.found.profile.footer.pattern
        first = next(cell for cell in row.cells if cell)
        return bool(pattern and read_date(first) is None and re.search(pattern, plain(first)))

    def _read_footer(self, row: Row) -> None:
        self._ended = True
        marks = self.found.profile.footer
        closing_fen = _marked_amount(marks.closing, [(row.line, cell) for cell in row.cells])
        self.closing_fen = self.closing_fen if closing_fen is None else closing_fen
        if "credit" in self.found.columns and len(row.cells) > self.found.columns["credit"][0]:
            told = self._told(row)
            self.credits_fen = read_amount(self._cell(told, "credit")) if self._cell(told, "credit") else None
            self.debits_fen = read_amount(self._cell(told, "debit")) if self._cell(told, "debit") else None

    def _cell(self, row: Row, place: Place) -> str:
        at = self.found.columns.get(place)
        return row.cells[at[0]] if at is not None and at[0] < len(row.cells) else ""

    def _column(self, place: Place) -> int:
        return self.found.columns[place][0] + 1

    def _line(self, row: Row) -> StatementLine:
        booked_on = self._date(row, "booked_on")
        amount_fen, reversal = self._amount(row)
        self._check_currency(row)
        name, account = self._party(row)
        text = " ".join(cell for at in self.found.columns.get("text", ()) for cell in row.cells[at : at + 1] if cell)
        return StatementLine(
            line=row.line,
            position=f"row {row.line}",
            booked_on=booked_on,
            value_on=self._date(row, "value_on") if self._cell(row, "value_on") else booked_on,
            time=self._cell(row, "time"),
            amount_fen=amount_fen,
            serial=self._cell(row, "serial"),
            counterparty=self.parties.token(name, account),
            counterparty_masked=masked_party(name, account),
            text=text,
            masked_text=masked_text(text, name),
            balance_fen=self._balance(row),
            reversal=reversal or bool(_REVERSAL.search(text)),
        )

    def _check_shape(self, row: Row) -> None:
        width = len(self.found.header.cells)
        while not self.found.header.cells[width - 1]:
            width -= 1
        if len(row.cells) < width:  # a row cut short may have lost the end of its last cell, too
            raise no.RowTooShort(row.line, len(row.cells) + 1)
        for column, cell in enumerate(row.cells[width:], width + 1):
            if cell:
                raise no.UnexpectedCell(row.line, column)

    def _date(self, row: Row, place: Place) -> date:
        text = self._cell(row, place)
        if (on := read_date(text, self.found.profile.date)) is None:
            raise no.UnreadableDate(row.line, self._column(place), text)
        return on

    def _read(self, row: Row, place: Place) -> int | None:
        if not (text := self._cell(row, place)):
            return None
        if (amount_fen := read_amount(text)) is None:
            raise no.UnreadableAmount(row.line, self._column(place), text)
        return amount_fen

    def _amount(self, row: Row) -> tuple[int, bool]:
        """Signed fen, and whether it is written as a reversal: negative in its own column."""
        if "amount" in self.found.columns:
            amount_fen = self._read(row, "amount")
            if amount_fen is None:
                raise no.AmountMissing(row.line, self._column("amount"))
            return self._directed(row, amount_fen)
        credit_fen, debit_fen = self._read(row, "credit") or 0, self._read(row, "debit") or 0
        if credit_fen and debit_fen:
            raise no.AmountOnBothSides(row.line, self._column("debit"))
        if not credit_fen and not debit_fen:
            raise no.AmountMissing(row.line, self._column("credit"))
        return credit_fen - debit_fen, min(credit_fen, debit_fen) < 0

    def _directed(self, row: Row, amount_fen: int) -> tuple[int, bool]:
        if not amount_fen:
            raise no.AmountMissing(row.line, self._column("amount"))
        if "direction" not in self.found.columns:
            return amount_fen, False
        word = plain(self._cell(row, "direction")).upper()
        if word in CREDIT_WORDS:
            return amount_fen, amount_fen < 0
        if word in DEBIT_WORDS:
            return -amount_fen, amount_fen < 0
        raise no.UnreadableValue(row.line, self._column("direction"), word)

    def _check_currency(self, row: Row) -> None:
        if not (text := plain(self._cell(row, "currency")).upper()):
            return
        currency = CURRENCY if text in CNY else text
        if self.currency and currency != self.currency:
            raise no.ForeignLine(row.line, self._column("currency"), text)
        self.currency = currency

    def _party(self, row: Row) -> tuple[str, str]:
        if "party" in self.found.columns:
            return split_party(self._cell(row, "party"))
        return self._cell(row, "counterparty"), self._cell(row, "counterparty_account")

    def _balance(self, row: Row) -> int | None:
        text = self._cell(row, "balance")
        if not text or is_masked(text):
            return None
        return self._read(row, "balance")
