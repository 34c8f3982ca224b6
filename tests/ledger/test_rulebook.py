"""Rules as data: every value with its source, chosen by place, category and date, and unknown stays unknown."""

import hashlib
from datetime import date, timedelta
from itertools import combinations
from typing import get_args

import msgspec
import pytest

from ledger.identifiers import Category
from ledger.rulebook import (
    REVISION,
    NoRuleSetInForce,
    Period,
    UnknownRuleSet,
    UnknownRuleSetId,
    judicial,
    newest,
    places,
    rate_on,
    rule_set,
    select,
)
from ledger.rulebook.files import Book, parameters
from ledger.rulebook.parameters import Parameter, Verified

BOOKS: tuple[Book, ...] = ("administrative", "judicial", "rates")
ROWS = [row for book in BOOKS for row in parameters(book)]
BEIJING = ("academic", "sport", "sci_tech", "culture_art")
NOW = date(2026, 6, 1)


def test_every_row_names_its_source_its_dates_and_how_far_it_was_verified() -> None:
    assert len(ROWS) > 150
    for row in ROWS:
        assert row.source, row
        assert row.verified in get_args(Verified), row
        assert isinstance(row.effective_from, date), row
        assert row.effective_to is None or row.effective_to > row.effective_from, row


def test_no_value_is_a_float() -> None:
    for row in ROWS:
        for value in row.value if isinstance(row.value, tuple) else (row.value,):
            assert not isinstance(value, float), row


def test_an_unknown_rule_has_no_value_and_is_never_called_verified() -> None:
    unknown = [row for row in ROWS if row.unknown]
    assert len(unknown) > 20
    assert {row.verified for row in unknown} <= {"no", "partial"}


def test_no_two_rows_speak_for_the_same_day() -> None:
    def overlap(one: Parameter, other: Parameter) -> bool:
        return one.in_force(max(one.effective_from, other.effective_from), REVISION) and other.in_force(
            max(one.effective_from, other.effective_from), REVISION
        )

    for book in BOOKS:
        for one, other in combinations(parameters(book), 2):
            same = (one.jurisdiction, one.category, one.key) == (
                other.jurisdiction,
                other.category,
                other.key,
            )
            assert not (same and overlap(one, other)), (one, other)


def test_the_rows_of_a_published_revision_are_never_edited() -> None:
    # Stored events name rule sets of this revision. Supersede a row and raise REVISION instead of editing it.
    first = sorted(
        msgspec.json.encode(msgspec.structs.replace(row, until_revision=None))
        for row in ROWS
        if row.since_revision == 1
    )
    assert hashlib.sha256(b"\n".join(first)).hexdigest()[:16] == "2bf614c3be2e565c"


@pytest.mark.parametrize("category", BEIJING)
def test_beijing_knows_no_confirm_window_although_the_national_app_has_one(category: str) -> None:
    national, beijing = select("CN", category, NOW), select("CN-BJ", category, NOW)
    assert (national.confirm_window, national.confirm_default) == (Period(15, "workday"), True)
    assert (beijing.confirm_window, beijing.confirm_default) == (None, None)
    row = beijing.get("confirm.window")
    assert row is not None
    assert (row.unknown, row.verified, row.jurisdiction) == (True, "no", "CN-BJ")


def test_a_default_confirmation_by_the_national_app_begins_with_2023() -> None:
    assert select("CN", "sport", date(2022, 12, 31)).confirm_window is None
    assert select("CN", "sport", date(2023, 1, 1)).confirm_window == Period(15, "workday")


@pytest.mark.parametrize(
    ("place", "category", "span", "centihours", "amount_fen"),
    [
        ("CN", "academic", Period(3, "month"), 6000, None),
        ("CN", "non_academic", Period(3, "month"), 6000, 500_000),
        ("CN-BJ", "academic", Period(3, "month"), 6000, None),
        ("CN-BJ", "sport", Period(3, "month"), 6000, 500_000),
        ("CN-BJ", "sci_tech", Period(3, "month"), 6000, 500_000),
        ("CN-BJ", "culture_art", Period(90, "day"), 6000, 500_000),
        ("CN-TJ", "culture_art", Period(3, "month"), 6000, 500_000),
    ],
)
def test_caps_of_span_hours_and_amount(
    place: str, category: str, span: Period, centihours: int, amount_fen: int | None
) -> None:
    rules = select(place, category, NOW)
    assert (rules.cap_span, rules.cap_centihours, rules.cap_amount_fen) == (span, centihours, amount_fen)


def test_hours_are_capped_per_subject_for_academic_training_only() -> None:
    assert select("CN-BJ", "academic", NOW).cap_per_subject
    assert not select("CN-BJ", "sport", NOW).cap_per_subject


def test_the_5000_yuan_cap_began_on_2022_12_29() -> None:
    assert select("CN", "sport", date(2022, 12, 28)).cap_amount_fen is None
    assert select("CN", "sport", date(2022, 12, 29)).cap_amount_fen == 500_000


def test_money_may_be_taken_a_month_ahead_or_with_twenty_hours_left() -> None:
    rules = select("CN-BJ", "academic", NOW)
    assert (rules.earliest_collection, rules.earliest_centihours_left) == (Period(1, "month"), 2000)


@pytest.mark.parametrize(
    ("place", "category", "before", "after"),
    [
        ("CN", "academic", Period(15, "day"), Period(15, "day")),
        ("CN-BJ", "academic", Period(5, "day"), Period(15, "day")),
        ("CN-BJ", "sport", Period(15, "day"), Period(15, "day")),
        ("CN-TJ", "academic", Period(5, "workday"), Period(15, "workday")),
        ("CN-SC-CD", "sport", Period(5, "day"), Period(15, "day")),
    ],
)
def test_refund_clocks_by_place(place: str, category: str, before: Period, after: Period) -> None:
    rules = select(place, category, NOW)
    assert [rules.period(key) or rules.refund_default for key in ("refund.before_start", "refund.after_start")] == [
        before,
        after,
    ]


def test_an_institution_that_does_not_answer_in_five_working_days_has_agreed() -> None:
    rules = select("CN", "academic", NOW)
    assert (rules.institution_reply, rules.silence_agrees) == (Period(5, "workday"), True)
    assert select("CN", "academic", date(2022, 6, 1)).institution_reply is None


def test_the_two_seven_day_rights_are_two_rules() -> None:
    courts, ordinance = judicial(NOW).cooling_off, select("CN-BJ", "sport", NOW).cooling_off
    assert courts is not None
    assert ordinance is not None
    assert (courts.requires_unredeemed, courts.pay, courts.rule.article) == (False, None, "14")
    assert (ordinance.requires_unredeemed, ordinance.pay, ordinance.rule.article) == (
        True,
        Period(5, "day"),
        "16",
    )


def test_whether_the_ordinance_covers_licensed_academic_classes_is_not_known() -> None:
    academic, sport = select("CN-BJ", "academic", NOW).cooling_off, select("CN-BJ", "sport", NOW).cooling_off
    assert academic is not None
    assert sport is not None
    assert (academic.applies, sport.applies) == (None, True)
    assert select("CN-BJ", "sport", date(2022, 5, 31)).cooling_off is None


@pytest.mark.parametrize(
    ("place", "category", "modes"),
    [
        ("CN", "academic", ("per_lesson",)),
        ("CN-BJ", "sci_tech", ("per_lesson", "monthly")),
        ("CN-AH-WH", "academic", ("whole_order",)),
        ("CN-YN-YX", "sport", ("weekly",)),
    ],
)
def test_release_rhythms_by_place(place: str, category: str, modes: tuple[str, ...]) -> None:
    rules = select(place, category, NOW)
    assert (rules.release_modes, rules.release_mode) == (modes, modes[0])


def test_wuhu_releases_an_order_fifteen_working_days_after_its_last_lesson_and_freezes_it_whole() -> None:
    wuhu = select("CN-AH-WH", "academic", NOW)
    assert (wuhu.release_delay, wuhu.dispute_freezes) == (Period(15, "workday"), "order")
    assert select("CN", "academic", NOW).dispute_freezes == "lesson"


def test_tianjin_releases_old_money_in_three_steps() -> None:
    assert select("CN-TJ", "academic", NOW).stock_milestones == (30, 30, 40)
    assert select("CN", "academic", NOW).stock_milestones == ()


def test_zhejiang_confirms_after_seven_working_days_by_a_draft_nobody_verified() -> None:
    zhejiang = select("CN-ZJ", "academic", NOW)
    row = zhejiang.get("confirm.window")
    assert row is not None
    assert (zhejiang.confirm_window, row.verified) == (Period(7, "workday"), "no")


def test_beijing_sci_tech_sweeps_cash_within_five_days() -> None:
    assert select("CN-BJ", "sci_tech", NOW).period("custody.cash_sweep") == Period(5, "day")
    assert select("CN-BJ", "academic", NOW).period("custody.cash_sweep") is None


def test_custody_covers_everything_and_chengdu_wants_a_risk_deposit_too() -> None:
    assert select("CN-SC-CD", "academic", NOW).text("supervision.mode") == "custody_and_risk_deposit"
    assert select("CN", "academic", NOW).text("supervision.mode") == "custody_or_risk_deposit"
    assert select("CN-BJ", "academic", NOW).whole("custody.share") == 100


def test_families_come_before_wages_only_where_the_school_is_licensed() -> None:
    rules = select("CN-BJ", "academic", NOW)
    assert rules.priority(licensed=True)[0] == "refunds"
    assert rules.priority(licensed=False) == ("costs", "wages", "other_social_insurance_tax", "ordinary")


def test_mediation_and_confirmation_windows() -> None:
    rules = select("CN-BJ", "academic", NOW)
    assert rules.mediation_window("pre_filing") == Period(30, "day")
    assert rules.mediation_window("in_suit_ordinary") == Period(15, "day")
    assert rules.mediation_window("in_suit_summary") == Period(7, "day")
    assert rules.judicial_confirmation == Period(30, "day")


def test_the_courts_rules_follow_the_decision_not_the_signature() -> None:
    assert judicial(date(2025, 4, 30)).cooling_off is None
    assert judicial(date(2025, 4, 30)).known("price.family") is None
    assert judicial(date(2025, 5, 1)).text("price.family") == "pre_discount_price"
    assert judicial(date(2025, 5, 1)).id == "CN-SPC/all@2025-05-01#1"


def test_the_rate_of_the_contract_date_is_found_and_never_guessed() -> None:
    def percent(kind: str, on: date) -> object:
        row = rate_on(kind, on)
        return None if row is None else row.value

    assert [percent("lpr_1y", date(2025, 5, 19)), percent("lpr_1y", date(2025, 5, 20))] == ["3.10", "3.00"]
    assert percent("lpr_1y", date(2021, 6, 14)) == "3.85"
    assert percent("pboc_deposit_1y", date(2026, 1, 1)) == "1.50"
    assert percent("lpr_1y", date(2019, 8, 19)) is None
    assert percent("lpr_1y", date(2026, 7, 19)) == "3.00"
    assert percent("lpr_1y", date(2026, 7, 20)) is None


def test_every_rule_set_ever_in_force_is_found_again_by_its_id() -> None:
    days = sorted({row.effective_from for row in ROWS} | {row.effective_to for row in ROWS if row.effective_to})
    days = [day for day in days if day >= date(2015, 3, 15)]
    ids = {select(place, category, day).id for place in places() for category in get_args(Category) for day in days}
    ids |= {judicial(day).id for day in days}
    assert len(ids) > 200
    for rule_set_id in ids:
        assert rule_set(rule_set_id).id == rule_set_id


def test_a_rule_set_begins_on_the_day_its_rules_changed() -> None:
    rules = select("CN-BJ", "academic", date(2021, 10, 29))
    assert rules.id == "CN-BJ/academic@2021-10-29#1"
    assert select("CN-BJ", "academic", date(2021, 10, 28)).id == "CN-BJ/academic@2021-10-13#1"
    assert select("CN-BJ", "academic", date(2021, 11, 1)).id == "CN-BJ/academic@2021-11-01#1"


def test_every_id_is_safe_in_an_event() -> None:
    assert newest("CN-AH-WH", "non_academic").id.isascii()


@pytest.mark.parametrize(
    ("place", "category"),
    [
        ("CN-SH", "academic"),
        ("CN-SC", "academic"),
        ("", "sport"),
        ("CN-BJ", "sport_youth"),
        ("CN-SPC", "all"),
        ("CN", "all"),
    ],
)
def test_an_unknown_place_or_category_is_refused_by_name(place: str, category: str) -> None:
    with pytest.raises(UnknownRuleSet) as refused:
        select(place, category, NOW)
    assert (refused.value.jurisdiction, refused.value.category) == (place, category)


def test_no_rules_are_given_for_a_day_before_the_first_ones() -> None:
    first_on = date(2015, 3, 15)
    assert select("CN", "academic", first_on).refund_default == Period(15, "day")
    with pytest.raises(NoRuleSetInForce):
        select("CN", "academic", first_on - timedelta(days=1))
    with pytest.raises(NoRuleSetInForce):
        judicial(first_on - timedelta(days=1))


@pytest.mark.parametrize(
    "rule_set_id",
    [
        "CN-BJ/academic@2021-10-28#1", "CN-BJ/academic@2021-10-29#2", "CN-BJ/academic@2021-10-29#0",
        "CN-BJ/academic@2021-10-29", "CN-XX/academic@2021-10-29#1", "CN-BJ/all@2021-10-29#1",
        "CN-BJ/academic@2021-13-29#1", "CN-SPC/academic@2025-05-01#1", "", "CN-BJ/academic@2021-10-29#1\n",
    ],
)  # fmt: skip
def test_an_id_that_was_never_published_is_refused(rule_set_id: str) -> None:
    with pytest.raises(UnknownRuleSetId):
        rule_set(rule_set_id)
