"""Which price counts, which figure binds: by cause, price list, gifts, cards, passes, deductions and agreements."""

from datetime import date
from typing import Any

import pytest

from ledger.entitlement import (
    ContractTier,
    Deduction,
    Derivation,
    EntitlementRequest,
    Facts,
    Settlement,
    allocate_payment,
    entitle,
    entitle_naming_idle,
)
from ledger.identifiers import Cause
from ledger.rulebook.files import parameters


def hours(cause: Cause, paid_fen: int = 10_000_00, **more: object) -> Derivation:
    """A contract of 40 hours with 10 given and 20 used, unless said otherwise."""
    facts: dict[str, object] = {
        "paid_centihours": 4000,
        "gift_centihours": 1000,
        "used_centihours": 2000,
    } | more
    return entitle(Facts(paid_fen=paid_fen, cause=cause, **facts))  # type: ignore[arg-type]


def methods(found: Derivation) -> dict[str, int]:
    return {figure.method: figure.refund_fen for figure in found.figures}


# -- cause and price


@pytest.mark.parametrize("cause", ["institution", "neither", "mutual"])
def test_whoever_is_not_the_family_at_fault_returns_gifts_too(cause: Cause) -> None:
    found = hours(cause, list_unit_price_fen=300_00)
    assert (found.binding.method, found.binding_refund_fen) == ("all_units_average", 6_000_00)
    assert methods(found)["list_price"] == 4_000_00


def test_the_family_pays_the_price_before_the_discount() -> None:
    found = hours("family", list_unit_price_fen=300_00)
    assert (found.binding.method, found.binding_refund_fen) == ("list_price", 4_000_00)


def test_what_the_list_price_exceeds_the_payment_by_is_never_charged() -> None:
    found = hours("family", list_unit_price_fen=600_00)
    assert found.binding_refund_fen == 0
    assert [line.event for line in found.binding.lines] == ["paid", "used", "excess_not_charged"]
    assert sum(line.amount_fen for line in found.binding.lines) == 0


def test_a_list_price_that_is_no_higher_than_the_price_paid_undoes_no_discount() -> None:
    found = hours("family", list_unit_price_fen=200_00)
    assert (found.binding.method, found.binding_refund_fen) == ("paid_average", 5_000_00)


def test_a_market_price_above_the_list_price_does_not_help_the_institution() -> None:
    found = hours("family", list_unit_price_fen=300_00, list_price_unreasonable=True, market_unit_price_fen=350_00)
    assert (found.binding.method, found.binding_refund_fen) == ("list_price", 4_000_00)


def test_a_market_price_below_the_price_paid_gives_the_contract_price() -> None:
    found = hours("family", list_unit_price_fen=900_00, list_price_unreasonable=True, market_unit_price_fen=100_00)
    assert (found.binding.method, found.binding_refund_fen) == ("paid_average", 5_000_00)


def test_an_undisclosed_list_price_stays_the_institutions_version() -> None:
    found = hours("family", list_price_disclosed=False, list_unit_price_fen=300_00)
    assert (found.binding.method, found.binding_refund_fen) == ("paid_average", 5_000_00)
    assert methods(found)["list_price"] == 4_000_00


def test_the_contracts_own_unit_price_comes_before_an_average() -> None:
    found = hours("family", list_price_disclosed=False, contract_unit_price_fen=260_00)
    assert (found.binding.method, found.binding_refund_fen) == ("contract_price", 4_800_00)


def test_gifts_not_yet_reached_take_nothing_off_a_mutual_refund() -> None:
    found = hours("mutual", used_centihours=600, contract_unit_price_fen=250_00)
    assert (found.binding.method, found.binding_refund_fen) == ("mixed_price", 10_000_00)


def test_half_a_fen_is_rounded_once_at_the_end() -> None:
    found = entitle(Facts(paid_fen=100_01, cause="institution", paid_centihours=200, used_centihours=100))
    assert found.binding_refund_fen == 50_01
    assert sum(line.amount_fen for line in found.binding.lines) == 50_01


def test_a_line_shows_the_exact_price_and_the_rounded_one() -> None:
    line = entitle(
        Facts(
            paid_fen=17_680_00,
            cause="institution",
            paid_centihours=6800,
            gift_centihours=1000,
            used_centihours=1750,
        )
    ).binding.lines[1]
    assert (line.units, line.unit_price, line.unit_price_fen) == ("17.5", "68000/3", 226_67)


# -- other measures


def test_bonus_money_is_spread_over_what_was_consumed() -> None:
    card = {"paid_fen": 1_000_00, "bonus_fen": 200_00, "consumed_face_fen": 600_00}
    assert entitle(Facts(cause="institution", **card)).binding_refund_fen == 500_00  # type: ignore[arg-type]
    assert entitle(Facts(cause="neither", **card)).binding_refund_fen == 500_00  # type: ignore[arg-type]


def test_the_family_that_leaves_consumed_face_value() -> None:
    card = {"paid_fen": 1_000_00, "bonus_fen": 200_00, "consumed_face_fen": 600_00, "cause": "family"}
    found = entitle(Facts(**card))  # type: ignore[arg-type]
    assert methods(found) == {"face_value": 400_00, "bonus_ratio": 500_00}
    assert found.binding_refund_fen == 400_00
    undisclosed = entitle(Facts(**card, list_price_disclosed=False))  # type: ignore[arg-type]
    assert undisclosed.binding_refund_fen == 500_00


def test_an_empty_card_returns_nothing_and_an_untouched_one_everything() -> None:
    for consumed_fen, refund_fen in ((1_200_00, 0), (0, 1_000_00)):
        found = entitle(Facts(paid_fen=1_000_00, bonus_fen=200_00, consumed_face_fen=consumed_fen, cause="institution"))
        assert found.binding_refund_fen == refund_fen


def test_progress_can_be_turned_into_hours_where_the_family_leaves() -> None:
    found = entitle(
        Facts(
            paid_fen=10_000_00, cause="family", progress_centipercent=25_00, paid_centihours=4000,
            used_centihours=1500, list_unit_price_fen=300_00,
        )
    )  # fmt: skip
    assert (found.binding.method, found.binding_refund_fen) == (
        "list_price",
        7_000_00,
    )  # 10 of 40 hours at 300


def unlimited_pass(**more: object) -> Derivation:
    facts: dict[str, object] = {
        "paid_fen": 3_650_00, "cause": "family", "term_starts_on": date(2026, 1, 1), "term_ends_on": date(2026, 12, 31),
    }  # fmt: skip
    return entitle(Facts(**(facts | more)))  # type: ignore[arg-type]


def test_an_unlimited_pass_returns_the_term_left_after_rescission() -> None:
    found = unlimited_pass(rescinded_on=date(2026, 6, 30))
    assert (found.binding.method, found.binding_refund_fen) == ("remaining_term", 1_840_00)  # 184 of 365 days


def test_the_term_left_is_counted_from_the_stop_where_the_institution_stopped_first() -> None:
    found = unlimited_pass(cause="institution", rescinded_on=date(2026, 6, 30), stopped_on=date(2026, 3, 31))
    assert (found.binding_refund_fen, found.binding.rule) == (2_750_00, "unlimited_pass.stop")


def test_a_pass_rescinded_before_its_term_is_returned_in_full() -> None:
    assert unlimited_pass(rescinded_on=date(2025, 12, 20)).binding_refund_fen == 3_650_00


def test_a_pass_nobody_asked_for_within_its_term_is_not_returned() -> None:
    found = unlimited_pass(unused_for_own_reasons=True, requested_on=date(2027, 1, 4))
    assert (found.binding.method, found.binding_refund_fen) == ("unused_pass", 0)


def test_the_term_of_a_pass_comes_before_started_months() -> None:
    found = unlimited_pass(rescinded_on=date(2026, 6, 30), months_total=12, months_started=6)
    assert methods(found) == {"remaining_term": 1_840_00, "months_started": 1_825_00}


# -- deductions


def test_materials_kept_are_deducted_with_evidence_only() -> None:
    books = Deduction("books", 150_00, evidence="receipt 7")
    assert hours("institution", deductions=(books,)).binding_refund_fen == 5_850_00
    found = hours("institution", deductions=(Deduction("books", 150_00),))
    assert (found.binding_refund_fen, found.notes) == (6_000_00, ("unevidenced_deductions",))


@pytest.mark.parametrize("kind", ["commission", "penalty"])
def test_commissions_and_penalty_terms_are_never_deducted(kind: str) -> None:
    line = Deduction("terms", 500_00, evidence="contract", kind=kind)  # type: ignore[arg-type]
    assert hours("family", deductions=(line,)).binding_refund_fen == 5_000_00


def test_deductions_never_make_the_family_pay() -> None:
    found = hours("institution", deductions=(Deduction("books", 9_000_00, evidence="receipt"),))
    assert found.binding_refund_fen == 0
    assert sum(line.amount_fen for line in found.binding.lines) == 0


# -- agreements, claims, awards, disputes


def test_a_better_contract_tier_prevails() -> None:
    tiers = (ContractTier(1000, 80_00), ContractTier(3000, 10_00))
    found = hours("family", list_unit_price_fen=300_00, contract_tiers=tiers)
    assert (found.binding.method, found.binding_refund_fen) == ("contract_tier", 8_000_00)


def test_a_tier_that_is_not_reached_says_nothing() -> None:
    assert "contract_tier" not in methods(hours("family", contract_tiers=(ContractTier(2000, 90_00),)))


def test_a_settlement_replaces_the_formula_from_its_signature_on() -> None:
    settled = Settlement(3_000_00, signed_on=date(2026, 5, 4))
    before = hours("institution", settlement=settled, as_of_on=date(2026, 5, 3))
    after = hours("institution", settlement=settled, as_of_on=date(2026, 5, 4))
    assert (before.binding_refund_fen, before.notes) == (6_000_00, ("settlement_not_yet_signed",))
    assert (after.binding_refund_fen, after.interest) == (3_000_00, None)
    assert methods(after)["all_units_average"] == 6_000_00


def test_nobody_gets_more_than_was_claimed_or_than_is_due() -> None:
    assert [hours("neither", claim_fen=fen).claimable_fen for fen in (0, 5_999_99, 7_000_00)] == [
        0,
        5_999_99,
        6_000_00,
    ]


def test_an_award_above_or_below_the_formula_never_moves_it() -> None:
    for award_fen in (0, 9_999_00):
        found = hours("neither", award_fen=award_fen)
        assert found.binding_refund_fen == 6_000_00
        assert found.award is not None
        assert found.award.amount_fen == award_fen


def test_disputed_lessons_give_a_range_between_the_two_records() -> None:
    found = hours("institution", disputed_centihours=500)
    assert found.range is not None
    assert (found.range.by_institution_record_fen, found.range.by_family_record_fen) == (6_000_00, 7_000_00)
    assert found.binding_refund_fen == 6_000_00


def test_lessons_that_nobody_confirmed_stand_in_the_record_of_the_institution_alone() -> None:
    found = hours("institution", disputed_centihours=500, claimed_centihours=1000)
    assert found.range is not None
    assert (found.range.by_institution_record_fen, found.range.by_family_record_fen) == (4_000_00, 7_000_00)
    assert found.binding_refund_fen == 6_000_00


def test_by_the_record_of_the_institution_a_course_may_have_begun_before_its_first_day() -> None:
    asked = {"starts_on": date(2026, 3, 10), "requested_on": date(2026, 3, 5)}
    found = entitle(
        Facts(paid_fen=100, cause="neither", paid_centihours=1000, used_centihours=0, claimed_centihours=100, **asked)
    )
    assert found.range is not None
    assert (found.range.by_institution_record_fen, found.range.by_family_record_fen) == (90, 100)


def test_a_family_never_fares_worse_by_its_own_record_than_by_that_of_the_institution() -> None:
    """Here the contract returns half from 90 hours on: with 90 undisputed ones only a tenth would be left."""
    half = (ContractTier(used_over_centihours=90_00, refund_centipercent=50_00),)
    found = entitle(
        Facts(
            paid_fen=10_000_00,
            cause="institution",
            paid_centihours=100_00,
            used_centihours=95_00,
            disputed_centihours=5_00,
            contract_tiers=half,
        )
    )
    assert found.range is not None
    assert (found.range.by_institution_record_fen, found.range.by_family_record_fen) == (5_000_00, 5_000_00)


def test_exactly_one_figure_binds() -> None:
    found = hours("family", list_unit_price_fen=300_00, settlement=Settlement(1), contract_tiers=(ContractTier(0, 1),))
    assert [figure.binding for figure in found.figures].count(True) == 1


# -- place and decision date


def test_beijing_deducts_completed_hours_even_for_the_familys_own_reasons() -> None:
    found = hours("family", list_unit_price_fen=300_00, jurisdiction="CN-BJ", category="academic")
    assert (found.binding.method, found.binding_refund_fen) == ("share_of_completed_hours", 6_000_00)
    assert found.binding.verified == "partial"
    assert methods(found)["list_price"] == 4_000_00


def test_a_place_without_a_formula_of_its_own_leaves_it_to_the_courts() -> None:
    for place, category in (("CN", "academic"), ("CN-BJ", "sport"), ("CN-SC-CD", "academic")):
        found = hours("family", list_unit_price_fen=300_00, jurisdiction=place, category=category)
        assert (found.binding.method, found.binding_refund_fen) == ("list_price", 4_000_00)


def test_a_contract_signed_before_the_place_had_a_formula_goes_by_the_courts() -> None:
    found = hours(
        "family",
        list_unit_price_fen=300_00,
        jurisdiction="CN-BJ",
        category="academic",
        signed_on=date(2021, 5, 20),
    )
    assert found.binding.method == "list_price"


def test_the_ordinance_names_the_original_discount_plan_when_the_operator_fails() -> None:
    found = hours("institution", jurisdiction="CN-BJ", category="sport")
    assert (found.binding_refund_fen, found.binding.rule) == (6_000_00, "refund.institution_cause_basis")
    assert found.figures[1].rule == "price.gift_lessons"


def test_parties_who_part_by_agreement_may_agree_on_more_than_the_place_gives() -> None:
    place: dict[str, Any] = {"jurisdiction": "CN-TJ", "category": "academic"}
    more = hours("mutual", used_centihours=3000, contract_unit_price_fen=250_00, **place)
    less = hours("mutual", used_centihours=3000, contract_unit_price_fen=400_00, **place)
    assert (more.binding.method, more.binding_refund_fen) == ("mixed_price", 5_000_00)
    assert (less.binding.method, less.binding_refund_fen) == ("share_of_completed_hours", 4_000_00)


def test_an_older_contract_is_judged_by_the_rules_of_the_decision_date() -> None:
    found = hours("family", list_unit_price_fen=300_00, signed_on=date(2022, 3, 1), decided_on=date(2025, 5, 6))
    assert (found.binding.method, found.binding.rule_set_id) == ("list_price", "CN-SPC/all@2025-05-01#1")


def test_where_the_place_decides_an_unknown_practice_of_the_courts_is_only_noted() -> None:
    found = hours(
        "family",
        list_unit_price_fen=300_00,
        jurisdiction="CN-BJ",
        category="academic",
        decided_on=date(2024, 10, 8),
    )
    assert (found.binding.method, found.notes) == (
        "share_of_completed_hours",
        ("judicial_rule_unknown:price.family",),
    )


def test_no_ground_cites_its_article_twice() -> None:
    found = hours("institution", list_unit_price_fen=300_00)
    assert found.binding.ground == "(2022)渝01民终4000号; analogy to 法释〔2025〕4号 18(2)"
    for book in ("administrative", "judicial", "rates"):
        for row in parameters(book):
            assert not row.article or row.citation.count(row.article.split(" ")[0]) >= 1
            assert row.citation.split().count(row.article.split(" ")[0]) <= 1, row.citation


def test_a_stated_fact_that_changes_nothing_is_named() -> None:
    facts = Facts(
        paid_fen=10_000_00, cause="institution", paid_centihours=4000, used_centihours=1000,
        stopped_on=date(2026, 1, 1), market_unit_price_fen=1, contract_unit_price_fen=300_00,
        list_unit_price_fen=300_00,
    )  # fmt: skip
    idle = entitle_naming_idle(facts).notes
    assert idle == tuple(
        f"no_effect:{name}" for name in ("market_unit_price_fen", "contract_unit_price_fen", "stopped_on")
    )
    assert entitle_naming_idle(facts, frozenset({"stopped_on"})).notes == ("no_effect:stopped_on",)


def test_the_rule_sets_used_are_named() -> None:
    found = hours("family", jurisdiction="CN-BJ", category="academic", signed_on=date(2026, 1, 5))
    assert found.rule_sets == ("CN-BJ/academic@2025-03-26#1", "CN-SPC/all@2025-05-01#1")


# -- payments and the request


def test_a_part_payment_goes_to_costs_then_interest_then_principal() -> None:
    paid = allocate_payment(1_000_00, costs_fen=100_00, interest_fen=250_00, principal_fen=5_000_00)
    assert (paid.costs_fen, paid.interest_fen, paid.principal_fen, paid.unused_fen) == (
        100_00,
        250_00,
        650_00,
        0,
    )
    over = allocate_payment(10, principal_fen=4)
    assert (over.principal_fen, over.unused_fen) == (4, 6)
    with pytest.raises(ValueError, match="never negative"):
        allocate_payment(-1, principal_fen=4)


def test_the_request_of_the_calculator_carries_every_fact() -> None:
    request = {
        "paid_fen": 1, "cause": "family", "paid_hours": "40", "gift_hours": "10", "used_hours": "17.5",
        "disputed_hours": "0.25", "progress_percent": "33.5",
        "contract_tiers": [{"used_over_hours": "1.5", "refund_percent": 50}],
        "deductions": [{"label": "books", "amount_fen": 2, "evidence": "r", "kind": "gift"}],
        "settlement": {"amount_fen": 1, "signed_on": "2026-05-04", "due_on": "2026-06-01"}, "signed_on": "2026-01-05",
        "jurisdiction": "CN-BJ", "category": "sport", "day_count": 360,
    }  # fmt: skip
    assert EntitlementRequest.model_validate(request).facts() == Facts(
        paid_fen=1, cause="family", paid_centihours=4000, gift_centihours=1000, used_centihours=1750,
        disputed_centihours=25, progress_centipercent=33_50, contract_tiers=(ContractTier(150, 50_00),),
        deductions=(Deduction("books", 2, "r", "gift"),), settlement=Settlement(1, date(2026, 5, 4), date(2026, 6, 1)),
        signed_on=date(2026, 1, 5), jurisdiction="CN-BJ", category="sport", day_count=360,
    )  # fmt: skip


def test_request_and_facts_state_the_same_things() -> None:
    hours = {f"{each}_hours" for each in ("paid", "gift", "used", "disputed", "claimed", "earlier")}
    renamed = {*hours, "progress_percent"}
    units = {name for name in Facts.__struct_fields__ if name.endswith(("_centihours", "_centipercent"))}
    of_a_ledger = {"earned_fen"}
    assert set(EntitlementRequest.model_fields) - renamed == set(Facts.__struct_fields__) - units - of_a_ledger
    assert len(units) == len(renamed)


def test_zero_class_hours_beside_a_prepaid_card_mean_that_no_hours_were_sold() -> None:
    card = {"paid_fen": 100000, "bonus_fen": 20000, "consumed_face_fen": 60000, "cause": "institution"}
    zeros = {"paid_hours": "0", "gift_hours": "0", "used_hours": "0"}
    stated, silent = (EntitlementRequest.model_validate(each) for each in ({**card, **zeros}, card))
    assert entitle(stated.facts()) == entitle(silent.facts())
    assert entitle(stated.facts()).binding_refund_fen == 50000
