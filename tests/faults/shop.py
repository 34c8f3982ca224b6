"""Eight clients over HTTP, a program that can be killed, and the keeper who does it."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from api.nouns import NOUNS
from api.security.keys import public_key_of
from api.security.mandate import Mandate
from api.security.registry import Deed, register_client, register_key, writing
from api.security.scopes import mandate_of
from api.security.signing import signed_headers
from api.security.tokens import LONGEST_SECONDS, Tokens
from ledger.identifiers import Role
from ledger.store.factory import open_engine
from tests.api.callers import private_key_of
from tests.faults.families import at, guardian_of, order_of, school_of, step_of, subject_of

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
CLIENTS, SCHOOLS = 8, 3
PATIENCE_SECONDS = 30.0
NOUN_OF = {kind: noun for noun, kind in NOUNS.items()}

Told = dict[tuple[int, int], tuple[int, int]]


class Keeper:
    """Starts and kills processes of the program through the nursery."""

    def __init__(self, process: subprocess.Popen[str], clock: Callable[[], int]) -> None:
        self._process = process
        self.clock = clock
        self.port = int(self._line())

    def start(self, *words: object) -> int:
        """A new process that serves, writes or projects; its id."""
        return int(self._say("", *words))

    def kill(self, pid: int) -> bool:
        """Kill it at once and wait until it is gone; whether it had been alive."""
        return self._say("kill", pid) == "killed"

    def _say(self, *words: object) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(str(word) for word in words if word != '')}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery is gone"
        return line.strip()


@contextmanager
def nursery(url: str) -> Iterator[Keeper]:
    """A nursery on a database; whatever it started ends with it."""
    behind = time.time_ns() // 1000 - at()
    register_banks(url)
    command = [sys.executable, "-m", "tests.faults.nursery", url, str(behind)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Keeper(process, lambda: time.time_ns() // 1000 - behind)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)


def mandate(client: int, role: Role) -> Mandate:
    """What a client may do in one of its roles."""
    scopes: dict[Role, dict[str, object]] = {
        Role.BANK: {"custodians": ["bank-a"]},
        Role.INSTITUTION: {"institutions": [school_of(client, SCHOOLS)]},
        Role.GUARDIAN: {"guardian_id": guardian_of(client)},
    }
    return mandate_of(subject_of(client, role), role, scopes[role])


def register_banks(url: str) -> None:
    """The banks among the clients are known with their keys: they sign what they send."""
    engine = open_engine(url)
    with writing(engine) as connection:
        for client in range(CLIENTS):
            bank, deed = mandate(client, Role.BANK), Deed("drill", at())
            register_client(connection, bank, deed)
            register_key(connection, bank.subject, public_key_of(private_key_of(bank.subject)), deed)
    engine.dispose()


@cache
def bearer(client: int, role: Role) -> str:
    """Its token, which outlives a run of one row."""
    return Tokens(SECRET.encode(), "escrow-ledger", at).issue(mandate(client, role), LONGEST_SECONDS)


class Client:
    """Asks one request after the other, each again and again under its key until it is answered."""

    def __init__(self, keeper: Keeper, number: int, told: Told) -> None:
        self._keeper = keeper
        self._client = number
        self._told = told
        self._connection: http.client.HTTPConnection | None = None
        self.next = 0
        self.asked_again = 0
        self.replayed = 0

    def ask_next(self, lose: bool = False) -> None:  # noqa: FBT001, FBT002 - whether the answer gets lost on its way
        """One request, until it is answered."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not (answered := self._ask(lose=lose)):
            lose = False
            self.asked_again += 1
            assert time.monotonic() < until, f"client {self._client} is not answered"
        self._told[self._client, self.next] = answered
        self.next += 1

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, *, lose: bool) -> tuple[int, int] | None:
        step, order = step_of(self._client, self.next), order_of(self._client, self.next, SCHOOLS)
        path = f"/v1/escrows/{order.institution_id}/{NOUN_OF[type(step.command)]}"
        headers = {
            "Authorization": f"Bearer {bearer(self._client, step.role)}",
            "Idempotency-Key": str(self.next),
            "Content-Type": "application/json",
        }
        body = step.command.model_dump_json(by_alias=True, exclude_defaults=True).encode()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._keeper.port, timeout=30)
            self._connection.request("POST", path, body, self._signed(step.role, path, headers, body))
            response = self._connection.getresponse()
            if lose:
                self.close()
                return None
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            time.sleep(0.005)
            return None
        if response.status in {409, 503}:  # in flight elsewhere, or the outcome is not known yet
            time.sleep(0.005)
            return None
        assert response.status == 201, answer
        self.replayed += response.headers.get("Idempotency-Replayed") == "true"
        return answer["first_version"], answer["last_version"]

    def _signed(self, role: Role, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """A bank signs anew each time it asks."""
        if role is not Role.BANK:
            return headers
        key, url = private_key_of(subject_of(self._client, role)), f"http://127.0.0.1:{self._keeper.port}{path}"
        return signed_headers(key, "POST", url, headers, body, created=self._keeper.clock() // 1_000_000)


@contextmanager
def customers(keeper: Keeper, told: Told, clients: int = CLIENTS) -> Iterator[list[Client]]:
    """Clients who ask without a pause while the block runs, and are answered to their last request after it."""
    stop, everybody = threading.Event(), [Client(keeper, number, told) for number in range(clients)]

    def work(client: Client) -> None:
        try:
            while not stop.is_set():
                client.ask_next()
        finally:
            client.close()

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(work, client) for client in everybody]
        try:
            yield everybody
        finally:
            stop.set()
        for each in running:
            each.result()


def wait_for(reached: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Look until it is so. Fails when nothing comes of it."""
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.001)
