"""Refuses facts that contradict each other, before anything is computed."""

from datetime import date

from ledger.entitlement.facts import Facts
from ledger.entitlement.refusals import (
    AwardStatedTwice,
    CategoryMissing,
    ContractPriceBelowPaid,
    DatesContradict,
    DisputedExceedsUsed,
    ListPriceMissing,
    MarketPriceMissing,
    PerformanceNotStated,
    PriceWithoutUnits,
    SettlementExceedsPaid,
    SupervisedPartIncomplete,
    TierExceedsPaid,
    TiersContradict,
    TierWithoutHours,
    UnusedButUsed,
    UsedBeforeStart,
    UsedExceedsBought,
)
from ledger.hours import CENTIHOURS_PER_HOUR

_WHOLE_CENTIPERCENT = 100_00
_ORDER = (
    ("signed_on", "requested_on"),
    ("paid_on", "requested_on"),
    ("signed_on", "rescinded_on"),
    ("signed_on", "decided_on"),
    ("requested_on", "decided_on"),
    ("term_starts_on", "term_ends_on"),
    ("starts_on", "term_ends_on"),
    ("rescinded_on", "interest_until_on"),
)


def check(facts: Facts) -> None:
    """Raises the refusal that names the first contradiction."""
    _check_units(facts)
    _check_dates(facts)
    _check_prices(facts)
    _check_contract_price(facts)
    _check_terms(facts)


def _check_units(facts: Facts) -> None:
    used = facts.used_centihours or 0
    if facts.paid_centihours is not None:
        if facts.paid_centihours == 0:
            raise PerformanceNotStated("paid_hours")
        _at_most("centihour", used + facts.claimed_centihours, facts.paid_centihours + facts.gift_centihours)
    if facts.disputed_centihours > (ever := used + facts.earlier_centihours):
        raise DisputedExceedsUsed(facts.disputed_centihours, ever)
    if facts.months_total is not None:
        if facts.months_total == 0:
            raise PerformanceNotStated("months_total")
        _at_most("month", facts.months_started or 0, facts.months_total)
    _at_most("centipercent", facts.progress_centipercent or 0, _WHOLE_CENTIPERCENT)
    _at_most("fen", facts.consumed_face_fen or 0, facts.whole_fen + facts.bonus_fen)
    if facts.before_start and (ever or facts.months_started or facts.progress_centipercent or facts.consumed_face_fen):
        assert facts.starts_on is not None
        assert facts.requested_on is not None
        raise UsedBeforeStart(facts.starts_on, facts.requested_on)


def _at_most(unit: str, used: int, bought: int) -> None:
    if used > bought:
        raise UsedExceedsBought(unit, used, bought)


def _check_dates(facts: Facts) -> None:
    for earlier, later in _ORDER:
        _in_order(earlier, getattr(facts, earlier), later, getattr(facts, later))
    if facts.settlement is not None:
        _in_order("signed_on", facts.signed_on, "settlement.signed_on", facts.settlement.signed_on)
        _in_order("settlement.signed_on", facts.settlement.signed_on, "settlement.due_on", facts.settlement.due_on)


def _in_order(earlier: str, earlier_on: date | None, later: str, later_on: date | None) -> None:
    if earlier_on is not None and later_on is not None and earlier_on > later_on:
        raise DatesContradict(earlier, later, earlier_on, later_on)


def _check_prices(facts: Facts) -> None:
    if facts.cause != "family" or facts.consumed_face_fen is not None or facts.term_starts_on is not None:
        return
    if facts.list_price_disclosed and facts.list_unit_price_fen is None:
        raise ListPriceMissing
    if (
        facts.list_price_unreasonable
        and facts.list_price_disclosed is not False
        and facts.market_unit_price_fen is None
    ):
        raise MarketPriceMissing
    if facts.progress_centipercent is not None and facts.paid_centihours is None:
        for price in ("list_unit_price_fen", "market_unit_price_fen"):
            if getattr(facts, price) is not None and facts.list_price_disclosed is not False:
                raise PriceWithoutUnits(price)


def _check_contract_price(facts: Facts) -> None:
    price_fen = facts.contract_unit_price_fen
    if price_fen is None or facts.paid_centihours is None:
        return
    # A price rounded to the fen may fall short by less than a fen an hour.
    if (price_fen + 1) * facts.paid_centihours <= facts.whole_fen * CENTIHOURS_PER_HOUR:
        raise ContractPriceBelowPaid(price_fen, facts.paid_fen)


def _check_terms(facts: Facts) -> None:
    if facts.jurisdiction is not None and facts.category is None:
        raise CategoryMissing(facts.jurisdiction)
    _check_tiers(facts)
    if facts.settlement is not None and facts.settlement.amount_fen > facts.paid_fen:
        raise SettlementExceedsPaid(facts.settlement.amount_fen, facts.paid_fen)
    if facts.award_fen is not None and facts.awarded_ratio is not None:
        raise AwardStatedTwice
    if (facts.supervised_fen is None) is not (facts.supervised_rate_percent is None):
        raise SupervisedPartIncomplete
    if facts.unused_for_own_reasons:
        _check_unused(facts)


def _check_tiers(facts: Facts) -> None:
    if any(tier.used_over_centihours >= 0 for tier in facts.contract_tiers) and facts.paid_centihours is None:
        raise TierWithoutHours
    thresholds = [tier.used_over_centihours for tier in facts.contract_tiers]
    for tier in facts.contract_tiers:
        if thresholds.count(tier.used_over_centihours) > 1:
            raise TiersContradict(tier.used_over_centihours)
        if tier.refund_centipercent > _WHOLE_CENTIPERCENT:
            raise TierExceedsPaid(tier.refund_centipercent)


def _check_unused(facts: Facts) -> None:
    """Art. 22(3) speaks of a term that passed without the family ever asking, for reasons of its own."""
    if facts.term_ends_on is None:
        raise PerformanceNotStated("term_ends_on")
    last_on = facts.rescinded_on or facts.requested_on
    over = last_on is not None and last_on > facts.term_ends_on
    stopped = facts.stopped_on is not None and facts.stopped_on < facts.term_ends_on
    if facts.cause != "family" or facts.used_centihours or stopped or not over:
        raise UnusedButUsed
