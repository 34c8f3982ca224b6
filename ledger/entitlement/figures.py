"""Turns what a method consumes into a figure whose lines sum to the refund, rounded once, half-up."""

from fractions import Fraction

from ledger.entitlement.derivation import Figure, Ground, Line, Method
from ledger.entitlement.facts import Deduction, Facts
from ledger.entitlement.measures import Measure
from ledger.hours import format_hours
from ledger.money import round_half_up

EVIDENCED = frozenset({"materials", "gift", "agreed"})
"""What may be kept if it is proved: goods handed over and kept, and items the contract lists (art. 15, 21)."""
NOTHING: frozenset[str] = frozenset()
_HALF_A_FEN = Fraction(1, 2)

_NEVER = {
    "commission": (
        "commission_not_deductible",
        "销售提成不是合理费用 sales commission is no reasonable cost (法释〔2025〕4号 art. 15)",
    ),
    "penalty": (
        "penalty_void",
        "格式条款的退费违约金无效 a standard-form withdrawal penalty is void (法释〔2025〕4号 art. 9, Civil Code 497)",
    ),
}


class Consumption:
    """Value of what was delivered, by one price.

    `earlier`: what the hours of before a change of the price come to; the price they had when left out.
    `average`: every unit at the same share of the price, as a ledger earns it.
    """

    __slots__ = ("average", "earlier", "event", "label", "unit_price", "units", "value")

    def __init__(
        self,
        value: Fraction,
        event: str,
        label: str,
        units: str | None,
        unit_price: Fraction | None,
        earlier: Fraction | None = None,
        *,
        average: bool = False,
    ) -> None:
        self.value, self.event, self.label = value, event, label
        self.units, self.unit_price, self.earlier, self.average = units, unit_price, earlier, average


def priced(
    measure: Measure,
    unit_price: Fraction,
    event: str,
    label: str,
    earlier: Fraction | None = None,
    *,
    average: bool = False,
) -> Consumption:
    """The used units at one price in fen."""
    used = measure.used * unit_price
    return Consumption(used, event, label, measure.used_text, unit_price, earlier, average=average)


def figure(
    facts: Facts,
    method: Method,
    ground: Ground,
    used: Consumption | None,
    deductible: frozenset[str] = EVIDENCED,
) -> Figure:
    """Paid minus consumed minus proven deductions: never below zero, never above what was paid.

    Where more was consumed than was paid, the excess is not charged (法释〔2025〕4号 art. 20, and policy beyond it).
    """
    deductions = [_deduction_line(deduction, deductible) for deduction in facts.deductions]
    kept_fen = -sum(line.amount_fen for line in deductions)
    earlier = _earlier(facts, used)
    consumed = _consumed(facts, used, earlier)
    exact = facts.paid_fen - kept_fen - consumed
    refund_fen = round_half_up(Fraction(exact)) if exact > 0 else 0
    before = [_earlier_line(facts, earlier)] if earlier else []
    lines = [Line("paid", "本合同已收款 received for this contract", facts.paid_fen)]
    if used is not None:
        # The residual, not the rounded value, so that the lines sum to a refund that is rounded once.
        residual_fen = facts.paid_fen - kept_fen - refund_fen + sum(line.amount_fen for line in before)
        lines.append(_used_line(used, residual_fen if exact > 0 else round_half_up(consumed - earlier)))
    lines += before + deductions
    open_fen = refund_fen - sum(line.amount_fen for line in lines)
    if open_fen:
        lines.append(
            Line("excess_not_charged", "超出已付部分,不向家庭收取 consumed beyond what was paid: not charged", open_fen)
        )
    return _built(method, ground, refund_fen, lines)


def _earlier(facts: Facts, used: Consumption | None) -> Fraction:
    if used is None:
        return Fraction(0)
    return Fraction(facts.earlier_fen) if used.earlier is None else used.earlier


def _consumed(facts: Facts, used: Consumption | None, earlier: Fraction) -> Fraction:
    """What was used, earlier hours with it: what a ledger earned for it, where that is the same but for the rounding.

    It was rounded there, lesson by lesson; rounded again, the parts would not sum to what was paid.
    """
    if used is None:
        return Fraction(0)
    counted, earned_fen = earlier + used.value, facts.earned_fen
    if earned_fen is not None and (used.average or abs(counted - earned_fen) <= _HALF_A_FEN):
        return Fraction(earned_fen)
    return counted


def _earlier_line(facts: Facts, earlier: Fraction) -> Line:
    units = format_hours(facts.earlier_centihours)
    return Line(
        "used_before", "调价前已用课时 class hours used before the price changed", -round_half_up(earlier), units=units
    )


def stated(method: Method, ground: Ground, refund_fen: int, lines: list[Line]) -> Figure:
    """A figure that is not paid minus consumed: a settlement, a contract tier."""
    return _built(method, ground, refund_fen, lines)


def _built(method: Method, ground: Ground, refund_fen: int, lines: list[Line]) -> Figure:
    return Figure(
        method=method,
        ground=ground.text,
        refund_fen=refund_fen,
        binding=False,
        lines=tuple(lines),
        rule_set_id=ground.rule_set_id,
        rule=ground.key,
        verified=ground.verified,
    )


def _used_line(used: Consumption, amount_fen: int) -> Line:
    price = used.unit_price
    return Line(
        event=used.event,
        label=used.label,
        amount_fen=-amount_fen,
        units=used.units,
        unit_price=None if price is None else str(price),
        unit_price_fen=None if price is None else round_half_up(price),
    )


def _deduction_line(deduction: Deduction, deductible: frozenset[str]) -> Line:
    if deduction.kind in _NEVER:
        event, reason = _NEVER[deduction.kind]
        return Line(event, f"{deduction.label}: {reason}", 0)
    if deduction.kind not in deductible:
        return Line("not_deductible_here", f"{deduction.label}: 此项为全额退费 this refund is in full", 0)
    if not deduction.evidence:
        return Line("deduction_not_evidenced", f"{deduction.label}: 无凭据,不扣 no evidence, not deducted", 0)
    return Line("deduction", f"{deduction.label} ({deduction.evidence})", -deduction.amount_fen)
