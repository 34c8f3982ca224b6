"""What is due after a contract was amended: earlier lessons keep their price, and the terms that were signed stand."""

from datetime import date

import pytest

from ledger import events as e
from ledger.entitlement import Derivation, EntitlementRequest, entitle
from ledger.entitlement.contracts import facts_of
from ledger.identifiers import Cause
from ledger.sheets import Contract
from tests import examples as x
from tests.specification import Specification

AMENDED_ON, ASKED_ON = date(2026, 9, 8), date(2026, 9, 10)
LIST = {"list_unit_price_fen": 200_00, "list_price_disclosed": True}


def amended(*, place: tuple[str, str] = ("CN", "non_academic"), **terms: object) -> Specification:
    """Thirty lessons for 3,000 yuan; after three of them the parties move the end of the course."""
    school = Specification(x.SIGNED_ON).given(x.opening(*place), x.contract(terms=terms), x.deposit())
    school.on(x.STARTS_ON).given(*x.taught("a", "b", "c"))
    return school.on(AMENDED_ON).given(x.amendment(ends_on=date(2026, 11, 20))).on(ASKED_ON)


def due(school: Specification, cause: str, **circumstances: object) -> int:
    school.when(x.request(cause=cause, requested_on=ASKED_ON, circumstances=circumstances))
    (requested,) = school.events
    assert isinstance(requested, e.RefundRequested)
    return requested.entitled_fen


def derived(school: Specification, cause: Cause) -> Derivation:
    return entitle(facts_of(school.escrow.get(Contract, "c1"), school.escrow.header, cause, ASKED_ON))


def test_lessons_of_before_an_amendment_stand_in_a_line_of_their_own() -> None:
    binding = derived(amended().given(*x.taught("d")), "institution").binding
    assert [(line.event, line.units, line.amount_fen) for line in binding.lines] == [
        ("paid", None, 3_000_00),
        ("used", "1", -100_00),
        ("used_before", "3", -300_00),
    ]
    assert binding.refund_fen == 2_600_00


def test_the_familys_cause_undoes_the_discount_of_lessons_of_before_an_amendment_too() -> None:
    assert due(amended(**LIST), "family") == 3_000_00 - 3 * 200_00


def test_a_market_price_replaces_an_unreasonable_list_price_for_them_as_well() -> None:
    unreasonable = {"list_price_unreasonable": True, "market_unit_price_fen": 150_00}
    school = amended(list_unit_price_fen=10_000_00, list_price_disclosed=True)
    assert due(school, "family", **unreasonable) == 3_000_00 - 3 * 150_00


def test_the_formula_of_the_place_counts_them_at_the_contract_price() -> None:
    assert due(amended(place=("CN-BJ", "academic"), **LIST), "family") == 2_700_00


@pytest.mark.parametrize("place", [("CN", "non_academic"), ("CN-BJ", "academic")])
def test_progress_is_of_the_whole_course_whatever_its_price_was_when(place: tuple[str, str]) -> None:
    assert due(amended(place=place), "institution", progress_percent=33) == 2_010_00


def test_the_days_of_full_refund_that_were_signed_outlive_an_amendment() -> None:
    assert due(amended(full_refund_days_after_start=30, **LIST), "family") == 3_000_00


def test_the_steps_that_were_signed_count_the_lessons_of_before_an_amendment() -> None:
    steps = [{"used_over_hours": "0", "refund_percent": 95}, {"used_over_hours": "2", "refund_percent": 85}]
    assert due(amended(tiers=steps, **LIST), "family") == 2_550_00


def test_an_amended_pass_still_goes_by_its_term() -> None:
    contract = x.contract(price_fen=910_00, ends_on=date(2026, 11, 30), terms={"unlimited_pass": True})
    school = Specification(x.SIGNED_ON).given(x.opening(), contract, x.deposit(amount_fen=910_00))
    school.on(x.STARTS_ON).given(*x.taught("a", "b", "c"))
    school.given(x.amendment(price_fen=910_00, ends_on=date(2026, 11, 30))).on(ASKED_ON)
    assert due(school, "neither") == 810_00, "91 days, ten of them passed"


def test_the_calculator_says_the_same_of_earlier_lessons() -> None:
    stated = {
        "paid_fen": 3_000_00, "paid_hours": "27", "used_hours": "1", "earlier_hours": "3", "earlier_fen": 300_00,
        "cause": "family", **LIST,
    }  # fmt: skip
    found = entitle(EntitlementRequest.model_validate(stated).facts())
    assert [figure.refund_fen for figure in found.figures] == [2_200_00, 2_600_00]
    assert found.figures == derived(amended(**LIST).given(*x.taught("d")), "family").figures


def test_a_dispute_about_a_lesson_of_before_the_amendment_opens_the_range() -> None:
    found = derived(amended().given(x.dispute("a"), *x.taught("d"), x.dispute("d")), "institution")
    assert found.range is not None
    assert (found.range.by_institution_record_fen, found.range.by_family_record_fen) == (2_600_00, 2_800_00)
    earlier = derived(amended().given(x.dispute("a")), "institution")
    assert earlier.range is not None
    assert (earlier.range.by_institution_record_fen, earlier.range.by_family_record_fen) == (2_700_00, 2_800_00)
