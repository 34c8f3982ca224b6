"""What the authority's own rules give: full before the start, the ordinance's seven days, share of completed hours."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction

import msgspec

from ledger.entitlement.derivation import Figure, Ground
from ledger.entitlement.facts import Facts
from ledger.entitlement.figures import NOTHING, figure, priced
from ledger.entitlement.measures import Measure
from ledger.entitlement.methods import ground
from ledger.rulebook import RuleSet
from ledger.workdays import deadline


def before_start_figure(facts: Facts, local: RuleSet | None, courts: RuleSet) -> Figure | None:
    """Everything back before the start: by the place's rule, else because nothing was delivered (art. 15)."""
    if not facts.before_start:
        return None
    if local is not None and local.text("refund.before_start_basis") == "full":
        return figure(facts, "full_before_start", ground(local, "refund.before_start_basis"), None, NOTHING)
    return figure(facts, "full_before_start", ground(courts, "principal"), None)


def withdrawal_figure(facts: Facts, rules: RuleSet, measures: tuple[Measure, ...]) -> Figure | None:
    """The no-reason withdrawal of a rule set, if the request came in its window and nothing bars it.

    法释〔2025〕4号 art. 14: seven days from payment, principal only, barred by earlier experience of the same service,
    whatever was consumed. Beijing ordinance art. 16: seven days from purchase, nothing redeemed.

    Both need the family's request. Art. 14 grants the right and excepts earlier experience: an exception that nobody
    stated bars nothing.
    """
    right = rules.cooling_off
    if right is None or facts.unasked or not _within(facts.payment_on, facts.requested_on, right.window.count):
        return None
    if right.requires_unredeemed and (not measures or facts.earlier_centihours or any(each.used for each in measures)):
        return None
    if rules.known("cooling_off.barred_by_prior_experience") is not None and facts.prior_same_service:
        return None
    # The ordinance lets the operator ask a reasonable price for gifts that are not returned.
    deductible = frozenset({"gift"}) if rules.known("cooling_off.gifts") is not None else NOTHING
    found = figure(facts, "full_cooling_off", Ground.of(rules, right.rule), None, deductible)
    return found if right.applies else msgspec.structs.replace(found, verified="partial")


def _within(start_on: date | None, requested_on: date | None, days: int) -> bool:
    if start_on is None or requested_on is None:
        return False
    return start_on <= requested_on <= deadline(start_on, days, "day").on


def completed_share_figure(facts: Facts, measures: tuple[Measure, ...], rules: RuleSet) -> Figure | None:
    """Paid less the share of completed hours, also for the family's own reasons (Beijing academic, Tianjin)."""
    if rules.text("refund.after_start_basis") != "share_of_completed_hours" or not measures:
        return None
    first = measures[0]
    if first.kind not in {"hours", "progress"}:
        return None
    # Progress is of the whole course; hours are counted from the last change of the price on.
    hours = first.kind == "hours"
    whole_fen, earlier = (facts.whole_fen, None) if hours else (_whole_course_fen(facts), Fraction(0))
    price = whole_fen / first.all_units
    used = priced(first, price, "used", "已完成课时占比 share of completed hours", earlier, average=hours)
    return figure(facts, "share_of_completed_hours", ground(rules, "refund.after_start_basis"), used)


def _whole_course_fen(facts: Facts) -> int:
    return facts.whole_fen + facts.earlier_fen


def original_plan_figure(facts: Facts, formula: Figure | None, rules: RuleSet) -> Iterator[Figure]:
    """Beijing ordinance art. 17(3): at the operator's fault the balance is computed on the original discount plan."""
    right = rules.cooling_off
    covered = right is not None and right.applies is True  # the same question of scope decides both articles
    if formula is None or facts.cause != "institution" or not covered:
        return
    row = rules.known("refund.institution_cause_basis")
    if row is not None:
        cited = Ground.of(rules, row)
        yield msgspec.structs.replace(
            formula, ground=cited.text, rule_set_id=cited.rule_set_id, rule=cited.key, verified=cited.verified
        )
