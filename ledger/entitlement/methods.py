"""The courts' methods: which price the used part is counted at, by cause (法释〔2025〕4号 art. 18-22)."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from ledger.entitlement.derivation import Figure, Ground
from ledger.entitlement.facts import Facts
from ledger.entitlement.figures import Consumption, figure, priced
from ledger.entitlement.measures import Measure
from ledger.entitlement.refusals import CourtRuleUnknown
from ledger.hours import CENTIHOURS_PER_HOUR
from ledger.rulebook import RuleSet


def ground(rules: RuleSet, key: str) -> Ground:
    """Cites a known rule. Raises CourtRuleUnknown where its content is not known."""
    row = rules.known(key)
    if row is None:
        raise CourtRuleUnknown(rules.id, key)
    return Ground.of(rules, row)


def judicial_figures(facts: Facts, measures: tuple[Measure, ...], rules: RuleSet) -> Iterator[Figure]:
    """Every figure a court could start from, the binding one first. Raises CourtRuleUnknown if that one has no rule."""
    first, *others = _told(measures, rules)
    yield from _by_measure(facts, first, measures, rules)
    for other in others:
        yield from _counter(partial(_average, facts, other, rules))


def _told(measures: tuple[Measure, ...], rules: RuleSet) -> tuple[Measure, ...]:
    """Before art. 22 was there, a pass went by started months: then those decide, where its term is whole months."""
    by_months = tuple(measure for measure in measures if measure.kind != "term")
    unruled = measures[0].kind == "term" and rules.known("unlimited_pass.refund") is None
    return by_months if unruled and any(measure.kind == "months" for measure in by_months) else measures


def _counter(build: Callable[[], Figure | None]) -> Iterator[Figure]:
    """A counter-figure, left out where its rule is not known: only what binds is worth a refusal."""
    try:
        built = build()
    except CourtRuleUnknown:
        return
    if built is not None:
        yield built


def _by_measure(facts: Facts, first: Measure, measures: tuple[Measure, ...], rules: RuleSet) -> Iterator[Figure]:
    match first.kind:
        case "card":
            yield from _card(facts, first, rules)
        case "term":
            yield _term(facts, first, rules)
        case _ if facts.cause == "family":
            yield from _family(facts, first, _units(facts, first, measures), rules)
        case "hours" if facts.cause == "mutual" and facts.contract_unit_price_fen is not None:
            yield _mixed(facts, first, facts.contract_unit_price_fen, rules)
            yield from _counter(lambda: _average(facts, first, rules))
            yield from _claimed_list_price(facts, _beyond_gifts(first), rules)
        case _:
            yield from _averages(facts, first, rules)
            yield from _claimed_list_price(facts, _units(facts, first, measures), rules)


def _units(facts: Facts, first: Measure, measures: tuple[Measure, ...]) -> Measure | None:
    """The measure a price per unit applies to: progress is turned into hours where the hours are known."""
    if first.kind != "progress":
        return first
    hours = next((measure for measure in measures if measure.kind == "hours"), None)
    if hours is None:
        return None
    earlier = Fraction(facts.earlier_centihours, CENTIHOURS_PER_HOUR)
    used = (hours.all_units + earlier) * first.share_used
    return Measure("hours", hours.bought, hours.given, max(used - earlier, Fraction(0)))


def _averages(facts: Facts, measure: Measure, rules: RuleSet) -> Iterator[Figure]:
    """Not the family's cause: the discounted price, gifts counted (art. 18); without the gifts as counter-figure."""
    yield _average(facts, measure, rules)
    if measure.kind == "hours" and measure.given:
        yield from _counter(lambda: _paid_average(facts, measure, ground(rules, _price_key(facts))))


def _average(facts: Facts, measure: Measure, rules: RuleSet) -> Figure:
    """Every unit at the same price, in the way its measure counts."""
    match measure.kind:
        case "card":
            return _bonus_ratio(facts, measure, rules)
        case "term":
            return _term(facts, measure, rules)
        case "progress":
            value = facts.paid_fen * measure.share_used  # of what was really paid (Xiamen Huli 2021), not of the price
            done = "已完成进度(%) part of the course done (%)"  # of all of it, whatever the price was when
            used = Consumption(value, "used", done, measure.used_text, None, earlier=Fraction(0))
            return figure(facts, "percent_progress", ground(rules, "measure.percent_progress"), used)
        case "months":
            price = Fraction(facts.whole_fen) / measure.bought
            used = priced(measure, price, "used", "已开始的月数 months started")
            return figure(facts, "months_started", ground(rules, "time_card.months"), used)
        case "hours" if measure.given:
            price = Fraction(facts.whole_fen) / measure.all_units
            label = "已用课时,赠课与付费课同价 class hours used, gifts counted like paid ones"
            used = priced(measure, price, "used", label, average=True)
            return figure(facts, "all_units_average", ground(rules, "price.gift_lessons"), used)
        case "hours":
            return _paid_average(facts, measure, ground(rules, _price_key(facts)))


def _price_key(facts: Facts) -> str:
    match facts.cause:
        case "institution":
            return "price.institution"
        case "family":
            return "price.family_undisclosed_list"
        case "neither" | "mutual":
            return "price.neither"


def _paid_average(facts: Facts, measure: Measure, cited: Ground) -> Figure:
    price = Fraction(facts.whole_fen) / measure.bought
    label = "已用部分按实付单价 units used at the price paid"
    used = priced(measure, price, "used", label, average=not measure.given)
    return figure(facts, "paid_average", cited, used)


def _mixed(facts: Facts, hours: Measure, price_fen: int, rules: RuleSet) -> Figure:
    """Consumer association: used hours less the gift hours attached to them, at the contract's unit price."""
    label = "扣除赠课后的已用课时,按合同单价 class hours used beyond the gifts, at the contract price"
    used = priced(_beyond_gifts(hours), Fraction(price_fen), "used", label)
    return figure(facts, "mixed_price", ground(rules, "price.mutual_contract_unit"), used)


def _beyond_gifts(hours: Measure) -> Measure:
    """The hours an agreement to part charges: those used, less the gift hours attached to them."""
    return Measure("hours", hours.bought, hours.given, max(hours.used - hours.given, Fraction(0)))


# -- the family's cause (art. 19, 20)


def _family(facts: Facts, first: Measure, units: Measure | None, rules: RuleSet) -> Iterator[Figure]:
    """The price before the discount if one was disclosed and reasonable; else market or contract price."""
    contract = _contract_price(facts, first, rules)
    if units is None:
        yield contract
        return
    paid_price = Fraction(facts.whole_fen) / units.bought
    if facts.list_price_disclosed is False:
        yield contract
        yield from _claimed_list_price(facts, units, rules)
    elif facts.list_price_unreasonable:
        market = _market(facts, units, rules, paid_price)
        listed = _listed(facts, units, rules, paid_price)
        yield from _distinct(_better(market or contract, listed), contract, market, listed)
    else:
        yield from _distinct(_listed(facts, units, rules, paid_price) or contract, contract)
        yield from _counter(lambda: _market(facts, units, rules, paid_price))


def _better(market: Figure, listed: Figure | None) -> Figure:
    # Art. 19(2) is the consumer's objection: it never makes the refund smaller than the list price would.
    return listed if listed is not None and listed.refund_fen > market.refund_fen else market


def _distinct(*figures: Figure | None) -> Iterator[Figure]:
    seen: list[Figure] = []
    for candidate in figures:
        if candidate is not None and candidate not in seen:
            seen.append(candidate)
            yield candidate


def _contract_price(facts: Facts, first: Measure, rules: RuleSet) -> Figure:
    """No price before a discount was told: the contract's own price, over the units paid for."""
    if first.kind == "hours" and facts.contract_unit_price_fen is not None:
        used = priced(
            first,
            Fraction(facts.contract_unit_price_fen),
            "used",
            "已用课时按合同单价 class hours used at the contract price",
        )
        return figure(facts, "contract_price", ground(rules, "price.family_undisclosed_list"), used)
    if first.kind == "hours":
        return _paid_average(facts, first, ground(rules, "price.family_undisclosed_list"))
    return _average(facts, first, rules)


def _listed(facts: Facts, units: Measure, rules: RuleSet, paid_price: Fraction) -> Figure | None:
    """Art. 19(1), where the list price lies above the price paid: otherwise there was no discount to undo."""
    label = "已用部分按折扣前价格 units used at the price before the discount"
    used = _undiscounted(facts, units, facts.list_unit_price_fen, paid_price, label)
    return None if used is None else figure(facts, "list_price", ground(rules, "price.family"), used)


def _market(facts: Facts, units: Measure, rules: RuleSet, paid_price: Fraction) -> Figure | None:
    """Art. 19(2): the price of the like at the place of performance at signing, never below the price paid."""
    label = "已用部分按当地市场价 units used at the local market price"
    used = _undiscounted(facts, units, facts.market_unit_price_fen, paid_price, label)
    if used is None:
        return None
    return figure(facts, "market_price", ground(rules, "price.family_unreasonable_list"), used)


def _undiscounted(
    facts: Facts, units: Measure, price_fen: int | None, paid_price: Fraction, label: str
) -> Consumption | None:
    """The used units at a price that undoes a discount, in either price the contract had; None where it undoes none."""
    if price_fen is None:
        return None
    earlier = Fraction(price_fen * facts.earlier_centihours, CENTIHOURS_PER_HOUR)
    if price_fen <= paid_price and earlier <= facts.earlier_fen:
        return None
    price = max(Fraction(price_fen), paid_price)
    return priced(units, price, "used", label, max(earlier, Fraction(facts.earlier_fen)))


def _claimed_list_price(facts: Facts, units: Measure | None, rules: RuleSet) -> Iterator[Figure]:
    """The institution's version at its list price, shown so that the difference can be explained."""
    if units is not None and facts.list_unit_price_fen is not None and rules.known("price.family") is not None:
        price_fen = facts.list_unit_price_fen
        earlier = Fraction(price_fen * facts.earlier_centihours, CENTIHOURS_PER_HOUR)
        used = priced(
            units, Fraction(price_fen), "used", "已用部分按机构主张的原价 units used at the list price claimed", earlier
        )
        yield figure(facts, "list_price", ground(rules, "price.family"), used)


# -- stored value and unlimited passes (art. 18(2), 22)


def _card(facts: Facts, card: Measure, rules: RuleSet) -> Iterator[Figure]:
    ratio = _bonus_ratio(facts, card, rules)
    if facts.cause == "family" and facts.list_price_disclosed is not False:
        used = Consumption(
            card.used, "used", "已消费面额,不分摊赠送金额 face value consumed, bonus money not spread", None, None
        )
        yield figure(facts, "face_value", ground(rules, "price.family"), used)
    yield ratio


def _bonus_ratio(facts: Facts, card: Measure, rules: RuleSet) -> Figure:
    used = Consumption(
        facts.whole_fen * card.share_used,
        "used",
        "已消费面额 × 实付 / (实付 + 赠送) face value consumed x paid / (paid + bonus)",
        None,
        None,
        average=True,
    )
    return figure(facts, "bonus_ratio", ground(rules, "price.bonus_money"), used)


def _term(facts: Facts, term: Measure, rules: RuleSet) -> Figure:
    if facts.unused_for_own_reasons:
        used = Consumption(
            Fraction(facts.whole_fen), "used", "期限内从未要求提供服务 never asked for within the term", None, None
        )
        return figure(facts, "unused_pass", ground(rules, "unlimited_pass.unused_own_reasons"), used)
    price = Fraction(facts.whole_fen) / term.bought
    key = "unlimited_pass.stop" if _stopped_first(facts) else "unlimited_pass.refund"
    return figure(
        facts, "remaining_term", ground(rules, key), priced(term, price, "used", "期限已过天数 days of the term passed")
    )


def _stopped_first(facts: Facts) -> bool:
    ended_on = facts.rescinded_on or facts.requested_on
    return facts.stopped_on is not None and (ended_on is None or facts.stopped_on < ended_on)
