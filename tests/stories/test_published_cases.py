"""Real cases told as histories: the ledger's own answer is the published figure."""

from datetime import date
from itertools import pairwise

import pytest

from api.demo.cases import CASES, Case
from api.demo.histories import history, opening, school_of, spread
from api.demo.telling import at
from ledger import commands as c
from ledger.events import AwardRecorded, RefundRequested, RefundSettled, ReleaseInstructed
from projections.answers import Moment
from tests.stories.conftest import Town

EVERY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@EVERY
def test_what_is_due_on_the_day_it_is_asked_for_is_the_published_figure(town: Town, case: Case) -> None:
    school = school_of(case)
    town.on(case.supervised_on, 8)
    teller = town.teller(school.hear)
    teller.add(history(case, school))
    teller.tell(until=at(case.asked_on, 12))
    (due,) = town.dues(school)
    claimed_fen = case.published_fen if case.claim_fen is None else min(case.claim_fen, case.published_fen)
    assert (due.refund_id, due.state, due.due_fen) == (f"{case.id}-R", "requested", claimed_fen)
    (requested,) = [each.event for each in town.ledger.stream(case.id) if isinstance(each.event, RefundRequested)]
    assert requested.entitled_fen == case.published_fen
    assert due.since_on == case.asked_on
    assert due.pay_by is not None
    assert due.pay_by > case.asked_on


@EVERY
def test_the_family_gets_it_and_the_day_of_asking_is_still_told(town: Town, case: Case) -> None:
    school = school_of(case)
    town.on(case.supervised_on, 8)
    teller = town.teller(school.hear)
    teller.add(history(case, school))
    teller.tell()
    events = [each.event for each in town.ledger.stream(case.id)]
    paid_fen = sum(event.amount_fen for event in events if isinstance(event, RefundSettled))
    claimed_fen = case.published_fen if case.claim_fen is None else min(case.claim_fen, case.published_fen)
    assert paid_fen == (claimed_fen if case.award_fen is None else case.award_fen)
    assert town.dues(school) == []
    then = town.dues(school, Moment(as_of=case.asked_on))
    assert [(due.state, due.due_fen) for due in then] == [("requested", claimed_fen)]
    balance = town.balance(school)
    assert balance.custody_cash_fen == sum(fen for fen, _ in case.payments) - paid_fen


def test_a_discretionary_award_stands_beside_the_formula(town: Town) -> None:
    awarded = {case.id: case for case in CASES if case.award_fen is not None}
    for case in awarded.values():
        school = school_of(case)
        town.on(case.supervised_on, 8)
        teller = town.teller(school.hear)
        teller.add(history(case, school))
        teller.tell()
        (award,) = [each.event for each in town.ledger.stream(case.id) if isinstance(each.event, AwardRecorded)]
        assert (award.amount_fen, award.formula_fen) == (case.award_fen, case.published_fen)
    assert {key: case.award_fen for key, case in awarded.items()} == {
        "WE-01": 13_713_00,
        "WE-12": 1_876_00,
        "WE-15": 3_000_00,
    }


def test_releases_in_step_with_sixty_lessons_carry_the_remainder(town: Town) -> None:
    school = town.school("WE-21", "CN-BJ", "sci_tech")
    town.on(date(2023, 9, 18), 9)
    town.tell(school, *opening(school, date(2023, 9, 18)).orders)
    town.on(date(2023, 9, 20))
    stopped = {"contract_id": "stops", "student_id": "S2"}
    for names in ({"contract_id": "goes-on", "student_id": "S1"}, stopped):
        signed = school.office(
            c.RegisterContract, **names, guardian_id="G1", course="robots", subject="robotics",
            signed_on=date(2023, 9, 20), starts_on=date(2023, 9, 21), ends_on=date(2023, 12, 20),
            price_fen=5_000_00, paid_hours="60",
        )  # fmt: skip
        paid = school.bank(
            c.RecordDeposit, bank_serial=names["student_id"], account_id="custody-1", value_on=date(2023, 9, 20),
            amount_fen=5_000_00, payer_ref="P1", contract_id=names["contract_id"],
        )  # fmt: skip
        town.tell(school, signed, paid)
    released = []
    for number, (lesson_id, day, hours) in enumerate(spread(60_00, date(2023, 9, 21), date(2023, 12, 20)), 1):
        town.on(day, 20)
        contracts = ["goes-on", "stops"] if number <= 20 else ["goes-on"]
        refs = [{"contract_id": each, "lesson_id": lesson_id} for each in contracts]
        claim = school.office(c.ClaimLessons, lessons=[ref | {"hours": hours, "taught_on": day} for ref in refs])
        confirm = school.guardian("G1", c.ConfirmLessons, lessons=refs)
        town.tell(school, claim, confirm)
        lines = [{"contract_id": each, "amount_fen": school.contracts[each].releasable_fen} for each in contracts]
        (receipt,) = town.tell(school, school.office(c.InstructRelease, release_id=lesson_id, lines=lines))
        released += [each.event for each in receipt.events if isinstance(each.event, ReleaseInstructed)]
        town.tell(school, school.bank(
            c.SettleRelease, release_id=lesson_id, contract_ids=contracts, bank_serial=lesson_id
        ))  # fmt: skip
    amounts = [event.amount_fen for event in released if event.contract_id == "goes-on"]
    assert len(amounts) == 60
    assert set(amounts) == {83_33, 83_34}
    assert (sum(amounts[:20]), sum(amounts)) == (1_666_67, 5_000_00)
    town.on(date(2023, 12, 21))
    town.tell(school, school.guardian(
        "G1", c.RequestRefund, refund_id="R", contract_id="stops", cause="institution",
        requested_on=date(2023, 12, 21),
    ))  # fmt: skip
    (due,) = town.dues(school)
    assert due.due_fen == 3_333_33
    assert town.statement(school, "goes-on").unearned_fen == 0


def test_lessons_of_a_case_fall_on_its_days_and_sum_to_its_hours() -> None:
    days = list(spread(17_50, date(2021, 6, 14), date(2021, 9, 20)))
    assert [hours for _, _, hours in days] == ["1"] * 17 + ["0.5"]
    assert all(earlier[1] < later[1] for earlier, later in pairwise(days))
    assert days[-1][1] < date(2021, 9, 20)
