"""A contested lesson: the family says no, the officer decides a week later, the school puts back what was paid out."""

from datetime import date
from random import Random

from api.demo.days import after
from api.demo.groups import Enrolment
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c

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


def late_dispute(school: School, enrolment: Enrolment, on: date, outcome: str) -> Story:
    """A lesson confirmed and already paid out is contested; if it was not given, the school puts the money back."""
    yield Step(at(on, 11))
    book = school.contracts[enrolment.contract_id]
    if not book.confirmed or book.held_fen or book.refund_id or book.refunded or book.ended:
        return
    lesson_id = book.confirmed[0]
    lesson = {"contract_id": enrolment.contract_id, "lesson_id": lesson_id}
    contest = school.guardian(enrolment.guardian_id, c.DisputeLesson, **lesson, reason="误点确认,当天停课")
    yield Step(at(on, 12), [contest])
    decision = school.officer(c.DecideDispute, **lesson, outcome=outcome, reason="停课通知与签到表")
    yield Step(at(after(on, 6), 15), [decision])
    if owed_fen := book.accounts["institution_receivable"]:
        repaid = school.bank(
            c.RecordShortfallRepayment,
            bank_serial=school.number("B"),
            account_id=school.account_id,
            value_on=after(on, 13),
            contract_id=enrolment.contract_id,
            amount_fen=owed_fen,
        )
        yield Step(at(after(on, 13), 15), [repaid])
