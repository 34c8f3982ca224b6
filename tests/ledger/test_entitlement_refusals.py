"""Facts that contradict each other, or lack what the answer depends on, are refused by name."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import get_args

import pytest
from pydantic import ValidationError

import ledger.distribution  # noqa: F401 - its refusals are counted below
from ledger.entitlement import EntitlementRequest, entitle
from ledger.entitlement import refusals as no
from ledger.identifiers import Cause
from ledger.rejections import Rejection
from ledger.rulebook import UnknownRuleSet
from ledger.workdays import DateOutsideCalendar

HOURS = {"paid_fen": 800_000, "cause": "family", "paid_hours": "40", "used_hours": "10"}
PASS = {"paid_fen": 100, "cause": "family", "term_starts_on": "2026-01-01", "term_ends_on": "2026-12-31"}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"used_hours": "40.01"}, no.UsedExceedsBought("centihour", 4001, 4000)),
        ({"used_hours": "45", "gift_hours": "4"}, no.UsedExceedsBought("centihour", 4500, 4400)),
        ({"progress_percent": 101}, no.UsedExceedsBought("centipercent", 10100, 10000)),
        ({"months_total": 12, "months_started": 13}, no.UsedExceedsBought("month", 13, 12)),
        ({"bonus_fen": 1, "consumed_face_fen": 800_002}, no.UsedExceedsBought("fen", 800_002, 800_001)),
        ({"disputed_hours": "10.5"}, no.DisputedExceedsUsed(1050, 1000)),
        ({"paid_hours": "0", "used_hours": "0"}, no.PerformanceNotStated("paid_hours")),
        ({"paid_hours": None}, no.PerformanceNotStated("paid_hours")),
        ({"used_hours": None}, no.PerformanceNotStated("used_hours")),
        ({"months_total": 12}, no.PerformanceNotStated("months_started")),
        ({"months_started": 1}, no.PerformanceNotStated("months_total")),
        ({"bonus_fen": 100}, no.PerformanceNotStated("consumed_face_fen")),
        ({"term_starts_on": "2026-01-01"}, no.PerformanceNotStated("term_ends_on")),
        (
            {"months_total": 12, "months_started": 1, "progress_percent": 8},
            no.MeasuresContradict("months, progress"),
        ),
        ({"list_price_disclosed": True}, no.ListPriceMissing()),
        ({"list_unit_price_fen": 30_000, "list_price_unreasonable": True}, no.MarketPriceMissing()),
        ({"list_price_unreasonable": True}, no.MarketPriceMissing()),
        (
            {"paid_hours": None, "used_hours": None, "progress_percent": 30, "list_unit_price_fen": 1},
            no.PriceWithoutUnits("list_unit_price_fen"),
        ),
        *(
            ({"cause": cause, "contract_unit_price_fen": 19_900}, no.ContractPriceBelowPaid(19_900, 800_000))
            for cause in get_args(Cause)
        ),
        (
            {"contract_tiers": [{"refund_percent": 50}, {"refund_percent": 40}]},
            no.TiersContradict(0),
        ),
        ({"contract_tiers": [{"refund_percent": 101}]}, no.TierExceedsPaid(10100)),
        (
            {
                "paid_hours": None,
                "used_hours": None,
                "progress_percent": 3,
                "contract_tiers": [{"refund_percent": 5}],
            },
            no.TierWithoutHours(),
        ),
        (
            {"signed_on": "2026-03-02", "requested_on": "2026-03-01"},
            no.DatesContradict("signed_on", "requested_on", date(2026, 3, 2), date(2026, 3, 1)),
        ),
        (
            {"starts_on": "2027-01-01", "term_ends_on": "2026-12-31", "term_starts_on": "2026-01-01"},
            no.DatesContradict("starts_on", "term_ends_on", date(2027, 1, 1), date(2026, 12, 31)),
        ),
        (
            {"signed_on": "2026-03-02", "settlement": {"amount_fen": 1, "signed_on": "2026-03-01"}},
            no.DatesContradict("signed_on", "settlement.signed_on", date(2026, 3, 2), date(2026, 3, 1)),
        ),
        (
            {"starts_on": "2026-04-01", "requested_on": "2026-03-20"},
            no.UsedBeforeStart(date(2026, 4, 1), date(2026, 3, 20)),
        ),
        (
            {"used_hours": "0", "earlier_hours": "1", "starts_on": "2026-04-01", "requested_on": "2026-03-20"},
            no.UsedBeforeStart(date(2026, 4, 1), date(2026, 3, 20)),
        ),
        ({"settlement": {"amount_fen": 800_001}}, no.SettlementExceedsPaid(800_001, 800_000)),
        ({"award_fen": 1, "awarded_ratio": "0.5"}, no.AwardStatedTwice()),
        ({"jurisdiction": "CN-BJ"}, no.CategoryMissing("CN-BJ")),
        ({"supervised_fen": 5}, no.SupervisedPartIncomplete()),
        ({"jurisdiction": "CN-SH", "category": "sport"}, UnknownRuleSet("CN-SH", "sport")),
        (
            {"list_unit_price_fen": 30_000, "decided_on": "2024-10-08"},
            no.CourtRuleUnknown("CN-SPC/all@2021-08-24#1", "price.family"),
        ),
        ({"requested_on": "2099-12-31"}, DateOutsideCalendar(date(2100, 1, 1))),
    ],
)
def test_a_contradiction_is_named(change: Mapping[str, object], refusal: Rejection) -> None:
    facts = EntitlementRequest.model_validate({**HOURS, **change}).facts()
    with pytest.raises(type(refusal)) as refused:
        entitle(facts)
    assert refused.value == refusal


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, no.RescissionDateMissing()),
        ({"term_starts_on": "2027-01-01"},
         no.DatesContradict("term_starts_on", "term_ends_on", date(2027, 1, 1), date(2026, 12, 31))),
        ({"unused_for_own_reasons": True, "requested_on": "2026-12-31"}, no.UnusedButUsed()),
        ({"unused_for_own_reasons": True, "requested_on": "2027-01-04", "cause": "institution"}, no.UnusedButUsed()),
        ({"unused_for_own_reasons": True, "requested_on": "2027-01-04", "stopped_on": "2026-05-01"},
         no.UnusedButUsed()),
    ],
)  # fmt: skip
def test_a_pass_that_contradicts_itself_is_named(change: Mapping[str, object], refusal: Rejection) -> None:
    facts = EntitlementRequest.model_validate({**PASS, **change}).facts()
    with pytest.raises(type(refusal)) as refused:
        entitle(facts)
    assert refused.value == refusal


def test_money_without_any_word_on_what_was_delivered_is_refused() -> None:
    with pytest.raises(no.PerformanceNotStated):
        entitle(EntitlementRequest(paid_fen=100, cause="institution").facts())


def test_an_unsigned_settlement_alone_is_no_answer() -> None:
    later = {"settlement": {"amount_fen": 1, "signed_on": "2026-05-04"}, "as_of_on": "2026-05-03"}
    with pytest.raises(no.PerformanceNotStated):
        entitle(EntitlementRequest.model_validate({"paid_fen": 100, "cause": "institution", **later}).facts())


def test_a_disclosed_list_price_is_only_needed_where_it_counts() -> None:
    for cause in ("institution", "neither", "mutual"):
        request = {**HOURS, "cause": cause, "list_price_disclosed": True, "list_price_unreasonable": True}
        assert entitle(EntitlementRequest.model_validate(request).facts()).binding_refund_fen == 600_000


@pytest.mark.parametrize(
    "change",
    [
        {"paid_fen": 8000.0}, {"paid_fen": "800000"}, {"paid_fen": -1}, {"paid_fen": True}, {"paid_fen": 10**14},
        {"used_hours": 10}, {"used_hours": "10.005"}, {"used_hours": "-1"}, {"used_hours": "1e1"},
        {"progress_percent": 33.5}, {"progress_percent": "-1"}, {"progress_percent": True},
        {"progress_percent": "1.005"},
        {"cause": "nobody"}, {"cause": None}, {"category": "sport_youth"}, {"months_total": 0}, {"months_started": 1.0},
        {"signed_on": "2026-02-30"}, {"signed_on": 20260302}, {"signed_on": "2026-03-02T00:00:00"},
        {"signed_on": "1.3.2026"},
        {"deductions": [{"label": "books", "amount_fen": -5}]}, {"deductions": [{"label": "", "amount_fen": 5}]},
        {"deductions": [{"label": "books", "amount_fen": 5, "proof": "r"}]}, {"settlement": 500},
        {"awarded_ratio": "1.1"},
        {"awarded_ratio": 0.7}, {"claim_fen": 0.5}, {"day_count": 366}, {"list_price_disclosed": "yes"},
        {"discount": 1},
        {"supervised_rate_percent": 0.35},
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [True, False])
def test_malformed_requests_never_reach_the_engine(change: Mapping[str, object], *, as_json: bool) -> None:
    request = {**HOURS, **change}
    read = EntitlementRequest.model_validate_json if as_json else EntitlementRequest.model_validate
    with pytest.raises(ValidationError):
        read(json.dumps(request) if as_json else request)  # type: ignore[arg-type]


def test_every_refusal_has_a_code_of_its_own() -> None:
    def below(kind: type[Rejection]) -> list[type[Rejection]]:
        return [kind, *(deeper for direct in kind.__subclasses__() for deeper in below(direct))]

    kinds = below(Rejection)
    counted = Counter(kind.code for kind in kinds)
    ours = ("ledger.entitlement", "ledger.rulebook", "ledger.distribution", "ledger.workdays")
    found = [kind.code for kind in kinds if kind.__module__.startswith(ours)]
    assert len(found) > 25
    assert [code for code in found if counted[code] > 1] == []
