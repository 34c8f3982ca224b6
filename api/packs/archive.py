"""The zip of a pack: members are written to files one by one, hashed, listed in a manifest, and put together."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

MANIFEST = "manifest.json"
_CHUNK = 1024 * 1024
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Members carry no time of their own: the same state of the ledger gives the same archive."""
_PACKED = (".xlsx", ".zip", ".gz")


class Member(Struct, frozen=True):
    """A file of the pack."""

    name: str
    bytes: int
    sha256: str


class Archive:
    """Collects members in a folder of its own; memory stays flat, whatever their size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write a member to; it is hashed when it is closed."""
        with self.path(name).open("wb") as file:
            yield file
        self.add(name)

    def path(self, name: str) -> Path:
        """Where a member lies until the archive is put together."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, name: str) -> None:
        """Take in a member that was written to its path."""
        path = self.path(name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.members.append(Member(name, path.stat().st_size, digest))

    def text(self, name: str, text: str) -> None:
        """A member of text; with a byte order mark, so that every editor reads it."""
        with self.member(name) as file:
            file.write(text.encode("utf-8-sig"))

    def write(self, output: IO[bytes], facts: dict[str, Any]) -> None:
        """Put the archive together: the manifest first, then the members in their order."""
        manifest = facts | {"files": self.members}
        document = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            archive.writestr(_entry(MANIFEST), document)
            for member in self.members:
                path = self.path(member.name)
                with path.open("rb") as source, archive.open(_entry(member.name), "w", force_zip64=True) as target:
                    while chunk := source.read(_CHUNK):
                        target.write(chunk)
                path.unlink()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
