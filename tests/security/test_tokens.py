"""Tokens: who gets one, what it is worth, and when it is worth nothing any more."""

from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey, RSAKey

from api.security.grants import ASSERTION_TYPE
from api.security.keys import pkcs8, public_key_of
from api.security.passwords import register_user
from api.security.registry import Deed, end_subject, revoke_bearer, revoke_key, writing
from api.security.scopes import mandate_of
from api.security.signing import client_assertion
from api.security.tokens import AHEAD_SECONDS, LIFETIME_SECONDS, LONGEST_SECONDS, Tokens
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SECRET, code, private_key_of
from tests.conftest import Clock
from tests.security.conftest import Json, Stage

PASSWORD = "correct horse battery"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}


def ask(stage: Stage, **form: str) -> Json:
    return stage.client.post("/v1/tokens", content=urlencode(form), headers=FORM)


def with_assertion(stage: Stage, assertion: str) -> Json:
    return ask(stage, grant_type="client_credentials", client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)


def seconds(stage: Stage) -> int:
    return stage.clock() // 1_000_000


def read(stage: Stage, token: str, path: str = "/v1/institutions") -> Json:
    return stage.client.get(path, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})


@pytest.fixture
def officer(stage: Stage) -> Stage:
    """A user with a password, and the registered bank."""
    assert stage.bank
    with writing(stage.ledger.engine) as connection:
        mandate = mandate_of("lin", Role.REGULATOR, {"jurisdiction": "CN-BJ"})
        register_user(connection, mandate, PASSWORD, Deed("test", stage.clock()))
    return stage


def test_a_client_gets_a_short_token_for_an_assertion_by_its_key_once(stage: Stage) -> None:
    assert stage.bank
    assertion = client_assertion(private_key_of("the-bank"), "the-bank", ISSUER, seconds(stage))
    answer = with_assertion(stage, assertion)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", LIFETIME_SECONDS)
    assert read(stage, given["access_token"]).status_code == 200
    assert code(with_assertion(stage, assertion)) == "client_assertion_invalid", "it is taken once"
    stage.clock.advance(seconds=LIFETIME_SECONDS)
    assert code(read(stage, given["access_token"])) == "token_expired"


def test_our_tokens_verify_with_the_published_key_and_with_nothing_else(stage: Stage) -> None:
    assert stage.bank
    token = with_assertion(
        stage, client_assertion(private_key_of("the-bank"), "the-bank", ISSUER, seconds(stage))
    ).json()["access_token"]
    published = stage.client.get("/.well-known/jwks.json").json()
    verified = jwt.decode(token, KeySet.import_key_set(published), algorithms=["Ed25519"])
    assert verified.claims["sub"] == "the-bank"
    assert "d" not in published["keys"][0]
    with pytest.raises(Exception, match="bad_signature"):
        jwt.decode(token, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": 0},
        {"exp": 10_000},
        {"exp": "soon"},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 200},
    ],
    ids=str,
)
def test_an_assertion_that_says_something_else_gets_nothing(quick: Stage, changes: dict[str, Json]) -> None:
    assert quick.bank
    now, private = seconds(quick), private_key_of("the-bank")
    claims = {"iss": "the-bank", "sub": "the-bank", "aud": ISSUER, "exp": 60, "jti": "one"} | changes
    if isinstance(claims["exp"], int):
        claims["exp"] += now
    header = {"alg": "Ed25519", "kid": public_key_of(private).key_id}
    assertion = jwt.encode(header, claims, OKPKey.import_key(pkcs8(private)), algorithms=["Ed25519"])
    answer = with_assertion(quick, assertion)
    assert (answer.status_code, code(answer)) == (401, "client_assertion_invalid")


def test_an_assertion_by_no_key_or_another_key_or_another_algorithm_gets_nothing(quick: Stage) -> None:
    assert quick.bank
    now = seconds(quick)
    right = public_key_of(private_key_of("the-bank"))
    claims = {"iss": "the-bank", "sub": "the-bank", "aud": ISSUER, "exp": now + 60, "jti": "one"}
    stranger = client_assertion(Ed25519PrivateKey.generate(), "the-bank", ISSUER, now)
    as_secret = OctKey.import_key(right.x.encode() * 2)
    confused = jwt.encode({"alg": "HS256", "kid": right.key_id}, claims, as_secret, algorithms=["HS256"])
    under_another = jwt.encode(
        {"alg": "Ed25519", "kid": right.key_id},
        claims,
        OKPKey.import_key(pkcs8(Ed25519PrivateKey.generate())),
        algorithms=["Ed25519"],
    )
    for assertion in (stranger, confused, under_another, "x.y.z", "", "é", "e30.e30."):
        assert with_assertion(quick, assertion).status_code in {400, 401}


def test_a_revoked_key_asks_for_nothing(stage: Stage) -> None:
    assert stage.bank
    with writing(stage.ledger.engine) as connection:
        revoke_key(connection, public_key_of(private_key_of("the-bank")).key_id, Deed("test", 1))
    assertion = client_assertion(private_key_of("the-bank"), "the-bank", ISSUER, seconds(stage))
    assert code(with_assertion(stage, assertion)) == "client_assertion_invalid"


def test_the_tokens_of_a_subject_end_with_it_within_a_second(officer: Stage) -> None:
    token = officer.runtime.tokens.issue_for("lin")
    assert read(officer, token).status_code == 200
    with writing(officer.ledger.engine) as connection:
        end_subject(connection, "lin", Deed("test", officer.clock()))
    officer.clock.advance(seconds=1)
    answer = read(officer, token)
    assert (answer.status_code, code(answer)) == (401, "token_revoked")


def test_a_token_of_the_command_line_can_be_ended_too(stage: Stage) -> None:
    mandate = mandate_of("passing", Role.AUDITOR, {"jurisdiction": "CN"})
    token = stage.callers.tokens.issue(mandate, 3600)
    assert read(stage, token).status_code == 200
    with writing(stage.ledger.engine) as connection:
        revoke_bearer(connection, "passing", "test", stage.clock())
    stage.clock.advance(seconds=1)
    assert code(read(stage, token)) == "token_revoked"


@pytest.mark.parametrize("subject", ["lin", "passing"])
@pytest.mark.parametrize(
    ("issued", "expires", "status"),
    [
        (0, LONGEST_SECONDS, 200),
        (0, LONGEST_SECONDS + 1, 401),
        (-LONGEST_SECONDS + 1, 1, 200),
        (-LONGEST_SECONDS + 1, 2, 401),
        (AHEAD_SECONDS, 60, 200),
        (AHEAD_SECONDS + 1, 60, 401),
        (10_000_000, 10_000_060, 401),
        (None, 60, 401),
        ("now", 60, 401),
        (True, 60, 401),
        (-0.5, 60, 401),
    ],
)
def test_no_token_of_the_secret_holds_longer_than_a_day_or_begins_later(
    officer: Stage, subject: str, issued: Json, expires: int, status: int
) -> None:
    """Whoever made it, the command line or a thief of the secret; of registered names and of others."""
    ours, now = officer.callers.tokens, seconds(officer)
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": subject, "exp": now + expires, "role": "auditor"}
    claims |= {"scope": {"jurisdiction": "CN"}}
    if issued is not None:
        claims["iat"] = now + issued if type(issued) in {int, float} else issued
    head = {"alg": "Ed25519", "kid": ours.public_key.key_id, "typ": "at+jwt"}
    answer = read(officer, jwt.encode(head, claims, ours._key, algorithms=["Ed25519"]))
    assert answer.status_code == status
    assert status == 200 or code(answer) == "token_invalid"


def test_a_token_that_begins_later_is_taken_when_it_is_later(stage: Stage) -> None:
    ahead = Tokens(SECRET.encode(), ISSUER, lambda: stage.clock() + 60_000_000)
    token = ahead.issue(mandate_of("passing", Role.AUDITOR, {"jurisdiction": "CN"}), 600)
    assert code(read(stage, token)) == "token_invalid"
    stage.clock.advance(seconds=30)
    assert read(stage, token).status_code == 200, "what was refused before is not remembered"


def test_the_registry_decides_and_not_the_token(officer: Stage) -> None:
    claimed = officer.callers.tokens.issue(mandate_of("lin", Role.AUDITOR, {"jurisdiction": "CN-TJ"}), 60)
    assert [each["institution_id"] for each in read(officer, claimed).json()["data"]] == ["I-1"]


def test_a_user_signs_in_with_name_and_password(officer: Stage) -> None:
    answer = ask(officer, grant_type="password", username="lin", password=PASSWORD)
    assert answer.status_code == 200, answer.text
    assert read(officer, answer.json()["access_token"]).status_code == 200


def test_whatever_is_wrong_about_a_sign_in_the_answer_is_the_same(officer: Stage) -> None:
    answers = [
        ask(officer, grant_type="password", username=name, password=word)
        for name, word in (("lin", "wrong"), ("nobody", PASSWORD), ("the-bank", PASSWORD), ("lin", "x" * 5000))
    ]
    assert {code(each) for each in answers} == {"credentials_wrong"}
    bodies = [{name: value for name, value in each.json().items() if name != "trace_id"} for each in answers]
    assert bodies == [bodies[0]] * len(bodies)


def test_the_password_is_kept_as_argon2id_and_nowhere_else(officer: Stage) -> None:
    with officer.ledger.engine.connect() as connection:
        hashed = connection.exec_driver_sql("select hash from access_passwords").scalar()
        everything = [
            str(row)
            for table in ("access_subjects", "access_changes", "access_passwords")
            for row in connection.exec_driver_sql(f"select * from {table}")
        ]
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not [row for row in everything if PASSWORD in row]


def test_a_disabled_user_signs_in_no_more(officer: Stage) -> None:
    with writing(officer.ledger.engine) as connection:
        end_subject(connection, "lin", Deed("test", officer.clock()))
    assert code(ask(officer, grant_type="password", username="lin", password=PASSWORD)) == "credentials_wrong"


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        ("", 400, "token_request_malformed"),
        ("grant_type=password", 400, "token_request_malformed"),
        ("grant_type=password&grant_type=password", 400, "token_request_malformed"),
        ("grant_type=refresh_token", 400, "grant_unsupported"),
        ("grant_type=client_credentials&client_assertion_type=x&client_assertion=y", 400, "token_request_malformed"),
        ("grant_type", 400, "token_request_malformed"),
        ("a=1&" * 40 + "b=1", 400, "token_request_malformed"),
        ("é", 400, "token_request_malformed"),
        ("x=" + "y" * 20_000, 413, "body_too_large"),
    ],
)
def test_a_malformed_request_for_a_token_is_refused(quick: Stage, content: str, status: int, expected: str) -> None:
    answer = quick.client.post("/v1/tokens", content=content.encode(), headers=FORM)
    assert (answer.status_code, code(answer)) == (status, expected)
    as_json = quick.client.post("/v1/tokens", json={"grant_type": "password"}, headers={"Accept-Language": "en"})
    assert code(as_json) == "content_type_unsupported"
    assert "Send the body as application/x-www-form-urlencoded, " in as_json.json()["detail"]


def test_no_other_algorithm_is_taken_for_a_token(quick: Stage) -> None:
    public = quick.runtime.tokens.public_key
    now = seconds(quick)
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": "x", "exp": now + 60, "role": "auditor"}
    claims |= {"scope": {"jurisdiction": "CN"}}  # type: ignore[dict-item]
    head = {"kid": public.key_id, "typ": "at+jwt"}
    as_secret, old_secret = OctKey.import_key(public.x.encode() * 2), OctKey.import_key(SECRET)
    for key in (as_secret, old_secret):
        token = jwt.encode({"alg": "HS256", **head}, claims, key, algorithms=["HS256"])
        assert code(read(quick, token)) == "token_invalid"
    rsa = RSAKey.generate_key(2048)
    assert code(read(quick, jwt.encode({"alg": "RS256", **head}, claims, rsa))) == "token_invalid"


def test_a_client_assertion_is_no_access_token(quick: Stage) -> None:
    assert quick.bank
    assertion = client_assertion(private_key_of("the-bank"), "the-bank", ISSUER, seconds(quick))
    assert code(read(quick, assertion)) == "token_invalid"


def test_a_ledger_with_another_secret_has_other_keys(clock: Clock) -> None:
    one, other = Tokens(SECRET.encode(), ISSUER, clock), Tokens(SECRET[::-1].encode(), ISSUER, clock)
    assert one.public_key.key_id != other.public_key.key_id
    assert Tokens(SECRET.encode(), ISSUER, clock).public_key == one.public_key
