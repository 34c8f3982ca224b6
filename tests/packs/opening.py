"""Reading packs as anybody would: unzip, and open the tables with other programs' eyes."""

import csv
import hashlib
import io
import json
import zipfile
from typing import Any

from python_calamine import CalamineWorkbook

from api.packs.headings import FAMILIES, LINES, TITLES


class Opened:
    """The members of an archive."""

    def __init__(self, content: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.manifest: dict[str, Any] = json.loads(self.members["manifest.json"])

    def csv(self, name: str) -> list[dict[str, str]]:
        """A table; it begins with a byte order mark."""
        assert self.members[name].startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(self.members[name].decode("utf-8-sig"), newline="")))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """JSON, one object a line."""
        return [json.loads(line) for line in self.members[name].decode().splitlines()]

    def sheet(self, title: str) -> list[list[Any]]:
        """A sheet of the workbook without its headings."""
        book = CalamineWorkbook.from_filelike(io.BytesIO(self.members["resolution.xlsx"]))
        rows: list[list[Any]] = book.get_sheet_by_name(TITLES[title]).to_python()
        return rows[1:]

    def check_manifest(self) -> None:
        """Every file is in the manifest with its hash, and nothing else is in the archive."""
        told = {each["name"]: each["sha256"] for each in self.manifest["files"]}
        found = {
            name: hashlib.sha256(text).hexdigest() for name, text in self.members.items() if name != "manifest.json"
        }
        assert told == found


NAMES = [heading.name for heading in FAMILIES]
LINE_NAMES = [heading.name for heading in LINES]
