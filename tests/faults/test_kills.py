"""Processes killed at any moment: what was acknowledged is there once, what was not may be asked again."""

import time
from pathlib import Path

from ledger.application import Ledger, open_ledger
from tests.faults.drill import Tally, dialect_of, dice, drill, rounds
from tests.faults.families import at, open_schools, order_of
from tests.faults.judging import judge
from tests.faults.shop import CLIENTS, SCHOOLS, Keeper, Told, customers, nursery, wait_for

LONG_KILLS = 1_000
"""On each database, over HTTP and through the library together."""


def opened(url: str) -> Ledger:
    """The ledger of a drill, its schools open."""
    ledger = open_ledger(url, at)
    open_schools(ledger, SCHOOLS)
    return ledger


def test_a_killed_server_keeps_its_word_to_eight_clients(database_url: str) -> None:
    ledger, told, chance = opened(database_url), Told(), dice("server", dialect_of(database_url))
    with drill(1, "kill -9 of the HTTP server", dialect_of(database_url), LONG_KILLS // 2) as tally:
        with nursery(database_url) as keeper:
            server = keeper.start("serve")
            with customers(keeper, told) as clients:
                for _ in rounds(30, LONG_KILLS // 2):
                    _kill_after(keeper, server, told, chance.randint(1, 40), chance.random() * 0.01)
                    killed = time.monotonic()
                    server = keeper.start("serve")
                    before = len(told)
                    wait_for(lambda before=before: len(told) > before)  # type: ignore[misc]
                    tally.restore_seconds.append(round(time.monotonic() - killed, 3))
                    tally.injected += 1
            tally.count("requests asked again", sum(client.asked_again for client in clients))
            tally.count("replayed", sum(client.replayed for client in clients))
            assert keeper.kill(server)
        judge(ledger, told, SCHOOLS, tally)
    ledger.close()


def _kill_after(keeper: Keeper, server: int, told: Told, more: int, pause: float) -> None:
    """Kill it once so many more commands were acknowledged, and a moment later."""
    before = len(told)
    wait_for(lambda: len(told) >= before + more)
    time.sleep(pause)
    assert keeper.kill(server), "it must have been alive to be killed"


def test_a_killed_writer_keeps_its_word(database_url: str, tmp_path: Path) -> None:
    ledger, chance = opened(database_url), dice("writer", dialect_of(database_url))
    with drill(1, "kill -9 of a writer", dialect_of(database_url), LONG_KILLS // 2) as tally:
        with nursery(database_url) as keeper:
            for _ in rounds(30, LONG_KILLS // 2):
                writer, before = keeper.start("write", tmp_path), _acknowledged(tmp_path)
                wait_for(lambda before=before: _acknowledged(tmp_path) > before)  # type: ignore[misc]
                time.sleep(chance.random() * 0.03)
                assert keeper.kill(writer), "it must have been alive to be killed"
                tally.injected += 1
        _ask_what_was_not_answered(ledger, tmp_path, tally)
        judge(ledger, _told(tmp_path), SCHOOLS, tally)
    ledger.close()


def _acknowledged(folder: Path) -> int:
    """Bytes of acknowledgements."""
    return sum(path.stat().st_size for path in folder.iterdir())


def _told(folder: Path) -> Told:
    """What every client was told, from its file."""
    told = Told()
    for path in folder.iterdir():
        if path.name.isdigit():
            for number, line in enumerate(path.read_text().splitlines()):
                first, last = line.split()
                told[int(path.name), number] = int(first), int(last)
    return told


def _ask_what_was_not_answered(ledger: Ledger, folder: Path, tally: Tally) -> None:
    """The last killed writer left one request of each client without an answer: each is asked again."""
    for client in range(CLIENTS):
        path = folder / str(client)
        number = len(path.read_text().splitlines()) if path.exists() else 0
        receipt = ledger.submit(order_of(client, number, SCHOOLS))
        tally.count("replayed", receipt.replayed)
        with path.open("a") as file:
            file.write(f"{receipt.first_version} {receipt.last_version}\n")
