"""SQLite's online backup: a copy of one moment while others write, in one file that is whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine


class CopyBroken(Exception):
    """SQLite itself finds the copy damaged: the source is."""


def copy(engine: Engine, target: Path) -> None:
    """Copy an engine's database into a new file; writers do not wait. Raises CopyBroken, sqlite3.Error, OSError."""
    target.touch(mode=0o600, exist_ok=False)
    with closing(sqlite3.connect(engine.url.database or "")) as source, closing(sqlite3.connect(target)) as made:
        source.backup(made)  # all pages in one step: one moment, whatever the log beside the file says
        settle(made)


def settle(connection: sqlite3.Connection) -> None:
    """Bring everything into the one file, and have SQLite look it through. Raises CopyBroken."""
    connection.execute("pragma journal_mode = delete")
    found = connection.execute("pragma integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise CopyBroken(str(found)[:200])
