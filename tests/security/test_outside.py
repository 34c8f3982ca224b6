"""Tokens of an outside provider: held to its keys as they are now, to time, and to the registry here."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from api.cli import run
from api.security.passwords import register_user
from api.security.registry import Deed, writing
from api.security.scopes import mandate_of
from api.security.tokens import AHEAD_SECONDS, LONGEST_SECONDS
from api.terminal.environment import ENVIRONMENT
from ledger.identifiers import Role
from tests.api.callers import ISSUER, SECRET, code
from tests.conftest import Clock
from tests.security.conftest import Json, Stage, staged
from tests.security.test_tokens import read

PROVIDER, AUDIENCE = "https://login.example", "ledger"


MINE = "/v1/mediation-cases"
NOT_A_KEY_SET = {
    "half written": '{"keys": [{"kty": "RS',
    "empty": "",
    "no object": "[]",
    "without keys": "{}",
    "keys are no list": '{"keys": {}}',
    "a key is null": '{"keys": [null]}',
    "a key is a text": '{"keys": ["kid"]}',
    "too deep": "[" * 100_000,
    "not UTF-8": "\udcff",
}


@pytest.fixture(scope="module")
def provider_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "p-1", "use": "sig", "alg": "RS256"})


@pytest.fixture
def outside(sqlite_url: str, clock: Clock, tmp_path: Path, provider_key: RSAKey) -> Iterator[Stage]:
    """A ledger that takes the tokens of an outside provider, and a user that it knows from there."""
    jwks = tmp_path / "jwks.json"
    symmetric = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "s-1", "alg": "HS256"}
    jwks.write_text(json.dumps({"keys": [provider_key.as_dict(private=False), symmetric]}))
    for one in staged(sqlite_url, clock, oidc_issuer=PROVIDER, oidc_audience=AUDIENCE, oidc_jwks=str(jwks)):
        with writing(one.ledger.engine) as connection:
            mandate = mandate_of("wang", Role.MEDIATOR, {"jurisdiction": "CN-BJ", "district": "海淀区"})
            register_user(connection, mandate, None, Deed("test", 1), "auth0|wang@example")
        yield one


def of_provider(key: Json, clock: Clock, alg: str = "RS256", kid: str = "p-1", **changes: Json) -> str:
    claims = {"iss": PROVIDER, "aud": [AUDIENCE], "sub": "auth0|wang@example", "exp": clock() // 1_000_000 + 60}
    return jwt.encode({"alg": alg, "kid": kid}, claims | changes, key, algorithms=[alg])


def test_a_user_of_the_outside_provider_is_let_in_as_registered_here(outside: Stage, provider_key: RSAKey) -> None:
    boasting = {"role": "regulator", "scope": {"jurisdiction": "CN"}}
    token = of_provider(provider_key, outside.clock, **boasting)
    assert read(outside, token, MINE).status_code == 200
    assert code(read(outside, token, "/v1/audit-trail")) == "not_permitted", "what the token says of roles is nothing"


def test_a_token_of_the_outside_provider_is_held_to_issuer_audience_key_and_time(
    outside: Stage, provider_key: RSAKey
) -> None:
    clock, stranger = outside.clock, RSAKey.generate_key(2048)
    secret = OctKey.import_key("secretsecretsecret")
    members = provider_key.as_dict(private=True)
    any_algorithm = RSAKey.import_key(
        {name: value for name, value in members.items() if name in {*"nedpq", "kty", "dp", "dq", "qi"}}
    )
    wrong = {
        "unknown subject": (of_provider(provider_key, clock, sub="auth0|other"), "token_unknown_subject"),
        "no subject": (of_provider(provider_key, clock, sub=None), "token_invalid"),
        "a subject of ours": (of_provider(provider_key, clock, sub="wang"), "token_unknown_subject"),
        "other audience": (of_provider(provider_key, clock, aud="else"), "token_invalid"),
        "other issuer": (of_provider(provider_key, clock, iss="https://else.example"), "token_invalid"),
        "our issuer": (of_provider(provider_key, clock, iss=ISSUER), "token_invalid"),
        "expired": (of_provider(provider_key, clock, exp=1), "token_expired"),
        "another key": (of_provider(stranger, clock), "token_invalid"),
        "unknown key": (of_provider(provider_key, clock, kid="p-2"), "token_invalid"),
        "another algorithm of the key": (of_provider(any_algorithm, clock, "PS256"), "token_invalid"),
        "symmetric": (of_provider(secret, clock, "HS256", "s-1"), "token_invalid"),
    }
    for name, (token, expected) in wrong.items():
        assert code(read(outside, token, MINE)) == expected, name


def key_file(outside: Stage) -> Path:
    return Path(outside.runtime.settings.oidc_jwks or "")


def published(*keys: RSAKey) -> str:
    return json.dumps({"keys": [each.as_dict(private=False) for each in keys]})


def after_a_second(outside: Stage, token: str) -> Json:
    outside.clock.advance(seconds=1)
    return read(outside, token, MINE)


@pytest.fixture(scope="module")
def next_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "p-2", "use": "sig", "alg": "RS256"})


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ({"nbf": AHEAD_SECONDS}, 200),
        ({"nbf": AHEAD_SECONDS + 1}, 401),
        ({"iat": AHEAD_SECONDS}, 200),
        ({"iat": AHEAD_SECONDS + 1}, 401),
        ({"iat": 0, "nbf": 7_200}, 401),
        ({"exp": LONGEST_SECONDS}, 200),
        ({"exp": LONGEST_SECONDS + 1}, 401),
        ({"exp": LONGEST_SECONDS, "iat": 0}, 200),
        ({"exp": LONGEST_SECONDS, "iat": -1}, 401),
        ({"exp": 1, "iat": 1 - LONGEST_SECONDS}, 200),
        ({"exp": 315_360_000, "iat": 0}, 401),
        ({"nbf": -10, "iat": -5}, 200),
    ],
    ids=str,
)
def test_a_token_from_outside_is_taken_in_its_time_and_for_a_day_at_most(
    outside: Stage, provider_key: RSAKey, times: dict[str, int], status: int
) -> None:
    now = outside.clock() // 1_000_000
    token = of_provider(provider_key, outside.clock, **{name: now + each for name, each in times.items()})
    answer = read(outside, token, MINE)
    assert answer.status_code == status, answer.text
    assert status == 200 or code(answer) == "token_invalid"


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", [None, "now", True, 1.5, [], {}], ids=str)
def test_a_time_that_is_no_number_of_seconds_is_none(
    outside: Stage, provider_key: RSAKey, claim: str, value: Json
) -> None:
    token = of_provider(provider_key, outside.clock, **{claim: value})
    assert code(read(outside, token, MINE)) == "token_invalid"


def test_a_token_from_outside_that_begins_later_is_taken_later(outside: Stage, provider_key: RSAKey) -> None:
    now = outside.clock() // 1_000_000
    token = of_provider(provider_key, outside.clock, nbf=now + 60, exp=now + 120)
    assert code(read(outside, token, MINE)) == "token_invalid"
    outside.clock.advance(seconds=30)
    assert read(outside, token, MINE).status_code == 200


def test_a_new_key_of_the_provider_is_found_in_its_file_within_a_second(
    outside: Stage, provider_key: RSAKey, next_key: RSAKey
) -> None:
    token = of_provider(next_key, outside.clock, kid="p-2")
    assert code(read(outside, token, MINE)) == "token_invalid"
    key_file(outside).write_text(published(provider_key, next_key))
    assert after_a_second(outside, token).status_code == 200
    assert read(outside, of_provider(provider_key, outside.clock), MINE).status_code == 200


def test_a_key_that_the_provider_withdrew_ends_within_a_second_also_for_tokens_that_were_read(
    outside: Stage, provider_key: RSAKey, next_key: RSAKey
) -> None:
    token = of_provider(provider_key, outside.clock)
    assert read(outside, token, MINE).status_code == 200
    key_file(outside).write_text(published(next_key))
    assert code(after_a_second(outside, token)) == "token_invalid"
    assert code(read(outside, of_provider(provider_key, outside.clock, jti="fresh"), MINE)) == "token_invalid"
    assert read(outside, of_provider(next_key, outside.clock, kid="p-2"), MINE).status_code == 200
    key_file(outside).write_text('{"keys": []}')
    assert code(after_a_second(outside, of_provider(next_key, outside.clock, kid="p-2"))) == "token_invalid"


@pytest.mark.parametrize("content", [*NOT_A_KEY_SET.values(), None], ids=[*NOT_A_KEY_SET, "removed"])
def test_while_the_file_cannot_be_read_the_keys_stay_and_it_is_logged_once(
    outside: Stage, provider_key: RSAKey, next_key: RSAKey, capfd: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is None:
        key_file(outside).unlink()
    else:
        key_file(outside).write_bytes(content.encode(errors="surrogateescape"))
    capfd.readouterr()
    unknown = of_provider(next_key, outside.clock, kid="p-2")
    for _ in range(3):
        answer = after_a_second(outside, unknown)
        assert (answer.status_code, code(answer)) == (401, "token_invalid")
    assert read(outside, of_provider(provider_key, outside.clock), MINE).status_code == 200
    logged = [line for line in capfd.readouterr().err.splitlines() if "outside keys stay as they were" in line]
    assert len(logged) == 1
    assert str(key_file(outside)) in logged[0]
    key_file(outside).write_text(published(next_key))
    assert after_a_second(outside, unknown).status_code == 200


@pytest.mark.parametrize(
    "odd",
    [{"kty": "RSA", "n": 5, "e": []}, {"alg": []}, {"crv": ["P-256"]}, {"kty": ["RSA"]}, {"kid": {}}, {"kty": "new"}],
    ids=str,
)
def test_a_key_that_cannot_be_used_takes_no_other_with_it(
    outside: Stage, provider_key: RSAKey, next_key: RSAKey, odd: dict[str, Json]
) -> None:
    members = [provider_key.as_dict(private=False) | {"kid": "odd"} | odd, next_key.as_dict(private=False), {}]
    key_file(outside).write_text(json.dumps({"keys": members}))
    assert after_a_second(outside, of_provider(next_key, outside.clock, kid="p-2")).status_code == 200
    assert code(read(outside, of_provider(provider_key, outside.clock, kid="odd"), MINE)) == "token_invalid"


@pytest.mark.parametrize("content", [*NOT_A_KEY_SET.values(), None], ids=[*NOT_A_KEY_SET, "missing"])
def test_a_key_file_that_cannot_be_read_stops_the_start_and_is_named(
    settled: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        settled.write_bytes(content.encode(errors="surrogateescape"))
    assert run(["serve"]) == ENVIRONMENT
    told = capsys.readouterr().err
    assert told.startswith("ledger: 设置有误 LEDGER_OIDC_JWKS: ")
    assert str(settled) in told
    assert ("is malformed" in told) is (content is not None)
    assert "cannot be read" in told or content is not None


def test_a_provider_called_as_the_ledger_is_stops_the_start_and_is_named(
    settled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, provider_key: RSAKey
) -> None:
    settled.write_text(published(provider_key))
    monkeypatch.setenv("LEDGER_OIDC_ISSUER", ISSUER)
    assert run(["serve"]) == ENVIRONMENT
    told = capsys.readouterr().err
    assert told.startswith("ledger: 设置有误 LEDGER_OIDC_ISSUER: 与 LEDGER_TOKEN_ISSUER 相同")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Path:
    """The environment of a ledger with an outside provider, and where its keys would be."""
    jwks = tmp_path / "provider.json"
    for name, value in {
        "DATABASE_URL": sqlite_url,
        "TOKEN_SECRET": SECRET,
        "PORT": "0",
        "OIDC_ISSUER": PROVIDER,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS": str(jwks),
    }.items():
        monkeypatch.setenv(f"LEDGER_{name}", value)
    return jwks
