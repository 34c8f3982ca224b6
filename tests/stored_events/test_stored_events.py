"""Every event name ever stored is still read, and what is written today is written as it was yesterday."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.serialization import (
    EVENTS,
    TOPICS,
    UPCASTERS,
    UnknownEvent,
    UnreadableEvent,
    Upcast,
    decode,
    encode,
    encode_envelope,
    link,
    request_hash,
)
from tests.store.savings import pay
from tests.stored_events.record import FOLDER

FILES = sorted(FOLDER.glob("*.json"))


def test_every_name_has_an_example() -> None:
    assert {path.stem for path in FILES} == {*EVENTS, *UPCASTERS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_event_is_read_and_written_as_it_was(path: Path) -> None:
    state = path.read_bytes()
    envelope, event = decode(path.stem, state)
    if path.stem in EVENTS:
        assert type(event) is EVENTS[path.stem]
        assert encode(encode_envelope(envelope), event) == state
    else:
        assert TOPICS[type(event)] in EVENTS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_event_holds_integers_and_texts_and_no_fractions(path: Path) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    json.loads(path.read_bytes(), parse_float=refuse)


def test_unknown_names_and_versions_are_refused_by_name() -> None:
    for topic in ("deposit_received.2", "deposit_received", "ledger.events:DepositReceived", "money_vanished.1"):
        with pytest.raises(UnknownEvent, match=re.escape(topic)):
            decode(topic, b"{}")


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{}",
        b'{"envelope":{},"event":{}}',
        b'{"event":{"effective_at":1,"order_no":"1","reason":"r","approved_by":"a"}}',
        (FOLDER / "escrow_unfrozen.1.json").read_bytes().replace(b'"reason"', b'"raison"'),
        (FOLDER / "escrow_unfrozen.1.json").read_bytes().replace(b"1250", b"1250.5"),
        (FOLDER / "escrow_unfrozen.1.json").read_bytes().replace(b"1250", b"1250.0"),
        (FOLDER / "escrow_unfrozen.1.json").read_bytes()[:-1],
    ],
)
def test_a_text_that_does_not_fit_its_name_is_refused(state: bytes) -> None:
    with pytest.raises(UnreadableEvent, match=r"escrow_unfrozen\.1"):
        decode("escrow_unfrozen.1", state)


def test_the_hash_chain_is_defined_over_the_exact_bytes() -> None:
    first = sha256(b"deposit_received.1\0{}").hexdigest()
    assert link("", "deposit_received.1", b"{}") == first
    second = sha256(bytes.fromhex(first) + b"deposit_received.1\0{ }").hexdigest()
    assert link(first, "deposit_received.1", b"{ }") == second


def test_a_request_hash_covers_institution_and_body_and_not_who_asks() -> None:
    one = pay("a", command_id="k", deposit_id="d")
    assert request_hash(one) == "d023aeeac61045a43417941e4646686d9076881db392b3735d4ad097cd767b1e"
    assert request_hash(pay("a", command_id="other", deposit_id="d", amount_fen=100)) == request_hash(one)
    different = [pay("b", deposit_id="d"), pay("a", deposit_id="e"), pay("a", deposit_id="d", amount_fen=101)]
    assert len({request_hash(order) for order in (one, *different)}) == 4


def test_an_old_version_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        "escrow_unfrozen.0": Upcast("escrow_unfrozen.00", lambda event: {**event, "approved_by": "nobody"}),
        "escrow_unfrozen.00": Upcast("escrow_unfrozen.1", lambda event: {**event, "reason": event["reason"] + "!"}),
    }
    for topic, step in steps.items():
        monkeypatch.setitem(UPCASTERS, topic, step)
    state = (FOLDER / "escrow_unfrozen.1.json").read_bytes()
    old = state.replace(b',"approved_by":"approved_by-\xe5\xad\xa6"', b"")
    assert old != state
    _, event = decode("escrow_unfrozen.0", old)
    assert (event.approved_by, event.reason) == ("nobody", "reason-学!")  # type: ignore[attr-defined]
