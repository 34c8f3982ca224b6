"""How much was delivered: class hours, percent progress, started months, remaining term or consumed card value."""

from fractions import Fraction
from typing import Literal, TypeAlias

import msgspec

from ledger.entitlement.facts import Facts
from ledger.entitlement.refusals import MeasuresContradict, PerformanceNotStated, RescissionDateMissing
from ledger.hours import CENTIHOURS_PER_HOUR, format_hours

Kind: TypeAlias = Literal["hours", "progress", "months", "term", "card"]


class Measure(msgspec.Struct, frozen=True):
    """Units bought, given and used. Units are whole class hours, months, percent, days or fen, as `kind` says."""

    kind: Kind
    bought: Fraction
    given: Fraction
    used: Fraction

    @property
    def used_text(self) -> str:
        """Used units as a decimal string; as a fraction where no decimal is exact."""
        hundredths = self.used * CENTIHOURS_PER_HOUR
        return format_hours(hundredths.numerator) if hundredths.denominator == 1 else str(self.used)

    @property
    def all_units(self) -> Fraction:
        """Bought and given units together."""
        return self.bought + self.given

    @property
    def share_used(self) -> Fraction:
        """Used part of all units."""
        return self.used / self.all_units if self.all_units else Fraction(0)


def measures_of(facts: Facts) -> tuple[Measure, ...]:
    """The stated measures, the deciding one first; class hours may stand beside one other.

    Raises MeasuresContradict, PerformanceNotStated, RescissionDateMissing.
    """
    found = [measure for measure in (_progress(facts), _months(facts), _card(facts)) if measure is not None]
    term = _term(facts)
    kinds = {measure.kind for measure in found} | ({"term"} if term else set())
    if len(kinds) > 1 and kinds != {"months", "term"}:
        raise MeasuresContradict(", ".join(sorted(kinds)))
    hours = _hours(facts)
    return tuple(measure for measure in (term, *found, hours) if measure is not None)


def _hours(facts: Facts) -> Measure | None:
    if facts.paid_centihours is None:
        if facts.used_centihours or facts.gift_centihours:
            raise PerformanceNotStated("paid_hours")
        return None
    if facts.used_centihours is None and not facts.before_start:
        raise PerformanceNotStated("used_hours")
    return Measure(
        "hours",
        Fraction(facts.paid_centihours, CENTIHOURS_PER_HOUR),
        Fraction(facts.gift_centihours, CENTIHOURS_PER_HOUR),
        Fraction(facts.used_centihours or 0, CENTIHOURS_PER_HOUR),
    )


def _progress(facts: Facts) -> Measure | None:
    if facts.progress_centipercent is None:
        return None
    return Measure("progress", Fraction(100), Fraction(0), Fraction(facts.progress_centipercent, 100))


def _months(facts: Facts) -> Measure | None:
    if facts.months_total is None and facts.months_started is None:
        return None
    if facts.months_total is None or facts.months_started is None:
        raise PerformanceNotStated("months_total" if facts.months_total is None else "months_started")
    return Measure("months", Fraction(facts.months_total), Fraction(0), Fraction(facts.months_started))


def _card(facts: Facts) -> Measure | None:
    if facts.consumed_face_fen is None:
        if facts.bonus_fen:
            raise PerformanceNotStated("consumed_face_fen")
        return None
    return Measure("card", Fraction(facts.whole_fen), Fraction(facts.bonus_fen), Fraction(facts.consumed_face_fen))


def _term(facts: Facts) -> Measure | None:
    if facts.term_starts_on is None and facts.term_ends_on is None:
        return None
    if facts.term_starts_on is None or facts.term_ends_on is None:
        raise PerformanceNotStated("term_starts_on" if facts.term_starts_on is None else "term_ends_on")
    rescinded_on = facts.rescinded_on or facts.requested_on
    ends = [on for on in (rescinded_on, facts.stopped_on) if on is not None]
    if not ends:
        raise RescissionDateMissing
    whole = (facts.term_ends_on - facts.term_starts_on).days + 1
    # Art. 22(2): where the institution stopped earlier, the term left is counted from the stop.
    left = min(max((facts.term_ends_on - min(ends)).days, 0), whole)
    return Measure("term", Fraction(whole), Fraction(0), Fraction(whole - left))
