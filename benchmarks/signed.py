"""Signed commands over HTTP through one server process, beside unsigned ones: `python -m benchmarks.signed`.

A bank's deposits must be signed; an institution's contracts may be, so the same command is posted both ways. Requests
are made and signed before they are timed: what a client does is not what the server does.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.security.keys import public_key_of
from api.security.mandate import Mandate
from api.security.registry import Deed, register_client, register_key, writing
from api.security.scopes import mandate_of
from api.security.signing import signed_headers
from api.security.tokens import Tokens
from benchmarks.measurement import Run, Series, ratio, report
from ledger.application import Ledger, open_ledger
from ledger.identifiers import Role
from ledger.orders import Order
from tests import examples as x
from tests.api.callers import CONTRACT
from tests.conftest import migrate
from tests.postgres_server import DURABLE, running_server

SECRET, ISSUER, HOUR = "benchmark benchmark benchmark 32", "escrow-ledger", 3600
SCHOOLS = 8
TARGET = 300
Sent = tuple[str, bytes, dict[str, str]]


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--requests", type=int, default=600, help="of each kind in a round")
    options.add_argument("--threads", type=int, default=8)
    options.add_argument("--projector", action="store_true", help="the server also keeps its read models")
    options.add_argument("--output", type=Path)
    chosen = options.parse_args()
    for database in chosen.database or ["postgresql", "sqlite"]:
        with ExitStack() as stack:
            if database == "sqlite":
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                url = f"sqlite:///{Path(folder) / 'ledger.sqlite'}"
            else:
                url = stack.enter_context(running_server(DURABLE)).url
            bench(database, url, chosen)


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench(database: str, url: str, chosen: argparse.Namespace) -> None:
    """Rounds of the three contenders in turn."""
    migrate(url)
    ledger = open_ledger(url, now)
    bank, school = _prepare(ledger)
    series = [Series("deposits of a bank, signed"), Series("contracts, signed"), Series("contracts, unsigned")]
    computed = {each.name: 0.0 for each in series}
    with serving(url, projector=chosen.projector) as (port, pid):
        made = Requests(port, bank, school)
        made.post(made.deposits(50, bank) + made.contracts(50, None), chosen.threads)
        for _ in range(chosen.rounds):
            for one, sent in (
                (series[0], made.deposits(chosen.requests, bank)),
                (series[1], made.contracts(chosen.requests, school)),
                (series[2], made.contracts(chosen.requests, None)),
            ):
                before = cpu_seconds(pid)
                one.runs.append(made.post(sent, chosen.threads))
                computed[one.name] += cpu_seconds(pid) - before
    ledger.close()
    kept = " and read models" if chosen.projector else ""
    title = f"{database}: one server process{kept}, {chosen.threads} connections kept alive"
    report(title, series, [ratio("contracts, signed over unsigned", series[1], series[2], 0.7)], chosen.output)
    for name, seconds in computed.items():
        print(f"  {name:<44}{seconds / chosen.rounds / chosen.requests * 1e3:>12.2f} ms of the server's processor each")
    verdict = "reached" if series[0].rate >= TARGET else "MISSED"
    print(f"  a bank's signed commands: {series[0].rate:,.0f}/s, target {TARGET}/s, {verdict}")


class Client:
    """A registered client with its key and a token."""

    def __init__(self, ledger: Ledger, mandate: Mandate) -> None:
        self.private = Ed25519PrivateKey.generate()
        deed = Deed("benchmark", now())
        with writing(ledger.engine) as connection:
            register_client(connection, mandate, deed)
            register_key(connection, mandate.subject, public_key_of(self.private), deed)
        self.token = Tokens(SECRET.encode(), ISSUER, now).issue_for(mandate.subject, HOUR)


class Requests:
    """Makes and posts requests."""

    def __init__(self, port: int, bank: Client, school: Client) -> None:
        self._port = port
        self._bank = bank
        self._school = school
        self._numbers = count()

    def deposits(self, how_many: int, signer: Client) -> list[Sent]:
        """Deposits that the bank posts."""
        made = []
        for number in (next(self._numbers) for _ in range(how_many)):
            school = number % SCHOOLS
            body = {
                "bank_serial": f"S{number}",
                "account_id": "6217001",
                "value_on": "2026-09-01",
                "amount_fen": 100 + number,
                "payer_ref": "payer",
            }
            made.append(self._request(f"/v1/escrows/school-{school}/deposits", body, self._bank, signer, number))
        return made

    def contracts(self, how_many: int, signer: Client | None) -> list[Sent]:
        """Contracts that the institutions register, signed or not."""
        made = []
        for number in (next(self._numbers) for _ in range(how_many)):
            body = CONTRACT | {"contract_id": f"C-{number}", "student_id": f"S-{number}", "guardian_id": f"G-{number}"}
            path = f"/v1/escrows/school-{number % SCHOOLS}/contracts"
            made.append(self._request(path, body, self._school, signer, number))
        return made

    def post(self, sent: list[Sent], threads: int) -> Run:
        """Post them over so many connections; every one must be recorded."""
        times = list[float]()

        def work(mine: list[Sent]) -> None:
            connection = HTTPConnection("127.0.0.1", self._port)
            for path, content, headers in mine:
                start = time.perf_counter()
                connection.request("POST", path, content, headers)
                answer = connection.getresponse()
                text = answer.read()
                times.append(time.perf_counter() - start)
                assert answer.status == 201, text
            connection.close()

        started = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for finished in [pool.submit(work, sent[thread::threads]) for thread in range(threads)]:
                finished.result()
        took = time.perf_counter() - started
        times.sort()
        return Run(len(sent) / took, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3)

    def _request(self, path: str, body: dict[str, Any], client: Client, signer: Client | None, number: int) -> Sent:
        content = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
        headers["Idempotency-Key"] = f"k{number}"
        if signer is not None:
            url = f"http://127.0.0.1:{self._port}{path}"
            headers = signed_headers(signer.private, "POST", url, headers, content)
        return path, content, headers


@contextmanager
def serving(url: str, *, projector: bool) -> Iterator[tuple[int, int]]:
    """A server process of its own on a free port of the loopback; gives port and process when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = {"LEDGER_DATABASE_URL": url, "LEDGER_TOKEN_SECRET": SECRET, "LEDGER_PORT": str(port)}
    environment["LEDGER_PROJECTOR"] = str(projector).lower()
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
    server = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if server.poll() is not None:
                raise RuntimeError(f"the server ended with {server.returncode}")
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(30)


def now() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def _prepare(ledger: Ledger) -> tuple[Client, Client]:
    """Schools at one bank; both are registered with their keys."""
    names = [f"school-{number}" for number in range(SCHOOLS)]
    for name in names:
        opening = x.opening(account_id="6217001", custodian="bank-1", institution_name=name)
        ledger.submit(Order(name, "open", opening, "officer", Role.REGULATOR))
    bank = Client(ledger, mandate_of("bank", Role.BANK, {"custodians": ["bank-1"]}))
    return bank, Client(ledger, mandate_of("chain", Role.INSTITUTION, {"institutions": names}))


if __name__ == "__main__":
    main()
