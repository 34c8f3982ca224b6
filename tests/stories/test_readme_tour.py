"""The tour: a contract, a payment, twenty lessons, a release, a family that leaves; every figure is asked for."""

from datetime import date

from api.demo.histories import opening
from api.demo.schools import School
from ledger import commands as c
from ledger import rejections as no
from projections.answers import Moment
from tests.stories.conftest import Town

SIGNED, STARTS, ENDS = date(2026, 3, 2), date(2026, 3, 7), date(2026, 6, 5)


def signed_and_paid(town: Town) -> School:
    school = town.school("BJ-T01", "CN-BJ", "sci_tech")
    town.on(date(2026, 3, 1), 9)
    town.tell(school, *opening(school, date(2026, 3, 1)).orders)
    town.on(SIGNED)
    town.tell(
        school,
        school.office(
            c.RegisterContract, contract_id="C1", guardian_id="G1", student_id="S1", course="robots",
            subject="robotics", signed_on=SIGNED, starts_on=STARTS, ends_on=ENDS, price_fen=5_000_00, paid_hours="60",
        ),
        school.bank(
            c.RecordDeposit, bank_serial="20260302-1", account_id="custody-1", value_on=SIGNED,
            amount_fen=5_000_00, payer_ref="P1", contract_id="C1",
        ),
    )  # fmt: skip
    return school


def taught(town: Town, school: School, lesson_id: str, day: date, hours: str) -> None:
    lesson = {"contract_id": "C1", "lesson_id": lesson_id}
    town.on(day, 20)
    town.tell(
        school,
        school.office(c.ClaimLessons, lessons=[lesson | {"hours": hours, "taught_on": day, "notified_on": day}]),
        school.guardian("G1", c.ConfirmLessons, lessons=[lesson]),
    )


def test_from_a_signed_contract_to_the_last_fen(town: Town) -> None:
    school = signed_and_paid(town)
    balance = town.balance(school)
    assert (balance.custody_cash_fen, balance.unearned_fen, balance.earned_fen) == (5_000_00, 5_000_00, 0)

    for number in range(10):
        taught(town, school, f"L{number}", date(2026, 3, 8 + number), "2")
    balance = town.balance(school)
    assert (balance.custody_cash_fen, balance.unearned_fen, balance.earned_fen) == (5_000_00, 3_333_33, 1_666_67)
    statement = town.statement(school, "C1")
    assert (statement.consumed_centihours, statement.left_centihours) == (20_00, 40_00)

    greedy = [{"contract_id": "C1", "amount_fen": 1_666_68}]
    no_more = town.refused(school.office(c.InstructRelease, release_id="X0", lines=greedy))
    assert isinstance(no_more, no.ReleaseExceedsEarned)
    town.on(date(2026, 3, 20), 16)
    lines = [{"contract_id": "C1", "amount_fen": 1_666_67}]
    town.tell(school, school.office(c.InstructRelease, release_id="X1", lines=lines))
    town.on(date(2026, 3, 23))
    town.tell(school, school.bank(c.SettleRelease, release_id="X1", contract_ids=["C1"], bank_serial="20260323-1"))
    assert town.balance(school).custody_cash_fen == 3_333_33

    town.on(date(2026, 3, 25))
    asked = school.guardian(
        "G1", c.RequestRefund, refund_id="R1", contract_id="C1", cause="family", requested_on=date(2026, 3, 25)
    )
    town.tell(school, asked)
    (due,) = town.dues(school)
    assert (due.due_fen, due.covered_fen, due.missing_fen, due.payer) == (3_333_33, 3_333_33, 0, "custody")
    assert (due.since_on, due.pay_by) == (date(2026, 3, 25), date(2026, 4, 9))  # fifteen days, counted from the next
    assert (due.method, due.cause) == ("paid_average", "family")

    town.tell(school, school.office(c.ApproveRefund, refund_id="R1"))
    town.tell(school, school.office(c.InstructRefund, refund_id="R1", instruction_id="P1"))
    town.on(date(2026, 3, 27), 16)
    town.tell(school, school.bank(
        c.SettleRefund, refund_id="R1", instruction_id="P1", bank_serial="20260327-1"
    ))  # fmt: skip
    town.tell(school, school.office(c.EndContract, contract_id="C1"))
    assert town.dues(school) == []
    balance = town.balance(school)
    assert balance.custody_cash_fen == balance.unearned_fen == balance.earned_fen == balance.refund_payable_fen == 0


def test_yesterday_is_still_told_as_it_was(town: Town) -> None:
    school = signed_and_paid(town)
    taught(town, school, "L1", date(2026, 3, 8), "2")
    taught(town, school, "L2", date(2026, 3, 15), "2")
    assert town.balance(school).earned_fen == 333_33
    assert town.balance(school, Moment(as_of=date(2026, 3, 14))).earned_fen == 166_67
    assert town.balance(school, Moment(as_of=date(2026, 3, 1))).custody_cash_fen == 0


def test_in_beijing_silence_never_confirms_a_lesson(town: Town) -> None:
    school = signed_and_paid(town)
    lesson = {"contract_id": "C1", "lesson_id": "L1"}
    town.on(date(2026, 3, 8), 20)
    told = lesson | {"hours": "2", "taught_on": date(2026, 3, 8), "notified_on": date(2026, 3, 8)}
    town.tell(school, school.office(c.ClaimLessons, lessons=[told]))
    town.on(date(2026, 5, 8))
    silence = town.refused(school.office(c.ConfirmLessonsByDefault, lessons=[lesson]))
    assert isinstance(silence, no.DefaultConfirmationUnknown)
    assert town.balance(school).earned_fen == 0
