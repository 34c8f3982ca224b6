"""Why a file is refused: each class one reason, with the line and the column where it stands (0: the whole file)."""

from dataclasses import dataclass

from ledger.rejections import Rejection

SHOWN = 40


@dataclass(unsafe_hash=True)
class FileRefused(Rejection):
    """A file that cannot be read without losing or inventing something."""

    line: int = 0
    column: int = 0
    found: str = ""
    """What stands there, cut short: a number, a date, a name of a column; never a person."""

    def __post_init__(self) -> None:
        self.found = self.found if len(self.found) <= SHOWN else self.found[:SHOWN] + "…"


class EmptyFile(FileRefused):
    """There is nothing in it."""


class FileTooLarge(FileRefused):
    """More bytes than one file may have."""


class UnreadableText(FileRefused):
    """Neither UTF-8 nor GB18030."""


class NulByte(FileRefused):
    """A zero byte, which no text has."""


class UnknownLayout(FileRefused):
    """No profile knows these columns: name them, or add a profile."""


class ColumnUnknown(FileRefused):
    """A heading that files of this kind do not have."""


class ColumnMissing(FileRefused):
    """A column that files of this kind must have."""


class UnsupportedVersion(FileRefused):
    """A message or file format of a version that is not read here."""


class MalformedFile(FileRefused):
    """Not what its first bytes promise: truncated or damaged."""


class ExternalEntity(FileRefused):
    """A document type definition or an entity: bank files need neither, and bombs are made of them."""


class TooDeep(FileRefused):
    """Elements nested deeper than any bank file."""


class TooManyColumns(FileRefused):
    """More columns than any layout has."""


class TooManyLines(FileRefused):
    """More lines than one file may have: split it by day."""


class AtomicTooLong(FileRefused):
    """More rows than are recorded all or none: send them each for itself."""


class RowTooLong(FileRefused):
    """A row longer than any bank writes."""


class UnclosedQuote(FileRefused):
    """A quotation mark that is not closed on its line would swallow the lines after it."""


class FormulaCell(FileRefused):
    """A cell that computes: what it showed when the file was made is not what it says now."""


class SeveralSheets(FileRefused):
    """More than one sheet with something in it: send one."""


class NumberLosesDigits(FileRefused):
    """A number too long for a spreadsheet's number cell: its last digits are lost; send it as text."""


class RowTooShort(FileRefused):
    """The row ends before its last needed column: truncated."""


class UnexpectedCell(FileRefused):
    """Something stands beyond the last named column: the columns have shifted."""


class ColumnTwice(FileRefused):
    """Two columns of the same name."""


class UnreadableAmount(FileRefused):
    """Not an exact amount in yuan with at most two decimals."""


class UnreadableDate(FileRefused):
    """Not a date."""


class AmountMissing(FileRefused):
    """A line without an amount."""


class AmountOnBothSides(FileRefused):
    """An amount in the credit and in the debit column."""


class ForeignLine(FileRefused):
    """A line or balance in another currency than the account's."""


class UnreadableValue(FileRefused):
    """A cell that does not hold what its column is for."""


class LinesAfterFooter(FileRefused):
    """Lines after the totals: two files in one, or a damaged one."""


class PasswordProtected(FileRefused):
    """The workbook is encrypted."""


class ExtraMissing(FileRefused):
    """Reading this format needs an optional package that is not installed."""
