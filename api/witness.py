"""`ledger-witness`: what a bank or a regulator runs. It cosigns checkpoints that continue what it saw, no others.

It keeps one row for each log, needs nothing else of the ledger, and speaks C2SP tlog-witness over HTTP or files.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from ledger.log.checkpoints import Checkpoint, cosign, parse_checkpoint
from ledger.log.growth import Growth, MalformedGrowth, parse_growth
from ledger.log.keys import COSIGNER, MalformedKey, PrivateKey, PublicKey, parse_private_key, parse_public_key
from ledger.log.merkle import verify_consistency
from ledger.log.notes import MalformedNote, Note, NotSigned, check_signed, parse_note

MAX_BODY: Final = 65_536
BUSY_SECONDS: Final = 30.0
TABLE: Final = "create table if not exists logs (origin text primary key, size integer, root blob, note text) strict"
ENDED: Final = "create table if not exists ended (origin text, at integer, reason text, note text) strict"
SIZE_TYPE: Final = "text/x.tlog.size"


@dataclass(frozen=True)
class Reply:
    """What the witness answers: an HTTP status, and the cosignature or the reason."""

    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"


class Witness:
    """One witness key, its state in a SQLite file, and the ledgers whose logs it follows. `clock`: POSIX seconds."""

    def __init__(self, state: Path, key: PrivateKey, logs: Sequence[PublicKey], clock: Callable[[], int]) -> None:
        self._state, self._key, self._logs, self._clock = state, key, logs, clock
        with self._database() as database:
            database.execute("pragma journal_mode = wal")
            database.execute(TABLE)
            database.execute(ENDED)

    def add(self, body: str) -> Reply:
        """Judge one add-checkpoint request: cosign what continues the last checkpoint seen, refuse everything else."""
        try:
            growth = parse_growth(body)
            note = parse_note(growth.note)
            checkpoint = parse_checkpoint(note.text)
        except (MalformedGrowth, MalformedNote) as error:
            return Reply(400, f"{error}\n")
        if refused := self._refuse_stranger(note, checkpoint):
            return refused
        if growth.old_size > checkpoint.size:
            return Reply(400, "the old size is above the new one\n")
        with self._database() as database:
            database.execute("begin immediate")  # what is compared is what is replaced
            reply = self._judge(database, growth, note, checkpoint)
            database.commit()
            return reply

    def kept(self) -> list[str]:
        """The last checkpoint of each log, as it was cosigned; an auditor compares a bundle with it."""
        with self._database() as database:
            return [note for (note,) in database.execute("select note from logs order by origin")]

    def restart(self, origin: str, reason: str) -> str:
        """Begin a log anew that its ledger put back to an earlier moment; the last checkpoint seen, kept as evidence.

        Only the people behind the witness decide this, never a request. Raises KeyError for a log it never saw.
        """
        with self._database() as database:
            database.execute("begin immediate")
            row = database.execute("select note from logs where origin = ?", (origin,)).fetchone()
            if row is None:
                raise KeyError(origin)
            database.execute("insert into ended values (?, ?, ?, ?)", (origin, self._clock(), reason, row[0]))
            database.execute("delete from logs where origin = ?", (origin,))
            database.commit()
            return str(row[0])

    def ended(self) -> list[str]:
        """The last checkpoint of each history that was given up, oldest first: what the restored ledger lost."""
        with self._database() as database:
            return [note for (note,) in database.execute("select note from ended order by rowid")]

    def _refuse_stranger(self, note: Note, checkpoint: Checkpoint) -> Reply | None:
        origin = checkpoint.origin
        known = [key for key in self._logs if origin == key.name or origin.startswith(f"{key.name}/")]
        if not known:
            return Reply(404, "an unknown log\n")
        for key in known:
            try:
                check_signed(note, key.named(origin))
            except NotSigned:
                continue
            return None
        return Reply(403, "no trusted key of the log signed this\n")

    def _judge(self, database: sqlite3.Connection, growth: Growth, note: Note, checkpoint: Checkpoint) -> Reply:
        row = database.execute("select size, root from logs where origin = ?", (checkpoint.origin,)).fetchone()
        size, root = row if row is not None else (0, None)
        if growth.old_size != size:
            return Reply(409, f"{size}\n", SIZE_TYPE)
        if size == checkpoint.size and root not in {None, checkpoint.root}:
            return Reply(409, f"{size}\n", SIZE_TYPE)  # a fork: two roots for one size
        if size == 0 or root is None:
            proven = not growth.proof
        else:
            proven = verify_consistency(size, checkpoint.size, root, checkpoint.root, growth.proof)
        if not proven:
            return Reply(422, "the log does not continue the one that was cosigned\n")
        line = cosign(note.text, self._key, self._clock()).line()
        database.execute(
            "insert into logs values (?, ?, ?, ?) on conflict (origin) "
            "do update set size = excluded.size, root = excluded.root, note = excluded.note",
            (checkpoint.origin, checkpoint.size, checkpoint.root, note.encode() + line),
        )
        return Reply(200, line)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._state, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            database.execute("pragma synchronous = full")
            yield database


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """An HTTP server around a witness: POST /add-checkpoint."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 20
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if self.path != "/add-checkpoint":
                self._answer(Reply(404, "POST /add-checkpoint\n"))
            elif not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
                self.close_connection = True
                self._answer(Reply(413, "a content-length of at most 65536\n"))
            else:
                self._answer(witness.add(self.rfile.read(int(length)).decode("utf-8", "replace")))

        def _answer(self, reply: Reply) -> None:
            body = reply.text.encode()
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            sys.stderr.write(f"witness {format % args}\n")

    return ThreadingHTTPServer((host, port), Handler)


app = App(name="ledger-witness", help="Cosigns the checkpoints of ledgers, as long as their logs only grow.")
State = Annotated[Path, Parameter(help="SQLite file with one row for each log")]
Key = Annotated[Path, Parameter(help="file with the private key of this witness")]
Logs = Annotated[list[str], Parameter(name="--log", help="verifier key of a ledger, from it; once for each")]


def _witness(key: Path, state: Path, log: Sequence[str]) -> Witness:
    logs = [parse_public_key(each) for each in log]
    return Witness(state, parse_private_key(key.read_text("utf-8")), logs, lambda: int(time.time()))


@app.command
def keygen(name: str, key: Key) -> None:
    """Make a key into a new file that only its owner reads, and print the verifier key to give to auditors."""
    made = PrivateKey.generate(name)
    key.touch(mode=0o600, exist_ok=False)
    key.write_text(made.text() + "\n", "utf-8")
    print(made.public(COSIGNER).text())  # noqa: T201 - its output


@app.command
def serve(*, key: Key, state: State, log: Logs, host: str = "127.0.0.1", port: int = 8420) -> None:
    """Answer over HTTP until stopped."""
    with server(_witness(key, state, log), host, port) as running:
        running.serve_forever()


@app.command(name="cosign")
def cosign_file(request: Path, *, key: Key, state: State, log: Logs) -> int:
    """Judge one request in a file (old size, proof, checkpoint) and print the signature line; 1 where refused."""
    reply = _witness(key, state, log).add(request.read_text("utf-8"))
    (sys.stdout if reply.status == 200 else sys.stderr).write(reply.text)  # noqa: PLR2004 - the status of success
    return 0 if reply.status == 200 else 1  # noqa: PLR2004 - same


@app.command
def kept(*, key: Key, state: State, log: Logs) -> None:
    """Print the last checkpoint of each log, a JSON text a line: what `verify.py --held` compares a bundle with."""
    for note in _witness(key, state, log).kept():
        print(json.dumps(note, ensure_ascii=False))  # noqa: T201 - its output


@app.command
def restart(
    origin: str,
    *,
    key: Key,
    state: State,
    log: Logs,
    reason: Annotated[str, Parameter(help="Why its ledger was put back; kept with the checkpoint")],
) -> int:
    """Begin a log anew after its ledger was restored from a backup; prints the last checkpoint, which is kept."""
    try:
        sys.stdout.write(_witness(key, state, log).restart(origin, reason))
    except KeyError:
        sys.stderr.write(f"{origin}: no such log was ever cosigned here\n")
        return 1
    return 0


@app.command
def ended(*, key: Key, state: State, log: Logs) -> None:
    """Print the last checkpoint of each history that was given up, a JSON text a line."""
    for note in _witness(key, state, log).ended():
        print(json.dumps(note, ensure_ascii=False))  # noqa: T201 - its output


def main() -> None:
    """Run the program: what cannot be read or written is one sentence, and 2."""
    try:
        app(sys.argv[1:])
    except (OSError, sqlite3.Error, MalformedKey, MalformedNote, UnicodeDecodeError) as error:
        sys.stderr.write(f"ledger-witness: {error}\n")
        sys.exit(2)
