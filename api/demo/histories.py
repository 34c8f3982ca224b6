"""A published case told as the history of an escrow: opened, signed, paid, taught, asked, answered, paid back."""

from collections.abc import Iterator
from datetime import date, timedelta

from stdnum.cn import uscc

from api.demo.cases import Case
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger.hours import CENTIHOURS_PER_HOUR, format_hours, parse_hours
from ledger.orders import Order

DAYS_TO_PAY = 5


def social_credit_code(number: int, authority: str = "52110108") -> str:
    """A well-formed code that belongs to nobody: registration authority, running number, check character."""
    body = f"{authority}{number:09d}"
    return body + str(uscc.calc_check_digit(body))


def school_of(case: Case) -> School:
    """The institution of a case."""
    return School(
        institution_id=case.id,
        name=f"案例 {case.id}",
        uscc=social_credit_code(int(case.id[3:]), "91110105"),
        jurisdiction=case.jurisdiction,
        category=case.category,
        district=case.district,
        licensed=not case.closed,
    )


def opening(school: School, on: date) -> Step:
    """The escrow opens."""
    opened = school.officer(
        c.OpenEscrow,
        institution_name=school.name,
        uscc=school.uscc,
        jurisdiction=school.jurisdiction,
        category=school.category,
        district=school.district,
        licensed=school.licensed,
        custodian=school.custodian,
        account_id=school.account_id,
        agreement_no=f"CU-{school.institution_id}",
    )
    return Step(at(on, 9), [opened])


def history(case: Case, school: School) -> Story:
    """The whole case. The refund is asked for at noon of `asked_on`; what the institution owes is told after it."""
    yield opening(school, case.supervised_on)
    first_on = max(case.supervised_on, case.signed_on)
    yield Step(at(first_on, 11), [_contract(case, school), *_payments(case, school, first_on)])
    yield from _lessons(case, school)
    if case.closed:
        yield Step(at(case.asked_on, 9), [_closure(case, school)])
    yield Step(at(case.asked_on, 12), [_request(case, school)])
    yield from _answer(case, school)
    yield from _payment(case, school)


def _contract(case: Case, school: School) -> Order:
    return school.office(
        c.RegisterContract,
        contract_id=f"{case.id}-C",
        guardian_id=f"{case.id}-G",
        student_id=f"{case.id}-S",
        course=case.title,
        subject="course",
        signed_on=case.signed_on,
        starts_on=case.starts_on,
        ends_on=case.ends_on,
        price_fen=case.price_fen,
        paid_hours=case.hours,
        gift_hours=case.gift_hours,
        terms=dict(case.terms),
        stock=case.stock,
    )


def _payments(case: Case, school: School, on: date) -> Iterator[Order]:
    for number, (amount_fen, funding) in enumerate(case.payments, 1):
        yield school.bank(
            c.RecordDeposit,
            bank_serial=f"{case.id}-{number}",
            account_id=school.account_id,
            value_on=on,
            amount_fen=amount_fen,
            payer_ref=f"{case.id}-P",
            funding=funding,
            contract_id=f"{case.id}-C",
        )


def _lessons(case: Case, school: School) -> Story:
    """An hour a lesson, evenly from the start to the day before the request; the guardian confirms month by month."""
    taught = list(spread(parse_hours(case.used_hours), case.starts_on, case.asked_on))
    for first in range(0, len(taught), 8):
        lines = taught[first : first + 8]
        told_on = max(lines[-1][1], case.supervised_on)
        refs = [{"contract_id": f"{case.id}-C", "lesson_id": lesson_id} for lesson_id, _, _ in lines]
        lessons = [
            ref | {"hours": hours, "taught_on": on, "notified_on": told_on}
            for ref, (_, on, hours) in zip(refs, lines, strict=True)
        ]
        yield Step(at(told_on, 18), [school.office(c.ClaimLessons, lessons=lessons)])
        yield Step(at(told_on, 20), [school.guardian(f"{case.id}-G", c.ConfirmLessons, lessons=refs)])


def spread(centihours: int, starts_on: date, until_on: date) -> Iterator[tuple[str, date, str]]:
    """Lessons of an hour, and one of what is left, over the days before `until_on`: (id, day, hours)."""
    lessons = -(-centihours // CENTIHOURS_PER_HOUR)
    days = (until_on - starts_on).days
    for number in range(lessons):
        part = min(CENTIHOURS_PER_HOUR, centihours - number * CENTIHOURS_PER_HOUR)
        yield f"L{number + 1:03d}", starts_on + timedelta(days=number * days // lessons), format_hours(part)


def _closure(case: Case, school: School) -> Order:
    return school.officer(
        c.DeclareClosure,
        kind="abnormal",
        stopped_on=case.asked_on - timedelta(days=4),
        reason="the doors stayed shut",
        approved_by="officer-zhao",
    )


def _request(case: Case, school: School) -> Order:
    return school.guardian(
        f"{case.id}-G",
        c.RequestRefund,
        refund_id=f"{case.id}-R",
        contract_id=f"{case.id}-C",
        cause=case.cause,
        requested_on=case.asked_on,
        claim_fen=case.claim_fen,
        circumstances=dict(case.circumstances),
    )


def _answer(case: Case, school: School) -> Story:
    refund_id = f"{case.id}-R"
    if case.refused:
        no = school.office(c.RefuseRefund, refund_id=refund_id, reason=case.refused)
        yield Step(at(case.asked_on + timedelta(days=2), 15), [no])
    decided_on = case.asked_on + timedelta(days=DAYS_TO_PAY)
    if case.award_fen is not None:
        award = school.mediator(
            c.RecordAward,
            contract_id=f"{case.id}-C",
            award_id=f"{case.id}-A",
            cause=case.cause,
            forum="court",
            amount_fen=case.award_fen,
            reason=case.title,
        )
        yield Step(at(decided_on, 10), [award, _order(case, school, award_id=f"{case.id}-A")])
    elif case.refused or case.closed:
        yield Step(at(decided_on, 10), [_order(case, school)])
    else:
        yield Step(at(decided_on, 10), [school.office(c.ApproveRefund, refund_id=refund_id)])


def _order(case: Case, school: School, award_id: str | None = None) -> Order:
    return school.officer(
        c.OrderRefund,
        refund_id=f"{case.id}-R",
        contract_id=f"{case.id}-C",
        cause=case.cause,
        basis=case.title[:60],
        award_id=award_id,
        circumstances=dict(case.circumstances),
    )


def _payment(case: Case, school: School) -> Story:
    paid_on = case.asked_on + timedelta(days=2 * DAYS_TO_PAY)
    refund_id, instruction_id = f"{case.id}-R", f"{case.id}-I"
    instruct = school.officer(c.InstructRefund, refund_id=refund_id, instruction_id=instruction_id)
    yield Step(at(paid_on, 10), [instruct])
    settle = school.bank(
        c.SettleRefund, refund_id=refund_id, instruction_id=instruction_id, bank_serial=f"{case.id}-out"
    )
    yield Step(at(paid_on, 16), [settle])
