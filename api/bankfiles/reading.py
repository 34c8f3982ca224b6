"""Reading a bank file of any kind: bytes in, statements out."""

import re
from collections.abc import Sequence
from typing import BinaryIO

from api.bankfiles import refusals as no
from api.bankfiles.camt import read_camt
from api.bankfiles.layouts import Profile, shipped
from api.bankfiles.parties import Parties
from api.bankfiles.source import Source
from api.bankfiles.swift import read_mt940
from api.bankfiles.tables import WORKBOOK, csv_rows, sheet_rows
from api.bankfiles.tabular import read_table
from ledger.statements import Statement

_XML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<")
_XML16 = (b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_SWIFT = re.compile(r"(?m)^(?:\{1:|:20:)")
_DELIMITERS = (",", "\t", ";", "|")


def read_statements(data: bytes | BinaryIO, parties: Parties, profile: Profile | None = None) -> list[Statement]:
    """The statements in a file, recognised by its content: camt XML, a workbook, MT940, else a CSV by its header.

    `profile` is used for tables instead of the shipped ones. The same bytes give the same statements.
    Raises a FileRefused with line and column; nothing is skipped silently (see `Statement.left_out`).
    """
    source = Source(data)
    profiles = list(shipped().values()) if profile is None else [profile]
    if _XML.match(source.head) or source.head.startswith(_XML16):
        return read_camt(source, parties)
    if source.head.startswith(WORKBOOK):
        return [read_table(sheet_rows(source), source.sha256, profiles, parties)]
    if _SWIFT.search(next(source.text())[:2000]):
        return read_mt940(source, parties)
    return [_read_csv(source, profiles, parties)]


def _read_csv(source: Source, profiles: Sequence[Profile], parties: Parties) -> Statement:
    """The delimiter is the one under which a header is found; the comma's complaint is what the reader is told."""
    unknown: no.FileRefused | None = None
    for delimiter in _DELIMITERS:
        try:
            return read_table(csv_rows(source, delimiter), source.sha256, profiles, parties)
        except no.UnknownLayout as error:
            unknown = unknown or error
    raise unknown or no.UnknownLayout
