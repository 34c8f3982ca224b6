"""A client's key is let in or out by two officers of the whole place."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from api.runtime import Runtime
from api.security.keys import public_key_of
from api.security.registry import Deed, end_subject, register_client, register_key, writing
from api.security.scopes import mandate_of
from api.security.tables import changes, keys
from ledger.identifiers import Role
from tests.api.callers import ESCROW, Caller, Callers, Json, code, register


def known_client(runtime: Runtime, subject: str = "bank-client") -> None:
    with writing(runtime.ledger.engine) as connection:
        mandate = mandate_of(subject, Role.BANK, {"custodians": ["bank-1"]})
        register_client(connection, mandate, Deed("setup", runtime.clock()))


def proposed(callers: Callers, act: str, body: Json, key: str) -> Json:
    answer = callers.of(Role.REGULATOR, "first").post("/v1/approvals", {"act": act, "body": body}, key=key)
    assert answer.status_code == 202, answer.text
    return answer.json()


def decide(caller: Caller, approval: Json, decision: str = "approved") -> Json:
    body = {"decision": decision, "request_sha256": approval["request_sha256"]}
    return caller.post(f"/v1/approvals/{approval['approval_id']}/decisions", body)


def test_a_key_is_registered_and_revoked_by_two(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    public = public_key_of(Ed25519PrivateKey.generate())
    second, engine = callers.of(Role.REGULATOR, "second"), runtime.ledger.engine
    approval = proposed(callers, "register_key", {"client": "bank-client", "public_key": public.x}, "k1")
    with engine.connect() as connection:
        assert connection.execute(select(keys)).all() == []
    assert code(decide(callers.of(Role.REGULATOR, "first"), approval)) == "second_person_required"
    done = decide(second, approval)
    assert (done.status_code, done.json()["state"]) == (200, "recorded"), done.text
    assert decide(second, approval).json() == done.json()
    with engine.connect() as connection:
        (row,) = connection.execute(select(keys)).all()
        assert (row.key_id, row.revoked_at) == (public.key_id, None)
        assert row.registered_by == "first with second"
    revoking = proposed(callers, "revoke_key", {"key_id": public.key_id}, "k2")
    assert decide(second, revoking).json()["state"] == "recorded"
    with engine.connect() as connection:
        (row,) = connection.execute(select(keys)).all()
        assert row.revoked_by == "first with second"
        deeds = connection.execute(select(changes.c.deed)).scalars().all()
    assert list(deeds) == ["client_registered", "key_registered", "key_revoked"]


def test_what_the_registry_does_not_allow_any_more_is_refused(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    body = {"client": "bank-client", "public_key": public_key_of(Ed25519PrivateKey.generate()).x}
    one, other = proposed(callers, "register_key", body, "k1"), proposed(callers, "register_key", body, "k2")
    second = callers.of(Role.REGULATOR, "second")
    assert decide(second, one).json()["state"] == "recorded"
    assert decide(second, other).json()["refused"] == "key_taken"


def test_the_same_proposal_of_a_key_again_is_the_same(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    body = {"client": "bank-client", "public_key": public_key_of(Ed25519PrivateKey.generate()).x}
    assert proposed(callers, "register_key", body, "k") == proposed(callers, "register_key", body, "k")
    other = {"act": "revoke_key", "body": {"key_id": "x"}}
    assert code(callers.of(Role.REGULATOR, "first").post("/v1/approvals", other, key="k")) == "command_key_reused"


def test_nobody_lets_in_a_key_of_who_reaches_beyond_the_place(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    tianjin = callers.of(Role.REGULATOR, "tianjin", jurisdiction="CN-TJ")
    opened = tianjin.post("/v1/escrows", ESCROW | {"institution_id": "I-2", "jurisdiction": "CN-TJ"})
    assert opened.status_code == 201, opened.text
    public = public_key_of(Ed25519PrivateKey.generate()).x
    asked = {"act": "register_key", "body": {"client": "bank-client", "public_key": public}}
    assert code(callers.of(Role.REGULATOR, "first").post("/v1/approvals", asked)) == "not_found"
    assert code(tianjin.post("/v1/approvals", asked)) == "not_found"
    nation = callers.of(Role.REGULATOR, "nation", jurisdiction="CN")
    assert nation.post("/v1/approvals", asked).status_code == 202


def test_who_left_office_since_proposing_proposed_nothing(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    public = public_key_of(Ed25519PrivateKey.generate()).x
    mandates = {
        "left": mandate_of("left", Role.REGULATOR, {"jurisdiction": "CN-BJ"}),
        "moved": mandate_of("moved", Role.REGULATOR, {"jurisdiction": "CN-BJ"}),
    }
    asked = {"act": "register_key", "body": {"client": "bank-client", "public_key": public}}
    for name, mandate in mandates.items():
        register(runtime, mandate)
        proposal = callers.of(Role.REGULATOR, name).post("/v1/approvals", asked, key="k")
        assert proposal.status_code == 202, proposal.text
        if name == "left":
            with writing(runtime.ledger.engine) as connection:
                end_subject(connection, name, Deed("test", runtime.clock()))
        else:
            register(runtime, mandate_of(name, Role.REGULATOR, {"jurisdiction": "CN-TJ"}))
        assert runtime.tokens.directory is not None
        runtime.tokens.directory.forget()
        second = callers.of(Role.REGULATOR, "second")
        assert code(decide(second, proposal.json())) == "proposer_not_in_office"
        assert decide(second, proposal.json(), "rejected").json()["state"] == "rejected"


def test_another_writing_of_the_name_is_no_second_person(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    body = {"client": "bank-client", "public_key": public_key_of(Ed25519PrivateKey.generate()).x}
    approval = proposed(callers, "register_key", body, "k")
    assert code(decide(callers.of(Role.REGULATOR, "FIRST"), approval)) == "second_person_required"


def test_only_officers_of_the_whole_place_let_keys_in(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    public = public_key_of(Ed25519PrivateKey.generate()).x
    asked = {"act": "register_key", "body": {"client": "bank-client", "public_key": public}}
    district = callers.of(Role.REGULATOR, "d", jurisdiction="CN-BJ", district="海淀区")
    assert code(district.post("/v1/approvals", asked)) == "not_found"
    for role in set(Role) - {Role.REGULATOR}:
        assert code(callers.of(role).post("/v1/approvals", asked)) == "not_permitted"
    first = callers.of(Role.REGULATOR, "first")
    for act, body, refused in (
        ("register_key", {"client": "nobody", "public_key": public}, "not_found"),
        ("register_key", {"client": "bank-client"}, "act_differs"),
        ("revoke_key", {"key_id": "unknown"}, "not_found"),
        ("end_world", {}, "invalid_body"),
    ):
        assert code(first.post("/v1/approvals", {"act": act, "body": body}, key=f"{act}-{len(body)}")) == refused
    approval = proposed(callers, "register_key", asked["body"], "fine")
    foreign = callers.foreign(Role.REGULATOR)
    assert code(decide(foreign, approval)) == "not_found"
    assert code(decide(district, approval)) == "not_found"


def test_a_key_that_could_not_be_registered_now_is_refused_at_once_and_nobody_is_asked(
    callers: Callers, runtime: Runtime
) -> None:
    known_client(runtime)
    known_client(runtime, "ended")
    taken = public_key_of(Ed25519PrivateKey.generate())
    with writing(runtime.ledger.engine) as connection:
        register_key(connection, "bank-client", taken, Deed("setup", runtime.clock()))
        end_subject(connection, "ended", Deed("setup", runtime.clock()))
    first = callers.of(Role.REGULATOR, "first")
    fresh = public_key_of(Ed25519PrivateKey.generate()).x
    for number, (client, key, status, refused) in enumerate(
        [
            ("bank-client", "garbage", 422, "invalid_body"),
            ("bank-client", "A" * 43, 422, "key_weak"),
            ("bank-client", taken.x, 409, "key_taken"),
            ("ended", fresh, 409, "subject_ended"),
        ]
    ):
        asked = {"act": "register_key", "body": {"client": client, "public_key": key}}
        answer = first.post("/v1/approvals", asked, key=f"k{number}")
        assert (answer.status_code, code(answer)) == (status, refused)
        if refused == "invalid_body":
            assert [each["pointer"] for each in answer.json()["errors"]] == ["/body/public_key"]
    assert first.get("/v1/approvals").json()["data"] == []


def test_a_proposal_that_was_judged_changes_nothing_in_the_registry(callers: Callers, runtime: Runtime) -> None:
    known_client(runtime)
    key = public_key_of(Ed25519PrivateKey.generate())
    with writing(runtime.ledger.engine) as connection:
        register_key(connection, "bank-client", key, Deed("setup", runtime.clock()))
    with runtime.ledger.engine.connect() as connection:
        before = [connection.execute(select(table)).all() for table in (keys, changes)]
    other = public_key_of(Ed25519PrivateKey.generate()).x
    proposed(callers, "register_key", {"client": "bank-client", "public_key": other}, "k1")
    proposed(callers, "revoke_key", {"key_id": key.key_id}, "k2")
    with runtime.ledger.engine.connect() as connection:
        assert [connection.execute(select(table)).all() for table in (keys, changes)] == before


def test_what_is_decided_is_told_to_whoever_decided_without_blaming_somebody_else(
    callers: Callers, runtime: Runtime
) -> None:
    known_client(runtime)
    body = {"client": "bank-client", "public_key": public_key_of(Ed25519PrivateKey.generate()).x}
    approval, second = proposed(callers, "register_key", body, "k"), callers.of(Role.REGULATOR, "second")
    assert decide(second, approval, "rejected").status_code == 200
    said = {"decision": "approved", "request_sha256": approval["request_sha256"]}
    path = f"/v1/approvals/{approval['approval_id']}/decisions"
    answer = second.post(path, said, Accept_Language="zh")
    assert code(answer) == "approval_decided"
    assert answer.json()["detail"].startswith("该事项已作出决定")
    refused = callers.of(Role.AUDITOR).post(path, said, Accept_Language="zh")
    assert (code(refused), refused.json()["title"]) == ("not_permitted", "无权查看或办理")
