"""The store under the ledger's own rules: a story is recorded, read back, refused, repeated and audited."""

from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import rejections as no
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.audit import audit
from ledger.commands import Command, ConfirmLessons, LessonRef
from ledger.events import ClassConsumptionConfirmed, DepositApplied
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from tests import examples as x
from tests.conftest import Clock

_keys = count()
_FIRST = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.MEDIATOR, Role.REGULATOR)


def order(command: Command, institution_id: str = "school") -> Order:
    """By the first role that may, under a new key."""
    role = next(role for role in _FIRST if role in command.by)
    return Order(institution_id, f"key-{next(_keys)}", command, f"{role}-1", role)


def story() -> list[Command]:
    """From opening to a refund that was paid."""
    return [
        x.opening(),
        x.contract(),
        x.deposit(),
        *x.taught("l1", "l2", "l3"),
        x.claim("l4", "l5"),
        x.dispute("l5"),
        x.decide_dispute("l5", "reversed"),
        x.confirm("l4"),
        x.release(2 * x.LESSON_FEN),
        x.settle_release(),
        x.request(),
        x.approve(),
        *x.paid_out(),
    ]


@pytest.fixture
def told(ledger: Ledger, clock: Clock) -> Ledger:
    clock.now += timedelta(days=20)
    for command in story():
        ledger.submit(order(command))
    return ledger


def test_a_story_is_recorded_and_the_audit_agrees(told: Ledger) -> None:
    report = audit(told)
    assert report.findings == []
    assert report.events == told.position() == len(told.stream("school"))
    assert report.commands == len(story())


def test_one_contract_shows_its_own_events_only(told: Ledger) -> None:
    told.submit(order(x.contract("c2", price_fen=600_00, hours="6", student_id="child-2")))
    own = told.contract_events("school", "c2")
    assert [event.topic for event in own] == ["contract_registered.1"]
    first = told.contract_events("school", "c1")
    assert len(first) > 10
    assert any(isinstance(event.event, DepositApplied) for event in first)
    assert all(event.event.contract_id == "c1" for event in first)  # type: ignore[attr-defined]


def test_a_refusal_by_the_rules_records_nothing(told: Ledger) -> None:
    before = told.position()
    with pytest.raises(no.LessonNotOpen):
        told.submit(order(x.confirm("l1")))
    with pytest.raises(no.RoleNotAllowed):
        told.submit(Order("school", "another", x.freeze(), "guardian-1", Role.GUARDIAN))
    assert told.position() == before


def test_a_class_is_one_command_and_one_reply(ledger: Ledger, clock: Clock) -> None:
    clock.now += timedelta(days=20)
    ledger.submit(order(x.opening()))
    pupils = [f"c{n}" for n in range(30)]
    for pupil in pupils:
        ledger.submit(order(x.contract(pupil, student_id=f"child-{pupil}")))
        ledger.submit(order(x.deposit(f"s-{pupil}", contract_id=pupil)))
    lines = [x.lesson("monday", pupil) for pupil in pupils]
    ledger.submit(order(x.claim(*lines)))
    confirmation = ConfirmLessons(lessons=[LessonRef(contract_id=c, lesson_id="monday") for c in pupils])
    receipt = ledger.submit(order(confirmation))
    assert [type(event.event) for event in receipt.events] == [ClassConsumptionConfirmed] * 30
    assert len({event.envelope for event in receipt.events}) == 1
    assert audit(ledger).passed


_LESSONS = st.sampled_from(["l1", "l2", "l3"])
_CONTRACTS = st.sampled_from(["c1", "c2"])
_STEPS = st.one_of(
    st.builds(lambda c: x.contract(c, price_fen=300_00, hours="3", student_id=f"child-{c}"), _CONTRACTS),
    st.builds(lambda s, c: x.deposit(s, 150_00, c), st.sampled_from(["s1", "s2", "s3"]), _CONTRACTS),
    st.builds(lambda lesson, c: x.claim(lesson, contract_id=c), _LESSONS, _CONTRACTS),
    st.builds(lambda lesson, c: x.confirm(lesson, contract_id=c), _LESSONS, _CONTRACTS),
    st.builds(x.dispute, _LESSONS, _CONTRACTS),
    st.builds(x.decide_dispute, _LESSONS, st.sampled_from(["upheld", "reversed"]), _CONTRACTS),
    st.builds(lambda fen, c: x.release(fen, c, f"r-{c}"), st.integers(1, 200_00), _CONTRACTS),
    st.builds(lambda c: x.settle_release(c, release_id=f"r-{c}"), _CONTRACTS),
    st.builds(lambda c: x.request(f"f-{c}", c), _CONTRACTS),
    st.builds(lambda c: x.approve(f"f-{c}"), _CONTRACTS),
    st.builds(lambda c: x.instruct(f"f-{c}", f"i-{c}"), _CONTRACTS),
    st.builds(lambda c: x.settle(f"f-{c}", f"i-{c}"), _CONTRACTS),
    st.builds(x.reverse_deposit, st.sampled_from(["s1", "s2", "s3"])),
    st.just(x.freeze()),
    st.just(x.unfreeze()),
    st.builds(lambda: x.closure(date(2026, 9, 20))),
)


@given(steps=st.lists(_STEPS, min_size=5, max_size=40), sizes=st.lists(st.integers(1, 5), min_size=1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_rows_are_the_fold_of_the_events(
    ledger: Ledger, clock: Clock, steps: list[Command], sizes: list[int]
) -> None:
    clock.now = max(clock.now, Clock().now + timedelta(days=20))
    school = f"school-{next(_keys)}"
    ledger.submit(order(x.opening(), school))
    accepted, foreseen = 1, ledger.position()
    while steps:
        size = sizes[len(steps) % len(sizes)]
        batch, steps = steps[:size], steps[size:]
        first = order(batch[0], school)
        try:
            expected = [event.state for event in ledger.preview(first)]
        except Rejection:
            expected = []
        answers = ledger.submit_all([first, *(order(each, school) for each in batch[1:])])
        received = [answer for answer in answers if isinstance(answer, Receipt)]
        if expected:
            assert [event.state for event in received[0].events] == expected
        accepted += len(received)
        foreseen += sum(len(answer.events) for answer in received)
    assert ledger.position() == foreseen
    report = audit(ledger, [school])
    assert report.findings == []
    assert report.commands == accepted
