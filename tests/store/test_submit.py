"""Submitting commands: keys, versions, positions, batches, previews, refusals."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.answers import (
    BatchRefused,
    CommandKeyReused,
    MalformedIdentifier,
    Receipt,
    UnstorableText,
    VersionConflict,
)
from ledger.application import Ledger
from ledger.orders import Order
from ledger.store.failures import InvariantBroken
from tests.conftest import Clock
from tests.store.savings import DepositKnown, decide, pay


@pytest.fixture
def ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    return opened(clock, decide)


def test_an_accepted_command_is_in_the_stream_and_in_the_feed(ledger: Ledger) -> None:
    receipt = ledger.submit(pay(times=3))
    assert (receipt.first_version, receipt.last_version, receipt.position, receipt.replayed) == (
        1,
        3,
        3,
        False,
    )
    assert ledger.stream("school") == ledger.feed() == list(receipt.events)
    assert [event.version for event in receipt.events] == [1, 2, 3]
    assert ledger.position() == 3


def test_positions_run_through_all_institutions_and_versions_through_one(ledger: Ledger) -> None:
    for institution_id in ("a", "b", "a", "c", "a"):
        ledger.submit(pay(institution_id))
    assert [(event.position, event.institution_id, event.version) for event in ledger.feed()] == [
        (1, "a", 1),
        (2, "b", 1),
        (3, "a", 2),
        (4, "c", 1),
        (5, "a", 3),
    ]
    assert ledger.institutions() == ["a", "b", "c"]
    assert ledger.institutions(after="a", limit=1) == ["b"]
    assert [event.version for event in ledger.stream("a", after_version=1, limit=1)] == [2]
    assert [event.position for event in ledger.feed(after=2, limit=2)] == [3, 4]


def test_the_same_request_under_the_same_key_gets_the_first_answer_again(ledger: Ledger) -> None:
    order = pay(times=2)
    first = ledger.submit(order)
    ledger.submit(pay())
    again = ledger.submit(order)
    assert again.replayed
    assert (again.first_version, again.last_version, again.position, again.events) == (1, 2, 2, first.events)
    assert ledger.position() == 3


def test_another_request_under_a_used_key_is_refused(ledger: Ledger) -> None:
    order = pay(command_id="key", amount_fen=1)
    ledger.submit(order)
    with pytest.raises(CommandKeyReused, match="key"):
        ledger.submit(pay(command_id="key", amount_fen=2, deposit_id="other"))
    with pytest.raises(CommandKeyReused):
        ledger.preview(pay(command_id="key", amount_fen=2))
    assert ledger.submit(pay("elsewhere", command_id="key")).first_version == 1


def test_a_rejected_command_leaves_no_trace_and_its_key_stays_free(ledger: Ledger) -> None:
    ledger.submit(pay(deposit_id="d"))
    with pytest.raises(DepositKnown):
        ledger.submit(pay(command_id="key", deposit_id="d"))
    assert ledger.position() == 1
    assert not ledger.submit(pay(command_id="key", deposit_id="e")).replayed


def test_a_decision_from_another_version_is_refused(ledger: Ledger) -> None:
    order = pay(times=2)
    ledger.submit(order)
    stale = pay()
    for expected in (0, 1, 3):
        with pytest.raises(VersionConflict) as conflict:
            ledger.submit(_expecting(stale, expected))
        assert conflict.value.actual_version == 2
    assert ledger.submit(_expecting(stale, 2)).first_version == 3
    assert ledger.submit(_expecting(order, 0)).replayed


def test_sheets_that_a_command_does_not_name_are_read_when_it_asks_for_them(ledger: Ledger) -> None:
    ledger.submit(pay(deposit_id="d", prepared=False, times=3))
    ledger.submit(pay(deposit_id="e", prepared=False, times=3))
    with pytest.raises(DepositKnown):
        ledger.submit(pay(deposit_id="e", prepared=False, times=3))
    answers = ledger.submit_all([pay(deposit_id=name, prepared=False) for name in ("e", "f", "f", "g")])
    assert [type(answer) for answer in answers] == [DepositKnown, Receipt, DepositKnown, Receipt]


def test_each_command_of_a_batch_gets_its_own_answer(ledger: Ledger) -> None:
    ledger.submit(known := pay("a", deposit_id="d"))
    orders = [
        pay("a"),
        known,
        pay("a", deposit_id="d"),
        pay("b", command_id="x"),
        pay("b", command_id="x", amount_fen=7),
        pay("b"),
    ]
    answers = ledger.submit_all(orders)
    assert [type(answer) for answer in answers] == [
        Receipt,
        Receipt,
        DepositKnown,
        Receipt,
        CommandKeyReused,
        Receipt,
    ]
    assert [answer.replayed for answer in answers if isinstance(answer, Receipt)] == [
        False,
        True,
        False,
        False,
    ]
    assert [(event.institution_id, event.version) for event in ledger.feed()] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("b", 2),
    ]


def test_a_key_twice_in_one_batch_is_recorded_once(ledger: Ledger) -> None:
    order = pay()
    first, second = ledger.submit_all([order, order])
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.events == second.events
    assert ledger.position() == 1


def test_a_large_batch_keeps_the_order_within_each_institution(ledger: Ledger) -> None:
    orders = [pay(f"school-{n % 7}", amount_fen=n) for n in range(600)]
    answers = ledger.submit_all(orders)
    assert all(isinstance(answer, Receipt) for answer in answers)
    for number in range(7):
        amounts = [event.event.amount_fen for event in ledger.stream(f"school-{number}")]  # type: ignore[attr-defined]
        assert amounts == [n for n in range(600) if n % 7 == number]


def test_all_or_nothing_across_institutions(ledger: Ledger) -> None:
    ledger.submit(pay("a", deposit_id="d"))
    twice = pay("c")
    orders = [pay("a"), pay("b"), twice, twice, pay("a", deposit_id="d")]
    refused = ledger.submit_all(orders, atomic=True)
    assert [type(answer) for answer in refused] == [
        BatchRefused,
        BatchRefused,
        BatchRefused,
        BatchRefused,
        DepositKnown,
    ]
    assert ledger.position() == 1
    accepted = ledger.submit_all(orders[:4], atomic=True)
    assert [answer.position for answer in accepted if isinstance(answer, Receipt)] == [2, 3, 4, 4]
    assert [answer.replayed for answer in ledger.submit_all(orders[:4], atomic=True)] == [True] * 4  # type: ignore[union-attr]


def test_a_preview_shows_the_events_and_records_nothing(ledger: Ledger) -> None:
    ledger.submit(pay(deposit_id="d"))
    order = pay(times=2)
    foreseen = ledger.preview(order)
    assert [event.version for event in foreseen] == [2, 3]
    assert ledger.position() == 1
    with pytest.raises(DepositKnown):
        ledger.preview(pay(deposit_id="d"))
    recorded = ledger.submit(order)
    assert [event.state for event in foreseen] == [event.state for event in recorded.events]
    assert [event.hash for event in foreseen] == [event.hash for event in recorded.events]
    assert ledger.preview(order) == recorded.events


def test_recording_time_never_runs_backwards_within_an_institution(ledger: Ledger, clock: Clock) -> None:
    ledger.submit(pay("a"))
    clock.advance(hours=-5)
    ledger.submit(pay("a"))
    ledger.submit(pay("b"))
    times = [event.envelope.recorded_at for event in ledger.feed()]
    assert times[0] == times[1] > times[2] == clock()


def test_a_bug_that_the_database_notices_hurts_its_own_command_only(ledger: Ledger) -> None:
    with pytest.raises(InvariantBroken):
        ledger.submit(pay(bug="unbalanced"))
    with pytest.raises(ZeroDivisionError):
        ledger.submit(pay(bug="crash"))
    with pytest.raises(InvariantBroken):
        ledger.submit_all([pay("a"), pay("a", bug="unbalanced"), pay("a"), pay("b")])
    assert [(event.institution_id, event.version) for event in ledger.feed()] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "école", "a" * 129, 'a"', "a\\", "a\ud800"])
def test_ids_outside_the_alphabet_are_refused(ledger: Ledger, bad: str) -> None:
    for order in (pay(bad), pay(command_id=bad or " ")):
        with pytest.raises(MalformedIdentifier):
            ledger.submit(order)
    assert ledger.position() == 0


@pytest.mark.parametrize("name", ["NULL", "null", "a.b-c_D", "a" * 128])
def test_every_wellformed_id_works(ledger: Ledger, name: str) -> None:
    order = pay(name, command_id=name, deposit_id=name)
    ledger.submit(order)
    assert ledger.submit(order).replayed
    with pytest.raises(DepositKnown):
        ledger.submit(pay(name, deposit_id=name))


def test_text_that_no_database_keeps_is_refused(ledger: Ledger) -> None:
    for note in ("a\0b", "\\\0"):
        with pytest.raises(UnstorableText):
            ledger.submit(pay(note=note))
    odd = r'\u0000 \\u0000 {"a":1} ☃ 学费 \n' + "\n\t\x01\"'"
    ledger.submit(pay(note=odd))
    (event,) = ledger.feed()
    assert event.event.remittance == odd  # type: ignore[attr-defined]


def _expecting(order: Order, version: int) -> Order:
    return replace(order, expected_version=version)
