"""A backup restored to an earlier moment: the verifier passes, consumers rewind, the witness sees it."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.backup.disaster import strike
from tests.conftest import PostgresDatabases
from tests.faults.drill import Tally, dice, drill, times
from tests.verifier.conftest import loaded

ROW, FAULT, WANTED = 11, "backup restored to an earlier moment", 50
SHORT = 10


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    """The verifier, loaded from its file alone."""
    return loaded()


def _round(number: int, tally: Tally, url: str, empty_url: str, folder: Path, verify: ModuleType) -> None:
    folder.mkdir()
    done = strike(url, empty_url, folder, dice(FAULT, tally.database, number), verify)
    tally.injected += 1
    tally.acknowledged += done.acknowledged
    tally.lost += done.lost
    tally.doubled += done.doubled
    tally.undetected += done.undetected
    tally.restore_seconds.append(round(done.restore_seconds, 3))
    tally.count("posted again after the restore", done.lost_with_the_machine)


def test_whatever_comes_after_a_backup_is_missed_by_everybody_on_sqlite(
    sqlite_template: Path, tmp_path: Path, verify: ModuleType
) -> None:
    with drill(ROW, FAULT, "SQLite", WANTED) as tally:
        for number in range(times(SHORT, WANTED)):
            live, empty, folder = (tmp_path / f"{number}.{name}" for name in ("sqlite", "empty", "round"))
            shutil.copy(sqlite_template, live)
            _round(number, tally, f"sqlite:///{live}", f"sqlite:///{empty}", folder, verify)


def test_whatever_comes_after_a_backup_is_missed_by_everybody_on_postgresql(
    postgres_databases: PostgresDatabases, tmp_path: Path, verify: ModuleType
) -> None:
    with drill(ROW, FAULT, "PostgreSQL", WANTED) as tally:
        for number in range(times(SHORT, WANTED)):
            live, empty = postgres_databases.create(), postgres_databases.create(empty=True)
            _round(number, tally, live, empty, tmp_path / f"{number}.round", verify)
            postgres_databases.drop(live)
            postgres_databases.drop(empty)
