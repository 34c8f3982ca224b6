"""Contested lessons: the family says no, the officer decides, the school puts back what was paid out."""

from collections.abc import Iterator
from datetime import date
from random import Random

from api.demo.days import after
from api.demo.groups import Enrolment, Group
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger.orders import Order

REASONS = ("孩子当天没有上课", "课时只上了一半", "老师临时更换,未告知", "停电未上课")
UPHELD = 0.4


def dispute(school: School, enrolment: Enrolment, lesson_id: str, on: date, rng: Random) -> Story:
    """One lesson is contested and decided."""
    lesson = {"contract_id": enrolment.contract_id, "lesson_id": lesson_id}
    contest = school.guardian(enrolment.guardian_id, c.DisputeLesson, **lesson, reason=rng.choice(REASONS))
    yield Step(at(on, 12), [contest])
    outcome = "upheld" if rng.random() < UPHELD else "reversed"
    decision = school.officer(c.DecideDispute, **lesson, outcome=outcome, reason="签到表与监控核对")
    yield Step(at(after(on, 9), 15), [decision])


def late_disputes(school: School, group: Group, on: date) -> Story:
    """Lessons confirmed and paid out are contested: one was given, one was not, and the school puts the money back."""
    yield Step(at(on, 11))
    quiet = [each for each in group.enrolments if _quiet(school, each)]
    lessons = [
        {"contract_id": each.contract_id, "lesson_id": school.contracts[each.contract_id].confirmed[0]}
        for each in quiet[:2]
    ]
    contests = [
        school.guardian(each.guardian_id, c.DisputeLesson, **lesson, reason="误点确认,当天停课")
        for each, lesson in zip(quiet, lessons, strict=False)
    ]
    yield Step(at(on, 12), contests)
    decisions = [
        school.officer(c.DecideDispute, **lesson, outcome=outcome, reason="停课通知与签到表")
        for lesson, outcome in zip(lessons, ("upheld", "reversed"), strict=False)
    ]
    yield Step(at(after(on, 6), 15), decisions)
    yield Step(at(after(on, 13), 15), list(_repaid(school, quiet[:2], after(on, 13))))


def _quiet(school: School, enrolment: Enrolment) -> bool:
    """Whether nothing else is going on with a contract that has confirmed lessons."""
    book = school.contracts[enrolment.contract_id]
    return bool(book.confirmed) and not (book.held_fen or book.refund_id or book.refunded or book.case_id or book.ended)


def _repaid(school: School, families: list[Enrolment], on: date) -> Iterator[Order]:
    for family in families:
        if owed_fen := school.contracts[family.contract_id].accounts["institution_receivable"]:
            yield school.bank(
                c.RecordShortfallRepayment,
                bank_serial=school.number("B"),
                account_id=school.account_id,
                value_on=on,
                contract_id=family.contract_id,
                amount_fen=owed_fen,
            )
