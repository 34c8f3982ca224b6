"""A base backup and its log bring a PostgreSQL ledger back to a named moment, by the scripts that operators use."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.backup.restoring import recovered
from ledger.application import open_ledger
from ledger.log.inspection import inspect_log
from ledger.log.standing import newest_directory
from ledger.store.epochs import feed_footing
from tests import examples as x
from tests.conftest import Clock, migrate, without_postgres
from tests.log.schools import KEY, checkpoint, open_school, tell
from tests.postgres_server import FAST, PostgresServer, Unavailable, find_binaries, running_server

SCRIPTS = Path(__file__).parents[2] / "scripts"


class RecoveredServer(PostgresServer):
    """A server on a data folder that is there already."""

    def __init__(self, folder: Path, like: PostgresServer) -> None:
        self._binaries = like._binaries
        self._folder = folder
        self._settings = FAST
        self._process = None
        self._user = like._user


@pytest.fixture
def archiving() -> Iterator[PostgresServer]:
    """A server that archives its log beside its data."""
    archive = ("wal_level=replica", "archive_mode=on", "max_wal_senders=4",
               "archive_command=test ! -f ../archive/%f && cp %p ../archive/%f")  # fmt: skip
    try:
        with running_server((*FAST, *archive)) as server:
            (server._folder / "archive").mkdir()
            if server._user:
                shutil.chown(server._folder / "archive", server._user)
            yield server
    except Unavailable as reason:
        without_postgres(reason)


def run(server: PostgresServer, script: str, *arguments: Path | str) -> None:
    """Run a script as the one whose server it is."""
    identity: dict[str, Any] = server._identity()
    environment = {
        "PATH": f"{find_binaries()}:{os.environ['PATH']}",
        "PGHOST": str(server._folder),
        "PGUSER": "postgres",
    }
    folder = server._folder / "scripts"
    if not folder.exists():
        shutil.copytree(SCRIPTS, folder)
        folder.chmod(0o755)
    subprocess.run(
        [folder / script, *arguments], check=True, env=environment, cwd=server._folder, capture_output=True, **identity
    )


def test_a_ledger_comes_back_to_the_moment_that_was_named(archiving: PostgresServer) -> None:
    clock, folder = Clock(), archiving._folder
    migrate(archiving.url)
    ledger = open_ledger(archiving.url, clock)
    open_school(ledger, "school-1")
    run(archiving, "base-backup.sh", folder / "base")
    tell(ledger, "school-1", x.deposit("after-base", 1_00, None))
    checkpoint(ledger, clock)
    named = ledger.position()
    with ledger.engine.begin() as connection:
        connection.execute(text("select pg_create_restore_point('before')"))
    tell(ledger, "school-1", x.deposit("lost", 2_00, None))
    checkpoint(ledger, clock)
    seen, kept = ledger.position(), newest_directory(ledger.engine)
    epoch = feed_footing(ledger.engine, 0, seen, None).epoch
    with ledger.engine.begin() as connection:
        connection.execute(text("select pg_switch_wal()"))
    ledger.close()
    archiving.stop()

    again = folder / "again"
    again.mkdir()
    if archiving._user:
        shutil.chown(again, archiving._user)
    run(archiving, "recover.sh", folder / "base", folder / "archive", again / "data", "recovery_target_name=before")
    server = RecoveredServer(again, archiving)
    server.start()
    try:
        restored = recovered(server.url, clock, [KEY.public()])
        assert restored.checked.passed
        assert restored.epoch.number == 2
        ledger = open_ledger(server.url, clock)
        assert ledger.position() == named == seen - 1
        footing = feed_footing(ledger.engine, 0, seen, epoch)
        assert (footing.epoch, footing.rewind_to) == (restored.epoch.name, named)
        shorter = inspect_log(ledger.engine, [KEY.public()], [kept])
        assert {each.code for each in shorter.findings} == {"entries_missing"}
        tell(ledger, "school-1", x.deposit("another", 3_00, None))
        checkpoint(ledger, clock)
        assert inspect_log(ledger.engine, [KEY.public()]).passed
        ledger.close()
    finally:
        server.stop()
