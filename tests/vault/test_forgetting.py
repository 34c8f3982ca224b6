"""Forgetting over the API: refused while anything is due, final afterwards, repeated after a restore."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from api.problems import Problem
from api.runtime import Runtime
from api.settings import Settings
from api.vault.forgetting import Tools, read_erasures, reconcile, remembered_again
from api.vault.forgetting import forget as forget_everywhere
from api.vault.letting_go import mandated, tools_of, warn_of_the_remembered
from api.vault.person import Person
from api.vault.vault import Vault
from ledger import commands as c
from ledger.audit import audit
from ledger.events import SubjectForgotten
from ledger.identifiers import Role
from ledger.rejections import SubjectIsForgotten, SubjectStillNeeded
from ledger.store.epochs import open_epoch
from tests.api.callers import DEPOSIT, ESCROW, Callers, code
from tests.vault.families import KEYS, LOOKUPS, PERSON, SECRETS, ended, entered, forget, put, signed

WHY = {"Purpose": "audit"}


def officer(callers: Callers):  # noqa: ANN201
    return mandated(callers.of(Role.REGULATOR, "officer").mandate)


def test_forgetting_destroys_the_key_and_is_said_in_the_log(callers: Callers, runtime: Runtime) -> None:
    subject_id = entered(callers)
    ended(callers, subject_id)
    answer = forget(callers, subject_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["institutions"] == ["I-1"]
    *_, last = runtime.ledger.stream("I-1")
    assert isinstance(last.event, SubjectForgotten)
    assert (last.event.subject_id, last.event.contract_ids) == (subject_id, ("C-1",))
    again = forget(callers, subject_id)
    assert again.json()["forgotten_at"] == answer.json()["forgotten_at"]
    with runtime.ledger.engine.connect() as connection:
        assert connection.execute(text("select count(*) from vault_fields")).scalar() == 0
        assert connection.execute(text("select count(*) from vault_index")).scalar() == 0
        (row,) = connection.execute(text("select state, wrapped_key, key_id from vault_subjects")).all()
    assert tuple(row) == ("forgotten", None, None)
    assert audit(runtime.ledger).passed


def test_who_cannot_be_listed_is_not_destroyed_and_is_listed_when_asked_again(
    callers: Callers, runtime: Runtime, settings: Settings
) -> None:
    subject_id, erasures = entered(callers), settings.vault_erasures
    ended(callers, subject_id)
    assert erasures is not None
    erasures.mkdir()
    assert forget(callers, subject_id).status_code == 500
    kept = runtime.vault.find(subject_id)
    assert kept is not None
    assert kept.state == "forgetting"
    erasures.rmdir()
    assert forget(callers, subject_id).status_code == 200
    assert read_erasures(erasures) == [subject_id]


def test_a_forgotten_id_never_comes_back(callers: Callers, runtime: Runtime) -> None:
    subject_id = entered(callers)
    ended(callers, subject_id)
    forget(callers, subject_id)
    assert code(put(callers, subject_id)) == "subject_is_forgotten"
    assert code(callers.of(Role.REGULATOR).get(f"/v1/subjects/{subject_id}?reveal=true", **WHY)) == (
        "subject_is_forgotten"
    )
    assert code(signed(callers, subject_id, "C-2")) == "subject_is_forgotten"
    assert code(signed(callers, "G-9", "C-2", student_id=subject_id)) == "subject_is_forgotten"
    found = callers.of(Role.MEDIATOR).post(LOOKUPS, {"field": "phone", "value": PERSON["phone"]})
    assert found.json() == {"subjects": []}
    opened = callers.of(Role.REGULATOR, "r").post("/v1/escrows", ESCROW | {"institution_id": "I-2"}, key="i2")
    assert opened.status_code == 201
    other = callers.of(Role.INSTITUTION, "second-school", institutions=["I-2"])
    contract = {"contract_id": "C-1", "guardian_id": subject_id, "student_id": "S-1", "course": "x", "subject": "x",
                "signed_on": "2026-08-20", "starts_on": "2026-09-01", "ends_on": "2026-11-15", "price_fen": 1,
                "paid_hours": "1"}  # fmt: skip
    assert code(other.post("/v1/escrows/I-2/contracts", contract)) == "subject_is_forgotten"
    item = {"institution_id": "I-2", "command": "register_contract", "body": contract}
    outcome = other.post("/v1/batches", {"items": [item]}, key="batch").json()["items"][0]
    assert outcome["problem"]["code"] == "subject_is_forgotten"
    with runtime.ledger.engine.connect() as connection, pytest.raises(Exception, match="never"):
        connection.execute(text("update vault_subjects set state = 'kept', wrapped_key = 'x', key_id = 'k1'"))


def test_nobody_is_forgotten_while_money_is_held_or_a_contract_runs(callers: Callers, runtime: Runtime) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    refused = forget(callers, subject_id)
    assert (refused.status_code, code(refused)) == (409, "subject_still_needed")
    paid = callers.of(Role.BANK, "bank").post("/v1/escrows/I-1/deposits", DEPOSIT)
    assert paid.status_code == 201, paid.text
    refused = forget(callers, subject_id)
    assert refused.json()["fields"] == {"contract_id": "C-1", "reason": "money of theirs is in custody"} or (
        refused.json()["fields"]["reason"] == "money_held"
    )
    kept = callers.of(Role.REGULATOR).get(f"/v1/subjects/{subject_id}?reveal=true", **WHY).json()["person"]
    assert kept["phone"] == PERSON["phone"]
    assert runtime.vault.find(subject_id).state == "kept"  # type: ignore[union-attr]
    assert code(signed(callers, subject_id, "C-2")) != "subject_is_forgotten"


def test_only_who_may_forgets_and_strangers_learn_nothing(callers: Callers) -> None:
    subject_id = entered(callers)
    for role in set(Role) - {Role.INSTITUTION, Role.REGULATOR}:
        assert code(forget(callers, subject_id, role)) == "not_permitted"
    for role in (Role.INSTITUTION, Role.REGULATOR):
        answer = callers.foreign(role).post(f"/v1/subjects/{subject_id}/forgetting", {})
        assert (answer.status_code, code(answer)) == (404, "not_found")
        unknown = callers.of(role).post("/v1/subjects/s-unknown/forgetting", {})
        assert code(unknown) == "not_found"
    assert forget(callers, subject_id, Role.REGULATOR).status_code == 200


def test_a_school_cannot_leave_out_a_contract(callers: Callers, runtime: Runtime) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    school = callers.of(Role.INSTITUTION, "school")
    head = runtime.ledger.head("I-1")
    assert head is not None
    body = {"subject_id": subject_id, "stream_version": head.version, "contract_ids": []}
    direct = school.post("/v1/escrows/I-1/subject-forgettings", body, key="direct")
    assert (direct.status_code, code(direct)) == (422, "contracts_differ")
    item = {"institution_id": "I-1", "command": "forget_subject", "body": body}
    outcome = school.post("/v1/batches", {"items": [item]}, key="batch").json()["items"][0]
    assert outcome["problem"]["code"] == "contracts_differ"
    whole = body | {"contract_ids": ["C-1"]}
    assert code(school.post("/v1/escrows/I-1/subject-forgettings", whole, key="whole")) == "subject_still_needed"


def test_contracts_and_forgetting_at_once_leave_one_outcome(callers: Callers, runtime: Runtime) -> None:
    for number in range(6):
        subject_id = entered(callers)
        with ThreadPoolExecutor(2) as pool:
            forgetting = pool.submit(forget, callers, subject_id, Role.REGULATOR)
            signing = pool.submit(signed, callers, subject_id, f"race-{number}", f"S-{number}")
            forgot, contract = forgetting.result(), signing.result()
        forgotten = runtime.vault.find(subject_id).state == "forgotten"  # type: ignore[union-attr]
        assert forgotten == (forgot.status_code == 200), forgot.text
        assert forgotten != (contract.status_code == 201), (forgot.text, contract.text)
        assert code(contract) == "subject_is_forgotten" if forgotten else code(forgot) == "subject_still_needed"


def test_a_crash_in_the_middle_is_finished_by_asking_again(
    callers: Callers, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject_id = entered(callers)
    ended(callers, subject_id)

    def stop(_self: Vault, _subject_id: str) -> bool:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "destroy", stop)
        assert forget(callers, subject_id).status_code == 500
    assert runtime.vault.find(subject_id).state == "forgetting"  # type: ignore[union-attr]
    assert forget(callers, subject_id).status_code == 200
    assert runtime.vault.find(subject_id).state == "forgotten"  # type: ignore[union-attr]


def test_a_restored_backup_is_made_to_forget_again(
    callers: Callers, runtime: Runtime, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    subject_id = entered(callers)
    ended(callers, subject_id)
    with runtime.ledger.engine.connect() as connection:
        before = {
            table: connection.execute(text(f"select * from {table}")).mappings().all()
            for table in ("vault_fields", "vault_index")
        }
        key = connection.execute(text("select wrapped_key, key_id from vault_subjects")).one()
    forget(callers, subject_id)
    assert settings.vault_erasures is not None
    assert read_erasures(settings.vault_erasures) == [subject_id]
    assert json.loads(settings.vault_erasures.read_text())["forgotten_at"] > 0
    _bring_back(runtime, subject_id, key.wrapped_key, key.key_id, before)
    assert runtime.vault.read(subject_id).phone == PERSON["phone"]  # a backup of the database knows everything
    tools = tools_of(runtime)
    assert remembered_again(tools, []) == [subject_id]
    open_epoch(runtime.ledger.engine, runtime.clock(), "restored")
    capsys.readouterr()
    warn_of_the_remembered(runtime)
    assert "people=1" in capsys.readouterr().err
    report = reconcile(tools, [], officer(callers))
    assert (report.looked_at, report.destroyed, report.findings) == (1, 1, [])
    assert remembered_again(tools, [subject_id]) == []
    warn_of_the_remembered(runtime)
    assert capsys.readouterr().err == ""
    with pytest.raises(SubjectIsForgotten):
        runtime.vault.read(subject_id)
    assert reconcile(tools_of(runtime), [], officer(callers)).destroyed == 0


def _bring_back(runtime: Runtime, subject_id: str, wrapped: str, key_id: str, before: dict[str, object]) -> None:
    """The vault's rows as an older backup holds them."""
    with runtime.ledger.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("drop trigger vault_subjects_stay_forgotten"))
        else:
            connection.execute(text("drop trigger vault_subjects_stay_forgotten on vault_subjects"))
        connection.execute(
            text(
                "update vault_subjects set state = 'kept', wrapped_key = :w, key_id = :k, forgotten_at = null "
                "where subject_id = :s"
            ),
            {"w": wrapped, "k": key_id, "s": subject_id},
        )
        for table, rows in before.items():
            for row in rows:  # type: ignore[attr-defined]
                names = ", ".join(row)
                marks = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"insert into {table} ({names}) values ({marks})"), dict(row))


def test_a_log_that_was_restored_to_an_earlier_day_learns_from_the_list(callers: Callers, runtime: Runtime) -> None:
    ours, needed = entered(callers), entered(callers, {"name": "另一人"})
    ended(callers, ours)
    signed(callers, needed, "C-2", "S-2")
    assert remembered_again(tools_of(runtime), []) == []
    assert remembered_again(tools_of(runtime), [ours, needed, "s0"]) == sorted([ours, needed])
    report = reconcile(tools_of(runtime), [ours, needed], officer(callers))
    assert (report.destroyed, report.recorded) == (2, 1)
    assert report.findings == [f"still_needed {needed} I-1"]
    assert code(signed(callers, ours, "C-3")) == "subject_is_forgotten"


def test_what_only_one_of_two_schools_forgot_is_kept(callers: Callers, runtime: Runtime) -> None:
    subject_id = entered(callers)
    ended(callers, subject_id)
    officer_ = callers.of(Role.REGULATOR, "r")
    assert officer_.post("/v1/escrows", ESCROW | {"institution_id": "I-2"}, key="i2").status_code == 201
    body = {"contract_id": "D-1", "guardian_id": subject_id, "student_id": "S-1", "course": "x", "subject": "x",
            "signed_on": "2026-08-20", "starts_on": "2026-09-01", "ends_on": "2026-11-15", "price_fen": 1,
            "paid_hours": "1"}  # fmt: skip
    assert officer_.post("/v1/escrows/I-2/contracts", body, key="d1").status_code == 201
    refused = forget(callers, subject_id)
    assert (refused.status_code, code(refused)) == (409, "subject_held_elsewhere")
    refused = forget(callers, subject_id, Role.REGULATOR)
    assert code(refused) == "subject_still_needed"
    head = runtime.ledger.head("I-1")
    assert head is not None
    said = {"subject_id": subject_id, "stream_version": head.version, "contract_ids": ["C-1"]}
    direct = callers.of(Role.INSTITUTION, "school").post("/v1/escrows/I-1/subject-forgettings", said, key="direct")
    assert direct.status_code == 201
    assert remembered_again(tools_of(runtime), []) == []
    assert reconcile(tools_of(runtime), [], officer(callers)).destroyed == 0
    assert runtime.vault.read(subject_id).name == PERSON["name"]
    ending = officer_.post("/v1/escrows/I-2/contract-endings", {"contract_id": "D-1"}, key="d1-end")
    assert ending.status_code == 201
    assert forget(callers, subject_id, Role.REGULATOR).json()["institutions"] == ["I-1", "I-2"]


def test_what_is_destroyed_is_gone_from_the_file(callers: Callers, runtime: Runtime, settings: Settings) -> None:
    url = settings.database_url or ""
    subject_id = entered(callers)
    with runtime.ledger.engine.connect() as connection:
        sealed = [row[0] for row in connection.execute(text("select ciphertext from vault_fields")).all()]
        sealed += [row[0] for row in connection.execute(text("select wrapped_key from vault_subjects")).all()]
    forget(callers, subject_id)
    with runtime.ledger.engine.connect() as connection:
        for table in ("vault_subjects", "vault_fields", "vault_index"):
            rows = str(connection.execute(text(f"select * from {table}")).all())
            assert not [each for each in sealed if each in rows]
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        stored = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
        assert not [each for each in sealed if each.encode() in stored]


def test_a_list_that_was_cut_by_a_crash_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text('{"subject_id": "a", "forgotten_at": 1}\n{"subject_id": "b", "forgotten_at": 2}\n{"subj')
    assert read_erasures(path) == ["a", "b"]
    assert shutil.which("sh")


def test_forgetting_somebody_nobody_knows_changes_nothing(callers: Callers, runtime: Runtime) -> None:
    tools: Tools = tools_of(runtime)
    with pytest.raises(LookupError):
        forget_everywhere(tools, "s-unknown", officer(callers), "officer")
    assert runtime.vault.counts() == ({}, {})


def test_an_id_that_only_the_log_knows_is_forgotten_too(callers: Callers, runtime: Runtime) -> None:
    ended(callers, "G-1")
    assert forget_everywhere(tools_of(runtime), "G-1", officer(callers), "officer") == ["I-1"]
    assert code(signed(callers, "G-1", "C-2")) == "subject_is_forgotten"
    with pytest.raises(SubjectIsForgotten):
        runtime.vault.keep("G-1", Person(name="x"))
    signed(callers, "G-2", "C-3", "S-3")
    with pytest.raises(SubjectStillNeeded):
        forget_everywhere(tools_of(runtime), "G-2", officer(callers), "officer")
    assert isinstance(Problem("not_found"), Exception)
    assert c.ForgetSubject.name == "forget_subject"
    assert SECRETS
    assert KEYS
