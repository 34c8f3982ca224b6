"""Derives what is due under one contract: every figure that applies, the one that binds, and its clock."""

from datetime import date
from fractions import Fraction

import msgspec

from ledger.entitlement.administrative import (
    before_start_figure,
    completed_share_figure,
    original_plan_figure,
    withdrawal_figure,
)
from ledger.entitlement.agreements import settlement_figure, settlement_in_force, tier_figure
from ledger.entitlement.checks import check
from ledger.entitlement.clocks import refund_deadline
from ledger.entitlement.derivation import Award, Derivation, DisputeRange, Figure
from ledger.entitlement.facts import Facts
from ledger.entitlement.interest import interest_on
from ledger.entitlement.measures import Measure, measures_of
from ledger.entitlement.methods import judicial_figures
from ledger.entitlement.refusals import CourtRuleUnknown, PerformanceNotStated
from ledger.money import round_half_up
from ledger.rulebook import RuleSet, judicial, newest, select


def entitle(facts: Facts) -> Derivation:
    """The derivation of one contract's refund.

    With a jurisdiction the place's own refund rule binds where one is known, else the judicial rules do; a signed
    settlement replaces both, and a contract term binds where it is better for the family (法释〔2025〕4号 art. 14-19).
    The judicial rules are those of the decision date (the newest when none is stated), the local ones those of the
    signing date. Raises the refusals of `ledger.entitlement.refusals`, UnknownRuleSet and NoRuleSetInForce.
    """
    check(facts)
    courts = judicial(facts.decided_on or date.max)
    local = _local_rules(facts)
    figures, notes = _figures(facts, courts, local)
    binding = figures[0]
    claimable_fen = binding.refund_fen if facts.claim_fen is None else min(facts.claim_fen, binding.refund_fen)
    deadline = refund_deadline(facts, binding)
    used_sets = (figure.rule_set_id for figure in figures)
    clock_set = deadline.rule_set_id if deadline else None
    return Derivation(
        figures=tuple(figures),
        binding_refund_fen=binding.refund_fen,
        claimable_fen=claimable_fen,
        deadline=deadline,
        interest=interest_on(claimable_fen, facts, binding, courts),
        range=_range(facts, binding),
        award=_award(facts, binding),
        rule_sets=tuple(dict.fromkeys(name for name in (*used_sets, clock_set) if name is not None)),
        notes=tuple(notes),
    )


def _local_rules(facts: Facts) -> RuleSet | None:
    if facts.jurisdiction is None or facts.category is None:
        return None
    on = facts.signed_on or facts.requested_on
    if on is None:
        return newest(facts.jurisdiction, facts.category)
    return select(facts.jurisdiction, facts.category, on)


def _figures(facts: Facts, courts: RuleSet, local: RuleSet | None) -> tuple[list[Figure], list[str]]:
    """Every figure, the binding one first and marked."""
    measures = measures_of(facts)
    formulas, notes = _formulas(facts, measures, courts, local)
    ordinance = withdrawal_figure(facts, local, measures) if local else None
    in_scope = local is not None and local.cooling_off is not None and local.cooling_off.applies is True
    seven_days = withdrawal_figure(facts, courts, measures)
    if seven_days is not None and facts.prior_same_service is None:
        notes.append("prior_same_service_not_stated")
    full = [ordinance if in_scope else None, before_start_figure(facts, local, courts), seven_days]
    ranked = [figure for figure in full if figure is not None] + formulas
    if ordinance is not None and not in_scope:
        notes.append("cooling_off_scope_not_known")
    tier = tier_figure(facts, courts)
    if tier is not None:
        ranked = _ranked_with(tier, ranked)
    settled = settlement_figure(facts)
    if settled is not None:
        ranked = [settled, *ranked] if settlement_in_force(facts) else [*ranked, settled]
        notes += [] if settlement_in_force(facts) else ["settlement_not_yet_signed"]
    if not ranked or (ranked[0] is settled and not settlement_in_force(facts)):
        raise PerformanceNotStated("paid_hours, progress_percent, months_total, term dates or consumed_face_fen")
    if ordinance is not None and not in_scope:
        ranked.append(ordinance)
    notes += ["unevidenced_deductions"] if _has_event(ranked[0], "deduction_not_evidenced") else []
    return [_binding(ranked[0]), *ranked[1:]], notes


def _formulas(
    facts: Facts, measures: tuple[Measure, ...], courts: RuleSet, local: RuleSet | None
) -> tuple[list[Figure], list[str]]:
    """The place's formula first where one is known, then the judicial ones."""
    if not measures:
        return [], []
    share = completed_share_figure(facts, measures, local) if local else None
    notes: list[str] = []
    try:
        court_figures = list(judicial_figures(facts, measures, courts))
    except CourtRuleUnknown as unknown:
        if share is None:
            raise
        court_figures, notes = [], [f"judicial_rule_unknown:{unknown.key}"]
    if share is not None:
        return _place_first(facts, share, court_figures), notes
    plan = original_plan_figure(facts, court_figures[0], local) if local else ()
    return [*plan, *court_figures], notes


def _place_first(facts: Facts, share: Figure, court_figures: list[Figure]) -> list[Figure]:
    # Parties who end a contract together may agree on more than the place's formula, never on less.
    mixed = court_figures[0] if court_figures and court_figures[0].method == "mixed_price" else None
    if facts.cause == "mutual" and mixed is not None and mixed.refund_fen > share.refund_fen:
        return [mixed, share, *court_figures[1:]]
    return [share, *court_figures]


def _ranked_with(tier: Figure, ranked: list[Figure]) -> list[Figure]:
    """A contract term leads only where it is better for the family and the courts let it prevail."""
    if ranked and tier.rule is not None and tier.refund_fen > ranked[0].refund_fen:
        return [tier, *ranked]
    return [*ranked, tier]


def _binding(figure: Figure) -> Figure:
    return msgspec.structs.replace(figure, binding=True)


def _has_event(figure: Figure, event: str) -> bool:
    return any(line.event == event for line in figure.lines)


def _range(facts: Facts, binding: Figure) -> DisputeRange | None:
    """Lessons in dispute or confirmed by nobody: all counted by the institution's record, none by the family's.

    A court may find for the family where the institution withholds its records (art. 25). A contract term may return
    more from some number of hours on: the family may take the institution's record then.
    """
    used = facts.used_centihours
    if used is None or not (facts.disputed_centihours or facts.claimed_centihours):
        return None
    more, less = facts.claimed_centihours, facts.disputed_centihours
    by_institution = _recorded(facts, used + more) if more else binding
    by_family = _recorded(facts, max(0, used - less), max(0, less - used)) if less else binding
    most_fen = max(binding.refund_fen, by_institution.refund_fen, by_family.refund_fen)
    return DisputeRange(by_institution.refund_fen, most_fen)


def _recorded(facts: Facts, used: int, fewer_earlier: int = 0) -> Figure:
    """What binds where so many hundredths of an hour were used, and so many fewer before the price changed.

    A course of which some was used has begun.
    """
    earlier = facts.earlier_centihours - fewer_earlier
    earlier_fen = round_half_up(Fraction(facts.earlier_fen * earlier, facts.earlier_centihours or 1))
    earned = earlier_fen + Fraction(facts.whole_fen * used, (facts.paid_centihours or 0) + facts.gift_centihours or 1)
    record = msgspec.structs.replace(
        facts,
        price_fen=facts.whole_fen,
        used_centihours=used,
        disputed_centihours=0,
        claimed_centihours=0,
        earlier_centihours=earlier,
        earlier_fen=earlier_fen,
        earned_fen=None if facts.earned_fen is None else round_half_up(earned),
        starts_on=None if used else facts.starts_on,
    )
    return entitle(record).binding


def _award(facts: Facts, binding: Figure) -> Award | None:
    if facts.award_fen is not None:
        return Award(facts.award_fen, None, binding.refund_fen)
    if facts.awarded_ratio is not None:
        amount_fen = round_half_up(binding.refund_fen * Fraction(facts.awarded_ratio))
        return Award(amount_fen, facts.awarded_ratio, binding.refund_fen)
    return None
