"""Mediation: opened, accepted, extended, settled, performed, breached, ended, confirmed by a court."""

from datetime import date, timedelta

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.sheets import Case, Contract, Refund
from tests import examples as x
from tests.specification import Specification

TODAY = date(2026, 9, 10)


@pytest.fixture
def school() -> Specification:
    """Two lessons were taught; 2,800 yuan would be due under the institution's cause."""
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(TODAY)
    return school.given(*x.taught("a", "b"))


@pytest.fixture
def running(school: Specification) -> Specification:
    return school.given(x.open_mediation(), x.accept_mediation(TODAY))


def case(school: Specification) -> Case:
    return school.escrow.get(Case, "m1")


def contract(school: Specification) -> Contract:
    return school.escrow.get(Contract, "c1")


def instalments(*parts: tuple[date, int], total_fen: int = 1_000_00, agreed_on: date = TODAY) -> c.AgreeSettlement:
    lines = [c.InstalmentLine(due_on=on, amount_fen=fen) for on, fen in parts]
    return x.settlement(agreed_on, kind="instalments", amount_fen=total_fen, instalments=lines)


def two_parts() -> c.AgreeSettlement:
    return instalments((date(2026, 9, 20), 400_00), (date(2026, 10, 20), 600_00))


def confirmation(outcome: str = "confirmed", applied_on: date = TODAY) -> c.RecordJudicialConfirmation:
    return c.RecordJudicialConfirmation.model_validate(
        {"case_id": "m1", "outcome": outcome, "ruling_no": "(2026)京01民特1号", "applied_on": applied_on}
    )


BREACH = c.BreachSettlement(case_id="m1", reason="not paid")


def test_a_case_is_opened_beside_the_derived_figure_in_one_forum(school: Specification) -> None:
    school.when(x.open_mediation(claim_fen=3_000_00)).then(e.MediationOpened)
    assert (case(school).entitled_fen, case(school).claim_fen) == (2_800_00, 3_000_00)
    school.when(x.open_mediation()).refused(no.AlreadyRecorded("case", "m1"))
    school.when(x.open_mediation("m2")).refused(no.CaseAlreadyOpen("c1", "m1"))
    school.when(x.open_mediation("m3", "c9")).refused(no.ContractUnknown("c9"))


def test_an_agreed_refund_needs_no_mediation(school: Specification) -> None:
    school.given(x.request(), x.approve()).when(x.open_mediation()).refused(no.RefundAlreadyOpen("c1", "f1"))


@pytest.mark.parametrize(
    ("stage", "ends_on"),
    [
        ("pre_filing", date(2026, 10, 10)),  # a Saturday that is worked
        ("in_suit_ordinary", date(2026, 9, 28)),  # 25 September opens the Mid-Autumn holidays
        ("in_suit_summary", date(2026, 9, 17)),
    ],
)
def test_the_time_runs_from_the_mediators_signature(school: Specification, stage: str, ends_on: date) -> None:
    school.given(x.open_mediation(stage=stage)).when(x.accept_mediation(TODAY)).then(e.MediationAccepted)
    assert case(school).ends_on == ends_on
    school.when(x.accept_mediation(TODAY)).refused(no.CaseNotInState("m1", "in_mediation"))
    school.when(x.accept_mediation(TODAY, "m9")).refused(no.CaseUnknown("m9"))


def test_nobody_signs_for_a_file_tomorrow(school: Specification) -> None:
    school.given(x.open_mediation()).when(x.accept_mediation(date(2026, 9, 11))).refused(no.DateInFuture)


def test_before_any_text_set_a_time_no_clock_can_start() -> None:
    early = date(2015, 6, 1)
    school = Specification(early).given(x.opening(), x.contract(signed_on=early), x.open_mediation())
    school.when(x.accept_mediation(early)).refused(no.RuleUnknown)


def test_both_parties_may_go_on_longer(running: Specification) -> None:
    longer = c.ExtendMediation(case_id="m1", ends_on=date(2026, 11, 9), consent="both signed")
    shorter = longer.model_copy(update={"ends_on": date(2026, 10, 10)})
    running.when(shorter).refused(no.DatesOutOfOrder("ends_on", "new ends_on"))
    running.when(longer).then(e.MediationExtended)
    running.on(date(2026, 11, 9)).when(x.settlement(date(2026, 11, 9), amount_fen=1)).then(
        e.SettlementAgreed, e.RefundApproved
    )


def test_after_its_time_a_case_takes_no_settlement_and_expires(running: Specification) -> None:
    expire = c.ExpireMediation(case_id="m1")
    running.on(date(2026, 10, 10)).when(expire).refused(no.MediationTimeRunning("m1", date(2026, 10, 10)))
    late = date(2026, 10, 11)
    running.on(late).when(x.settlement(late, amount_fen=1)).refused(no.MediationTimeOver("m1", date(2026, 10, 10)))
    running.when(expire).then(e.MediationExpired)
    running.when(x.open_mediation("m2")).then(e.MediationOpened)


def test_a_case_without_agreement_ends_and_the_claim_stays(school: Specification) -> None:
    for number, ending in enumerate((c.FailMediation, c.WithdrawMediation)):
        name = f"n{number}"
        school.given(x.open_mediation(name), ending(case_id=name, reason="no offer"))
        school.when(ending(case_id=name, reason="again")).refused(no.CaseNotInState)
    school.when(x.request()).then(e.RefundRequested)


def test_a_contract_that_has_ended_is_still_disputed_and_settled(school: Specification) -> None:
    school.given(
        *x.taught("rest", hours="28"), c.EndContract(contract_id="c1"), x.release(1_000_00), x.settle_release()
    )
    school.when(x.open_mediation(claim_fen=500_00)).then(e.MediationOpened)
    assert case(school).entitled_fen == 0
    school.given(x.accept_mediation(TODAY)).when(x.settlement(TODAY, amount_fen=500_00)).then(
        e.SettlementAgreed, e.RefundApproved
    )
    school.given(*x.paid_out("m1.1"))
    assert (case(school).status, contract(school).ended) == ("performed", "completed")
    assert (school.escrow.header.earned_fen, contract(school).refunded_fen) == (1_500_00, 500_00)


def test_what_was_released_is_owed_by_the_institution_when_an_ended_contract_is_settled(school: Specification) -> None:
    school.given(
        *x.taught("rest", hours="28"), c.EndContract(contract_id="c1"), x.release(3_000_00), x.settle_release()
    )
    school.given(x.open_mediation(), x.accept_mediation(TODAY), x.settlement(TODAY, amount_fen=500_00))
    assert contract(school).institution_receivable_fen == 500_00


def test_nothing_is_left_to_dispute_once_all_was_given_back_or_nothing_was_paid(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), c.EndContract(contract_id="c2"))
    school.when(x.open_mediation("m2", "c2")).refused(no.ContractHasEnded("c2", "unpaid"))


# -- settlement


def test_a_settlement_replaces_the_formula(running: Specification) -> None:
    running.when(x.settlement(TODAY, amount_fen=2_000_00)).then(e.SettlementAgreed, e.RefundApproved)
    running.given(*x.paid_out("m1.1"))
    assert (case(running).status, running.escrow.header.earned_fen) == ("performed", 1_000_00)
    running.when(x.request()).refused(no.NothingDue("c1"))
    running.given(c.EndContract(contract_id="c1"))
    assert contract(running).ended == "settled"


def test_a_settlement_takes_the_place_of_the_open_request(school: Specification) -> None:
    school.given(x.request(), x.open_mediation(), x.accept_mediation(TODAY), x.settlement(TODAY, amount_fen=1_00))
    assert school.escrow.get(Refund, "f1").status == "superseded"
    school.when(x.approve()).refused(no.RefundNotInState("f1", "superseded"))


def test_a_settlement_carries_what_its_kind_needs(running: Specification) -> None:
    for wrong, missing in (
        (x.settlement(TODAY), "amount_fen"),
        (x.settlement(TODAY, kind="lessons", amount_fen=1), "amount_fen"),
        (x.settlement(TODAY, kind="instalments", amount_fen=1), "instalments"),
        (x.settlement(TODAY, kind="transfer"), "to_contract_id"),
        (x.settlement(TODAY, amount_fen=1, to_contract_id="c2"), "to_contract_id"),
    ):
        running.when(wrong).refused(no.SettlementIncomplete("m1", missing))
    running.when(x.settlement(TODAY, amount_fen=3_000_01)).refused(no.RefundAbovePaid("c1", 3_000_00, 3_000_01))
    running.when(x.settlement(date(2026, 8, 1), amount_fen=1)).refused(no.DatesOutOfOrder("signed_on", "agreed_on"))
    running.when(x.settlement(date(2026, 9, 11), amount_fen=1)).refused(no.DateInFuture)


def test_families_may_settle_on_lessons_or_on_another_school(running: Specification) -> None:
    running.when(x.settlement(TODAY, kind="lessons")).then(e.SettlementAgreed)
    running.given(*x.taught("d"))
    other = Specification(x.SIGNED_ON).given(
        x.opening(), x.contract(), x.open_mediation(), x.accept_mediation(x.SIGNED_ON)
    )
    other.when(x.settlement(x.SIGNED_ON, kind="transfer", to_contract_id="elsewhere")).then(e.SettlementAgreed)


def test_a_settlement_needs_a_running_case_and_no_other_agreement(school: Specification) -> None:
    school.given(x.open_mediation())
    school.when(x.settlement(TODAY, amount_fen=1)).refused(no.CaseNotInState("m1", "opened"))
    school.given(x.accept_mediation(TODAY), x.order_refund())
    school.when(x.settlement(TODAY, amount_fen=1)).refused(no.RefundAlreadyOpen("c1", "f1"))


def test_the_parts_of_a_settlement_get_ids_that_are_free(running: Specification) -> None:
    running.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"), x.request("m1.1", "c2"))
    running.when(x.settlement(TODAY, amount_fen=1)).refused(no.AlreadyRecorded("refund", "m1.1"))


# -- instalments


def test_instalments_sum_to_the_settlement_in_order(running: Specification) -> None:
    first, second = date(2026, 9, 20), date(2026, 10, 20)
    for wrong in (
        instalments((first, 400_00), (second, 599_99)),
        instalments((second, 400_00), (first, 600_00)),
        instalments((date(2026, 9, 9), 1_000_00)),
    ):
        running.when(wrong).refused(no.InstalmentsDiffer)
    running.when(two_parts()).then(e.SettlementAgreed, e.RefundApproved, e.RefundApproved)


def test_each_instalment_is_performed_when_it_reaches_the_family(running: Specification) -> None:
    running.given(two_parts(), x.instruct("m1.1"))
    running.when(x.settle("m1.1")).then(e.RefundSettled, e.InstalmentPerformed)
    running.given(x.instruct("m1.2"))
    running.when(x.settle("m1.2")).then(e.RefundSettled, e.InstalmentPerformed, e.DeductionRetained)
    assert (case(running).status, contract(running).unearned_fen) == ("performed", 0)


def test_the_last_instalment_may_come_first_and_no_lesson_slips_in_between(running: Specification) -> None:
    running.given(two_parts(), *x.paid_out("m1.2"))
    running.when(x.claim("d")).refused(no.RefundAlreadyOpen("c1", "m1"))
    running.given(*x.paid_out("m1.1"))
    assert case(running).performed == (2, 1)


def test_an_instalment_got_in_cash_is_performed_by_the_familys_word(running: Specification) -> None:
    running.given(two_parts())
    cash = c.AcknowledgeOffPlatformRefund(contract_id="c1", refund_id="m1.1", amount_fen=400_00, evidence="receipt")
    running.when(cash).then(e.OffPlatformRefundAcknowledged, e.InstalmentPerformed)


def test_a_breach_opens_the_formula_and_what_was_agreed_stays_payable(running: Specification) -> None:
    running.given(two_parts()).on(date(2026, 9, 20)).when(BREACH).refused(no.SettlementNotOverdue("m1"))
    running.on(date(2026, 9, 21)).when(BREACH).then(e.SettlementBreached)
    running.when(BREACH).refused(no.CaseNotInState("m1", "breached"))
    running.when(x.request()).then(e.RefundRequested)
    assert running.history[-1].entitled_fen == 1_800_00  # type: ignore[attr-defined]
    running.given(*x.paid_out("m1.1"), *x.paid_out("m1.2"), x.approve(), *x.paid_out())
    assert case(running).status == "breached"
    assert running.escrow.header.custody_cash_fen == 200_00


def test_a_chargeback_performs_the_instalments_it_pays(running: Specification) -> None:
    running.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"), two_parts())
    running.when(x.reverse_deposit()).then(e.DepositReversed, e.InstalmentPerformed, e.InstalmentPerformed)
    assert (case(running).status, contract(running).refund_payable_fen) == ("performed", 0)


# -- the court


def test_a_court_confirms_within_thirty_days_of_the_agreement(running: Specification) -> None:
    running.when(confirmation()).refused(no.CaseNotInState("m1", "in_mediation"))
    running.given(two_parts())
    last = TODAY + timedelta(days=30)
    assert case(running).confirm_by == last
    running.on(date(2026, 10, 12)).when(confirmation(applied_on=date(2026, 10, 11))).refused(
        no.ConfirmationTooLate("m1", last)
    )
    running.when(confirmation(applied_on=date(2026, 9, 9))).refused(no.DatesOutOfOrder("agreed_on", "applied_on"))
    running.when(confirmation(applied_on=date(2026, 10, 13))).refused(no.DateInFuture)
    running.when(confirmation(applied_on=last)).then(e.JudicialConfirmationRecorded)


def test_a_refused_confirmation_leaves_the_settlement_as_it_was(running: Specification) -> None:
    running.given(two_parts(), confirmation("refused"))
    assert case(running).status == "agreed"


def test_a_confirmed_settlement_binds_also_after_its_breach(running: Specification) -> None:
    running.given(two_parts(), confirmation()).on(date(2026, 9, 21)).given(
        BREACH, *x.paid_out("m1.1"), *x.paid_out("m1.2")
    )
    running.when(x.request()).refused(no.NothingDue("c1"))
