"""The audit bundle: one file with everything an auditor needs to check a ledger without it, and no personal data."""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from msgspec import Struct, json
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Select, func, select

from ledger.log.checkpoints import with_signatures
from ledger.log.entries import directory_origin, log_origin
from ledger.log.keys import PrivateKey
from ledger.log.notes import sign
from ledger.log.records import one_moment, raw_events
from ledger.log.tables import checkpoints, cosignatures, directory
from ledger.rulebook import UnknownRuleSetId, rule_set

FORMAT: Final = "prepaid-ledger audit bundle 1"
COMPRESSION: Final = 3
CHUNK: Final = 1 << 20
_RULES = re.compile(rb'"rules":"([^"\\]+)"')

Progress = Callable[[int], None]
"""Told how many more events have been written."""


class NothingSigned(LookupError):
    """There is no checkpoint of the directory yet (or none of that size): run the notary first."""


class NotInDirectory(LookupError):
    """The directory does not know the institution."""


class BundleSummary(Struct, frozen=True):
    """What a bundle holds."""

    institutions: int
    events: int
    directory_size: int
    sha256: str
    """Of the file, lower-case hex."""


def write_bundle(
    engine: Engine,
    path: Path,
    key: PrivateKey,
    institutions: Iterable[str] | None = None,
    progress: Progress | None = None,
    directory_size: int | None = None,
) -> BundleSummary:
    """Write the bundle as of a checkpoint of the directory (the newest unless a size is given); replaces the file.

    The same checkpoint gives the same bytes, cosignatures that came later aside. Memory stays flat.
    Raises NothingSigned, NotInDirectory, StoreUnavailable, OSError.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with one_moment(engine) as connection, ZipFile(part, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
            writing = _Writing(connection, archive, key, progress or _silent)
            summary = writing.run(institutions, directory_size)
        digest = _digest(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return BundleSummary(*summary, digest)


def _silent(_events: int) -> None:
    """Nobody watches."""


def _digest(path: Path) -> str:
    hasher = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


class _Writing:
    """One bundle being written."""

    def __init__(self, connection: Connection, archive: ZipFile, key: PrivateKey, progress: Progress) -> None:
        self._connection = connection
        self._archive = archive
        self._key = key
        self._progress = progress
        self._rules: set[str] = set()
        self._members: list[str] = []
        self._events = 0

    def run(self, institutions: Iterable[str] | None, directory_size: int | None) -> tuple[int, int, int]:
        size = self._directory_size(directory_size)
        sizes = self._sizes(size)
        chosen = sorted(sizes if institutions is None else set(institutions))
        for institution_id in chosen:
            if institution_id not in sizes:
                raise NotInDirectory(institution_id)
        self._write("directory/entries", self._entries(size))
        name, d, c = self._key.name, directory.c, checkpoints.c
        notes = select(d.size, d.note).where(d.size <= size).order_by(d.size)
        self._write("directory/checkpoints", self._notes(directory_origin(name), notes))
        for institution_id in chosen:
            folder = f"institutions/{institution_id}"
            self._write(f"{folder}/events", self._lines(institution_id, sizes[institution_id]))
            notes = select(c.size, c.note).where(c.institution_id == institution_id, c.number <= size)
            origin = log_origin(name, institution_id)
            self._write(f"{folder}/checkpoints", self._notes(origin, notes.order_by(c.number)))
        self._write("rules", map(_rule_line, sorted(self._rules)))
        scope = "all" if institutions is None else "part"
        head = [FORMAT, f"ledger {self._key.name}", f"directory {size}", f"scope {scope}"]
        head += [f"institutions {len(chosen)}", f"events {self._events}"]
        note = sign("\n".join([*head, *self._members]) + "\n", self._key)
        self._write("manifest", [note.encode().encode()])
        return len(chosen), self._events, size

    def _directory_size(self, wanted: int | None) -> int:
        query = select(func.max(directory.c.size))
        if wanted is not None:
            query = query.where(directory.c.size == wanted)
        size = self._connection.scalar(query)
        if size is None:
            raise NothingSigned(str(wanted or ""))
        return int(size)

    def _sizes(self, through: int) -> dict[str, int]:
        c = checkpoints.c
        query = select(c.institution_id, func.max(c.size)).where(c.number <= through).group_by(c.institution_id)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def _entries(self, through: int) -> Iterator[bytes]:
        c = checkpoints.c
        query = select(c.institution_id, c.size, c.root).where(c.number <= through).order_by(c.number)
        for institution_id, size, root in self._connection.execute(query, execution_options={"yield_per": 5_000}):
            yield f"{institution_id} {size} {root}\n".encode()

    def _notes(self, origin: str, query: Select[int, str]) -> Iterator[bytes]:
        """Signed notes of one log, each with the cosignatures that are stored for it."""
        c = cosignatures.c
        found: dict[int, list[str]] = {}
        lines = select(c.size, c.line).where(c.origin == origin).order_by(c.size, c.line)
        for size, line in self._connection.execute(lines):
            found.setdefault(size, []).append(line)
        for size, note in self._connection.execute(query, execution_options={"yield_per": 5_000}):
            yield json.encode(with_signatures(note, found.get(size, ()))) + b"\n"

    def _lines(self, institution_id: str, through: int) -> Iterator[bytes]:
        count = 0
        for version, topic, state, hash_ in raw_events(self._connection, institution_id, through):
            self._rules.update(each.decode() for each in _RULES.findall(state))
            yield b"%d %b %b %b\n" % (version, hash_.encode(), topic.encode(), state)
            count += 1
        self._events += count
        self._progress(count)

    def _write(self, name: str, chunks: Iterable[bytes]) -> None:
        info = ZipInfo(name)  # its time is 1 January 1980, so that the same content gives the same file
        info.compress_type = ZIP_DEFLATED
        info.create_system = 3
        info.external_attr = 0o644 << 16
        hasher, size = sha256(), 0
        with self._archive.open(info, "w", force_zip64=True) as member:
            for chunk in _gathered(chunks):
                hasher.update(chunk)
                size += len(chunk)
                member.write(chunk)
        self._members.append(f"{hasher.hexdigest()} {size} {name}")


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about one MiB."""
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


def _rule_line(rule_set_id: str) -> bytes:
    """A rule set that events name: its id, and its values with their sources where the rulebook knows it."""
    try:
        rules = rule_set(rule_set_id)
    except UnknownRuleSetId:
        return json.encode({"id": rule_set_id, "sha256": None, "rows": []}) + b"\n"
    rows = [replace(row, until_revision=None) for _, row in sorted(rules.parameters.items())]
    digest = sha256(json.encode(rows)).hexdigest()
    return json.encode({"id": rule_set_id, "sha256": digest, "rows": rows}) + b"\n"
