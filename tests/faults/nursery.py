"""A process that has loaded the program and gives birth to others of it, made to be killed.

Loading takes seconds, forking milliseconds: so a drill can kill as often as it wants. What is made before the fork
holds no connection: each child opens its own. Lines in: `serve`, `write FOLDER`, `project BATCH`, `kill PID`; one line
out for each.
"""

import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from api.app import create_app
from api.security.guard import GuardedLedger
from api.settings import Settings
from projections.runner import Runner
from tests import examples as x
from tests.faults.families import order_of
from tests.faults.shop import CLIENTS, SCHOOLS, SECRET
from tests.specification import Specification


class Nursery:
    """Answers on standard output; its children end with it."""

    def __init__(self, url: str, behind: int) -> None:
        self._behind = behind
        self._children: set[int] = set()
        settings = Settings(
            database_url=url,
            token_secret=SECRET,
            log_level="error",
            rate_client="",
            rate_address="",  # type: ignore[arg-type]
        )
        self._ledger = GuardedLedger(url, self.clock)
        app = create_app(settings, self._ledger, self.clock)
        self._config = uvicorn.Config(app, log_level="error", access_log=False, loop="uvloop", http="httptools")
        self._config.load()
        self._config.get_loop_factory()
        self._ledger.engine.dispose()
        _read_the_rules()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))

    def run(self) -> None:
        """Do what each line says until there are no more."""
        print(self._listener.getsockname()[1], flush=True)
        try:
            for line in sys.stdin:
                verb, *rest = line.split()
                print(self._kill(int(rest[0])) if verb == "kill" else self._born(verb, rest), flush=True)
        finally:
            for pid in set(self._children):
                self._kill(pid)

    def clock(self) -> int:
        """The time of the drill, µs."""
        return time.time_ns() // 1000 - self._behind

    def _born(self, verb: str, rest: list[str]) -> int:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return pid
        try:
            os.close(0)
            {"serve": self._serve, "write": self._write, "project": self._project}[verb](*rest)
        except BaseException as error:  # noqa: BLE001 - a child must not go on as the nursery
            os.write(2, f"{verb}: {error!r}\n".encode())
        os._exit(1)

    def _kill(self, pid: int) -> str:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._children.remove(pid)
        return "killed" if os.WIFSIGNALED(status) else "was gone"

    def _serve(self) -> None:
        """The whole program, over HTTP."""
        self._listener.listen(128)
        uvicorn.Server(self._config).run(sockets=[self._listener])

    def _write(self, folder: str) -> None:
        """Every client in a thread, as the library is used; what is acknowledged is appended to a client's file."""

        def serve(client: int) -> None:
            path = Path(folder) / str(client)
            number = len(path.read_bytes().splitlines()) if path.exists() else 0
            with path.open("ab", buffering=0) as file:
                while True:
                    receipt = self._ledger.submit(order_of(client, number, SCHOOLS))
                    file.write(b"%d %d\n" % (receipt.first_version, receipt.last_version))
                    number += 1

        with ThreadPoolExecutor(CLIENTS) as pool:
            for finished in [pool.submit(serve, client) for client in range(CLIENTS)]:
                finished.result()

    def _project(self, batch: str) -> None:
        """The read models, in small batches."""
        Runner(self._ledger.engine, batch=int(batch)).work(time.sleep, threading.Event().is_set)


def _read_the_rules() -> None:
    """What is read once in a process is read here, before any is born."""
    Specification().given(x.opening(), x.contract(), x.deposit(), *x.taught("l1"), x.release(1))


if __name__ == "__main__":
    Nursery(sys.argv[1], int(sys.argv[2])).run()
