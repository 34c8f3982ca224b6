"""Class consumption: claimed, confirmed by guardian, silence or regulator, disputed, decided, reversed."""

from datetime import date

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.identifiers import Role
from ledger.sheets import Contract, Lesson
from tests import examples as x
from tests.specification import Specification

FIRST = x.STARTS_ON


def place(jurisdiction: str = "CN", category: str = "non_academic") -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening(jurisdiction, category), x.contract(), x.deposit()).on(FIRST)


@pytest.fixture
def school() -> Specification:
    return place()


def sheet(school: Specification) -> Contract:
    return school.escrow.get(Contract, "c1")


def reverse(lesson_id: str = "a", contract_id: str = "c1") -> c.ReverseLesson:
    return c.ReverseLesson(contract_id=contract_id, lesson_id=lesson_id, reason="not taught")


def test_a_claimed_lesson_is_not_earned(school: Specification) -> None:
    school.when(x.claim("a")).then(e.ClassConsumptionClaimed)
    assert (sheet(school).claimed_centihours, sheet(school).earned_fen) == (100, 0)


def test_the_guardians_yes_earns_the_lesson(school: Specification) -> None:
    school.given(x.claim("a")).when(x.confirm("a")).then(e.ClassConsumptionConfirmed)
    assert (sheet(school).earned_fen, sheet(school).unearned_fen) == (100_00, 2_900_00)
    (confirmed,) = school.events
    assert isinstance(confirmed, e.ClassConsumptionConfirmed)
    assert confirmed.by == "guardian"
    school.given(x.claim("b")).when(x.confirm("b"), Role.REGULATOR)
    assert school.history[-1].by == "regulator"  # type: ignore[attr-defined]


def test_a_class_session_is_one_command_with_a_line_per_child(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"))
    school.given(x.claim(x.lesson("l1"), x.lesson("l1", "c2")))
    lines = [c.LessonRef(contract_id=each, lesson_id="l1") for each in ("c1", "c2")]
    school.when(c.ConfirmLessons(lessons=lines)).then(e.ClassConsumptionConfirmed, e.ClassConsumptionConfirmed)


def test_lessons_are_confirmed_all_or_none(school: Specification) -> None:
    school.given(x.claim("a")).when(x.confirm("a", "b")).refused(no.LessonUnknown("c1", "b"))
    assert sheet(school).earned_fen == 0


def test_a_lesson_is_claimed_once_within_its_contract(school: Specification) -> None:
    school.given(x.claim("a")).when(x.claim("a")).refused(no.LessonAlreadyClaimed("c1", "a"))
    school.when(x.claim("b", "b")).refused(no.LineRepeated("lesson", "c1:b"))
    school.when(x.claim("b", hours="29.01")).refused(no.NotEnoughHours("c1", "29", "29.01"))
    school.when(x.claim("b", taught_on=date(2026, 8, 24), notified_on=None)).refused(
        no.LessonOutsideContract("c1", date(2026, 8, 24))
    )
    tomorrow = date(2026, 9, 2)
    school.when(x.claim("b", taught_on=tomorrow, notified_on=tomorrow)).refused(
        no.DateInFuture("taught_on", tomorrow, FIRST)
    )
    school.when(x.claim("b", notified_on=tomorrow)).refused(no.DateInFuture("notified_on", tomorrow, FIRST))
    school.when(x.claim("b", notified_on=date(2026, 8, 31))).refused(no.DatesOutOfOrder("taught_on", "notified_on"))
    school.when(x.claim("b", contract_id="c9")).refused(no.ContractUnknown("c9"))


def test_a_reversed_lesson_is_claimed_again_under_a_new_id(school: Specification) -> None:
    school.given(*x.taught("a"), reverse())
    school.when(x.claim("a")).refused(no.LessonAlreadyClaimed("c1", "a"))
    school.when(x.claim("a2")).then(e.ClassConsumptionClaimed)


def test_a_lesson_is_confirmed_once(school: Specification) -> None:
    school.given(*x.taught("a")).when(x.confirm("a")).refused(no.LessonNotOpen("c1", "a", "confirmed"))


def test_a_lesson_nobody_paid_for_is_not_earned(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", 50_00, "c2"), x.claim("a", contract_id="c2"))
    school.when(x.confirm("a", contract_id="c2")).refused(no.LessonNotCovered("c2", "a", 100_00, 50_00))


def test_no_lessons_are_claimed_under_a_refund_or_after_the_stop(school: Specification) -> None:
    school.given(x.request(requested_on=FIRST)).when(x.claim("a")).refused(no.RefundAlreadyOpen("c1", "f1"))
    school.given(x.closure(FIRST)).when(x.claim("a")).refused(no.EscrowIsClosing("abnormal"))


@pytest.mark.parametrize("hours", ["0.01", "0.33", "1", "1.5", "7.77", "17.5", "29.99", "30"])
def test_the_values_of_lessons_telescope_to_the_price(hours: str) -> None:
    odd = Specification(x.SIGNED_ON).given(x.opening(), x.contract(price_fen=2_999_99, gift_hours="1.37"))
    odd.given(x.deposit(amount_fen=2_999_99)).on(FIRST)
    left, step, values = 31_37, int(float(hours) * 100 + 0.5), []
    for number in range(40):
        if not left:
            break
        part = left if number == 39 else min(step, left)
        odd.given(*x.taught(f"l{number}", hours=f"{part / 100:.2f}"))
        values += [event.amount_fen for event in odd.history if isinstance(event, e.ClassConsumptionConfirmed)][-1:]
        left -= part
    assert sum(values) == 2_999_99
    assert (sheet(odd).unearned_fen, sheet(odd).earned_fen) == (0, 2_999_99)


def test_the_order_of_gift_lessons_does_not_change_what_they_are_worth() -> None:
    gifted = Specification(x.SIGNED_ON).given(x.opening(), x.contract(gift_hours="10"), x.deposit()).on(FIRST)
    gifted.given(*x.taught("a"))
    assert sheet(gifted).earned_fen == 75_00


# -- silence


def test_where_no_window_is_known_silence_means_nothing() -> None:
    for category in ("academic", "sport", "sci_tech", "culture_art"):
        beijing = place("CN-BJ", category).given(x.claim("a")).on(date(2027, 8, 1))
        assert beijing.escrow.get(Lesson, "c1", "a").window_ends_on is None
        beijing.when(x.confirm_by_default("a")).refused(no.DefaultConfirmationUnknown)
    for where in ("CN-TJ", "CN-SC-CD"):
        place(where).given(x.claim("a")).when(x.confirm_by_default("a")).refused(no.DefaultConfirmationUnknown)


@pytest.mark.parametrize(
    ("where", "last"),
    [("CN", date(2026, 9, 21)), ("CN-ZJ", date(2026, 9, 10)), ("CN-AH-WH", date(2026, 9, 21))],
)
def test_silence_confirms_once_the_window_is_over(where: str, last: date) -> None:
    school = place(where).given(x.claim("a"))
    school.on(last).when(x.confirm_by_default("a")).refused(no.WindowStillOpen("c1", "a", last))
    school.on(date.fromordinal(last.toordinal() + 1)).when(x.confirm_by_default("a"))
    school.then(e.ClassConsumptionConfirmed)
    assert school.history[-1].by == "default"  # type: ignore[attr-defined]


def test_holidays_and_made_up_days_count_as_they_are_worked() -> None:
    school = place("CN-ZJ").on(date(2026, 9, 18))
    school.given(x.claim("a", taught_on=date(2026, 9, 18), notified_on=date(2026, 9, 18)))
    # 20 Sep (a Sunday worked), 21-24, 28, 29; 25-27 are the Mid-Autumn holidays.
    assert school.escrow.get(Lesson, "c1", "a").window_ends_on == date(2026, 9, 29)


def test_a_window_into_a_year_without_calendar_is_provisional() -> None:
    school = place("CN-ZJ").on(date(2026, 12, 28))
    school.given(x.claim("a", taught_on=date(2026, 12, 28), notified_on=date(2026, 12, 28)))
    assert school.escrow.get(Lesson, "c1", "a").provisional


def test_silence_confirms_nothing_on_a_day_that_no_calendar_was_published_for() -> None:
    school = place("CN-ZJ").on(date(2026, 12, 28))
    school.given(x.claim("a", taught_on=date(2026, 12, 28), notified_on=date(2026, 12, 28)))
    ends_on = school.escrow.get(Lesson, "c1", "a").window_ends_on
    assert ends_on is not None
    school.on(date(2027, 2, 20)).when(x.confirm_by_default("a")).refused(no.WindowProvisional("c1", "a", ends_on))
    school.when(x.confirm("a")).then(e.ClassConsumptionConfirmed)


def test_no_window_runs_before_the_guardian_was_told(school: Specification) -> None:
    school.given(x.claim("a", notified_on=None)).on(date(2026, 12, 1))
    school.when(x.confirm_by_default("a")).refused(no.GuardianNotNotified("c1", "a"))


def test_silence_answers_no_claim_before_it_was_made(school: Specification) -> None:
    late = date(2026, 10, 20)
    school.on(late).given(x.claim("a")).when(x.confirm_by_default("a")).refused(no.WindowStillOpen)
    school.on(date(2026, 11, 10)).when(x.confirm_by_default("a")).refused(no.WindowStillOpen)
    school.on(date(2026, 11, 11)).when(x.confirm_by_default("a")).then(e.ClassConsumptionConfirmed)


def test_no_window_runs_in_a_freeze_that_was_over_when_the_lesson_was_claimed(school: Specification) -> None:
    school.given(x.freeze()).on(date(2026, 9, 16)).given(x.unfreeze(), x.claim("a"))
    school.on(date(2026, 10, 13)).when(x.confirm_by_default("a")).refused(no.WindowStillOpen)
    school.on(date(2026, 10, 14)).when(x.confirm_by_default("a")).then(e.ClassConsumptionConfirmed)


def test_no_window_runs_while_the_escrow_is_frozen(school: Specification) -> None:
    school.given(x.claim("a")).on(date(2026, 9, 8)).given(x.freeze()).on(date(2026, 9, 22))
    school.when(x.confirm_by_default("a")).refused(no.EscrowIsFrozen())
    school.on(date(2026, 9, 10)).given(x.unfreeze()).on(date(2026, 9, 24))
    # 8, 9 and 10 September do not count: 22, 23 and 24 do instead.
    school.when(x.confirm_by_default("a")).refused(no.WindowStillOpen("c1", "a", date(2026, 9, 24)))
    school.on(date(2026, 9, 25)).when(x.confirm_by_default("a")).then(e.ClassConsumptionConfirmed)


def test_silence_confirms_nothing_that_is_contested_or_under_refund(school: Specification) -> None:
    school.given(x.claim("a", "b"), x.dispute("a")).on(date(2026, 10, 20))
    school.when(x.confirm_by_default("a")).refused(no.LessonNotOpen("c1", "a", "disputed"))
    school.given(x.request()).when(x.confirm_by_default("b")).refused(no.RefundAlreadyOpen("c1", "f1"))
    school.given(x.closure(date(2026, 10, 20)))
    school.when(x.confirm_by_default("b")).refused(no.EscrowIsClosing("abnormal"))


def test_where_a_dispute_freezes_the_order_its_other_lessons_wait_too() -> None:
    wuhu = place("CN-AH-WH").given(x.claim("a", "b"), x.dispute("a")).on(date(2026, 10, 20))
    wuhu.when(x.confirm_by_default("b")).refused(no.LessonNotOpen("c1", "b", "claimed"))


def test_silence_is_asked_once_per_lesson(school: Specification) -> None:
    school.given(x.claim("a")).on(date(2026, 10, 20))
    school.when(x.confirm_by_default("a", "a")).refused(no.LineRepeated("lesson", "c1:a"))
    school.when(x.confirm_by_default("b")).refused(no.LessonUnknown("c1", "b"))


# -- disputes


def test_a_contested_lesson_is_held_and_the_others_are_not(school: Specification) -> None:
    school.given(*x.taught("a", "b")).when(x.dispute("a")).then(e.ClassConsumptionDisputed)
    school.when(x.release(100_01)).refused(no.ReleaseExceedsEarned("c1", 100_00, 100_01))
    school.when(x.release(100_00)).then(e.ReleaseInstructed)


def test_an_upheld_lesson_counts_and_is_not_contested_again(school: Specification) -> None:
    school.given(*x.taught("a"), x.dispute("a")).when(x.decide_dispute("a", "upheld")).then(e.ClassConsumptionUpheld)
    school.when(x.decide_dispute("a", "reversed")).refused(no.LessonNotOpen("c1", "a", "confirmed"))
    school.when(x.dispute("a")).refused(no.LessonNotOpen("c1", "a", "decided"))
    school.when(x.release(100_00)).then(e.ReleaseInstructed)


def test_an_upheld_claim_is_confirmed_by_the_regulator(school: Specification) -> None:
    school.given(x.claim("a"), x.dispute("a")).when(x.decide_dispute("a", "upheld")).then(e.ClassConsumptionConfirmed)
    assert sheet(school).earned_fen == 100_00


def test_a_lesson_decided_for_the_family_does_not_count(school: Specification) -> None:
    school.given(*x.taught("a"), x.claim("b"), x.dispute("a"), x.dispute("b"))
    school.given(x.decide_dispute("a", "reversed"), x.decide_dispute("b", "reversed"))
    contract = sheet(school)
    assert (contract.earned_fen, contract.unearned_fen, contract.claimed_centihours) == (0, x.PRICE_FEN, 0)
    assert (contract.disputes, contract.held_fen) == (0, 0)


def test_what_was_released_for_a_reversed_lesson_the_institution_puts_back(school: Specification) -> None:
    school.given(
        *x.taught("a"), x.release(100_00), x.dispute("a"), x.settle_release(), x.decide_dispute("a", "reversed")
    )
    assert (sheet(school).institution_receivable_fen, sheet(school).unearned_fen) == (100_00, x.PRICE_FEN)


def test_a_reversal_is_netted_from_what_is_earned_and_not_yet_released(school: Specification) -> None:
    school.given(*x.taught("a"), x.release(100_00), x.settle_release(), *x.taught("b"), reverse("a"))
    assert (sheet(school).institution_receivable_fen, sheet(school).earned_fen) == (0, 0)
    school.when(x.release(1, release_id="r2")).refused(no.ReleaseExceedsEarned("c1", 0, 1))


def test_only_open_lessons_are_contested_decided_or_reversed(school: Specification) -> None:
    school.given(*x.taught("a"), reverse())
    for command in (x.dispute("a"), reverse(), x.decide_dispute("a", "upheld"), x.confirm("a")):
        school.when(command).refused(no.LessonNotOpen("c1", "a", "reversed"))
    school.given(x.claim("b"), x.dispute("b"))
    school.when(reverse("b")).refused(no.LessonNotOpen("c1", "b", "disputed"))
    for unknown in (x.dispute("z"), reverse("z"), x.decide_dispute("z", "upheld")):
        school.when(unknown).refused(no.LessonUnknown("c1", "z"))


def test_a_lesson_reversed_after_the_contract_ended_opens_it_again(school: Specification) -> None:
    school.given(*x.taught("a", hours="30"), c.EndContract(contract_id="c1"), x.dispute("a"))
    school.given(x.decide_dispute("a", "reversed"))
    assert sheet(school).ended == ""
    school.when(x.request(requested_on=FIRST)).then(e.RefundRequested)
