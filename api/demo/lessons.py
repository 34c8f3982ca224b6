"""The life of a class: families sign and pay, lessons are claimed and confirmed, by guardians, default or a check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from api.demo.days import after
from api.demo.disputes import dispute
from api.demo.groups import LESSON_HOURS, Enrolment, Group
from api.demo.refunds import FATES, Fate
from api.demo.schools import School
from api.demo.telling import Step, Story, Teller, at
from ledger import commands as c
from ledger.answers import Answer, Receipt
from ledger.events import ClassConsumptionClaimed
from ledger.orders import Order
from ledger.rulebook import select

SILENT = 0.06
"""Families that never answer in the app."""
DISPUTED = 0.004
FATED = 0.05
"""Contracts that end early."""
LESSONS_A_CONFIRMATION = 2


@dataclass
class Roll:
    """What a class remembers between lessons."""

    school: School
    group: Group
    rng: Random
    calm: bool
    fates: dict[str, tuple[int, Fate]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    unconfirmed: dict[str, list[str]] = field(default_factory=dict)
    """Contract → lessons claimed and not yet answered."""
    windows: dict[tuple[str, str], date] = field(default_factory=dict)
    """Lesson of a silent family → when its window ends."""


def class_life(
    school: School, group: Group, rng: Random, teller: Teller, *, calm: bool = False, certain: Sequence[Fate] = ()
) -> Story:
    """One class from signing to its end; where it is calm, everybody stays and confirms.

    `certain` is what becomes of its first children for sure, after the second lesson.
    """
    roll = Roll(school, group, rng, calm)
    for enrolment, fate in zip(group.enrolments, certain, strict=False):
        roll.fates[enrolment.contract_id] = (2, fate)
    for enrolment in () if calm else group.enrolments[len(certain) :]:
        if rng.random() < FATED:
            roll.fates[enrolment.contract_id] = (rng.randrange(0, len(group.days) - 1, 2), rng.choice(FATES))
        elif rng.random() < SILENT:
            roll.silent.add(enrolment.contract_id)
    yield Step(at(group.signing_on, 11), [signing(school, group, each) for each in group.enrolments])
    yield Step(at(after(group.signing_on, 1), 15), [payment(school, group, each) for each in group.enrolments])
    yield from _lessons(roll, teller)
    yield from _leftovers(roll)


def signing(school: School, group: Group, enrolment: Enrolment) -> Order:
    """The contract of one child is registered."""
    return school.office(
        c.RegisterContract,
        contract_id=enrolment.contract_id,
        guardian_id=enrolment.guardian_id,
        student_id=enrolment.student_id,
        course=group.course,
        subject=group.subject,
        signed_on=group.signing_on,
        starts_on=group.starts_on,
        ends_on=group.ends_on,
        price_fen=group.price_fen,
        paid_hours=str(group.paid_hours),
        gift_hours=str(group.gift_hours),
        terms=group.terms(),
    )


def payment(school: School, group: Group, enrolment: Enrolment) -> Order:
    """The family pays the price into custody."""
    return school.bank(
        c.RecordDeposit,
        bank_serial=school.number("T"),
        account_id=school.account_id,
        value_on=after(group.signing_on, 1),
        amount_fen=group.price_fen,
        payer_ref=enrolment.payer_ref,
        remittance=f"{enrolment.contract_id} {group.course}",
        contract_id=enrolment.contract_id,
    )


def _lessons(roll: Roll, teller: Teller) -> Story:
    for number, day in enumerate(roll.group.days):
        yield Step(at(after(day, -1), 9))
        if roll.school.has_stopped():
            return
        for enrolment in roll.group.enrolments:
            after_lesson, fate = roll.fates.get(enrolment.contract_id, (None, None))
            if after_lesson == number and fate is not None:
                teller.add(fate(roll.school, enrolment, after(day, -1), roll.rng))
        yield Step(at(day, 19))
        claim = () if roll.school.has_stopped() else _claim(roll, number, day)
        orders = [*_by_default(roll, day), *claim]
        if orders:
            answers = yield Step(at(day, 20), orders)
            _remember(roll, answers)
        if number % LESSONS_A_CONFIRMATION or day == roll.group.days[-1]:
            yield Step(at(after(day, 1), 20))
            yield Step(at(after(day, 1), 21), list(_confirmations(roll, teller, day)))


def _claim(roll: Roll, number: int, day: date) -> Iterator[Order]:
    lines = [
        {
            "contract_id": each.contract_id,
            "lesson_id": f"L{number + 1:02d}",
            "hours": str(LESSON_HOURS),
            "taught_on": day,
            "notified_on": day,
        }
        for each in roll.group.enrolments
        if roll.school.contracts[each.contract_id].teachable
    ]
    if lines:
        yield roll.school.office(c.ClaimLessons, lessons=lines)


def _remember(roll: Roll, answers: Sequence[Answer]) -> None:
    for answer in answers:
        for recorded in answer.events if isinstance(answer, Receipt) else ():
            event = recorded.event
            if isinstance(event, ClassConsumptionClaimed):
                if event.contract_id not in roll.silent:
                    roll.unconfirmed.setdefault(event.contract_id, []).append(event.lesson_id)
                elif event.window_ends_on is not None:
                    roll.windows[event.contract_id, event.lesson_id] = event.window_ends_on


def _confirmations(roll: Roll, teller: Teller, day: date) -> Iterator[Order]:
    """Each guardian confirms the lessons of its child; now and then one is contested instead."""
    for enrolment in roll.group.enrolments:
        book = roll.school.contracts[enrolment.contract_id]
        claimed = roll.unconfirmed.pop(enrolment.contract_id, [])
        lessons = [lesson_id for lesson_id in claimed if lesson_id in book.open_lessons]
        if book.refund_id or book.refunded or not book.unearned_fen:
            continue
        if lessons and not roll.calm and roll.rng.random() < DISPUTED * len(lessons):
            teller.add(dispute(roll.school, enrolment, lessons.pop(), after(day, 2), roll.rng))
        if lessons:
            yield roll.school.guardian(
                enrolment.guardian_id, c.ConfirmLessons, lessons=_refs(enrolment.contract_id, lessons)
            )


def _refs(contract_id: str, lessons: Sequence[str]) -> list[dict[str, Any]]:
    return [{"contract_id": contract_id, "lesson_id": lesson_id} for lesson_id in lessons]


def _by_default(roll: Roll, day: date) -> Iterator[Order]:
    """Silence confirms only where the place's rule says so, once the window is over."""
    over = [key for key, ends_on in roll.windows.items() if ends_on < day]
    refs = []
    for contract_id, lesson_id in over:
        del roll.windows[contract_id, lesson_id]
        book = roll.school.contracts[contract_id]
        if lesson_id in book.open_lessons and not (book.refund_id or book.refunded or book.ended):
            refs += _refs(contract_id, [lesson_id])
    if refs:
        yield roll.school.office(c.ConfirmLessonsByDefault, lessons=refs)


def _leftovers(roll: Roll) -> Story:
    """What silent families leave open: by default where that exists, else the officer looks at the sign-in sheets."""
    school, last_on = roll.school, roll.group.days[-1]
    if roll.windows:
        close_on = after(max(roll.windows.values()), 1)
        yield Step(at(close_on, 8))
        if not school.has_stopped():
            yield Step(at(close_on, 9), list(_by_default(roll, close_on)))
    yield Step(at(after(last_on, 9), 13))
    if school.has_stopped() or select(school.jurisdiction, school.category, last_on).confirm_default:
        return
    refs = []
    for contract_id in sorted(roll.silent):
        book = school.contracts[contract_id]
        if not (book.refund_id or book.refunded or book.ended):
            refs += _refs(contract_id, sorted(book.open_lessons))
    if refs:
        yield Step(at(after(last_on, 9), 14), [school.officer(c.ConfirmLessons, lessons=refs)])
