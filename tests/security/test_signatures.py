"""A bank's word: what is signed is recorded with its signature; everything else is refused, counted and forgotten."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256, sha512

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.security.guard import GuardedLedger, MandatedOrder, SignatureRequired
from api.security.keys import public_key_of
from api.security.registry import Deed, expire_key, register_key, revoke_key, writing
from api.security.signatures import WINDOW_SECONDS, NotSigned, verify_kept
from api.security.signing import signed_headers
from api.settings import Settings
from ledger.commands import RecordDeposit
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, SECRET, code, private_key_of
from tests.conftest import Clock
from tests.security.conftest import PATH, Json, Stage, deposit, staged

BODY = deposit()
Headers = dict[str, str]


def kept(stage: Stage) -> str:
    """The signature in the last event."""
    return stage.ledger.stream("I-1")[-1].envelope.signature


def test_a_signed_deposit_is_recorded_with_a_signature_that_anybody_can_verify(stage: Stage) -> None:
    answer = stage.send(stage.signed(BODY), BODY)
    assert answer.status_code == 201, answer.text
    key = public_key_of(private_key_of("the-bank"))
    proven = verify_kept(kept(stage), key)
    assert (proven.method, proven.target) == ("POST", f"http://testserver{PATH}")
    assert proven.content_digest == f"sha-256=:{base64.b64encode(sha256(BODY).digest()).decode()}:"
    assert (proven.idempotency_key, proven.key_id) == ("k-1", key.key_id)
    assert proven.created == stage.clock() // 1_000_000


def test_a_kept_signature_is_of_one_key_and_one_request(quick: Stage) -> None:
    quick.send(quick.signed(BODY), BODY)
    text, key = kept(quick), public_key_of(private_key_of("the-bank"))
    with pytest.raises(NotSigned):
        verify_kept(text, public_key_of(private_key_of("another")))
    for changed in (text.replace("I-1", "I-2"), text.replace("k-1", "k-2"), text[:-9], "", text.partition("\n")[2]):
        with pytest.raises(NotSigned):
            verify_kept(changed, key)


def test_the_same_request_signed_again_is_answered_as_before(stage: Stage) -> None:
    first = stage.send(stage.signed(BODY), BODY)
    before = stage.ledger.position()
    again = stage.send(stage.signed(BODY), BODY)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert stage.ledger.position() == before


def test_a_signature_is_taken_once_also_by_another_process_and_after_a_restart(stage: Stage, database_url: str) -> None:
    headers = stage.signed(BODY)
    assert stage.send(headers, BODY).status_code == 201
    with refused(stage, "signature_replayed"):
        assert code(stage.send(headers, BODY)) == "signature_replayed"
    settings = Settings(database_url=database_url, token_secret=SECRET, projector=False)  # type: ignore[arg-type]
    with TestClient(create_app(settings, None, stage.clock)) as other:
        assert code(other.post(PATH, content=BODY, headers=headers)) == "signature_replayed"


def test_a_refused_command_spends_its_signature_too(stage: Stage) -> None:
    wrong = deposit(account_id="999")
    headers = stage.signed(wrong)
    assert code(stage.send(headers, wrong)) == "wrong_account"
    assert code(stage.send(headers, wrong)) == "signature_replayed"


def test_nonces_are_kept_no_longer_than_their_window(stage: Stage) -> None:
    for number in range(3):
        stage.send(stage.signed(BODY, f"k-{number}"), BODY)
    stage.clock.advance(seconds=WINDOW_SECONDS + 62)
    assert stage.send(stage.signed(BODY, "later"), BODY).status_code in {201, 409}
    with stage.ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from access_nonces").scalar() == 1


@contextmanager
def refused(stage: Stage, expected: str) -> Iterator[None]:
    """Nothing is stored while the block runs, and the refusal is counted once."""
    before = stage.ledger.position()
    counter = stage.runtime.metrics.refused.labels(expected)
    count = counter._value.get()
    yield
    assert stage.ledger.position() == before
    assert counter._value.get() == count + 1


def unsigned(headers: Headers) -> Headers:
    return {name: value for name, value in headers.items() if "signature" not in name.lower()}


def resigned(headers: Headers, old: str, new: str) -> Headers:
    assert old in headers["Signature-Input"]
    return headers | {"Signature-Input": headers["Signature-Input"].replace(old, new)}


def truncated(headers: Headers) -> Headers:
    return headers | {"Signature": headers["Signature"][:-6] + ":"}


def forged(headers: Headers) -> Headers:
    return headers | {"Signature": f"sig=:{base64.b64encode(bytes(64)).decode()}:"}


def doubled(headers: Headers) -> Headers:
    return headers | {
        "Signature": f"{headers['Signature']}, two{headers['Signature'][3:]}",
        "Signature-Input": f"{headers['Signature-Input']}, two{headers['Signature-Input'][3:]}",
    }


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        (unsigned, 401, "signature_required"),
        (forged, 401, "signature_invalid"),
        (truncated, 401, "signature_invalid"),
        (doubled, 401, "signature_invalid"),
        (lambda h: h | {"Idempotency-Key": "k-2"}, 401, "signature_invalid"),
        (lambda h: h | {"Signature": "sig"}, 401, "signature_invalid"),
        (lambda h: h | {"Signature-Input": "sig=()"}, 401, "signature_incomplete"),
        (lambda h: h | {"Signature-Input": "\x00" * 9 + "(" * 5000}, 401, "signature_invalid"),
        (lambda h: h | {"Signature-Input": "é"}, 401, "signature_invalid"),
        (lambda h: {n: v for n, v in h.items() if n != "Signature"}, 401, "signature_invalid"),
        (lambda h: {n: v for n, v in h.items() if n != "Content-Digest"}, 401, "signature_invalid"),
        (lambda h: resigned(h, ' "idempotency-key"', ""), 401, "signature_incomplete"),
        (lambda h: resigned(h, ' "content-digest"', ""), 401, "signature_incomplete"),
        (lambda h: resigned(h, '"@method" ', '"@method";req '), 401, "signature_incomplete"),
        (lambda h: resigned(h, '"@target-uri"', '"@authority"'), 401, "signature_incomplete"),
        (lambda h: resigned(h, '"@method"', '"@method" "content-type"'), 401, "signature_incomplete"),
        (lambda h: resigned(h, ";nonce=", ";tag="), 401, "signature_incomplete"),
        (lambda h: resigned(h, ";created=", ";expires="), 401, "signature_incomplete"),
        (lambda h: resigned(h, 'alg="ed25519"', 'alg="hmac-sha256"'), 401, "signature_invalid"),
        (lambda h: resigned(h, 'keyid="', 'keyid="x'), 401, "key_unknown"),
    ],
)
def test_a_request_that_was_changed_after_it_was_signed_is_refused(
    quick: Stage, change: Callable[[Headers], Headers], status: int, expected: str
) -> None:
    headers = change(quick.signed(BODY))
    with refused(quick, expected):
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = quick.client.post(PATH, content=BODY, headers=sent)
        assert (answer.status_code, code(answer)) == (status, expected)
        assert answer.headers["accept-signature"].startswith('sig=("@method"')
    assert quick.send(quick.signed(BODY), BODY).status_code == 201, "and the right one is taken afterwards"


def test_another_body_under_a_signature_is_refused(quick: Stage) -> None:
    headers, other = quick.signed(BODY), deposit(amount_fen=999_999)
    with refused(quick, "digest_mismatch"):
        assert code(quick.send(headers, other)) == "digest_mismatch"
    digest = base64.b64encode(sha256(other).digest()).decode()
    with refused(quick, "signature_invalid"):
        swapped = headers | {"Content-Digest": f"sha-256=:{digest}:"}
        assert code(quick.send(swapped, other)) == "signature_invalid"
    assert quick.send(headers, BODY).status_code == 201


def test_another_address_or_method_under_a_signature_is_refused(quick: Stage) -> None:
    headers = quick.signed(BODY)
    for path in ("/v1/escrows/I-2/deposits", f"{PATH}?dry_run=true", f"{PATH}?dry_run=false"):
        with refused(quick, "signature_invalid"):
            assert code(quick.send(headers, BODY, path)) == "signature_invalid"


def signed_by_hand(stage: Stage, digest: str, nonce: str) -> Headers:
    """The signature base as the RFC says it, written out, over any digest."""
    private = private_key_of("the-bank")
    covered = '("@method" "@target-uri" "content-digest" "idempotency-key")'
    parameters = f'{covered};created={stage.clock() // 1_000_000};nonce="{nonce}"'
    parameters += f';keyid="{public_key_of(private).key_id}"'
    base = (
        f'"@method": POST\n"@target-uri": http://testserver{PATH}\n"content-digest": {digest}\n'
        f'"idempotency-key": k-1\n"@signature-params": {parameters}'
    )
    return {
        **stage.bank.headers,
        "Content-Type": "application/json",
        "Idempotency-Key": "k-1",
        "Content-Digest": digest,
        "Signature-Input": f"sig={parameters}",
        "Signature": f"sig=:{base64.b64encode(private.sign(base.encode())).decode()}:",
    }


def test_a_digest_that_does_not_fix_the_body_is_refused(quick: Stage) -> None:
    digest = base64.b64encode(sha256(BODY).digest()).decode()
    alone = f"sha-512=:{base64.b64encode(sha512(BODY).digest()).decode()}:"
    for number, wrong in enumerate((alone, f"sha-512=:AAAA:, sha-256=:{digest}:", "sha-256=1", "noise (", "sha-256")):
        with refused(quick, "digest_mismatch"):
            headers = signed_by_hand(quick, wrong, f"nonce-of-this-one-{number}")
            assert code(quick.send(headers, BODY)) == "digest_mismatch", wrong
    both = f"sha-512=:{base64.b64encode(sha512(BODY).digest()).decode()}:, sha-256=:{digest}:"
    assert quick.send(signed_by_hand(quick, both, "nonce-of-the-right-one"), BODY).status_code == 201


def test_a_nonce_is_long_enough_to_be_nobody_elses(quick: Stage) -> None:
    digest = f"sha-256=:{base64.b64encode(sha256(BODY).digest()).decode()}:"
    for nonce in ("", "short", "x" * 129):
        with refused(quick, "signature_incomplete"):
            assert code(quick.send(signed_by_hand(quick, digest, nonce), BODY)) == "signature_incomplete"


@pytest.mark.parametrize(("offset", "taken"), [(-300, True), (-301, False), (30, True), (31, False)])
def test_a_signature_is_taken_for_five_minutes(quick: Stage, offset: int, taken: bool) -> None:  # noqa: FBT001
    headers = quick.signed(BODY, created=quick.clock() // 1_000_000 + offset)
    answer = quick.send(headers, BODY)
    assert answer.status_code == (201 if taken else 401)
    assert taken or code(answer) == "signature_expired"


def test_a_key_of_another_client_signs_nothing_here(stage: Stage) -> None:
    stage.callers.foreign(Role.BANK)
    with refused(stage, "key_of_another_client"):
        answer = stage.send(stage.signed(BODY, signer="other-bank"), BODY)
        assert (answer.status_code, code(answer)) == (403, "key_of_another_client")
    with refused(stage, "key_unknown"):
        assert code(stage.send(stage.signed(BODY, signer="nobody"), BODY)) == "key_unknown"


def test_a_revoked_key_signs_no_more_and_its_past_stays_verifiable(stage: Stage) -> None:
    assert stage.send(stage.signed(BODY), BODY).status_code == 201
    key = public_key_of(private_key_of("the-bank"))
    with writing(stage.ledger.engine) as connection:
        assert revoke_key(connection, key.key_id, Deed("officer", stage.clock())) == "the-bank"
    stage.clock.advance(seconds=1)
    headers = stage.signed(BODY, "k-9")
    with refused(stage, "key_revoked"):
        assert code(stage.send(headers, BODY)) == "key_revoked"
    assert verify_kept(kept(stage), key).key_id == key.key_id


def test_a_key_signs_from_its_first_moment_to_its_last(stage: Stage) -> None:
    assert stage.send(stage.signed(BODY), BODY).status_code == 201
    engine, now, hour = stage.ledger.engine, stage.clock(), 3_600_000_000
    later = private_key_of("the-next-key")
    with writing(engine) as connection:
        deed = Deed("officer", now)
        register_key(connection, "the-bank", public_key_of(later), deed, not_before_at=now + hour)
        expire_key(connection, public_key_of(private_key_of("the-bank")).key_id, deed, now + hour)
    stage.clock.advance(seconds=2)
    with refused(stage, "key_not_in_force"):
        assert code(stage.send(stage.signed(BODY, "a", signer="the-next-key"), BODY)) == "key_not_in_force"
    stage.clock.advance(hours=1)
    with refused(stage, "key_not_in_force"):
        assert code(stage.send(stage.signed(BODY, "b"), BODY)) == "key_not_in_force"
    other = deposit(bank_serial="2")
    assert stage.send(stage.signed(other, "c", signer="the-next-key"), other).status_code == 201


def test_a_batch_is_signed_as_a_whole(quick: Stage) -> None:
    items = [{"institution_id": "I-1", "command": "record_deposit", "body": json.loads(BODY)}]
    body = json.dumps({"items": items}).encode()
    headers = quick.signed(body, path="/v1/batches")
    with refused(quick, "signature_required"):
        assert code(quick.send(unsigned(headers), body, "/v1/batches")) == "signature_required"
    assert quick.send(headers, body, "/v1/batches").json()["recorded"] == 1
    assert verify_kept(kept(quick), public_key_of(private_key_of("the-bank"))).target.endswith("/v1/batches")


def test_others_may_sign_and_are_held_to_it(quick: Stage) -> None:
    school = quick.callers.of(Role.INSTITUTION, "the-school")
    path, body = "/v1/escrows/I-1/contracts", json.dumps(CONTRACT).encode()
    given = {**school.headers, "Content-Type": "application/json", "Idempotency-Key": "k"}
    foreign = quick.signed(body, "k", path) | given
    with refused(quick, "key_of_another_client"):
        assert code(quick.send(foreign, body, path)) == "key_of_another_client"
    assert quick.send(given, body, path).status_code == 201
    assert kept(quick) == ""


def test_the_guard_itself_records_nothing_of_a_bank_without_a_signature(quick: Stage) -> None:
    order = MandatedOrder(
        institution_id="I-1",
        command_id="x",
        command=RecordDeposit.model_validate_json(BODY),
        actor="the-bank",
        role=Role.BANK,
        mandate=quick.bank.mandate,
    )
    with pytest.raises(SignatureRequired):
        quick.ledger.submit(order)


def test_an_oversized_signed_body_is_not_read_to_its_end(quick: Stage) -> None:
    body = b'{"x": "' + b"x" * 1_100_000 + b'"}'
    answer = quick.send(quick.signed(body), body)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


def test_a_public_address_is_what_must_be_signed(sqlite_url: str, clock: Clock) -> None:
    for stage in staged(sqlite_url, clock, public_url="https://ledger.example"):
        with refused(stage, "signature_invalid"):
            assert code(stage.send(stage.signed(BODY), BODY)) == "signature_invalid"
        given = {**stage.bank.headers, "Content-Type": "application/json", "Idempotency-Key": "k"}
        url = f"https://ledger.example{PATH}"
        headers = signed_headers(private_key_of("the-bank"), "POST", url, given, BODY, created=clock() // 1_000_000)
        assert code(stage.send(headers, BODY)) == "escrow_unknown"


def test_refusals_are_logged_without_what_was_sent(quick: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    headers = forged(quick.signed(BODY, "secret-key"))
    capfd.readouterr()
    answer = quick.send(headers, BODY)
    printed = capfd.readouterr().err
    assert "signature_invalid" in printed
    assert "the-bank" in printed
    for secret in (headers["Signature"], headers["Signature-Input"], headers["Authorization"][7:], "secret-key"):
        assert secret not in printed
        assert secret not in answer.text
    metrics = quick.client.get("/metrics").text
    assert 'ledger_access_refused_total{code="signature_invalid"} 1.0' in metrics


def test_whatever_is_not_let_in_is_counted_by_its_code(quick: Stage) -> None:
    deep, broken = b"[" * 100 + b"]" * 100, b'{"bank_serial": "1'
    for body, path in ((b" " * 1_100_000, PATH), (deep, PATH), (broken, PATH), (BODY, PATH.replace("I-1", "I-2"))):
        assert quick.send(quick.signed(body, path=path), body, path).status_code in {400, 404, 413}
    metrics = quick.client.get("/metrics").text
    for refused_for in ("body_too_large", "body_too_deep", "body_not_json", "escrow_unknown"):
        assert f'ledger_access_refused_total{{code="{refused_for}"}} 1.0' in metrics


def test_what_is_on_the_wire_is_nobodys_but_the_ledgers(quick: Stage) -> None:
    assert isinstance(quick.ledger, GuardedLedger)
    answer: Json = quick.send(unsigned(quick.signed(BODY)), BODY, "/v1/escrows/I-404/deposits")
    assert code(answer) == "signature_required", "whether an escrow exists is not told to who does not sign"
