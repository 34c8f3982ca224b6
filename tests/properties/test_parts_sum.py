"""What was used and what comes back are parts of one price: to the fen, however it was taught, amended and rounded."""

from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.valuation import left_centihours
from ledger.entitlement import entitle
from ledger.entitlement.contracts import facts_of
from ledger.hours import format_hours
from ledger.sheets import Contract
from tests import examples as x
from tests.specification import Specification

CAUSES = ("institution", "neither", "mutual")
AVERAGES = ("paid_average", "all_units_average", "bonus_ratio", "share_of_completed_hours")
LESSONS = st.lists(st.integers(1, 400), max_size=5)
"""Lengths in hundredths of a class hour."""


class Course(NamedTuple):
    """A contract that is counted by the average price, and what was taught of it."""

    place: tuple[str, str]
    price_fen: int
    hours: int
    gift_hours: int
    bonus_fen: int
    first: list[int]
    new_price_fen: int | None
    second: list[int]
    undone: int
    released: bool
    cause: str


COURSES = st.builds(
    Course,
    place=st.sampled_from([("CN", "non_academic"), ("CN-BJ", "academic")]),
    price_fen=st.integers(1, 2_999_99) | st.sampled_from([3000_15, 101, 67, 1]),
    hours=st.sampled_from([30, 41, 53]),
    gift_hours=st.sampled_from([0, 0, 7]),
    bonus_fen=st.sampled_from([0, 0, 50, 333_33]),
    first=LESSONS,
    new_price_fen=st.none() | st.integers(0, 1_999_85),
    second=LESSONS,
    undone=st.integers(0, 9),
    released=st.booleans(),
    cause=st.sampled_from(CAUSES),
)
TIE = Course(("CN", "non_academic"), 3000_15, 30, 0, 0, [100], None, [], 9, released=True, cause="institution")
ROUNDED_FACE = TIE._replace(price_fen=101, bonus_fen=1, hours=3, first=[200])


@settings(max_examples=300, deadline=None)
@given(COURSES)
@example(TIE)
@example(TIE._replace(place=("CN-BJ", "academic"), cause="mutual"))
@example(TIE._replace(gift_hours=30, first=[200]))
@example(ROUNDED_FACE)
@example(TIE._replace(first=[400] * 5, second=[400] * 5))
def test_used_and_refunded_are_what_was_paid_and_nobody_owes_a_fen_of_rounding(course: Course) -> None:
    school = taught(course)
    before = school.escrow.get(Contract, "c1")
    school.when(x.order_refund(cause=course.cause))
    if isinstance(school.outcome, no.NothingDue):
        assert before.consumed_fen == before.paid_fen
        return
    (order, *_) = school.events
    assert isinstance(order, e.RefundOrdered)
    assert order.method in AVERAGES
    assert order.receivable_fen == order.earned_fen == 0
    assert before.consumed_fen + order.amount_fen == before.paid_fen


@settings(max_examples=150, deadline=None)
@given(COURSES, st.integers(0, 4))
@example(TIE, 0)
def test_each_sides_record_is_what_would_be_due_were_it_decided_so(course: Course, contested: int) -> None:
    school = taught(course._replace(released=False, new_price_fen=None, second=[]))
    school.when(x.dispute(f"a{contested}"))
    if isinstance(school.outcome, no.Rejection):
        return
    by_family_fen = due_fen(school, family=True)
    school.given(x.decide_dispute(f"a{contested}", "reversed"))
    assert due_fen(school) == by_family_fen


def due_fen(school: Specification, *, family: bool = False) -> int:
    contract = school.escrow.get(Contract, "c1")
    found = entitle(facts_of(contract, school.escrow.header, "institution", school.now.date()))
    if not family:
        return found.binding_refund_fen
    assert found.range is not None
    return found.range.by_family_record_fen


def taught(course: Course) -> Specification:
    """Signed, paid, taught, amended where that is allowed, one lesson taken back, what was earned released."""
    school = Specification(x.SIGNED_ON).given(x.opening(*course.place))
    terms = {"bonus_fen": course.bonus_fen}
    hours, gifts = str(course.hours), str(course.gift_hours)
    school.given(x.contract(price_fen=course.price_fen, hours=hours, gift_hours=gifts, terms=terms))
    school.given(x.deposit(amount_fen=course.price_fen)).on(x.STARTS_ON.replace(month=10))
    teach(school, "a", course.first)
    if course.new_price_fen is not None and course.first:
        amend(school, course, gifts)
    teach(school, "b", course.second)
    if course.undone < len(course.first):
        school.given(c.ReverseLesson(contract_id="c1", lesson_id=f"a{course.undone}", reason="not taught"))
    if course.released and (earned_fen := school.escrow.get(Contract, "c1").earned_fen):
        school.given(x.release(earned_fen), x.settle_release())
    return school


def amend(school: Specification, course: Course, gifts: str) -> None:
    """A dearer rest, paid in full."""
    more_fen = course.new_price_fen or 0
    amendment = x.amendment(price_fen=course.price_fen + more_fen, hours=str(course.hours), gift_hours=gifts)
    school.given(amendment)
    if more_fen:
        school.given(x.deposit("s2", more_fen))


def teach(school: Specification, name: str, lengths: list[int]) -> None:
    """Lessons of these lengths, the last one as long as there are hours left."""
    for number, length in enumerate(lengths):
        if centihours := min(length, left_centihours(school.escrow.get(Contract, "c1"))):
            school.given(*x.taught(f"{name}{number}", hours=format_hours(centihours)))
