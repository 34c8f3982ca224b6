"""Edge cases that no family of commands owns; docs/edge-cases.md says where each of the forty is handled and tested."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.postings import POSTINGS
from ledger.rulebook import rule_set
from ledger.sheets import Contract, Deposit
from tests import examples as x
from tests.specification import Specification

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "edge-cases.md"
TODAY = date(2026, 9, 10)


@pytest.fixture
def school() -> Specification:
    return Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(TODAY)


def entitled(school: Specification) -> int:
    (requested,) = school.events
    assert isinstance(requested, e.RefundRequested)
    return requested.entitled_fen


def test_a_late_bank_line_keeps_its_own_day_beside_the_day_it_became_known(school: Specification) -> None:
    late = x.deposit("late", 5, None, value_on=date(2026, 8, 28))
    school.given(late.model_copy(update={"effective_at": datetime(2026, 8, 28, 8, tzinfo=UTC)}))
    booked = school.escrow.get(Deposit, x.deposit_id("late", date(2026, 8, 28)))
    assert booked.value_on == date(2026, 8, 28)
    assert school.history[-1].effective_at < school.history[0].effective_at + 4 * 86_400_000_000


def test_a_missed_lesson_counts_only_if_it_was_claimed_and_confirmed(school: Specification) -> None:
    school.on(date(2026, 11, 20)).given(x.claim("missed", notified_on=None))
    assert entitled(school.when(x.request(requested_on=date(2026, 11, 20)))) == x.PRICE_FEN
    school.given(c.WithdrawRefund(refund_id="f1", reason="stays"), x.confirm("missed"))
    assert entitled(school.when(x.request("f2", requested_on=date(2026, 11, 20)))) == x.PRICE_FEN - x.LESSON_FEN


def test_the_institutions_cause_keeps_the_discount_whatever_the_list_price() -> None:
    terms = {"list_unit_price_fen": 150_00, "list_price_disclosed": True}
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(terms=terms), x.deposit()).on(TODAY)
    school.given(*x.taught("a", "b"))
    assert entitled(school.when(x.request(cause="institution"))) == 2_800_00


def test_a_lesson_confirmed_by_silence_may_still_be_contested_and_is_clawed_back(school: Specification) -> None:
    school.given(x.claim("a")).on(date(2026, 10, 20)).given(x.confirm_by_default("a"), x.release(100_00))
    school.given(x.settle_release(), x.dispute("a"), *x.taught("b"), x.decide_dispute("a", "reversed"))
    contract = school.escrow.get(Contract, "c1")
    assert (contract.earned_fen, contract.institution_receivable_fen) == (0, 0)


def test_an_excess_over_what_was_paid_is_never_billed() -> None:
    terms = {"list_unit_price_fen": 900_00, "list_price_disclosed": True}
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(terms=terms), x.deposit()).on(TODAY)
    school.given(*x.taught("a", hours="10"))
    school.when(x.request(cause="family")).refused(no.NothingDue("c1"))
    assert school.escrow.header.institution_receivable_fen == 0


def test_every_decision_names_rules_that_can_be_loaded_again_for_ever(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(), x.approve())
    named = {event.rules for event in school.history if hasattr(event, "rules")}
    assert named
    assert {rule_set(each).id for each in named} == named


def test_a_contract_keeps_the_rules_of_its_signing_when_new_ones_come() -> None:
    signed = date(2022, 12, 1)
    school = Specification(signed).given(x.opening())
    school.given(
        x.contract(signed_on=signed, starts_on=date(2022, 12, 5), ends_on=date(2023, 2, 28), price_fen=6_000_00)
    )
    assert rule_set(school.escrow.get(Contract, "c1").rules).cap_amount_fen is None
    school.on(date(2023, 1, 3))
    school.when(x.amendment(price_fen=6_500_00, ends_on=date(2023, 2, 28))).refused(no.AmountAboveCap)


def test_lessons_need_the_word_of_two_parties(school: Specification) -> None:
    assert c.ClaimLessons.by.isdisjoint(c.ConfirmLessons.by)
    school.given(x.claim("a")).when(x.release(1)).refused(no.ReleaseExceedsEarned("c1", 0, 1))


def test_a_pass_that_was_never_used_within_its_term_for_the_familys_own_reasons_is_not_refunded() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(terms={"unlimited_pass": True}), x.deposit())
    school.on(date(2026, 12, 1))
    school.when(x.request(cause="family", requested_on=date(2026, 12, 1))).refused(no.NothingDue("c1"))


def test_money_leaves_only_to_families_and_as_releases() -> None:
    leaves = {
        kind.__name__
        for kind, legs in POSTINGS.items()
        if any(leg.account == "custody_cash" and leg.sign < 0 for leg in legs)
    }
    assert leaves == {"DepositReversed", "ReleaseSettled", "RefundSettled"}


def test_the_page_of_edge_cases_has_all_forty_and_names_tests_that_exist() -> None:
    page = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", page, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 41))
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", page):
        assert f"def {name}(" in tests, name
    for number, row in rows:
        assert "`test_" in row or "not in Core" in row, number
