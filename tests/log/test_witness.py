"""A witness cosigns a log that grows, and refuses one that shrinks, forks or is somebody else's."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from api.cosigning import WitnessRefused, ask_witness
from api.witness import Reply, Witness, app, main, server
from ledger.application import Ledger
from ledger.log.checkpoints import Checkpoint, cosigned_at, open_checkpoint, sign_checkpoint
from ledger.log.cosigning import growth
from ledger.log.growth import Growth, MalformedGrowth, parse_growth
from ledger.log.keys import COSIGNER, PrivateKey, parse_private_key
from ledger.log.merkle import consistency_proof, leaf_hash, root_of
from ledger.log.notes import parse_note
from ledger.log.proving import NotYetSigned, cosigned
from ledger.log.records import reading
from ledger.log.tables import cosignatures, directory
from tests.conftest import Clock
from tests.log.schools import KEY, WITNESS, checkpoint, city, open_school

ORIGIN = "ledger.example/directory"
LEAVES = [leaf_hash(b"%d" % number) for number in range(20)]
FORK = [*LEAVES[:3], leaf_hash(b"forged"), *LEAVES[4:]]


@dataclass
class Seconds:
    now: int = 1_790_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness.sqlite", WITNESS, [KEY.public()], Seconds())


def ask(size: int, old: int = 0, leaves: list[bytes] = LEAVES, key: PrivateKey = KEY, origin: str = ORIGIN) -> str:
    note = sign_checkpoint(Checkpoint(origin, size, root_of(leaves[:size])), key)
    return Growth(old, tuple(consistency_proof(leaves[:size], old)) if old <= size else (), note).encode()


def test_a_growing_log_is_cosigned_every_time(witness: Witness) -> None:
    for old, size in ((0, 5), (5, 6), (6, 6), (6, 20)):
        reply = witness.add(ask(size, old))
        assert reply.status == 200
        note = parse_note(parse_growth(ask(size, old)).note + reply.text)
        assert cosigned_at(note, WITNESS.public(COSIGNER)) == 1_790_000_000
    (kept,) = witness.kept()
    assert open_checkpoint(kept, KEY.public()).size == 20


def test_who_does_not_know_what_the_witness_saw_is_told(witness: Witness) -> None:
    witness.add(ask(5))
    assert witness.add(ask(8)) == Reply(409, "5\n", "text/x.tlog.size")
    assert witness.add(ask(8, 4)) == Reply(409, "5\n", "text/x.tlog.size")
    assert witness.add(ask(8, 5)).status == 200


def test_a_shrinking_log_is_refused(witness: Witness) -> None:
    witness.add(ask(8))
    assert witness.add(ask(5, 8)).status == 400
    assert witness.add(ask(5, 5)).status == 409
    assert open_checkpoint(witness.kept()[0], KEY.public()).size == 8


def test_a_forked_log_is_refused(witness: Witness) -> None:
    witness.add(ask(8))
    assert witness.add(ask(8, 8, FORK)).status == 409
    assert witness.add(ask(12, 8, FORK)).status == 422
    assert witness.add(ask(12, 8)).status == 200


def test_a_proof_is_needed_and_none_where_nothing_was_seen(witness: Witness) -> None:
    extra = Growth(0, (LEAVES[0],), parse_growth(ask(8)).note).encode()
    assert witness.add(extra).status == 422
    witness.add(ask(8))
    assert witness.add(Growth(8, (), parse_growth(ask(12, 8)).note).encode()).status == 422


def test_each_log_has_its_own_memory(witness: Witness) -> None:
    assert witness.add(ask(8)).status == 200
    assert witness.add(ask(3, origin="ledger.example/institution/school-1")).status == 200
    assert len(witness.kept()) == 2


def test_strangers_are_refused(witness: Witness) -> None:
    other = PrivateKey("ledger.example", b"X" * 32)
    assert witness.add(ask(8, key=other)).status == 403
    stranger = PrivateKey("stranger.example", b"L" * 32)
    assert witness.add(ask(8, key=stranger, origin="stranger.example/directory")).status == 404
    assert witness.add(ask(8, key=KEY, origin="ledger.example.evil/directory")).status == 404
    assert witness.kept() == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "old 1\n",
        "old 01\n\nx\n",
        "old -1\n\nx\n",
        "new 1\n\nx\n",
        "old 1\nAAAA\n\nx\n",
        "old 1\nnot base64\n\nx\n",
        "old 0\n" + f"{'A' * 43}=\n" * 64 + "\nx\n",
        "old 0\n\nno note\n",
    ],
)
def test_a_malformed_request_is_refused(witness: Witness, body: str) -> None:
    assert witness.add(body).status == 400


def test_requests_are_read_as_they_were_written() -> None:
    asked = parse_growth(ask(12, 7))
    assert asked.encode() == ask(12, 7)
    assert len(asked.proof) > 1
    with pytest.raises(MalformedGrowth):
        parse_growth("old 0\nx\n\n")


def test_a_restarted_witness_remembers(tmp_path: Path) -> None:
    state = tmp_path / "witness.sqlite"
    Witness(state, WITNESS, [KEY.public()], Seconds()).add(ask(8))
    again = Witness(state, WITNESS, [KEY.public()], Seconds())
    assert again.add(ask(12, 8, FORK)).status == 422
    assert again.add(ask(12, 8)).status == 200


def test_people_let_a_restored_log_begin_anew_and_the_old_head_is_kept(witness: Witness) -> None:
    witness.add(ask(8))
    assert witness.add(ask(12, 8, FORK)).status == 422
    with pytest.raises(KeyError):
        witness.restart("ledger.example/unknown", "nobody")
    kept = witness.restart(ORIGIN, "restored from the backup of Tuesday")
    assert open_checkpoint(kept, KEY.public()).size == 8
    assert witness.ended() == [kept]
    assert witness.kept() == []
    assert witness.add(ask(12, 0, FORK)).status == 200
    assert witness.ended() == [kept]


def test_of_two_histories_at_once_one_is_cosigned(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness.sqlite", WITNESS, [KEY.public()], Seconds())
    witness.add(ask(3))
    replies: list[Reply] = []
    bodies = [ask(9, 3), ask(9, 3, FORK)] * 4
    threads = [threading.Thread(target=lambda body=body: replies.append(witness.add(body))) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies].count(200) == 1
    (kept,) = witness.kept()
    assert open_checkpoint(kept, KEY.public()).root in {root_of(LEAVES[:9]), root_of(FORK[:9])}


@pytest.fixture
def running(witness: Witness) -> Iterator[str]:
    with server(witness, "127.0.0.1", 0) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def test_the_directory_is_cosigned_over_http_and_the_signature_is_kept(
    ledger: Ledger, clock: Clock, running: str
) -> None:
    key = WITNESS.public(COSIGNER)
    with pytest.raises(NotYetSigned):
        growth(ledger.engine, key)
    for name in ("school-1", "school-2"):
        open_school(ledger, name)
        checkpoint(ledger, clock)
        assert ask_witness(ledger.engine, running, key) == 1_790_000_000
    assert ask_witness(ledger.engine, running, key) == 1_790_000_000  # asked again: the same line once
    with reading(ledger.engine) as connection:
        assert len(connection.execute(select(cosignatures)).all()) == 2
        note = connection.scalar(select(directory.c.note).where(directory.c.size == 2))
        assert note is not None
        assert cosigned_at(parse_note(cosigned(connection, note)), key) == 1_790_000_000


def test_a_log_that_lost_its_cosignatures_asks_with_what_the_witness_says(
    ledger: Ledger, clock: Clock, witness: Witness, running: str
) -> None:
    open_school(ledger, "school-1")
    checkpoint(ledger, clock)
    assert witness.add(growth(ledger.engine, WITNESS.public(COSIGNER)).encode()).status == 200  # answer lost
    open_school(ledger, "school-2")
    checkpoint(ledger, clock)
    assert ask_witness(ledger.engine, running, WITNESS.public(COSIGNER)) == 1_790_000_000


def test_a_witness_sees_that_a_backup_was_restored(
    ledger: Ledger, clock: Clock, witness: Witness, running: str
) -> None:
    open_school(ledger, "school-1")
    checkpoint(ledger, clock)
    note = sign_checkpoint(Checkpoint(ORIGIN, 9, root_of(LEAVES[:9])), KEY)
    assert witness.add(Growth(0, (), note).encode()).status == 200
    with pytest.raises(LookupError, match="restored"):
        ask_witness(ledger.engine, running, WITNESS.public(COSIGNER))


def test_a_witness_that_refuses_is_heard(ledger: Ledger, clock: Clock, witness: Witness, running: str) -> None:
    city(ledger, clock, schools=1)
    fork = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"another school")), KEY)
    assert witness.add(Growth(0, (), fork).encode()).status == 200
    with pytest.raises(WitnessRefused, match="422"):
        ask_witness(ledger.engine, running, WITNESS.public(COSIGNER))
    with pytest.raises(WitnessRefused, match="404"):
        ask_witness(ledger.engine, f"{running}/elsewhere", WITNESS.public(COSIGNER))


def test_files_serve_where_there_is_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ledger: Ledger, clock: Clock
) -> None:
    city(ledger, clock, schools=1)
    secret, state, request = tmp_path / "key", tmp_path / "state.sqlite", tmp_path / "request"
    app(["keygen", "court.example/witness", "--key", str(secret)], result_action="return_value")
    public = parse_private_key(secret.read_text()).public(COSIGNER)
    assert capsys.readouterr().out == public.text() + "\n"
    assert secret.stat().st_mode & 0o077 == 0
    options = ["--key", str(secret), "--state", str(state), "--log", KEY.public().text()]
    asked = growth(ledger.engine, public)
    request.write_text(asked.encode())
    assert app(["cosign", str(request), *options], result_action="return_value") == 0
    assert cosigned_at(parse_note(asked.note + capsys.readouterr().out), public) is not None
    assert app(["cosign", str(request), *options], result_action="return_value") == 1
    assert capsys.readouterr().err == f"{parse_note(asked.note).text.splitlines()[1]}\n"
    app(["kept", *options], result_action="return_value")
    assert ORIGIN in capsys.readouterr().out
    assert app(["restart", "x", *options, "--reason", "r"], result_action="return_value") == 1
    assert app(["restart", ORIGIN, *options, "--reason", "r"], result_action="return_value") == 0
    assert ORIGIN in capsys.readouterr().out
    app(["ended", *options], result_action="return_value")
    assert ORIGIN in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "no key"])
def test_a_witness_without_a_readable_key_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    options = ["--key", str(key), "--state", str(tmp_path / "state"), "--log", KEY.public().text()]
    monkeypatch.setattr("sys.argv", ["ledger-witness", "kept", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("ledger-witness: ")
