"""The end of a day: what lapsed is decided, what is missing is told, the day is sealed; twice is once."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from api.bankday.ending import DayEnd, end_day
from api.bankday.solvency import shortfall_fen
from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.application import Ledger
from ledger.sheets import Header
from tests import examples as x
from tests.bankday.day import MONDAY, OFFICER, happened, school_with, texts
from tests.conftest import Clock
from tests.projections.school import School

AFTER_WINDOW = date(2026, 9, 22)
"""The fifteenth working day after the first of September is the 21st, as the 20th, a Sunday, is worked."""
NEXT = timedelta(days=1)


def end(school: School, on: date, institutions: Iterable[str] = ("school",), **facts: bool) -> list[DayEnd]:
    """The end of a day, asked on the morning after."""
    if school.clock.now.date() <= on:
        school.on(on + NEXT)
    return list(end_day(school.ledger, institutions, on, OFFICER, now=school.clock(), **facts))


def kinds(done: DayEnd) -> list[tuple[str, int, str]]:
    return [(each.kind, each.count, each.code) for each in done.findings]


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    """Two families; the guardian of the first was told of two lessons and said nothing."""
    school = school_with(ledger, clock)
    school.asks(x.claim("a", "b"), x.claim("a", contract_id="c2", notified_on=None))
    return school


def test_silence_confirms_once_the_window_is_over_and_not_before(school: School) -> None:
    (early,) = end(school, date(2026, 9, 21))
    assert (early.confirmed, early.state) == (0, "sealed")
    (done,) = end(school, AFTER_WINDOW)
    assert (done.confirmed, done.findings) == (2, [])
    confirmed = [each for each in happened(school.ledger) if isinstance(each, e.ClassConsumptionConfirmed)]
    assert [(each.contract_id, each.lesson_id, each.by) for each in confirmed] == [
        ("c1", "a", "default"),
        ("c1", "b", "default"),
    ]


def test_the_business_date_is_the_day_and_the_recording_is_now(school: School) -> None:
    end(school.on(AFTER_WINDOW + 3 * NEXT), AFTER_WINDOW)
    (confirmed, _) = [each for each in school.ledger.stream("school") if "class_consumption_confirmed" in each.topic]
    assert confirmed.envelope.recorded_at == school.clock()
    assert (school.clock() - confirmed.event.effective_at) // 86_400_000_000 == 2


def test_in_beijing_silence_confirms_nothing(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 1, jurisdiction="CN-BJ", category="sport")
    school.asks(x.claim("a"))
    (done,) = end(school, date(2026, 12, 1))
    assert (done.confirmed, done.findings) == (0, [])


def test_a_second_end_of_day_does_nothing_and_says_so(school: School) -> None:
    end(school, AFTER_WINDOW)
    before = texts(school.ledger)
    (again,) = end(school, AFTER_WINDOW)
    assert (again.state, again.confirmed, texts(school.ledger)) == ("sealed_before", 0, before)


def test_a_sealed_day_carries_the_balances_and_what_each_family_has(school: School) -> None:
    (done,) = end(school, MONDAY)
    seal = happened(school.ledger)[-1]
    assert isinstance(seal, e.DaySealed)
    assert (seal.business_on, seal.statements, done.statements) == (MONDAY, 2, 2)
    assert seal.statements_root
    (bare,) = end(school, MONDAY + NEXT, statements=False)
    last = happened(school.ledger)[-1]
    assert isinstance(last, e.DaySealed)
    assert (bare.statements, last.statements_root) == (None, None)


def test_a_day_that_is_not_over_is_not_ended(school: School) -> None:
    for on, refusal in ((x.STARTS_ON, no.DayNotOver), (x.STARTS_ON + NEXT, no.DateInFuture)):
        with pytest.raises(refusal):
            list(end_day(school.ledger, ["school"], on, OFFICER, now=school.clock()))


def test_a_silent_institution_has_agreed_to_the_refund(school: School) -> None:
    school.asks(x.request("f2", "c2", requested_on=x.STARTS_ON))
    (early,) = end(school, date(2026, 9, 8))
    assert early.agreed == 0
    (done,) = end(school, date(2026, 9, 9))
    assert done.agreed == 1
    agreed = next(each for each in happened(school.ledger) if isinstance(each, e.RefundDeemedAgreed))
    assert (agreed.refund_id, agreed.amount_fen) == ("f2", 3_000_00)


def test_a_mediation_whose_time_is_over_expires(school: School) -> None:
    school.asks(x.open_mediation(), x.accept_mediation(x.STARTS_ON))
    assert end(school, date(2026, 10, 1))[0].expired == 0
    ends_on = next(each.ends_on for each in happened(school.ledger) if isinstance(each, e.MediationAccepted))
    assert end(school, ends_on)[0].expired == 0
    assert end(school, ends_on + NEXT)[0].expired == 1


def test_payments_whose_last_day_is_over_are_listed(school: School) -> None:
    school.asks(x.request("f2", "c2", requested_on=x.STARTS_ON), x.approve("f2"))
    school.asks(x.open_mediation(), x.accept_mediation(x.STARTS_ON))
    parts = [c.InstalmentLine(due_on=MONDAY, amount_fen=500_00)]
    school.asks(x.settlement(x.STARTS_ON, kind="instalments", amount_fen=500_00, instalments=parts))
    assert kinds(end(school, MONDAY - NEXT)[0]) == []
    (done,) = end(school, MONDAY)
    assert kinds(done) == [("instalment_overdue", 1, "")]
    assert (done.findings[0].sample, done.findings[0].amount_fen) == (["m1.1"], 500_00)
    school.asks(x.instruct("m1.1"), x.settle("m1.1"))
    (late,) = end(school, date(2026, 9, 16))
    assert [(each.kind, each.since_on, each.sample) for each in late.findings] == [
        ("refund_overdue", date(2026, 9, 16), ["f2"])
    ]


def test_what_the_ledger_refuses_is_listed_and_the_rest_goes_on(school: School) -> None:
    school.asks(x.claim("z", contract_id="c2"), x.request("f2", "c2", requested_on=x.STARTS_ON), x.approve("f2"))
    (done,) = end(school, AFTER_WINDOW)
    assert done.confirmed == 2
    assert ("left_open", 1, "refund_already_open") in kinds(done)
    assert done.state == "sealed"


def test_a_shortfall_names_who_must_put_the_money_back(school: School) -> None:
    school.asks(x.confirm("a", "b"), x.release(200_00), x.settle_release(), x.dispute("a"))
    school.asks(x.decide_dispute("a", "reversed"))
    (done,) = end(school, MONDAY)
    assert (kinds(done), done.shortfall_fen) == ([("custody_short", 1, "institution")], 100_00)
    school.asks(c.RecordAttachment(attachment_id="a", authority="court", order_no="1", amount_fen=50_00))
    (more,) = end(school, MONDAY + NEXT)
    assert [(each.code, each.amount_fen) for each in more.findings] == [("institution", 100_00), ("third_party", 50_00)]


def test_what_is_short_or_late_is_told_every_evening_and_recorded_by_nobody_but_people(school: School) -> None:
    school.asks(x.confirm("a", "b"), x.release(200_00), x.settle_release(), x.dispute("a"))
    school.asks(x.decide_dispute("a", "reversed"), x.open_mediation(contract_id="c2"), x.accept_mediation(x.STARTS_ON))
    parts = [c.InstalmentLine(due_on=MONDAY, amount_fen=500_00)]
    school.asks(x.settlement(x.STARTS_ON, kind="instalments", amount_fen=500_00, instalments=parts))
    told, before = [], len(happened(school.ledger))
    for evening in (MONDAY, MONDAY + NEXT):
        (done,) = end(school, evening)
        told.append(kinds(done))
    assert told == [[("instalment_overdue", 1, ""), ("custody_short", 1, "institution")]] * 2
    assert [type(each) for each in happened(school.ledger)[before:]] == [e.DaySealed, e.DaySealed]
    school.on(date(2026, 9, 10)).asks(c.BreachSettlement(case_id="m1", reason="第一期到期未付"))
    assert isinstance(happened(school.ledger)[-1], e.SettlementBreached)


def test_earned_money_covers_first() -> None:
    header = Header(
        institution_id="i", custody_cash_fen=90, unearned_fen=80, earned_fen=30, institution_receivable_fen=20
    )
    assert shortfall_fen(header) == 0


def test_one_failing_institution_does_not_stop_the_others(school: School) -> None:
    other = school_with(school.ledger, school.clock, 1, "other")
    other.on(date(2026, 9, 2))
    done = end(school, MONDAY, ["nobody", "school", "other"])
    assert [(each.institution_id, each.state, each.failure) for each in done] == [
        ("nobody", "failed", "escrow_not_open"),
        ("school", "sealed", ""),
        ("other", "sealed", ""),
    ]


def test_an_institution_that_was_not_open_yet_or_is_closed_has_nothing_to_end(school: School) -> None:
    assert end(school, x.SIGNED_ON - NEXT)[0].state == "not_open"
    school.asks(x.closure(x.STARTS_ON))
    refunds = [c.ClosureRefund(contract_id=f"c{number}", refund_id=f"f{number}") for number in (1, 2)]
    school.asks(c.OrderClosureRefunds(refunds=refunds), *x.paid_out("f1"), *x.paid_out("f2"), c.CloseEscrow())
    assert end(school, MONDAY)[0].state == "closed"


def test_missed_days_are_ended_in_their_order(school: School) -> None:
    school.on(AFTER_WINDOW + 5 * NEXT)
    days = [AFTER_WINDOW + number * NEXT for number in range(3)]
    assert [end(school, day)[0].state for day in days] == ["sealed"] * 3
    sealed = [each.business_on for each in happened(school.ledger) if isinstance(each, e.DaySealed)]
    assert sealed == days
    assert end(school, days[0])[0].state == "sealed_before"
