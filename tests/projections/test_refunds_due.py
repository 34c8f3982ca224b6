"""What is due to whom, why, until when, and whether the money is there."""

from datetime import date

import pytest

from ledger import commands as c
from ledger.application import Ledger
from ledger.decisions.context import instant
from projections.answers import Moment
from projections.deadlines import list_deadlines
from projections.institution import get_institution
from projections.mediation_cases import find_mediation_case
from projections.overview import get_overview, refund_all_due
from projections.reader import ReadModels
from projections.refunds_due import RefundDue, list_refunds_due
from projections.runner import Runner
from tests import examples as ex
from tests.conftest import Clock
from tests.projections.school import School

OPENING, REQUEST, STOP = date(2026, 8, 25), date(2026, 9, 10), date(2026, 9, 15)


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    """A school, one paid contract, four lessons of thirty taught."""
    one = School(ledger, clock).on(OPENING)
    one.asks(ex.opening(), ex.contract(), ex.deposit())
    one.on(date(2026, 9, 2)).asks(*ex.taught("l1", "l2", "l3", "l4"))
    return one


@pytest.fixture
def due(runner: Runner, reader: ReadModels) -> "Due":
    """Catches up and lists what is due."""
    return Due(runner, reader)


class Due:
    def __init__(self, runner: Runner, reader: ReadModels) -> None:
        self.runner, self.reader = runner, reader

    def all(self) -> list[RefundDue]:
        self.runner.catch_up()
        return list_refunds_due(self.reader).data

    def one(self) -> RefundDue:
        (row,) = self.all()
        return row


def test_a_request_shows_what_is_due_since_when_and_until_when(school: School, due: Due) -> None:
    school.on(REQUEST).asks(ex.request())
    row = due.one()
    assert (row.state, row.cause, row.since_on) == ("requested", "institution", REQUEST)
    assert (row.due_fen, row.open_fen, row.covered_fen, row.missing_fen) == (2_600_00, 2_600_00, 2_600_00, 0)
    assert row.pay_by == date(2026, 9, 28), "the fifteenth day is a holiday"
    assert (row.payer, row.guardian_id, row.district) == ("custody", "guardian-1", "海淀区")
    assert row.method
    assert row.rules


def test_lessons_decided_after_the_request_count(school: School, due: Due) -> None:
    school.on(date(2026, 9, 3)).asks(ex.dispute("l4"))
    school.on(REQUEST).asks(ex.request())
    assert due.one().due_fen == 2_600_00
    school.on(date(2026, 9, 11)).asks(ex.decide_dispute("l4", "reversed"))
    assert due.one().due_fen == 2_700_00


def test_a_claim_below_the_entitlement_is_all_that_is_due(school: School, due: Due) -> None:
    school.on(REQUEST).asks(ex.request(claim_fen=500_00))
    assert due.one().due_fen == 500_00


def test_money_on_its_way_is_neither_open_nor_paid_and_a_return_opens_it_again(school: School, due: Due) -> None:
    school.on(REQUEST).asks(ex.request(), ex.approve(), ex.instruct(amount_fen=1_000_00))
    row = due.one()
    assert (row.state, row.agreed_fen, row.in_transit_fen, row.open_fen) == ("agreed", 2_600_00, 1_000_00, 1_600_00)
    school.asks(c.ReturnRefund(refund_id="f1", instruction_id="i1", reason="closed account"))
    assert (due.one().in_transit_fen, due.one().open_fen) == (0, 2_600_00)


def test_a_paid_or_withdrawn_refund_is_due_no_more(school: School, due: Due) -> None:
    school.on(REQUEST).asks(ex.request(), c.WithdrawRefund(refund_id="f1", reason="goes on"))
    assert due.all() == []
    school.asks(ex.request("f2"), ex.approve("f2"), *ex.paid_out("f2"))
    assert due.all() == []


def test_what_was_released_must_be_put_back_by_the_institution(school: School, due: Due) -> None:
    school.on(date(2026, 9, 8)).asks(ex.release(400_00), ex.settle_release(), ex.dispute("l1"))
    school.on(REQUEST).asks(ex.decide_dispute("l1", "reversed"), ex.request())
    row = due.one()
    assert (row.due_fen, row.covered_fen, row.missing_fen) == (2_700_00, 2_600_00, 100_00)
    assert row.payer == "custody_and_institution"


def test_an_institution_that_stops_owes_every_open_contract_without_a_request(school: School, due: Due) -> None:
    school.on(date(2026, 9, 5)).asks(
        ex.contract("c2", student_id="child-2", guardian_id="guardian-2"),
        ex.deposit("s2", contract_id="c2"),
        ex.contract("c3", student_id="child-3"),
    )
    assert due.all() == []
    school.on(STOP).asks(ex.closure(STOP))
    rows = {row.contract_id: row for row in due.all()}
    assert {key: row.due_fen for key, row in rows.items()} == {"c1": 2_600_00, "c2": 3_000_00}
    assert {row.state for row in rows.values()} == {"closure"}
    assert {row.cause for row in rows.values()} == {"institution"}
    assert rows["c1"].since_on == STOP
    assert rows["c1"].pay_by == date(2026, 9, 30)


def test_an_order_takes_the_place_of_what_was_due_in_the_closure(school: School, due: Due) -> None:
    school.on(STOP).asks(ex.closure(STOP))
    foreseen = due.one()
    school.asks(c.OrderClosureRefunds(refunds=[c.ClosureRefund(contract_id="c1", refund_id="f1")]))
    row = due.one()
    assert (row.state, row.refund_id, row.due_fen) == ("agreed", "f1", foreseen.due_fen)


def test_money_tied_to_no_contract_is_due_in_full_once_the_institution_stops(school: School, due: Due) -> None:
    school.on(date(2026, 9, 5)).asks(ex.deposit("s9", 700_00, contract_id=None))
    school.on(STOP).asks(ex.closure(STOP))
    loose = next(row for row in due.all() if row.deposit_id)
    assert (loose.due_fen, loose.contract_id, loose.payer) == (700_00, None, "custody")


def test_disputed_lessons_show_the_debt_by_the_familys_record_too(school: School, due: Due) -> None:
    school.on(date(2026, 9, 3)).asks(ex.dispute("l1"))
    school.on(STOP).asks(ex.closure(STOP))
    row = due.one()
    assert (row.due_fen, row.by_family_fen) == (2_600_00, 2_700_00)


def test_so_does_a_refund_that_was_asked_for_and_never_above_the_claim(school: School, due: Due) -> None:
    school.on(REQUEST).asks(ex.dispute("l1"), ex.request(requested_on=REQUEST, claim_fen=2_650_00))
    assert (due.one().due_fen, due.one().by_family_fen) == (2_600_00, 2_650_00)


def test_an_award_above_what_was_refunded_is_due(school: School, due: Due) -> None:
    school.on(REQUEST).asks(
        c.RecordAward(
            contract_id="c1", award_id="w1", cause="institution", forum="court", amount_fen=900_00, reason="judgment"
        )
    )
    row = due.one()
    assert (row.state, row.due_fen, row.since_on, row.basis) == ("award", 900_00, REQUEST, "w1")


def test_instalments_are_due_one_by_one_and_the_case_follows(school: School, due: Due, reader: ReadModels) -> None:
    school.on(REQUEST).asks(ex.open_mediation(), ex.accept_mediation(REQUEST))
    parts = [{"due_on": date(2026, 9, 20), "amount_fen": 300_00}, {"due_on": date(2026, 10, 20), "amount_fen": 200_00}]
    school.asks(ex.settlement(REQUEST, kind="instalments", amount_fen=500_00, instalments=parts))
    assert [(row.pay_by, row.due_fen) for row in due.all()] == [
        (date(2026, 9, 20), 300_00),
        (date(2026, 10, 20), 200_00),
    ]
    school.asks(*ex.paid_out("m1.1"))
    assert [row.refund_id for row in due.all()] == ["m1.2"]
    case = find_mediation_case(reader, "school", "m1").data
    assert case is not None
    assert (case.performed, case.performed_fen, case.next_instalment_on) == ((1,), 300_00, date(2026, 10, 20))


def test_deadlines_come_in_order_and_those_that_were_missed_are_overdue(
    school: School, due: Due, reader: ReadModels
) -> None:
    school.on(REQUEST).asks(ex.request())
    assert due.one().pay_by == date(2026, 9, 28)
    (clock,) = list_deadlines(reader, kind="refund_payment").data
    assert (clock.due_on, clock.subject_id, clock.state) == (date(2026, 9, 28), "f1", "running")
    assert [each.kind for each in list_deadlines(reader, overdue_on=date(2026, 9, 28)).data] == ["institution_reply"]
    assert list_deadlines(reader, overdue_on=date(2026, 9, 29)).data[-1] == clock


def test_a_freeze_stops_the_window_and_its_working_days_are_added(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels
) -> None:
    school = School(ledger, clock).on(date(2026, 9, 1))
    school.asks(ex.opening("CN-AH-WH"), ex.contract(), ex.deposit(), ex.claim("l1"))
    runner.catch_up()
    before = list_deadlines(reader).data
    school.on(date(2026, 9, 2)).asks(ex.freeze())
    runner.catch_up()
    frozen = list_deadlines(reader).data
    school.on(date(2026, 9, 3)).asks(ex.unfreeze())
    runner.catch_up()
    after = list_deadlines(reader).data
    assert [each.state for each in (*before, *frozen, *after)] == ["running", "stopped", "running"]
    assert after[0].due_on > before[0].due_on


def test_the_table_of_all_that_is_due_sums_overdue_cover_and_shortfall(
    school: School, due: Due, reader: ReadModels
) -> None:
    school.on(date(2026, 9, 8)).asks(ex.release(400_00), ex.settle_release())
    school.on(STOP).asks(
        c.RecordAttachment(attachment_id="t1", authority="court", order_no="A-1", amount_fen=1_000_00), ex.closure(STOP)
    )
    due.all()
    table = refund_all_due(reader, date(2026, 10, 15)).data
    (one,) = table.institutions
    assert (one.debts, one.open_fen, one.overdue, one.overdue_fen) == (1, 2_600_00, 1, 2_600_00)
    assert (one.custody_fen, one.attached_fen, one.payable_fen, one.shortfall_fen) == (
        2_600_00, 1_000_00, 1_600_00, 1_000_00,
    )  # fmt: skip
    assert (one.owed_fen, one.coverage) == (2_600_00, "1")
    assert table.total.open_fen == 2_600_00
    assert refund_all_due(reader, date(2026, 10, 15), district="朝阳区").data.institutions == []
    assert [each.district for each in get_overview(reader, STOP).data.districts] == ["海淀区"]


def test_answers_at_another_moment_know_neither_later_facts_nor_later_records(
    school: School, due: Due, reader: ReadModels
) -> None:
    school.on(REQUEST).asks(ex.request())
    known_at = instant(school.clock.now)
    school.on(STOP).asks(ex.approve(), ex.closure(STOP))
    assert due.one().state == "agreed"
    assert get_institution(reader, "school").data.status == "closing"
    for moment in (Moment(as_of=REQUEST), Moment(known_at=known_at), Moment(as_of=REQUEST, known_at=known_at)):
        for institution_id in (None, "school"):
            (row,) = list_refunds_due(reader, moment, institution_id=institution_id).data
            assert row.state == "requested"
        assert get_institution(reader, "school", moment).data.status == "open"
    answer = list_refunds_due(reader, Moment(as_of=OPENING))
    assert answer.data == []
    assert (answer.as_of, answer.position) == (OPENING, school.ledger.position())


def test_what_was_recorded_late_counts_by_its_business_day_and_not_before_it_was_known(
    school: School, due: Due, reader: ReadModels
) -> None:
    known_at = instant(school.clock.now)
    effective = school.clock.now
    school.on(REQUEST).asks(ex.deposit("late", 50_00, contract_id=None).model_copy(update={"effective_at": effective}))
    due.all()
    on = date(2026, 9, 2)
    assert refund_all_due(reader, REQUEST, Moment(as_of=on)).data.institutions == []
    overview = get_overview(reader, REQUEST, Moment(as_of=on)).data
    assert overview.total.custody_fen == 3_050_00
    earlier = get_overview(reader, REQUEST, Moment(as_of=on, known_at=known_at)).data
    assert earlier.total.custody_fen == 3_000_00
