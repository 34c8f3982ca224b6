"""The commands of the proofs, as an operator and a witness give them."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from api.cli import run
from api.notarizing import Follower, follow
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE
from api.witness import Witness, server
from api.witnesses import WitnessAddress, parse_witnesses
from ledger.application import Ledger, open_ledger
from ledger.log.checkpoints import Checkpoint, sign_checkpoint
from ledger.log.growth import Growth
from ledger.log.inspection import inspect_log
from ledger.log.keys import COSIGNER, MalformedKey, parse_private_key, parse_public_key
from ledger.log.standing import newest_directory, standing
from ledger.store.epochs import current_epoch, open_epoch
from tests import examples as x
from tests.conftest import Clock
from tests.log.schools import KEY, WITNESS, autumn, checkpoint, open_school, tell

PUBLIC = KEY.public().text()


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    """The settings of a program that signs, on one of the databases; it runs in a folder of its own."""
    path = tmp_path / "log.key"
    path.touch(mode=0o600)
    path.write_text(KEY.text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER_LOG_KEY", str(path))
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    return path


@pytest.fixture
def told(database_url: str, clock: Clock, key_file: Path) -> Iterator[Ledger]:
    """A school with a history, nothing of it signed yet by the last round."""
    assert key_file.exists()
    ledger = open_ledger(database_url, clock)
    open_school(ledger, "school-1")
    autumn(ledger, clock, "school-1")
    yield ledger
    ledger.close()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A witness that follows the ledger."""
    return Witness(tmp_path / "witness.sqlite", WITNESS, [KEY.public()], lambda: 1_790_000_000)


@pytest.fixture
def running(witness: Witness) -> Iterator[str]:
    """Its address."""
    with server(witness, "127.0.0.1", 0) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def test_a_new_key_is_its_owners_alone_and_never_written_over_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.key"
    monkeypatch.delenv("LEDGER_LOG_NAME", raising=False)
    assert run(["checkpoint", "new-key", str(path)]) == USAGE
    assert run(["checkpoint", "new-key", str(path), "--name", "two words"]) == USAGE
    assert not path.exists()
    assert run(["checkpoint", "new-key", str(path), "--name", "ledger.example"]) == OK
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_text()
    assert parse_public_key(capsys.readouterr().out.strip()) == parse_private_key(made).public()
    assert run(["checkpoint", "new-key", str(path), "--name", "ledger.example"]) == USAGE
    assert path.read_text() == made


def test_a_checkpoint_is_signed_and_cosigned(
    told: Ledger, running: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_WITNESSES", f"{running} {WITNESS.public(COSIGNER).text()}")
    assert run(["checkpoint"]) == OK
    assert "cosigned" in capsys.readouterr().out
    assert standing(told.engine, KEY.name, [WITNESS.public(COSIGNER)]).witnessed == {WITNESS.name: 1}
    assert run(["checkpoint", "--witness", running, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["events"] == 0
    assert run(["checkpoint", "--witness", "http://nowhere"]) == USAGE
    assert run(["checkpoint", "--witness", f"{running} nonsense"]) == USAGE
    away = f"http://127.0.0.1:9 {WITNESS.public(COSIGNER).text()}"
    assert run(["checkpoint", "--witness", away]) == ENVIRONMENT


def test_a_witness_that_saw_another_history_is_a_finding_that_says_what_to_do(
    told: Ledger, witness: Witness, running: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{running} {WITNESS.public(COSIGNER).text()}"
    longer = sign_checkpoint(Checkpoint("ledger.example/directory", 9, bytes(32)), KEY)
    assert witness.add(Growth(0, (), longer).encode()).status == 200
    assert run(["checkpoint", "--witness", address]) == FINDING
    assert "ledger-witness restart" in capsys.readouterr().out
    for number in range(10):
        open_school(told, f"more-{number}", families=0)
        checkpoint(told, clock)
    assert run(["checkpoint", "--witness", address, "--json"]) == FINDING
    assert json.loads(capsys.readouterr().out)["witnesses"][0]["outcome"] == "refused"
    witness.restart("ledger.example/directory", "a test")
    assert run(["checkpoint", "--witness", address]) == OK


def test_verify_passes_what_was_signed_and_nothing_else(
    told: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    assert run(["verify"]) == FINDING  # nothing signed was inspected
    assert "nothing_inspected" in capsys.readouterr().out
    checkpoint(told, clock)
    assert run(["verify"]) == OK
    assert "verify" in capsys.readouterr().err  # how far it is
    tell(told, "school-1", x.deposit("late", 1, None))
    assert run(["verify", "--json"]) == OK
    report = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["log"]["unsigned_events"]) == (True, 1)
    kept = tmp_path / "kept"
    kept.write_text(newest_directory(told.engine))
    assert run(["verify", "--known", str(kept), "--signed-only"]) == OK
    kept.write_text(sign_checkpoint(Checkpoint("ledger.example/directory", 5, bytes(32)), KEY))
    assert run(["verify", "--known", str(kept)]) == FINDING
    assert run(["verify", "--known", str(tmp_path / "none")]) == USAGE
    assert run(["verify", "--key", "nonsense"]) == USAGE
    other = parse_private_key(KEY.text()).public().named("other.example").text()
    assert run(["verify", "--key", other]) == FINDING
    with told.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("drop trigger events_refuse_update"))
        else:
            connection.execute(text("alter table events disable trigger user"))
        connection.execute(text("update events set state = replace(state, 'guardian-1', 'guardian-9')"))
    capsys.readouterr()
    assert run(["verify"]) == FINDING
    found = capsys.readouterr().out
    assert "root_differs" in found
    assert "chain_broken" in found


def test_bundle_and_receipts_are_checked_by_what_the_commands_say(
    told: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    bundle = str(tmp_path / "all.bundle")
    assert run(["export", "bundle", bundle]) == USAGE
    assert run(["receipt", "school-1", "2"]) == USAGE
    checkpoint(told, clock)
    capsys.readouterr()
    assert run(["export", "bundle", bundle]) == OK
    assert f"verifier/verify.py bundle {bundle} --key '{PUBLIC}'" in capsys.readouterr().out
    assert run(["export", "bundle", bundle, "--institution", "nobody"]) == USAGE
    assert run(["verify-bundle", bundle]) == OK
    assert run(["verify-bundle", bundle, "--key", PUBLIC, "--known", bundle, "--json"]) == OK
    assert run(["verify-bundle", bundle, "--witness", WITNESS.public(COSIGNER).text()]) == FINDING
    assert run(["verify-bundle", str(tmp_path / "log.key")]) == USAGE
    capsys.readouterr()
    for arguments, file in (
        (["receipt", "school-1", "2"], "school-1.2.tlog-proof"),
        (["receipt", "school-1", "--contract", "c1"], "school-1.c1.statement-proof"),
    ):
        assert run(arguments) == OK
        said = capsys.readouterr()
        assert f"{file} --key '{PUBLIC}'" in said.out
        assert ("as recorded up to event " in said.err) is ("--contract" in arguments)
        assert Path(file).exists()
    assert Path("school-1.2.json").read_bytes() == told.stream("school-1")[1].state
    unsealed = ["school-1", "--contract", "c1", "--on", "2026-08-01"]
    both, nobody = ["school-1", "2", "--contract", "c1"], ["school-1", "--contract", "nobody"]
    for wrong in (["school-1"], ["school-1", "0"], ["school-1", "999"], both, nobody, unsealed):
        assert run(["receipt", *wrong]) == USAGE


def test_what_needs_a_key_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", database_url)
    monkeypatch.delenv("LEDGER_LOG_KEY", raising=False)
    for arguments in (["checkpoint"], ["verify"], ["export", "bundle", str(tmp_path / "b")]):
        assert run(arguments) == ENVIRONMENT
        assert "LEDGER_LOG_KEY" in capsys.readouterr().err
    monkeypatch.setenv("LEDGER_LOG_KEY", str(tmp_path / "none"))
    assert run(["checkpoint"]) == ENVIRONMENT
    monkeypatch.setenv("LEDGER_WITNESSES", "http://x")
    assert run(["checkpoint"]) == ENVIRONMENT
    assert "LEDGER_WITNESSES" in capsys.readouterr().err


def test_a_follower_signs_asks_and_hears_what_the_witness_says(
    told: Ledger, witness: Witness, running: str, clock: Clock
) -> None:
    one = Follower(told.engine, KEY, clock, [WitnessAddress(running, WITNESS.public(COSIGNER))], 60)
    assert one.step()
    assert standing(told.engine, KEY.name, [WITNESS.public(COSIGNER)]).witnessed == {WITNESS.name: 1}
    longer = sign_checkpoint(Checkpoint("ledger.example/directory", 99, bytes(32)), KEY)
    witness.restart("ledger.example/directory", "a test")
    assert witness.add(Growth(0, (), longer).encode()).status == 200
    tell(told, "school-1", x.deposit("one-more", 1, None))
    assert one.step()
    assert one.refusals == {}  # it is not asked again before its time
    clock.advance(seconds=61)
    assert one.step()
    assert "99" in one.refusals[WITNESS.name]


def test_a_follower_stops_signing_where_the_store_was_changed(told: Ledger, clock: Clock) -> None:
    one = Follower(told.engine, KEY, clock)
    with told.engine.begin() as connection:
        connection.execute(text("insert into log_frontiers values ('school-1', 7, '', 0)"))
    assert one.step()
    assert one.broken
    assert standing(told.engine).directory_size == 0


def test_a_follower_lives_as_long_as_its_program_and_leaves_the_log_to_others(told: Ledger, clock: Clock) -> None:
    stop, one = threading.Event(), Follower(told.engine, KEY, clock)
    thread = threading.Thread(target=follow, args=(one, stop, 0.01))
    thread.start()
    while standing(told.engine).directory_size == 0:
        stop.wait(0.01)
    stop.set()
    thread.join()
    assert Follower(told.engine, KEY, clock).step()


def test_the_role_of_the_application_may_follow_the_log_and_begins_no_epoch(postgres_url: str, clock: Clock) -> None:
    login = f"ledger_follower_{os.getpid()}"
    owner = open_ledger(postgres_url, clock)
    with owner.engine.begin() as connection:
        connection.execute(text(f"create role {login} login in role ledger_writer"))
    try:
        url = make_url(postgres_url).set(username=login).render_as_string(hide_password=False)
        ledger = open_ledger(url, clock)
        open_school(ledger, "school-1")
        one = Follower(ledger.engine, KEY, clock)
        assert one.step()
        one.release()
        assert inspect_log(ledger.engine, [KEY.public()]).passed
        with pytest.raises(DBAPIError, match="permission denied"):
            open_epoch(ledger.engine, clock(), "restored")
        assert current_epoch(ledger.engine).number == 1
        ledger.close()
    finally:
        with owner.engine.begin() as connection:
            connection.execute(text(f"drop role {login}"))
        owner.close()


def test_witnesses_are_urls_and_keys_in_turn() -> None:
    key = WITNESS.public(COSIGNER)
    assert parse_witnesses(f" https://a {key.text()}\nhttp://b {key.text()} ") == (
        WitnessAddress("https://a", key),
        WitnessAddress("http://b", key),
    )
    assert parse_witnesses("") == ()
    for wrong in ("https://a", f"ftp://a {key.text()}", f"https://a {PUBLIC}"):
        with pytest.raises(ValueError, match="witness"):
            parse_witnesses(wrong)
    with pytest.raises(MalformedKey):
        parse_witnesses("https://a b")
