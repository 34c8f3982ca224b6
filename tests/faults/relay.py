"""A relay between a client and PostgreSQL's socket that can lose a message, with its connection."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from sqlalchemy.engine import make_url

SYNC = b"S\x00\x00\x00\x04"
"""The client's message that ends each request of the extended protocol."""


class Relay:
    """Listens on a socket of its own and passes everything on until it is told to lose something."""

    def __init__(self, url: str, folder: Path) -> None:
        target = make_url(url)
        self._target = f"{target.query['host']}/.s.PGSQL.{target.port or 5432}"
        self.url = target.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.{target.port or 5432}")
        self._listener.listen()
        self._answer_to_lose = 0
        self._request_to_lose = 0
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _hang_up(self._listener, *self._ends)
        for thread in self._threads:
            thread.join()

    def lose_answer(self, number: int) -> None:
        """Let the `number`-th request from now arrive, and lose the answer and the connection."""
        self._answer_to_lose = number

    def lose_request(self, number: int) -> None:
        """Lose the `number`-th request from now, and the connection."""
        self._request_to_lose = number

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._ends += [client, server]
                muted = threading.Event()
                self._start(self._pass_answers, client, server, muted)
                self._start(self._pass_requests, client, server, muted)

    def _pass_requests(self, client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
        with client:
            while data := _received(client):
                for _ in range(data.count(SYNC)):
                    self._answer_to_lose -= 1
                    self._request_to_lose -= 1
                    if self._request_to_lose == 0:
                        _hang_up(client, server)
                        return
                    if self._answer_to_lose == 0:
                        muted.set()
                _send(server, data)
            _hang_up(server)

    @staticmethod
    def _pass_answers(client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
        with server:
            while (data := _received(server)) and not muted.is_set():
                _send(client, data)
            _hang_up(client)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it hung up: its own thread notices
        end.sendall(data)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
