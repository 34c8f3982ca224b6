"""What the parties themselves agreed: a signed settlement, or contract terms on how much is returned."""

from fractions import Fraction

from ledger.entitlement.derivation import Figure, Ground, Line
from ledger.entitlement.facts import Facts
from ledger.entitlement.figures import stated
from ledger.money import round_half_up
from ledger.rulebook import RuleSet


def settlement_figure(facts: Facts) -> Figure | None:
    """The agreed amount."""
    if facts.settlement is None:
        return None
    cited = Ground("双方签署的调解协议 settlement signed by both sides", None, None, "yes")
    return stated("settlement", cited, facts.settlement.amount_fen, [_agreed(facts.settlement.amount_fen)])


def _agreed(amount_fen: int) -> Line:
    return Line("agreed", "调解协议金额 amount agreed in the settlement", amount_fen)


def settlement_in_force(facts: Facts) -> bool:
    """Whether the settlement was signed by the day asked about; an undated one counts as signed."""
    if facts.settlement is None:
        return False
    signed_on = facts.settlement.signed_on
    return signed_on is None or facts.as_of_on is None or signed_on <= facts.as_of_on


def tier_figure(facts: Facts, courts: RuleSet) -> Figure | None:
    """The part the contract returns at this many used hours, less what it lists: the institution's own version.

    Its deductions are taken as the contract claims them, so that the offer can be reproduced; void ones are not.
    """
    used = (facts.used_centihours or 0) + facts.earlier_centihours
    reached = [tier for tier in facts.contract_tiers if used > tier.used_over_centihours]
    if not reached:
        return None
    tier = max(reached, key=lambda candidate: candidate.used_over_centihours)
    exact = Fraction(facts.paid_fen * tier.refund_centipercent, 10_000)
    claimed = [line for line in facts.deductions if line.kind not in {"commission", "penalty"}]
    kept_fen = sum(line.amount_fen for line in claimed)
    refund_fen = round_half_up(max(exact - kept_fen, Fraction(0)))
    lines = [Line("contract_tier", "合同约定退还的部分 part of the payment the contract returns", round_half_up(exact))]
    lines += [Line("deduction", line.label, -line.amount_fen) for line in claimed]
    if open_fen := refund_fen - sum(line.amount_fen for line in lines):
        lines.append(
            Line("excess_not_charged", "超出余额的扣款,不收取 deducted beyond what was left: not charged", open_fen)
        )
    row = courts.known("better_agreement_prevails")
    cited = Ground.of(courts, row) if row is not None else Ground("合同约定 the contract", None, None, "no")
    return stated("contract_tier", cited, refund_fen, lines)
