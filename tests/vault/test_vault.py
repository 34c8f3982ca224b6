"""The vault: who reads what, that reads are written down, and that nothing personal stands anywhere else."""

from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from api.runtime import Runtime
from api.settings import Settings
from api.vault.person import Person, mask, normalised
from ledger.identifiers import Role
from tests.api.callers import Callers, Json, code
from tests.vault.families import KEYS, LOOKUPS, PERSON, SECRETS, entered, put, signed

READERS = {Role.REGULATOR, Role.MEDIATOR, Role.INSTITUTION}
WHY = {"Purpose": quote("核对退费账户")}


def log(callers: Callers, query: str = "") -> Json:
    return callers.of(Role.AUDITOR).get(f"/v1/access-log{query}").json()["data"]


def test_ids_are_random_and_the_same_key_gives_the_same(callers: Callers) -> None:
    school = callers.of(Role.INSTITUTION)
    one, again, other = (school.post("/v1/subjects", {"institution_id": "I-1"}, key=key) for key in ("a", "a", "b"))
    assert one.json() == again.json() != other.json()
    assert len(one.json()["subject_id"]) == 33
    assert code(school.post("/v1/subjects", {"institution_id": "I-2"}, key="c")) == "escrow_unknown"


def test_what_is_kept_is_shown_masked_unless_somebody_says_why(callers: Callers) -> None:
    subject_id = entered(callers)
    for role in READERS:
        caller = callers.of(role)
        masked = caller.get(f"/v1/subjects/{subject_id}")
        assert masked.json()["masked"] is True
        assert not [each for each in SECRETS if each in masked.text and each not in {"8765", "8901"}]
        assert code(caller.get(f"/v1/subjects/{subject_id}?reveal=true")) == "purpose_missing"
        revealed = caller.get(f"/v1/subjects/{subject_id}?reveal=true", **WHY)
        assert revealed.json()["person"] == {**PERSON, "id_number": None}


@pytest.mark.parametrize("purpose", ["", "%00", "%ff", "x" * 201, "%0a"])
def test_a_purpose_is_one_readable_line(callers: Callers, purpose: str) -> None:
    answer = callers.of(Role.REGULATOR).get(f"/v1/subjects/{entered(callers)}?reveal=true", Purpose=purpose)
    assert code(answer) in {"invalid_parameters", "purpose_missing"}


def test_others_learn_nothing_not_even_that_somebody_exists(callers: Callers) -> None:
    subject_id = entered(callers)
    for role in READERS | {Role.GUARDIAN}:
        foreign, unknown = (
            callers.foreign(role).get(f"/v1/subjects/{each}?reveal=true", **WHY) for each in (subject_id, "s0")
        )
        assert (foreign.status_code, code(foreign)) == (404, "not_found"), role
        assert {**foreign.json(), "trace_id": ""} == {**unknown.json(), "trace_id": ""}
    for role in set(Role) - READERS - {Role.GUARDIAN}:
        assert code(callers.of(role).get(f"/v1/subjects/{subject_id}")) == "not_permitted"
    for role in set(Role) - {Role.INSTITUTION}:
        assert code(put(callers, subject_id, role=role)) == "not_permitted"
    assert code(put(callers, subject_id, institutions=["I-2"])) == "not_found"
    for role in set(Role) - {Role.REGULATOR, Role.MEDIATOR}:
        assert code(callers.of(role).post(LOOKUPS, {"field": "phone", "value": "1"})) == "not_permitted"


def test_people_read_themselves_and_their_children(callers: Callers) -> None:
    parent, child = entered(callers), entered(callers, {"name": "小明"})
    assert signed(callers, parent, student_id=child).status_code == 201
    guardian = callers.of(Role.GUARDIAN, "g", guardian_id=parent)
    assert guardian.get(f"/v1/subjects/{parent}?reveal=true").json()["person"]["name"] == PERSON["name"]
    assert guardian.get(f"/v1/subjects/{child}?reveal=true").json()["person"]["name"] == "小明"
    assert log(callers) == []


def test_a_school_sees_whom_it_entered_and_not_whose_id_it_got_to_know(callers: Callers) -> None:
    subject_id = entered(callers)
    assert code(callers.of(Role.INSTITUTION, "other", institutions=["I-2"]).get(f"/v1/subjects/{subject_id}")) == (
        "not_found"
    )


def test_an_old_id_is_adopted_by_the_school_whose_contract_names_it(callers: Callers) -> None:
    assert code(put(callers, "G-1")) == "not_found"
    signed(callers, "G-1")
    assert put(callers, "G-1").status_code == 200
    shown = callers.of(Role.MEDIATOR).get("/v1/subjects/G-1?reveal=true", **WHY)
    assert shown.json()["person"]["phone"] == PERSON["phone"]


def test_what_is_put_takes_the_place_of_what_was_there(callers: Callers) -> None:
    subject_id = entered(callers)
    put(callers, subject_id, {"phone": "13900000000"})
    kept = callers.of(Role.REGULATOR).get(f"/v1/subjects/{subject_id}?reveal=true", **WHY).json()["person"]
    assert {name: each for name, each in kept.items() if each} == {"phone": "13900000000"}
    found = callers.of(Role.MEDIATOR).post(LOOKUPS, {"field": "phone", "value": PERSON["phone"]})
    assert found.json() == {"subjects": []}


def test_a_mediator_finds_somebody_by_the_whole_of_a_phone_or_a_name(callers: Callers) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    mediator = callers.of(Role.MEDIATOR)
    for field, value in (("phone", "13800138765"), ("phone", "0086 13800138765"), ("name", " 欧阳静怡 ")):
        found = mediator.post(LOOKUPS, {"field": field, "value": value})
        assert found.json() == {
            "subjects": [{"subject_id": subject_id, "contracts": [{"institution_id": "I-1", "contract_id": "C-1"}]}]
        }, found.text
    for value in ("1380013876", "欧阳"):
        assert mediator.post(LOOKUPS, {"field": "phone", "value": value}).json() == {"subjects": []}
    foreign = callers.foreign(Role.MEDIATOR).post(LOOKUPS, {"field": "phone", "value": "13800138765"})
    assert foreign.json() == {"subjects": []}
    assert {each["what"] for each in log(callers)} == {"look_up_subject phone", "look_up_subject name"}


def test_namesakes_elsewhere_hide_nobody(callers: Callers, runtime: Runtime) -> None:
    for number in range(25):
        namesake = runtime.vault.mint("I-elsewhere", "school", f"n{number}")
        runtime.vault.keep(namesake, Person(name=PERSON["name"]))
    ours = {entered(callers, {"name": PERSON["name"]}) for _ in range(3)}
    found = callers.of(Role.MEDIATOR).post(LOOKUPS, {"field": "name", "value": PERSON["name"]}).json()["subjects"]
    assert {each["subject_id"] for each in found} == ours


def test_look_ups_are_counted_apart(callers: Callers) -> None:
    mediator = callers.of(Role.MEDIATOR)
    answers = [mediator.post(LOOKUPS, {"field": "phone", "value": "13800138765"}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert callers.of(Role.REGULATOR).post(LOOKUPS, {"field": "name", "value": "x"}).status_code == 200


def test_every_read_of_a_family_is_written_down(callers: Callers) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    regulator, trace = callers.of(Role.REGULATOR, "officer-li"), "ab" * 16
    regulator.get(f"/v1/subjects/{subject_id}?reveal=true", **WHY, traceparent=f"00-{trace}-{'cd' * 8}-01")
    (entry,) = log(callers)
    assert (entry["actor"], entry["role"], entry["subject_id"]) == ("officer-li", "regulator", subject_id)
    assert (entry["purpose"], entry["trace_id"], entry["what"]) == ("核对退费账户", trace, "get_subject revealed")
    assert entry["read_at"] == "2026-09-01T02:00:00.000000Z"
    contract = "/v1/escrows/I-1/contracts/C-1"
    paths = (contract, f"{contract}/entitlement?cause=institution", f"{contract}/lessons", f"{contract}/fund-history",
             f"{contract}/explanations/unearned", f"/v1/contracts?guardian_id={subject_id}",
             "/v1/contracts.csv?contract_id=C-1", "/v1/escrows/I-1/events/2")  # fmt: skip
    for role in (Role.REGULATOR, Role.MEDIATOR, Role.BANK, Role.INSTITUTION):
        for path in paths:
            before = len(log(callers))
            assert callers.of(role, f"reader-{role}").get(path).status_code == 200, (role, path)
            *_, entry = log(callers)
            assert len(log(callers)) == before + 1, (role, path)
            assert (entry["actor"], entry["role"]) == (f"reader-{role}", role.value)
            assert entry["contract_id"] == "C-1" or entry["subject_id"] == subject_id
    before = len(log(callers))
    callers.of(Role.GUARDIAN, "g", guardian_id=subject_id).get(contract)
    callers.of(Role.REGULATOR).get("/v1/institutions")
    assert code(callers.of(Role.REGULATOR).get("/v1/escrows/I-1/contracts/C-9")) == "contract_unknown"
    assert len(log(callers)) == before


def test_the_log_of_reads_is_for_the_officers_of_the_place_and_has_filters_pages_and_files(callers: Callers) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    for who in ("a", "b", "a"):
        callers.of(Role.REGULATOR, who).get("/v1/escrows/I-1/contracts/C-1")
    callers.of(Role.MEDIATOR, "c").post(LOOKUPS, {"field": "phone", "value": "13911112222"})
    auditor = callers.of(Role.AUDITOR)
    assert [each["actor"] for each in log(callers)] == ["a", "b", "a", "c"]
    assert [each["number"] for each in log(callers, "?actor=a")] == [1, 3]
    assert len(log(callers, "?contract_id=C-1")) == len(log(callers, "?institution_id=I-1")) == 3
    assert log(callers, "?role=mediator")[0]["institution_id"] is None
    page = auditor.get("/v1/access-log?limit=3").json()
    assert len(page["data"]) == 3
    assert [each["actor"] for each in auditor.get(f"/v1/access-log?after={page['next']}").json()["data"]] == ["c"]
    assert len(auditor.get("/v1/access-log.csv").text.splitlines()) == 5
    assert len(auditor.get("/v1/access-log.ndjson").text.splitlines()) == 4
    assert log(callers, "?known_at=2026-08-01T00:00:00Z") == log(callers, "?as_of=2026-08-31") == []
    assert len(log(callers, "?as_of=2026-09-01")) == 4
    assert callers.foreign(Role.AUDITOR).get("/v1/access-log").json()["data"] == []
    for role in set(Role) - {Role.AUDITOR, Role.REGULATOR}:
        assert code(callers.of(role).get("/v1/access-log")) == "not_permitted"


def test_a_read_that_cannot_be_written_down_is_not_answered(callers: Callers, runtime: Runtime) -> None:
    signed(callers, entered(callers))
    with runtime.ledger.engine.begin() as connection:
        connection.execute(text("alter table access_log rename to access_log_away"))
    answer = callers.of(Role.REGULATOR).get("/v1/escrows/I-1/contracts/C-1")
    assert answer.status_code >= 500
    assert "C-1" not in answer.text


@pytest.mark.parametrize("statement", ["update access_log set actor = 'x'", "delete from access_log"])
def test_nobody_changes_what_was_written_down(callers: Callers, runtime: Runtime, statement: str) -> None:
    signed(callers, entered(callers))
    callers.of(Role.REGULATOR).get("/v1/escrows/I-1/contracts/C-1")
    with runtime.ledger.engine.connect() as connection, pytest.raises(Exception, match="never changed"):
        connection.execute(text(statement))


def test_nothing_personal_stands_in_logs_metrics_urls_problems_or_the_database(
    callers: Callers, runtime: Runtime, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    subject_id = entered(callers)
    signed(callers, subject_id)
    school, mediator = callers.of(Role.INSTITUTION, "school"), callers.of(Role.MEDIATOR)
    told = [
        put(callers, subject_id, PERSON | {"phone": "138-0013-8765\n"}),
        put(callers, subject_id, PERSON | {"nickname": "静怡"}),
        put(callers, "s-unknown", PERSON),
        school.post("/v1/subjects", {"institution_id": "I-1", "name": "欧阳静怡"}, key=f"x-{next(KEYS)}"),
        mediator.post(LOOKUPS, {"field": "phone", "value": "138-0013-8765" * 20}),
        mediator.post(LOOKUPS, {"field": "nickname", "value": "欧阳静怡"}),
        mediator.post(LOOKUPS, {"field": "phone", "value": "138-0013-8765"}),
        put(callers, subject_id, PERSON),
        mediator.get(f"/v1/subjects/{subject_id}"),
        mediator.get("/metrics"),
        callers.of(Role.AUDITOR).get("/v1/access-log.csv"),
        callers.of(Role.REGULATOR).get("/v1/escrows/I-1/events"),
    ]
    assert {answer.status_code for answer in told[:6]} == {404, 422}
    shown = "".join(answer.text for answer in told) + capfd.readouterr().err
    assert not [each for each in SECRETS if each in shown and each not in {"8765", "8901"}]
    if settings.database_url is not None and settings.database_url.startswith("sqlite"):
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        stored = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
        assert subject_id.encode() in stored
        assert not [each for each in SECRETS if len(each.encode()) > 5 and each.encode() in stored]
    with runtime.ledger.engine.connect() as connection:
        for table in ("vault_subjects", "vault_fields", "vault_index", "access_log", "events"):
            rows = str(connection.execute(text(f"select * from {table}")).all())
            assert not [each for each in SECRETS if len(each) > 4 and each in rows], table


def test_masks_show_too_little_to_call_or_pay_anybody() -> None:
    assert mask("name", "王") == "王*"
    assert mask("phone", "13800138765") == "138****8765"
    assert mask("phone", "8765") == "********"
    assert mask("account_no", "6222020012345678901") == "********8901"
    assert mask("email", "a@b.cn") == "a***@b.cn"
    assert mask("address", "海淀区") == "********"


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("phone", "+86 138 0013 8765", "13800138765"),
        ("phone", "008613800138765", "１３８００１３８７６５"),
        ("name", "Li  Lei", "li lei"),
        ("account_no", "6222-0200 1234", "622202001234"),
        ("id_number", "11010119900101123x", "11010119900101123X"),
    ],
)
def test_two_writings_of_the_same_are_found_alike(field: str, one: str, other: str) -> None:
    assert normalised(field, one) == normalised(field, other)
    assert normalised(field, one) != normalised(field, one + "1")
