"""Restoring: into an empty place only, held against what was backed up, and as a new epoch that readers can see."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from api.backup import postgresql, sqlite
from api.backup.archive import BackupDamaged, Manifest, Progress, read_manifest, unpack
from api.backup.facts import facts_of
from ledger.application import open_ledger
from ledger.audit import AuditReport
from ledger.log.inspection import LogReport, inspect_log
from ledger.log.keys import PublicKey
from ledger.store.epochs import Epoch, open_epoch
from ledger.store.factory import open_engine
from projections.migrations import upgrade
from projections.rebuild import rewind
from projections.schema import audit_all

SILENT: Progress = lambda _done, _all: None  # noqa: E731 - nobody watches
LEFT_BESIDE = ("", "-wal", "-shm", "-journal")
"""Files that make up a SQLite database; a log of another one beside a restored file would be played into it."""


class TargetNotEmpty(Exception):
    """There is something where the ledger is to be restored; nothing is ever overwritten."""


class NotRestored(Exception):
    """What was restored does not agree with itself or with what was signed: it must not be served."""

    def __init__(self, checked: "Checked") -> None:
        super().__init__("what was restored does not agree with itself, or with what was signed")
        self.checked = checked


class Checked(Struct, frozen=True):
    """What was compared after restoring."""

    audit: AuditReport
    log: LogReport | None
    """None where nothing was signed yet, or no key was given to check signatures with."""

    @property
    def passed(self) -> bool:
        """Whether everything agreed. An empty ledger has nothing to disagree."""
        empty = [each.code for each in self.audit.findings] == ["nothing_inspected"]
        return (self.audit.passed or empty) and (self.log is None or not self.log.findings)


class Restored(Struct, frozen=True):
    """A restored ledger: the moment it is of, what was compared, and the epoch it begins."""

    manifest: Manifest | None
    checked: Checked
    epoch: Epoch
    rewound: bool
    """Whether read models were ahead of the log and built again."""


def restore(
    path: Path,
    url: str,
    clock: Callable[[], int],
    keys: Sequence[PublicKey] = (),
    programs: Path | None = None,
    progress: Progress = SILENT,
) -> Restored:
    """Restore a backup file into the empty database at `url`, check all of it, and open a new epoch.

    Raises BackupDamaged, TargetNotEmpty, NotRestored, ProgramFailed, CopyBroken, OSError, what the database raises.
    """
    manifest = read_manifest(path)
    parsed = make_url(url)
    if parsed.get_backend_name() != manifest.database:
        raise BackupDamaged(f"{path} is a backup of {manifest.database}, not of {parsed.get_backend_name()}")
    if manifest.database == "sqlite":
        return _into_file(path, manifest, Path(parsed.database or ""), clock, keys, progress)
    engine = open_engine(url)
    try:
        if not postgresql.is_empty(engine):
            raise TargetNotEmpty(f"the database {parsed.database} is not empty")
        with TemporaryDirectory(prefix="ledger-restore-") as folder:
            dumped = Path(folder) / manifest.member
            unpack(path, manifest, dumped, progress)
            postgresql.load(engine, dumped, programs)
        return _begun(engine, url, manifest, clock, keys)
    finally:
        engine.dispose()


def recovered(url: str, clock: Callable[[], int], keys: Sequence[PublicKey] = ()) -> Restored:
    """The same for a database that was brought back by other means (a base backup and its log): check, new epoch."""
    engine = open_engine(url)
    try:
        return _begun(engine, url, None, clock, keys)
    finally:
        engine.dispose()


def _into_file(
    path: Path,
    manifest: Manifest,
    target: Path,
    clock: Callable[[], int],
    keys: Sequence[PublicKey],
    progress: Progress,
) -> Restored:
    there = [f"{target}{suffix}" for suffix in LEFT_BESIDE if _holds_something(Path(f"{target}{suffix}"))]
    if there:
        raise TargetNotEmpty(f"{', '.join(there)}: there is something already")
    with TemporaryDirectory(prefix=".ledger-restore-", dir=target.absolute().parent) as folder:
        made = Path(folder) / manifest.member
        unpack(path, manifest, made, progress)
        made.chmod(0o600)
        engine = open_engine(f"sqlite:///{made}")
        try:
            restored = _begun(engine, f"sqlite:///{made}", manifest, clock, keys)
        finally:
            engine.dispose()
        with closing(sqlite3.connect(made)) as connection:
            sqlite.settle(connection)
        made.replace(target)
    return restored


def _holds_something(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _begun(
    engine: Engine, url: str, manifest: Manifest | None, clock: Callable[[], int], keys: Sequence[PublicKey]
) -> Restored:
    with engine.connect() as connection:
        held = facts_of(connection)
    if manifest is not None and held != manifest.facts:
        raise BackupDamaged("the restored database is not the one that was backed up")
    upgrade(engine)
    ledger = open_ledger(url, clock)
    try:
        checked = Checked(audit_all(ledger), inspect_log(engine, keys) if keys and held.directory_size else None)
    finally:
        ledger.close()
    if not checked.passed:
        raise NotRestored(checked)
    rewound = rewind(engine) is not None
    return Restored(manifest, checked, open_epoch(engine, clock(), "restored"), rewound)
