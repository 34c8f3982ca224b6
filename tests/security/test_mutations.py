"""Five hundred seeded changes of a signed request: none is taken, none is stored."""

import random
from collections.abc import Iterator

import http_sf
import pytest

from tests.api.callers import code
from tests.conftest import Clock
from tests.security.conftest import PATH, Json, Stage, deposit, staged

MUTATIONS, PARTS = 500, 2
REFUSED = {
    "digest_mismatch",
    "idempotency_key_malformed",
    "idempotency_key_missing",
    "key_of_another_client",
    "key_unknown",
    "signature_expired",
    "signature_incomplete",
    "signature_invalid",
    "signature_required",
}
SIGNED = ("Content-Digest", "Idempotency-Key", "Signature", "Signature-Input")


@pytest.fixture(scope="module")
def one(sqlite_template: Json, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for the whole file: everything is refused, so nothing changes."""
    path = tmp_path_factory.mktemp("mutated") / "ledger.sqlite"
    path.write_bytes(sqlite_template.read_bytes())
    yield from staged(f"sqlite:///{path}", Clock())


def mutated(random_: random.Random, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes, str]:
    """One change of what was signed: a header's text, the body, or the address."""
    what = random_.choice([*SIGNED, "body", "path"])
    if what == "body":
        return headers, _changed(random_, body), PATH
    if what == "path":
        return headers, body, random_.choice([PATH.replace("I-1", "I-2"), PATH + "?dry_run=true", "/v1/batches"])
    changed = _changed(random_, headers[what].encode()).decode("latin-1")
    if random_.random() < 0.15:
        return {name: value for name, value in headers.items() if name != what}, body, PATH
    return headers | {what: changed}, body, PATH


def _changed(random_: random.Random, text: bytes) -> bytes:
    at, byte = random_.randrange(len(text)), bytes([random_.choice(b'azAZ09+/=;:"() ,.-')])
    kind = random_.randrange(4)
    if kind == 0:
        return text[:at] + byte + text[at + 1 :]
    if kind == 1:
        return text[:at] + byte + text[at:]
    return text[:at] + text[at + 1 :] if kind == 2 else text[:at]


def meant(name: str, value: str) -> object:
    """What a header says: spaces between its parts, and the quotes of a key, say nothing."""
    if name == "Idempotency-Key":
        return value.strip().strip('"')
    try:
        return http_sf.parse(value.encode("latin-1"), tltype="dictionary")
    except ValueError:
        return value


@pytest.mark.parametrize("part", range(PARTS))
def test_no_change_of_a_signed_request_is_taken(one: Stage, part: int) -> None:
    random_ = random.Random(f"signed requests {part}")
    seen, tried = set(), 0
    while tried < MUTATIONS // PARTS:
        body = deposit(bank_serial=f"S{part}-{tried}")
        headers = one.signed(body, f"k-{part}-{tried}")
        changed, sent, path = mutated(random_, headers, body)
        same = all(meant(name, changed.get(name, "")) == meant(name, headers[name]) for name in SIGNED)
        if same and sent == body and path == PATH:
            continue
        tried += 1
        given = [(name.encode(), value.encode("latin-1")) for name, value in changed.items()]
        answer = one.client.post(path, content=sent, headers=given)
        assert 400 <= answer.status_code < 500, (changed, answer.text)
        seen.add(code(answer))
        assert code(answer) in REFUSED, (changed, path, answer.text)
    assert one.ledger.position() == 0
    assert {"signature_invalid", "digest_mismatch"} <= seen
    assert len(seen) > 4
