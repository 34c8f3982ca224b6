"""Proofs over HTTP: what a receipt promises a later proof keeps, checked by the program that shares nothing with us."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.notarizing import Follower, LogKeyUnusable, log_key
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from ledger.log.checkpoints import open_checkpoint
from ledger.log.entries import entry_of
from ledger.log.notary import Notary
from ledger.log.proving import sealing
from ledger.orders import Order
from ledger.store.epochs import current_epoch, open_epoch
from tests.api.callers import DEPOSIT, ISSUER, SECRET, Callers, code
from tests.api.conftest import pay
from tests.conftest import Clock
from tests.log.schools import KEY
from tests.verifier.conftest import loaded


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    """The verifier, loaded from its file alone."""
    return loaded()


@pytest.fixture
def signed_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a program that signs."""
    path = tmp_path / "log.key"
    path.touch(mode=0o600)
    path.write_text(KEY.text() + "\n")
    return settings.model_copy(update={"log_key": path, "log_round_seconds": 86_400.0})


@pytest.fixture
def signing(signed_settings: Settings, guarded: GuardedLedger, clock: Clock) -> Iterator[Callers]:
    """A program that signs, on a ledger in which one contract is paid."""
    with TestClient(create_app(signed_settings, guarded, clock), raise_server_exceptions=False) as client:
        yield pay(Callers(client, Tokens(SECRET.encode(), ISSUER, clock)))


def sign(ledger: GuardedLedger, clock: Clock) -> None:
    Notary(ledger.engine, KEY, clock).run()


def test_a_receipt_says_where_its_events_stand_and_a_later_proof_shows_it(
    signing: Callers, guarded: GuardedLedger, clock: Clock, verify: ModuleType
) -> None:
    bank = signing.of(Role.BANK)
    deposit = {**DEPOSIT, "bank_serial": "later", "contract_id": None}
    posted = bank.post("/v1/escrows/I-1/deposits", deposit, key="once")
    (kept,) = posted.json()["receipts"]
    assert kept["origin"] == "ledger.example/institution/I-1"
    version = int(kept["event_id"].partition("/")[2])
    assert kept["leaf_index"] == version - 1
    path = f"/v1/escrows/I-1/events/{version}"
    assert code(bank.get(f"{path}/proof")) == "not_yet_signed"
    sign(guarded, clock)
    proof, stored = bank.get(f"{path}/proof"), bank.get(f"{path}/stored")
    entry = entry_of(stored.headers["ledger-topic"], stored.content)
    assert verify.leaf_hash(entry).hex() == kept["leaf_hash"]
    head = verify.check_proof(proof.text, entry, [verify.parse_key(KEY.public().text())], [], 0)
    assert head.origin == kept["origin"]
    assert bank.post("/v1/escrows/I-1/deposits", deposit, key="once").json()["receipts"] == [kept]
    other = entry_of("deposit_applied.1", stored.content)
    with pytest.raises(verify.Refused):
        verify.check_proof(proof.text, other, [verify.parse_key(KEY.public().text())], [], 0)


def test_answers_name_the_root_that_was_signed_for_their_institution(
    signing: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    regulator = signing.of(Role.REGULATOR)
    before = regulator.get("/v1/escrows/I-1/balance")
    assert (before.json()["log_size"], before.json()["log_root"]) == (None, None)
    assert "ledger-log-root" not in before.headers
    assert code(regulator.get("/v1/escrows/I-1/checkpoint")) == "not_yet_signed"
    assert code(regulator.get("/v1/checkpoints/directory")) == "not_yet_signed"
    sign(guarded, clock)
    note = regulator.get("/v1/escrows/I-1/checkpoint")
    assert note.headers["ledger-epoch"] == current_epoch(guarded.engine).name
    checkpoint = open_checkpoint(note.text, KEY.public())
    after = regulator.get("/v1/escrows/I-1/balance")
    assert (after.json()["log_size"], after.json()["log_root"]) == (checkpoint.size, checkpoint.root.hex())
    assert after.headers["ledger-log-root"] == checkpoint.root.hex()
    directory = open_checkpoint(regulator.get("/v1/checkpoints/directory").text, KEY.public())
    everything = regulator.get("/v1/institutions").json()
    assert (everything["log_size"], everything["log_root"]) == (directory.size, directory.root.hex())


def test_a_family_gets_the_proof_of_its_own_figure_and_nobody_elses(
    signing: Callers, guarded: GuardedLedger, clock: Clock, verify: ModuleType
) -> None:
    path = "/v1/escrows/I-1/contracts/C-1/statement-proof"
    guardian = signing.of(Role.GUARDIAN)
    assert code(guardian.get(path)) == "not_sealed"
    clock.advance(days=1)
    seal = sealing(guarded.engine, "I-1", date(2026, 9, 1))
    guarded.submit(Order("I-1", "seal", seal, actor="regulator-1", role=Role.REGULATOR))
    assert code(guardian.get(path)) == "not_yet_signed"
    sign(guarded, clock)
    answer = guardian.get(path)
    _, event = verify.check_statement(answer.text, [verify.parse_key(KEY.public().text())], [], 0)
    assert event["business_on"] == "2026-09-01"
    assert json.loads(answer.text)["line"].startswith("contract C-1 360000 0 0 0 ")
    assert guardian.get(f"{path}?on=2026-09-01").content == answer.content
    assert code(guardian.get(f"{path}?on=2026-08-31")) == "not_sealed"
    assert code(signing.foreign(Role.GUARDIAN).get(path)) == "contract_unknown"
    for part in ("proof", "stored"):
        assert guardian.get(f"/v1/escrows/I-1/events/2/{part}").status_code == 200
        assert code(guardian.get(f"/v1/escrows/I-1/events/1/{part}")) == "not_found"
        assert code(signing.foreign(Role.GUARDIAN).get(f"/v1/escrows/I-1/events/2/{part}")) == "not_found"


def test_a_proof_that_shows_a_familys_figures_is_a_read_of_its_data(
    signing: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    clock.advance(days=1)
    seal = sealing(guarded.engine, "I-1", date(2026, 9, 1))
    guarded.submit(Order("I-1", "seal", seal, actor="regulator-1", role=Role.REGULATOR))
    sign(guarded, clock)
    bank = signing.of(Role.BANK)
    for path in ("contracts/C-1/statement-proof", "events/2/stored", "events/1/stored"):
        assert bank.get(f"/v1/escrows/I-1/{path}", Purpose="check").status_code == 200
    entries = signing.of(Role.AUDITOR).get("/v1/access-log").json()["data"]
    assert [(each["what"], each["contract_id"], each["actor"], each["purpose"]) for each in entries] == [
        ("get_statement_proof", "C-1", "the-bank", "check"),
        ("get_stored_event", "C-1", "the-bank", "check"),
    ]


def test_the_key_that_signs_can_be_read_where_one_does(signing: Callers, client: TestClient) -> None:
    assert signing.client.get("/verification-key").text == KEY.public().text() + "\n"
    assert code(client.get("/verification-key")) == "not_found"


def test_readiness_and_metrics_tell_how_far_the_notary_is(
    signing: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    state = signing.client.get("/readyz").json()
    assert (state["notary"], state["unsigned"]) == ("follows", 4)
    assert "ledger_unsigned_events 4.0" in signing.client.get("/metrics").text
    sign(guarded, clock)
    assert signing.client.get("/readyz").json()["unsigned"] == 0
    shown = signing.client.get("/metrics").text
    assert "ledger_directory_size 1.0" in shown
    assert "ledger_notary_stopped 0.0" in shown
    assert signing.client.get("/healthz").json() == {"status": "ok", "epoch": current_epoch(guarded.engine).name}


def test_a_cursor_of_another_history_is_sent_back_to_where_both_agree(
    signing: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    bank = signing.of(Role.BANK)
    first = bank.get("/v1/events").json()
    assert (first["next_after"], first["epoch"]) == (4, current_epoch(guarded.engine).name)
    followed = bank.get(f"/v1/events?after=4&epoch={first['epoch']}")
    assert followed.json()["events"] == []
    assert followed.headers["ledger-epoch"] == first["epoch"]
    beyond = bank.get("/v1/events?after=9")
    assert (beyond.status_code, code(beyond)) == (409, "epoch_changed")
    assert beyond.json()["fields"] == {"epoch": first["epoch"], "after": 9, "rewind_to": 0}
    second = open_epoch(guarded.engine, clock(), "restored")
    bank.post("/v1/escrows/I-1/deposits", {**DEPOSIT, "bank_serial": "after", "contract_id": None})
    for after, rewind in ((9, 4), (4, 4), (2, 2)):
        answer = bank.get(f"/v1/events?after={after}&epoch={first['epoch']}")
        assert code(answer) == "epoch_changed"
        assert answer.json()["fields"] == {"epoch": second.name, "after": after, "rewind_to": rewind}
        assert answer.headers["ledger-epoch"] == second.name
    stranger = bank.get("/v1/events?after=4&epoch=2-0123456789abcdef").json()
    assert stranger["fields"]["rewind_to"] == 0
    stream = bank.get(f"/v1/escrows/I-1/events?after=5&epoch={first['epoch']}")
    assert stream.json()["fields"] == {"epoch": second.name, "after": 5, "rewind_to": 4}
    again = bank.get(f"/v1/events?after=4&epoch={second.name}").json()
    assert [each["position"] for each in again["events"]] == [5]
    assert code(bank.get("/v1/events?epoch=nonsense")) == "invalid_parameters"


def test_a_key_file_is_used_only_if_it_is_its_owners_alone_and_of_this_ledger(signed_settings: Settings) -> None:
    found = log_key(signed_settings)
    assert found is not None
    assert found.public() == KEY.public()
    with pytest.raises(LogKeyUnusable, match="elsewhere"):
        log_key(signed_settings.model_copy(update={"log_name": "elsewhere"}))
    assert signed_settings.log_key is not None
    signed_settings.log_key.chmod(0o640)
    with pytest.raises(LogKeyUnusable, match="chmod"):
        log_key(signed_settings)
    signed_settings.log_key.chmod(0o600)
    signed_settings.log_key.write_text("PRIVATE+KEY+ledger.example+00000000+secret-material")
    with pytest.raises(LogKeyUnusable) as refusal:
        log_key(signed_settings)
    assert "secret-material" not in str(refusal.value)
    signed_settings.log_key.unlink()
    with pytest.raises(LogKeyUnusable):
        log_key(signed_settings)


def test_of_several_processes_one_follows_and_another_takes_over(guarded: GuardedLedger, clock: Clock) -> None:
    one, other = (Follower(guarded.engine, KEY, clock) for _ in range(2))
    assert (one.step(), other.step()) == (True, False)
    clock.advance(seconds=10)
    assert (one.step(), other.step()) == (True, False)
    clock.advance(seconds=14)
    assert (other.step(), one.step()) == (False, True)
    clock.advance(seconds=16)  # the first one crashed
    assert (other.step(), one.step()) == (True, False)
    other.release()
    assert one.step()
