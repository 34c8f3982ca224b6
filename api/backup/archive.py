"""The backup file: a zip with a manifest and the copy of the database, and the hash that holds them together."""

import os
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import msgspec
from msgspec import Struct

from api.backup.facts import Facts

FORMAT: Final = "prepaid-ledger backup 1"
MANIFEST: Final = "manifest.json"
CHUNK: Final = 1 << 20
DAMAGE: Final = (BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError)
"""What a zip that was changed makes its reader raise; decoding errors are ValueErrors."""
Progress = Callable[[int, int], None]
"""Told bytes done, and bytes in all."""


class BackupDamaged(Exception):
    """The file is no backup, or not the one that was written."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What is in a backup file."""

    format: str
    made_at: str
    """RFC 3339, UTC."""
    database: str
    """sqlite or postgresql."""
    member: str
    sha256: str
    size: int
    facts: Facts


def write_archive(path: Path, manifest: Manifest, copy: Path, progress: Progress) -> None:
    """Pack a copy of a database under its manifest, whose hash and size are those of the copy.

    The file has its name once it is complete and on disk, and belongs to its owner alone. Raises OSError.
    """
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
                with copy.open("rb") as source, archive.open(manifest.member, "w", force_zip64=True) as member:
                    _pour(source, member, manifest.size, progress)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a backup file. Raises BackupDamaged, OSError."""
    try:
        with ZipFile(path) as archive:
            manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except DAMAGE as error:
        raise BackupDamaged(f"{path} is no backup of a ledger") from error
    if manifest.format != FORMAT:
        raise BackupDamaged(f"{path}: {manifest.format[:80]!r} is another format than {FORMAT!r}")
    return manifest


def unpack(path: Path, manifest: Manifest, target: Path | None, progress: Progress) -> None:
    """Write the copy in a backup file to a new file, or only read it; its bytes are those of the manifest.

    Raises BackupDamaged, OSError.
    """
    try:
        with ZipFile(path) as archive, archive.open(manifest.member) as member:
            if target is None:
                found = _pour(member, None, manifest.size, progress)
            else:
                with target.open("xb") as file:
                    found = _pour(member, file, manifest.size, progress)
    except (*DAMAGE, OverflowError) as error:
        raise BackupDamaged(f"{path}: {error}") from error
    if found != manifest.sha256:
        raise BackupDamaged(f"{path}: the bytes of {manifest.member} are not those that were written")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hex."""
    with path.open("rb") as file:
        return _pour(file, None, 0, lambda _done, _all: None)


def _pour(source: IO[bytes], target: IO[bytes] | None, total: int, progress: Progress) -> str:
    hasher, done = sha256(), 0
    while chunk := source.read(CHUNK):
        hasher.update(chunk)
        if target is not None:
            target.write(chunk)
        done += len(chunk)
        progress(done, total)
    return hasher.hexdigest()
