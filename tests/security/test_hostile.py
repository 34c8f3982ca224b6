"""Text that no key, name or nonce has, where one is read: refused with a code, never an error of the server."""

import base64
import json

import pytest

from api.security.grants import ASSERTION_TYPE
from tests.api.callers import code
from tests.security.conftest import Stage, deposit
from tests.security.test_tokens import ask, with_assertion

BODY = deposit()


def segment(members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("kid", ["\0", "a\0b", "\ud800", "x" * 10_000, 7, None, {"a": 1}])
def test_a_key_id_that_cannot_be_one_is_an_unknown_key(stage: Stage, kid: object) -> None:
    assertion = f"{segment({'alg': 'Ed25519', 'kid': kid})}.{segment({'sub': 'x'})}.AAAA"
    assert code(with_assertion(stage, assertion)) == "client_assertion_invalid"


@pytest.mark.parametrize("name", ["\0", "lin\0", "\U0001f600", "x" * 10_000])
def test_a_name_that_cannot_be_one_is_a_wrong_name(stage: Stage, name: str) -> None:
    assert code(ask(stage, grant_type="password", username=name, password="correct horse battery")) == (
        "credentials_wrong"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keyid=", "keyid=7;x="),
        ("keyid=", "keyid=?1;x="),
        ("keyid=", "keyid=:AAAA:;x="),
        ("nonce=", "nonce=7;x="),
        ("nonce=", "nonce;x="),
        ("created=", 'created="x";x='),
        ("created=", "created=1.5;x="),
        ("created=", "created;x="),
        ("created=", "expires=1.5;created="),
        ("created=", 'expires="x";created='),
        ("created=", "alg=7;created="),
        ("created=", "tag=7;created="),
        ("created=", "expires=99999999999999;created="),
        ('"@method"', '"@method";req'),
        ('"@method"', "7"),
        ('"@method"', "@method"),
        ('"@method"', '"@method";key=7'),
        ('"content-digest"', '"content-digest";sf'),
        ("sig=", "sig=?1, x="),
        ("sig=", "*="),
    ],
)
def test_a_signature_with_parameters_of_other_types_is_refused(quick: Stage, old: str, new: str) -> None:
    headers = quick.signed(BODY)
    headers["Signature-Input"] = headers["Signature-Input"].replace(old, new)
    answer = quick.send(headers, BODY)
    assert answer.status_code == 401, answer.text
    assert code(answer).startswith(("signature_", "key_"))
    assert len(quick.ledger.stream("I-1")) == 1


@pytest.mark.parametrize("digest", ["", "sha-256=7", "sha-256=:AAAA:", "sha-256=?1", "x", "sha-256=(1 2)", "é"])
def test_a_digest_that_is_none_is_refused(quick: Stage, digest: str) -> None:
    headers = {name.encode(): value.encode() for name, value in quick.signed(BODY).items()}
    headers[b"Content-Digest"] = digest.encode("latin-1")
    answer = quick.client.post("/v1/escrows/I-1/deposits", content=BODY, headers=headers)
    assert answer.status_code in {400, 401}, answer.text


def test_a_form_field_that_is_no_text_is_refused(stage: Stage) -> None:
    for assertion in ("é.a.b", "\0", ".", "..", "a.b.c.d.e"):
        asked = ask(
            stage,
            grant_type="client_credentials",
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=assertion,
        )
        assert code(asked) == "client_assertion_invalid"
