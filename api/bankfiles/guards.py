"""What is looked at before a workbook is opened: its unpacked size, its extent, its formulas."""

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.sax import SAXException

import olefile
from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from api.bankfiles import refusals as no

MAX_COLUMNS = 256
MAX_ROWS = 250_000
MAX_UNPACKED = 512 * 1024 * 1024
MAX_PARTS = 2_000
_CHUNK = 1 << 16
_REFERENCE = re.compile(r"([A-Z]{1,8})([0-9]{1,10})")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_BIFF_FORMULA, _BIFF_CELLS = 0x0006, frozenset({0x00FD, 0x0203, 0x027E, 0x00BD, 0x0204, 0x0205, 0x0201})


def check_package(file: BinaryIO) -> None:
    """An XLSX: every part within bounds, no entities, no formulas. Raises a FileRefused."""
    try:
        with zipfile.ZipFile(file) as package:
            _check_parts(package)
            for name in package.namelist():
                if _SHEET.fullmatch(name):
                    _check_sheet(_pieces(package, name))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise no.MalformedFile from error


def _check_parts(package: zipfile.ZipFile) -> None:
    parts = package.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise no.FileTooLarge(found=str(sum(part.file_size for part in parts)))
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels")) and not _SHEET.fullmatch(part.filename):
            with package.open(part) as opened:
                head = opened.read(_CHUNK)
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise no.ExternalEntity(found=part.filename)


def _pieces(package: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    unpacked = 0
    with package.open(name) as part:
        while piece := part.read(_CHUNK):
            unpacked += len(piece)
            if unpacked > MAX_UNPACKED:
                raise no.FileTooLarge(found=name)
            yield piece


class _Extent:
    """Sees every cell of a sheet go by."""

    def __init__(self) -> None:
        self.line, self.column = 0, 0

    def startElement(self, name: str, attributes: Any) -> None:  # noqa: N802, ANN401 - the parser's name and type
        tag = name.rpartition(":")[2]
        if tag == "row":
            self.line, self.column = _number(attributes.get("r")) or self.line + 1, 0
        elif tag == "c":
            self._place(attributes.get("r"))
        elif tag == "f":
            raise no.FormulaCell(self.line, self.column)

    def _place(self, reference: str | None) -> None:
        found = _REFERENCE.fullmatch(reference or "")
        if found:
            self.column, self.line = _column(found[1]), int(found[2])
        else:
            self.column += 1
        if self.column > MAX_COLUMNS:
            raise no.TooManyColumns(line=self.line, column=self.column)
        if self.line > MAX_ROWS:
            raise no.TooManyLines(line=self.line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else a parser may tell is ignored
        return lambda *_: None


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) <= 10 else 0  # noqa: PLR2004 - far above any sheet


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _check_sheet(pieces: Iterator[bytes]) -> None:
    parser = DefusedExpatParser(forbid_dtd=True)
    extent = _Extent()
    parser.setContentHandler(extent)
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.close()
    except DefusedXmlException as error:
        raise no.ExternalEntity from error
    except SAXException as error:
        raise no.MalformedFile(line=extent.line, column=extent.column) from error


def check_biff(workbook: BinaryIO) -> None:
    """An XLS: no formula records. Raises MalformedFile, FormulaCell, TooManyLines."""
    try:
        with olefile.OleFileIO(workbook) as file:
            name = next((each for each in ("Workbook", "Book") if file.exists(each)), None)
            if name is None:
                raise no.MalformedFile
            stream = file.openstream(name).read()
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise no.MalformedFile from error
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == _BIFF_FORMULA and size >= 4:  # noqa: PLR2004 - row and column
            row, column = struct.unpack_from("<HH", stream, at + 4)
            raise no.FormulaCell(row + 1, column + 1)
        at += 4 + size
