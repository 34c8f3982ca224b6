"""Whether the live database still holds what was signed: roots from the stored bytes against every checkpoint."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, func, select

from ledger.log.checkpoints import Checkpoint, open_checkpoint
from ledger.log.entries import directory_entry, directory_origin, entry_of, log_origin
from ledger.log.keys import PublicKey
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.notes import MalformedNote, NotSigned
from ledger.log.records import one_moment, raw_events
from ledger.log.tables import checkpoints, directory, frontiers
from ledger.store.tables import events

Progress = Callable[[int], None]
"""Told how many more events have been read."""
Edge = tuple[int, str] | None
"""The kept edge of a tree: size and peaks."""


class LogFinding(Struct, frozen=True):
    """Something that does not agree with what was signed. `code` is stable."""

    code: str
    institution_id: str
    """'' for the directory."""
    detail: str


class LogReport(Struct):
    """What was inspected, and what did not agree."""

    institutions: int = 0
    events: int = 0
    unsigned_events: int = 0
    """Recorded after the last checkpoint: no finding, the notary comes to them in its next round."""
    checkpoints: int = 0
    directory_size: int = 0
    held: int = 0
    """Checkpoints kept elsewhere that were compared."""
    findings: list[LogFinding] = []

    @property
    def passed(self) -> bool:
        """Whether signed events were inspected and everything agreed."""
        return not self.findings and self.events > self.unsigned_events


def inspect_log(
    engine: Engine, keys: Sequence[PublicKey], held: Iterable[str] = (), progress: Progress | None = None
) -> LogReport:
    """Recompute every root from the stored bytes, in one snapshot of the database.

    Compares with every stored checkpoint and with those in `held` (signed notes kept elsewhere), in both directions:
    nothing signed may be missing, nothing stored may differ. `keys` are those the ledger signs with, or signed with.
    An inspection that found nothing signed does not pass. Raises StoreUnavailable.
    """
    report = LogReport(findings=[])
    with one_moment(engine) as connection:
        inspection = _Inspection(connection, keys, report)
        inspection.take_held(held)
        inspection.read_directory()
        for institution_id in inspection.institutions():
            inspection.read_log(institution_id, progress or _silent)
        inspection.close()
    return report


def _silent(_events: int) -> None:
    """Nobody watches."""


class _Inspection:
    def __init__(self, connection: Connection, keys: Sequence[PublicKey], report: LogReport) -> None:
        self._connection = connection
        self._keys = keys
        self._report = report
        self._held: dict[str, list[Checkpoint]] = {}

    def take_held(self, notes: Iterable[str]) -> None:
        """Checkpoints that somebody kept."""
        for note in notes:
            checkpoint = self._opened("", note)
            if checkpoint is not None:
                self._held.setdefault(checkpoint.origin, []).append(checkpoint)
                self._report.held += 1

    def institutions(self) -> Iterator[str]:
        """Every institution that events, checkpoints or frontiers know, in order of its id."""
        columns = (events.c.originator_id, checkpoints.c.institution_id, frontiers.c.institution_id)
        last = ""
        while True:
            found = [self._connection.scalar(select(func.min(column)).where(column > last)) for column in columns]
            if not (known := [each for each in found if each is not None]):
                return
            yield (last := min(known))

    def read_directory(self) -> None:
        """The directory from its entries, against its own checkpoints."""
        signed = {
            size: (root, note)
            for size, root, note in self._connection.execute(
                select(directory.c.size, directory.c.root, directory.c.note).order_by(directory.c.size)
            )
        }
        expected = self._expected("", directory_origin, signed)
        c = checkpoints.c
        rows = self._connection.execute(
            select(c.number, c.institution_id, c.size, c.root).order_by(c.number),
            execution_options={"yield_per": 5_000},
        )
        frontier, edge = Frontier(), self._edge("")
        for number, institution_id, size, root in rows:
            if number != frontier.size + 1:
                self._find("directory_gap", "", f"entry {number} follows {frontier.size}")
            frontier.append(leaf_hash(directory_entry(institution_id, size, bytes.fromhex(root))))
            self._compare("", frontier, expected, edge)
        self._report.directory_size = frontier.size
        self._end("", frontier.size, expected, edge)
        if frontier.size not in {0, *signed}:
            self._find("directory_unsigned", "", f"entry {frontier.size} is under no checkpoint of the directory")

    def read_log(self, institution_id: str, progress: Progress) -> None:
        """One institution's events, against its checkpoints."""
        self._report.institutions += 1
        c = checkpoints.c
        rows = self._connection.execute(select(c.size, c.root, c.note).where(c.institution_id == institution_id)).all()
        signed = {size: (root, note) for size, root, note in rows}
        expected = self._expected(institution_id, lambda name: log_origin(name, institution_id), signed)
        last = max(signed, default=0)
        frontier, previous, edge = Frontier(), 0, self._edge(institution_id)
        for raw in raw_events(self._connection, institution_id):
            if raw.version != previous + 1:
                self._find("version_gap", institution_id, f"version {raw.version} follows {previous}")
            previous = raw.version
            frontier.append(leaf_hash(entry_of(raw.topic, raw.state)))
            self._compare(institution_id, frontier, expected, edge)
        self._report.events += frontier.size
        self._report.unsigned_events += max(0, frontier.size - last)
        self._report.checkpoints += len(signed)
        self._end(institution_id, frontier.size, expected, edge)
        progress(frontier.size)

    def close(self) -> None:
        """What only the whole can say."""
        for origin, kept in self._held.items():
            self._find("log_missing", origin, f"{len(kept)} checkpoints are kept elsewhere, and no such log is here")
        if self._report.events == self._report.unsigned_events:
            self._find("nothing_inspected", "", "there was no signed event to inspect")

    def _opened(self, institution_id: str, note: str) -> Checkpoint | None:
        refusal = "no key"
        for key in self._keys:
            try:
                return open_checkpoint(note, key)
            except (MalformedNote, NotSigned) as error:
                refusal = str(error)
        self._find("checkpoint_not_signed", institution_id, refusal)
        return None

    def _expected(
        self, institution_id: str, origin_of: Callable[[str], str], signed: dict[int, tuple[str, str]]
    ) -> dict[int, set[bytes]]:
        """Size → the roots that were signed for it; where there are two, somebody forked the log."""
        expected: dict[int, set[bytes]] = {}
        origins = {origin_of(key.name) for key in self._keys}
        for size, (root, note) in signed.items():
            checkpoint = self._opened(institution_id, note)
            if checkpoint is None:
                continue
            if checkpoint.origin not in origins or (checkpoint.size, checkpoint.root.hex()) != (size, root):
                self._find("checkpoint_differs", institution_id, f"at {size} the note is not that of its row")
            expected.setdefault(checkpoint.size, set()).add(checkpoint.root)
            expected.setdefault(size, set()).add(bytes.fromhex(root))
        for origin in origins:
            for kept in self._held.pop(origin, ()):
                expected.setdefault(kept.size, set()).add(kept.root)
        return expected

    def _compare(self, institution_id: str, frontier: Frontier, expected: dict[int, set[bytes]], edge: Edge) -> None:
        roots = expected.pop(frontier.size, None)
        if roots is not None and roots != {frontier.root()}:
            detail = f"the first {frontier.size} entries have another root than the one that was signed"
            self._find("root_differs", institution_id, detail)
        if edge is not None and edge[0] == frontier.size and edge[1] != b"".join(frontier.peaks).hex():
            self._find("frontier_differs", institution_id, "the kept edge of the tree is not that of the entries")

    def _end(self, institution_id: str, size: int, expected: dict[int, set[bytes]], edge: Edge) -> None:
        if expected:
            self._find("entries_missing", institution_id, f"{max(expected)} entries were signed, {size} are here")
        if edge is not None and edge[0] > size:
            self._find("entries_missing", institution_id, f"{edge[0]} entries were taken in, {size} are here")

    def _edge(self, institution_id: str) -> Edge:
        c = frontiers.c
        row = self._connection.execute(select(c.size, c.peaks).where(c.institution_id == institution_id)).first()
        return None if row is None else (row[0], row[1])

    def _find(self, code: str, institution_id: str, detail: str) -> None:
        self._report.findings.append(LogFinding(code, institution_id, detail))
