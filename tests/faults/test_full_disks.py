"""The disk is full: writes are refused with 503, reads are served, and with room again everything goes on."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.runtime import Runtime
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.store.sqlite import SqliteTurns
from tests.api.callers import DEPOSIT, ISSUER, SECRET, Caller, Callers, Role
from tests.api.conftest import pay
from tests.conftest import Clock, PostgresDatabases, without_postgres
from tests.faults.drill import Tally, drill, rounds
from tests.faults.judging import inspect
from tests.faults.shop import wait_for
from tests.faults.small_disk import NotPermitted, SmallDisk, small_disk
from tests.postgres_server import DURABLE, PostgresServer, Unavailable

WAL = ("max_wal_size=32MB", "min_wal_size=32MB", "shared_buffers=16MB", "max_connections=40")
MOST_COMMANDS = 3_000
READS = ("/v1/escrows/I-1/balance", "/v1/escrow-balances", "/v1/institutions", "/readyz")
WRITTEN_DOWN = ("/v1/escrows/I-1/contracts/C-1", "/v1/escrows/I-1/events")
"""Who reads these is written down first; without room there is no answer."""
"""Nobody looks at a family's data without that being logged, so that it waits for room."""


@contextmanager
def program(url: str, clock: Clock) -> Iterator[tuple[GuardedLedger, Callers]]:
    """The application on a database, one contract paid."""
    chosen = Settings(database_url=url, token_secret=SECRET, projector=True)  # type: ignore[arg-type]
    ledger = GuardedLedger(url, clock)
    with TestClient(create_app(chosen, ledger, clock), raise_server_exceptions=False) as client:
        yield ledger, pay(Callers(client, Tokens(SECRET.encode(), ISSUER, clock)))
    ledger.close()


class Teller:
    """Posts deposits of growing amounts and remembers what was acknowledged."""

    def __init__(self, callers: Callers, tally: Tally) -> None:
        self._bank = callers.of(Role.BANK)
        self._reader: Caller = callers.of(Role.REGULATOR)
        self._tally = tally
        self._numbers = count(1)
        self.acknowledged: dict[str, int] = {}
        self.open: str | None = None

    def post(self) -> int:
        """The next deposit, or the one that was refused again; the status of the answer."""
        serial = self.open or f"full-{next(self._numbers)}"
        body = {**DEPOSIT, "bank_serial": serial, "amount_fen": len(serial) * 7 + 1, "contract_id": None}
        answer = self._bank.post("/v1/escrows/I-1/deposits", body, key=serial)
        if answer.status_code == 201:
            self.acknowledged[serial] = body["amount_fen"]
            self._tally.acknowledged += len(answer.json()["events"])
            self.open = None
        else:
            self.open = serial
        return int(answer.status_code)

    def until_refused(self) -> None:
        """Post until there is no room; any other refusal than 503 is a fault that nobody handled."""
        for _ in range(MOST_COMMANDS):
            status = self.post()
            if status != 201:
                self._tally.undetected += status != 503
                self._tally.count(f"refused with {status}")
                return
        raise AssertionError("the disk is not full")

    def taken_in(self) -> None:
        """Wait for the projector, which must have survived."""
        runtime: Runtime = self._bank.client.app.state.runtime  # type: ignore[attr-defined]
        wait_for(lambda: runtime.runner.health().lag == 0)

    def reads_are_served(self) -> None:
        """Every kind of read, also of what was just written."""
        for path in READS:
            answer = self._reader.get(path)
            self._tally.count("reads served", answer.status_code == 200)
            self._tally.undetected += answer.status_code != 200
        for path in WRITTEN_DOWN:
            answer = self._reader.get(path)
            self._tally.count(f"reads that are written down answered with {answer.status_code}")
            self._tally.undetected += answer.status_code not in {200, 503}


def judge(ledger: GuardedLedger, teller: Teller, tally: Tally) -> None:
    """Every acknowledged deposit once, at its amount."""
    found: dict[str, list[int]] = {}
    for event in ledger.stream("I-1"):
        if event.topic.startswith("deposit_received") and "full-" in event.envelope.command_id:
            key = event.envelope.command_id.partition(".")[2]
            found.setdefault(key, []).append(event.event.amount_fen)  # type: ignore[attr-defined]
    tally.lost += sum(serial not in found for serial in teller.acknowledged)
    tally.doubled += sum(len(each) - 1 for each in found.values()) + len(set(found) - set(teller.acknowledged))
    tally.unbalanced += sum(found.get(serial, [fen]) != [fen] for serial, fen in teller.acknowledged.items())
    inspect(ledger, tally)


def test_sqlite_without_room_refuses_writes_and_serves_reads(sqlite_url: str, clock: Clock) -> None:
    """The number of pages is limited, which works everywhere."""
    with drill(10, "no more pages", "SQLite", 25) as tally, program(sqlite_url, clock) as (ledger, callers):
        teller = Teller(callers, tally)
        (turns,) = ledger._desks.desks[0]._openers
        assert isinstance(turns, SqliteTurns)
        teller.taken_in()
        for _ in rounds(5, 25):
            assert turns._connection is not None
            (pages,) = turns._connection.execute("pragma page_count").fetchone()
            turns._connection.execute(f"pragma max_page_count = {pages + 2}")
            teller.until_refused()
            teller.reads_are_served()
            turns._connection.execute("pragma max_page_count = 1073741823")
            _recovers(teller, tally)
        judge(ledger, teller, tally)


def _recovers(teller: Teller, tally: Tally) -> None:
    """With room again the refused command is recorded under its own key."""
    started = time.monotonic()
    for _ in range(1_000):
        if teller.post() == 201:
            tally.restore_seconds.append(round(time.monotonic() - started, 3))
            tally.injected += 1
            teller.taken_in()
            return
        time.sleep(0.01)
    raise AssertionError("it does not recover")


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk of 192 MiB."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(small_disk(192))
        except NotPermitted as reason:
            pytest.skip(f"a small disk: {reason}")


def test_sqlite_on_a_full_disk_refuses_writes_and_serves_reads(
    disk: SmallDisk, sqlite_template: Path, clock: Clock
) -> None:
    path = disk.folder / "ledger.sqlite"
    shutil.copy(sqlite_template, path)
    with drill(10, "full disk", "SQLite", 25) as tally, program(f"sqlite:///{path}", clock) as (ledger, callers):
        _fill_again_and_again(disk, ledger, Teller(callers, tally), tally)


def test_postgresql_on_a_full_disk_refuses_writes_and_serves_reads(disk: SmallDisk, clock: Clock) -> None:
    folder = disk.folder / "pg"
    folder.mkdir()
    try:
        server = PostgresServer(folder, (*DURABLE, *WAL))
        server.start()
    except Unavailable as reason:
        without_postgres(reason)
    try:
        databases = PostgresDatabases(server.url)
        url = databases.create()
        with drill(10, "full disk", "PostgreSQL", 25) as tally, program(url, clock) as (ledger, callers):
            _fill_again_and_again(disk, ledger, Teller(callers, tally), tally)
        databases.close()
    finally:
        server.stop()


def _fill_again_and_again(disk: SmallDisk, ledger: GuardedLedger, teller: Teller, tally: Tally) -> None:
    teller.post()
    teller.taken_in()
    for number in rounds(4, 25):
        disk.fill(leave=(number % 3) * 8192)
        teller.until_refused()
        teller.reads_are_served()
        disk.free()
        _recovers(teller, tally)
    judge(ledger, teller, tally)
