"""Real cases with published numbers: court judgments, a consumer association's opinion, a regulator's formula."""

import json
from itertools import pairwise

import pytest

from ledger.entitlement import Derivation, EntitlementRequest, entitle, penalty
from ledger.money import cumulative_fen


def derive(**request: object) -> Derivation:
    return entitle(EntitlementRequest.model_validate_json(json.dumps(request)).facts())


def refund_by(derivation: Derivation, method: str) -> int:
    return next(figure.refund_fen for figure in derivation.figures if figure.method == method)


def test_we_01_gift_lessons_count_when_the_institution_closes() -> None:
    found = derive(
        paid_fen=17_680_00, paid_hours="68", gift_hours="10", used_hours="17.5", cause="institution",
        claim_fen=13_713_00,
    )  # fmt: skip
    assert (found.binding.method, found.binding_refund_fen) == ("all_units_average", 13_713_33)
    assert found.claimable_fen == 13_713_00  # the family claimed whole yuan; the court granted the claim
    assert refund_by(found, "paid_average") == 13_130_00


def test_we_02_gifts_attached_to_used_hours_at_the_contract_price() -> None:
    terms = {
        "paid_fen": 32_000_00,
        "paid_hours": "100",
        "gift_hours": "10",
        "used_hours": "93",
        "cause": "mutual",
    }
    found = derive(**terms, contract_unit_price_fen=320_00, list_unit_price_fen=340_00)
    assert (found.binding.method, found.binding_refund_fen) == ("mixed_price", 5_440_00)
    assert refund_by(found, "list_price") == 3_780_00  # the institution's version, at the price of the higher grade
    assert derive(**terms, contract_unit_price_fen=340_00).binding_refund_fen == 3_780_00  # rejected version


@pytest.mark.parametrize("hours", [{}, {"paid_hours": "100", "used_hours": "33"}])
def test_we_05_admitted_progress_of_what_was_actually_paid(hours: dict[str, str]) -> None:
    found = derive(paid_fen=36_500_00, progress_percent=33, cause="institution", **hours)
    assert (found.binding.method, found.binding_refund_fen) == ("percent_progress", 24_455_00)


def test_we_06_the_list_price_is_no_answer_to_a_moved_campus() -> None:
    found = derive(paid_fen=8_000_00, paid_hours="40", used_hours="15", cause="institution", list_unit_price_fen=400_00)
    assert found.binding_refund_fen == 5_000_00
    assert refund_by(found, "list_price") == 2_000_00


def test_we_07_a_list_price_nobody_was_told_cannot_be_charged() -> None:
    found = derive(paid_fen=1_200_00, paid_hours="20", used_hours="3", cause="family", list_price_disclosed=False)
    assert found.binding_refund_fen == 1_020_00


def test_we_08_a_started_month_counts_as_a_month() -> None:
    found = derive(
        paid_fen=300_00, months_total=12, months_started=1, cause="family", list_price_disclosed=False,
        signed_on="2023-11-04", requested_on="2023-11-17",
    )  # fmt: skip
    assert (found.binding.method, found.binding_refund_fen) == ("months_started", 275_00)


def test_we_10_the_market_price_replaces_an_unreasonable_list_price() -> None:
    found = derive(
        paid_fen=2_000_00, paid_hours="10", used_hours="3", cause="family", list_unit_price_fen=10_000_00,
        list_price_unreasonable=True, market_unit_price_fen=400_00,
    )  # fmt: skip
    assert (found.binding.method, found.binding_refund_fen) == ("market_price", 800_00)
    assert refund_by(found, "list_price") == 0


def test_we_12_a_court_that_returns_seventy_percent_does_not_change_the_formula() -> None:
    found = derive(paid_fen=2_680_00, paid_hours="20", used_hours="0", cause="family", awarded_ratio="0.7")
    assert found.binding_refund_fen == 2_680_00
    assert found.award is not None
    assert (found.award.amount_fen, found.award.formula_fen) == (1_876_00, 2_680_00)


def test_we_14_an_expired_term_does_not_forfeit_lessons_never_taught() -> None:
    found = derive(paid_fen=20_740_00, paid_hours="61", used_hours="25", cause="institution")
    assert found.binding_refund_fen == 12_240_00


def test_we_15_and_22_the_claim_is_the_formula_and_the_award_stands_beside_it() -> None:
    found = derive(
        paid_fen=8_500_00,
        paid_hours="112",
        used_hours="32",
        cause="neither",
        claim_fen=6_071_43,
        award_fen=3_000_00,
    )
    assert (found.binding_refund_fen, found.claimable_fen) == (6_071_43, 6_071_43)
    assert found.award is not None
    assert found.award.amount_fen == 3_000_00


def test_we_17_a_worse_contract_tier_gives_way_to_pro_rata() -> None:
    found = derive(
        paid_fen=25_000_00, paid_hours="120", used_hours="46", cause="family",
        contract_tiers=[{"used_over_hours": "40", "refund_percent": 50}],
        deductions=[
            {"label": "registration fee", "amount_fen": 360_00},
            {"label": "service items", "amount_fen": 1_140_80},
        ],
    )  # fmt: skip
    assert (found.binding.method, found.binding_refund_fen) == ("paid_average", 15_416_67)
    offer = next(figure for figure in found.figures if figure.method == "contract_tier")
    assert offer.refund_fen == 10_999_20
    assert -sum(line.amount_fen for line in offer.lines if line.event == "deduction") == 1_500_80


def test_we_21_releases_of_a_beijing_sci_tech_contract_carry_the_remainder() -> None:
    released = [cumulative_fen(5_000_00, lessons, 60) for lessons in range(61)]
    assert (released[20], 5_000_00 - released[20], released[60]) == (1_666_67, 3_333_33, 5_000_00)
    assert {later - earlier for earlier, later in pairwise(released)} == {83_33, 83_34}
    found = derive(paid_fen=5_000_00, paid_hours="60", used_hours="20", cause="institution")
    assert found.binding_refund_fen == 3_333_33


def test_we_30_a_closed_gym_returns_the_paid_average() -> None:
    found = derive(paid_fen=2_000_00, paid_hours="60", used_hours="12", cause="institution")
    assert found.binding_refund_fen == 1_600_00


def test_we_33_a_thirty_percent_withdrawal_penalty_is_void() -> None:
    found = derive(
        paid_fen=12_000_00, paid_hours="120", used_hours="1", cause="family",
        deductions=[{"label": "30 % penalty", "amount_fen": 3_600_00, "kind": "penalty", "evidence": "clause 7"}],
    )  # fmt: skip
    assert found.binding_refund_fen == 11_900_00
    assert [line.event for line in found.binding.lines] == ["paid", "used", "penalty_void"]


def test_we_34_what_was_returned_to_families_lowers_the_fine() -> None:
    found = penalty(15_831_259_19, 2_374_566_40, times=5)
    assert (found.illegal_gains_fen, found.fine_fen) == (13_456_692_79, 67_283_463_95)


@pytest.mark.parametrize(("income_fen", "returned_fen", "times"), [(1, 2, 1), (1, -1, 1), (1, 0, 0), (1, 0, 6)])
def test_a_fine_outside_the_statute_is_refused(income_fen: int, returned_fen: int, times: int) -> None:
    with pytest.raises(ValueError, match="no penalty"):
        penalty(income_fen, returned_fen, times)
