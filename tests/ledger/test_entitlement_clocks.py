"""Full refunds before the start and in the seven days, the day a refund is due, and interest."""

from datetime import date

import pytest

from ledger.entitlement import Deduction, Derivation, Facts, Settlement, entitle
from ledger.rulebook import NoRuleSetInForce
from ledger.workdays import CALENDAR

SIGNED = date(2026, 3, 2)  # a Monday


def asked(requested_on: date, **more: object) -> Derivation:
    """40 hours for 8,000 yuan, none used, signed on 2 March 2026, ended by the family."""
    facts: dict[str, object] = {
        "paid_fen": 8_000_00, "cause": "family", "paid_centihours": 4000, "used_centihours": 0,
        "list_unit_price_fen": 300_00, "signed_on": SIGNED, "requested_on": requested_on,
    }  # fmt: skip
    return entitle(Facts(**(facts | more)))  # type: ignore[arg-type]


def due(found: Derivation) -> tuple[str, date | None]:
    return found.binding.method, found.deadline.on if found.deadline else None


BOOKS = (Deduction("books", 100_00, evidence="receipt"),)


# -- before the start


def test_beijing_academic_pays_everything_within_five_days_before_the_start() -> None:
    found = asked(
        date(2026, 3, 20),
        starts_on=date(2026, 4, 1),
        deductions=BOOKS,
        jurisdiction="CN-BJ",
        category="academic",
    )
    assert due(found) == ("full_before_start", date(2026, 3, 25))
    assert (found.binding_refund_fen, found.binding.rule_set_id) == (8_000_00, "CN-BJ/academic@2025-03-26#1")


def test_tianjin_counts_working_days() -> None:
    found = asked(date(2026, 4, 1), starts_on=date(2026, 4, 20), jurisdiction="CN-TJ", category="sport")
    assert due(found) == ("full_before_start", date(2026, 4, 9))  # Tomb-sweeping on the 4th to the 6th


def test_without_a_place_what_was_not_delivered_is_returned_by_the_courts_rule() -> None:
    found = asked(date(2026, 3, 20), starts_on=date(2026, 4, 1), deductions=BOOKS)
    assert due(found) == ("full_before_start", date(2026, 4, 7))  # 15 days end on a rest day
    assert (found.binding_refund_fen, found.binding.rule) == (7_900_00, "principal")


def test_before_the_start_nothing_need_be_said_about_lessons() -> None:
    found = asked(date(2026, 3, 20), starts_on=date(2026, 4, 1), paid_centihours=None, used_centihours=None)
    assert found.binding_refund_fen == 8_000_00


def test_the_day_of_the_start_is_not_before_it() -> None:
    assert asked(date(2026, 4, 1), starts_on=date(2026, 4, 1)).binding.method == "list_price"


# -- seven days


def test_the_seven_days_of_the_courts_return_the_principal_even_after_lessons() -> None:
    found = asked(date(2026, 3, 9), used_centihours=200, deductions=BOOKS)
    assert due(found) == ("full_cooling_off", date(2026, 3, 24))
    assert (found.binding_refund_fen, found.binding.ground) == (8_000_00, "法释〔2025〕4号 art. 14")
    assert found.interest is None  # principal only


def test_the_eighth_day_is_too_late() -> None:
    assert asked(date(2026, 3, 10), used_centihours=200).binding.method == "list_price"


def test_the_seven_days_begin_with_the_payment() -> None:
    assert asked(date(2026, 3, 12), paid_on=date(2026, 3, 5)).binding.method == "full_cooling_off"


def test_who_knew_the_service_before_has_no_seven_days_by_the_courts_rule() -> None:
    assert asked(date(2026, 3, 5), used_centihours=200, prior_same_service=True).binding.method == "list_price"


@pytest.mark.parametrize(
    ("tried", "method"), [(None, "full_cooling_off"), (False, "full_cooling_off"), (True, "list_price")]
)
def test_only_earlier_experience_that_was_shown_bars_the_seven_days(tried: bool | None, method: str) -> None:  # noqa: FBT001 - a fact of the case
    found = asked(date(2026, 3, 5), used_centihours=200, prior_same_service=tried)
    assert found.binding.method == method
    assert ("prior_same_service_not_stated" in found.notes) is (tried is None)


def test_what_is_due_unasked_is_no_withdrawal_within_seven_days() -> None:
    assert asked(date(2026, 3, 5), used_centihours=200, unasked=True).binding.method == "list_price"


def test_before_may_2025_no_such_right_was_decided() -> None:
    found = entitle(
        Facts(
            paid_fen=100, cause="institution", paid_centihours=100, used_centihours=50, signed_on=date(2025, 4, 1),
            requested_on=date(2025, 4, 3), decided_on=date(2025, 4, 30),
        )
    )  # fmt: skip
    assert found.binding.method == "paid_average"


BEIJING_SPORT = {"jurisdiction": "CN-BJ", "category": "sport"}


def test_the_beijing_ordinance_pays_within_five_days_and_asks_that_nothing_was_used() -> None:
    found = asked(date(2026, 3, 5), prior_same_service=True, **BEIJING_SPORT)
    assert due(found) == ("full_cooling_off", date(2026, 3, 10))
    assert (found.binding_refund_fen, found.binding.rule_set_id) == (8_000_00, "CN-BJ/sport@2025-03-26#1")
    for lessons in ({"used_centihours": 1}, {"earlier_centihours": 1, "earlier_fen": 1_00}):
        used = asked(date(2026, 3, 5), prior_same_service=True, **BEIJING_SPORT | lessons)
        assert used.binding.method == "list_price"


def test_under_the_ordinance_a_gift_that_is_kept_is_paid_for() -> None:
    gift = Deduction("tablet", 300_00, evidence="receipt", kind="gift")
    found = asked(date(2026, 3, 5), deductions=(gift, *BOOKS), **BEIJING_SPORT)
    assert found.binding_refund_fen == 7_700_00
    assert [line.event for line in found.binding.lines] == ["paid", "deduction", "not_deductible_here"]


def test_both_seven_day_rights_are_shown_where_both_apply() -> None:
    found = asked(date(2026, 3, 5), **BEIJING_SPORT)
    grounds = [figure.ground for figure in found.figures if figure.method == "full_cooling_off"]
    assert grounds == ["北京市单用途预付卡管理条例 art. 16", "法释〔2025〕4号 art. 14"]


def test_for_licensed_academic_classes_the_ordinance_is_shown_and_does_not_bind() -> None:
    found = asked(date(2026, 3, 5), jurisdiction="CN-BJ", category="academic")
    assert (found.binding.ground, found.notes) == (
        "法释〔2025〕4号 art. 14",
        ("prior_same_service_not_stated", "cooling_off_scope_not_known"),
    )
    shown = next(figure for figure in found.figures if "条例" in figure.ground)
    assert (shown.binding, shown.verified) == (False, "partial")
    assert due(found)[1] == date(2026, 3, 20)


# -- deadlines


def test_a_request_without_a_date_starts_no_clock() -> None:
    assert entitle(Facts(paid_fen=1, cause="institution", paid_centihours=1, used_centihours=0)).deadline is None


def test_where_nothing_else_is_ruled_fifteen_days_run_from_the_request() -> None:
    found = asked(date(2026, 4, 20), used_centihours=400)
    assert found.deadline is not None
    assert (found.deadline.on, found.deadline.count, found.deadline.unit) == (date(2026, 5, 6), 15, "day")
    assert found.deadline.ground == "侵害消费者权益行为处罚办法 (SAIC Order 73) art. 10(2)"
    assert (found.deadline.payer, found.deadline.calendar) == ("institution", CALENDAR)


def test_the_clock_is_that_of_the_request_and_the_formula_that_of_the_signature() -> None:
    found = asked(
        date(2023, 6, 1),
        signed_on=date(2021, 5, 20),
        used_centihours=400,
        jurisdiction="CN-BJ",
        category="academic",
    )
    assert found.binding.method == "list_price"
    assert found.deadline is not None
    assert found.deadline.rule_set_id == "CN-BJ/academic@2023-03-14#1"


def test_a_deadline_in_an_unpublished_year_is_provisional() -> None:
    found = asked(date(2026, 12, 21), used_centihours=400, jurisdiction="CN-TJ", category="academic")
    assert found.deadline is not None
    assert found.deadline.provisional


def test_a_settlement_has_its_own_day() -> None:
    dated = asked(date(2026, 4, 1), settlement=Settlement(100, date(2026, 5, 4), date(2026, 6, 30)))
    assert due(dated) == ("settlement", date(2026, 6, 30))
    undated = asked(date(2026, 4, 1), settlement=Settlement(100, date(2026, 5, 4)))
    assert due(undated) == ("settlement", date(2026, 5, 19))


def test_no_clock_is_invented_for_a_request_before_the_first_rule() -> None:
    with pytest.raises(NoRuleSetInForce):
        asked(date(2014, 6, 1), signed_on=date(2014, 1, 2))


# -- interest


YEAR = {"rescinded_on": date(2026, 4, 1), "interest_until_on": date(2027, 4, 1), "day_count": 365}


def interest(**more: object) -> tuple[str | None, str | None, int | None, str | None]:
    found = asked(date(2026, 4, 1), used_centihours=400, list_unit_price_fen=None, **more).interest
    assert found is not None
    return found.rate_kind, found.rate_percent, found.amount_fen, found.open


def test_the_institution_pays_the_loan_rate_and_the_family_gets_the_deposit_rate() -> None:
    assert interest(cause="institution", **YEAR) == ("lpr_1y", "3.00", 216_00, None)
    assert interest(cause="family", **YEAR) == ("pboc_deposit_1y", "1.50", 108_00, None)


@pytest.mark.parametrize("cause", ["neither", "mutual"])
def test_where_nobody_is_at_fault_the_law_names_no_rate(cause: str) -> None:
    assert interest(cause=cause, **YEAR) == (None, None, None, "law_silent_on_rate")


def test_the_rate_is_that_of_the_day_the_contract_was_formed() -> None:
    assert interest(cause="institution", signed_on=date(2021, 6, 14), **YEAR)[1] == "3.85"
    assert interest(cause="institution", signed_on=date(2019, 1, 2), **YEAR) == (
        "lpr_1y", None, None, "rate_not_known_at_contract_date",
    )  # fmt: skip


def test_the_supervised_part_earns_what_its_account_earned() -> None:
    supervised = {"supervised_fen": 5_000_00, "supervised_rate_percent": "0.35"}
    assert interest(cause="institution", **supervised, **YEAR)[2] == 17_50 + 66_00
    covered = {"supervised_fen": 9_000_00, "supervised_rate_percent": "0.35"}
    assert interest(cause="neither", **covered, **YEAR)[2] == 25_20


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("rescinded_on", "rescission_date_missing"),
        ("interest_until_on", "end_date_or_day_count_not_stated"),
        ("day_count", "end_date_or_day_count_not_stated"),
    ],
)
def test_no_amount_of_interest_is_given_while_a_term_is_open(missing: str, reason: str) -> None:
    found = interest(cause="institution", **(YEAR | {missing: None}))
    assert found[2:] == (None, reason)


def test_the_day_count_changes_the_amount() -> None:
    assert interest(cause="institution", **(YEAR | {"day_count": 360}))[2] == 219_00


def test_interest_runs_on_what_can_be_claimed() -> None:
    found = asked(date(2026, 4, 1), used_centihours=400, cause="institution", claim_fen=1_000_00, **YEAR)
    assert found.interest is not None
    assert (found.interest.principal_fen, found.interest.amount_fen) == (1_000_00, 30_00)
