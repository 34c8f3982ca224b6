"""Writing a backup: a copy of one moment beside running writers, packed, and read again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, create_engine

from api.backup import postgresql, sqlite
from api.backup.archive import FORMAT, Manifest, Progress, digest_of, read_manifest, unpack, write_archive
from api.backup.facts import Facts, facts_of
from api.public import rfc3339

SUFFIX = ".backup"


def backup(
    engine: Engine,
    target: Path,
    clock: Callable[[], int],
    programs: Path | None = None,
    progress: Progress = lambda _done, _all: None,
) -> tuple[Path, Manifest]:
    """Back the ledger up into a new file; a folder is given a file named for the moment.

    Needs room for one uncompressed copy beside the target. What was written is read back before this returns. No key
    is in it: neither that of the log nor the master key of the vault are in the database. Raises ProgramFailed,
    CopyBroken, BackupDamaged, OSError, sqlite3.Error, and what the database raises.
    """
    now = rfc3339(clock())
    path = target / f"ledger-{now[:19].replace(':', '').replace('-', '')}Z{SUFFIX}" if target.is_dir() else target
    if path.exists():
        raise FileExistsError(17, "is there already", str(path))
    kind = engine.dialect.name
    with TemporaryDirectory(prefix=".ledger-backup-", dir=path.absolute().parent) as folder:
        copied = Path(folder) / ("ledger.sqlite" if kind == "sqlite" else "ledger.dump")
        facts = _copied(engine, copied, programs)
        manifest = Manifest(
            format=FORMAT,
            made_at=now,
            database=kind,
            member=copied.name,
            sha256=digest_of(copied),
            size=copied.stat().st_size,
            facts=facts,
        )
        write_archive(path, manifest, copied, progress)
    unpack(path, read_manifest(path), None, lambda _done, _all: None)
    return path, manifest


def _copied(engine: Engine, target: Path, programs: Path | None) -> Facts:
    if engine.dialect.name != "sqlite":
        return postgresql.dump(engine, target, programs)
    sqlite.copy(engine, target)
    with _plain(target) as copied, copied.connect() as connection:
        return facts_of(connection)


@contextmanager
def _plain(path: Path) -> Iterator[Engine]:
    """An engine that leaves the file's journal as it is."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()
