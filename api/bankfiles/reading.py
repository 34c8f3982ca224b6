"""Reading a bank file of any kind: bytes in, statements out."""

import hashlib
import re
from collections.abc import Sequence

from api.bankfiles import refusals as no
from api.bankfiles.camt import read_camt
from api.bankfiles.layouts import Profile, shipped
from api.bankfiles.parties import Parties
from api.bankfiles.swift import read_mt940
from api.bankfiles.tables import csv_rows, sheet_rows
from api.bankfiles.tabular import read_table
from api.bankfiles.text import check_size, decoded
from ledger.statements import Statement

_XML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<")
_XML16 = (b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_SWIFT = re.compile(r"(?m)^(?:\{1:|:20:)")
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = (",", "\t", ";", "|")


def read_statements(data: bytes, parties: Parties, profile: Profile | None = None) -> list[Statement]:
    """The statements in a file, recognised by its content: camt XML, a workbook, MT940, else a CSV by its header.

    `profile` is used for tables instead of the shipped ones. Pure: the same bytes give the same statements.
    Raises a FileRefused with line and column; nothing is skipped silently (see `Statement.left_out`).
    """
    check_size(data)
    sha256 = hashlib.sha256(data).hexdigest()
    profiles = list(shipped().values()) if profile is None else [profile]
    if _XML.match(data) or data.startswith(_XML16):
        return read_camt(data, sha256, parties)
    if data.startswith(_WORKBOOK):
        return [read_table(sheet_rows(data), sha256, profiles, parties)]
    text = decoded(data)
    if _SWIFT.search(text[:2000]):
        return read_mt940(data, sha256, parties)
    return [_read_csv(text, sha256, profiles, parties)]


def _read_csv(text: str, sha256: str, profiles: Sequence[Profile], parties: Parties) -> Statement:
    """The delimiter is the one under which a header is found; the comma's complaint is what the reader is told."""
    unknown: no.FileRefused | None = None
    for delimiter in _DELIMITERS:
        try:
            return read_table(csv_rows(text, delimiter), sha256, profiles, parties)
        except no.UnknownLayout as error:
            unknown = unknown or error
    raise unknown or no.UnknownLayout
