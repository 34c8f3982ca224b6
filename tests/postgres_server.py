"""A PostgreSQL server for tests and benchmarks: Debian's binaries, a temporary folder, a unix socket, no root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

BINARIES = Path("/usr/lib/postgresql")
START_SECONDS = 60.0
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "autovacuum=off")
"""Settings for tests whose server is not crashed by the machine."""
DURABLE = ("max_connections=200", "shared_buffers=256MB", "max_wal_size=4GB")
"""Settings for benchmarks and crash drills: fsync and synchronous commit are on."""


class Unavailable(Exception):
    """There is no server and no way to start one."""


def find_binaries() -> Path:
    """The newest installed server's programs. Raises Unavailable."""
    folders = sorted(BINARIES.glob("*/bin"), key=lambda folder: int(folder.parent.name.split(".")[0]))
    if not folders or not (folders[-1] / "initdb").exists():
        raise Unavailable(f"no PostgreSQL under {BINARIES}/*/bin and LEDGER_TEST_PG_URL is not set")
    return folders[-1]


class PostgresServer:
    """One server in a folder of its own."""

    def __init__(self, folder: Path, settings: tuple[str, ...]) -> None:
        self._binaries = find_binaries()
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _server_user()
        if self._user:
            shutil.chown(folder, self._user)
        self._run(
            "initdb",
            "-D",
            f"{folder}/data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        )

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the server's own `postgres` database."""
        return self.url_of("postgres")

    def url_of(self, database: str, user: str = "postgres") -> str:
        """SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{user}@/{database}?host={self._folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [part for setting in self._settings for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._binaries / "postgres",
                    "-D",
                    f"{self._folder}/data",
                    "-k",
                    self._folder,
                    "-c",
                    "listen_addresses=",
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._identity(),
            )
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT in order, SIGQUIT at once as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def crash_and_restart(self) -> None:
        """Stop at once without a checkpoint, then recover from the log."""
        self.stop(signal.SIGQUIT)
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        if not self._user:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres").close()
            except psycopg.OperationalError as error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                    raise Unavailable(
                        f"PostgreSQL did not start: {(self._folder / 'log').read_text()[-2000:]}"
                    ) from error
                time.sleep(0.02)
            else:
                return


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to run it as, or None for the current one."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise Unavailable("PostgreSQL refuses to run as root and there is no other user")


@contextmanager
def running_server(settings: tuple[str, ...] = FAST) -> Iterator[PostgresServer]:
    """A server that lives as long as the block. Raises Unavailable."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    try:
        server = PostgresServer(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
