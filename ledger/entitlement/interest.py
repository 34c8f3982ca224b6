"""Interest on the principal as its own line (法释〔2025〕4号 art. 16 and 17); open where the law or the input is."""

from fractions import Fraction
from typing import cast

from ledger.entitlement.derivation import Figure, Ground, Interest
from ledger.entitlement.facts import Facts
from ledger.money import round_half_up
from ledger.rulebook import Parameter, RuleSet, rate_on
from ledger.rulebook.rates import RateKind


def interest_on(principal_fen: int, facts: Facts, binding: Figure, rules: RuleSet) -> Interest | None:
    """Interest from rescission at the rate of the cause, at contract formation.

    None on a settlement and on the seven-day withdrawals, which return the principal only (art. 14). No rate is
    given where nobody is at fault (art. 16 is silent); no amount without an end date and a day-count convention,
    which the text does not settle.
    """
    if binding.method in {"settlement", "full_cooling_off"} or not principal_fen:
        return None
    row = rules.get(f"interest.{_party(facts)}")
    if row is None:
        return None
    kind = None if row.unknown else cast("RateKind", row.value)
    rate = rate_on(kind, facts.signed_on) if kind and facts.signed_on else None
    amount_fen = _amount_fen(principal_fen, facts, rate)
    return Interest(
        principal_fen=principal_fen,
        rate_kind=kind,
        rate_percent=None if rate is None else str(rate.value),
        rate_on=facts.signed_on,
        ground=Ground.of(rules, row).text,
        verified=row.verified if rate is None else rate.verified,
        from_on=facts.rescinded_on,
        until_on=facts.interest_until_on,
        day_count=facts.day_count,
        supervised_fen=facts.supervised_fen,
        supervised_rate_percent=facts.supervised_rate_percent,
        amount_fen=amount_fen,
        open=None if amount_fen is not None else _open(facts, kind, rate),
    )


def _party(facts: Facts) -> str:
    return facts.cause if facts.cause in {"institution", "family"} else "neither"


def _amount_fen(principal_fen: int, facts: Facts, rate: Parameter | None) -> int | None:
    """Simple interest, rounded once: the supervised part at its actual rate, the rest at the rate of the cause."""
    if facts.rescinded_on is None or facts.interest_until_on is None or facts.day_count is None:
        return None
    supervised_fen = min(facts.supervised_fen or 0, principal_fen)
    if rate is None and supervised_fen < principal_fen:
        return None
    yearly = Fraction(supervised_fen) * Fraction(facts.supervised_rate_percent or "0")
    if rate is not None:
        yearly += (principal_fen - supervised_fen) * Fraction(str(rate.value))
    days = (facts.interest_until_on - facts.rescinded_on).days
    return round_half_up(yearly / 100 * days / facts.day_count)


def _open(facts: Facts, kind: str | None, rate: Parameter | None) -> str:
    if kind is None:
        return "law_silent_on_rate"
    if facts.signed_on is None:
        return "contract_date_missing"
    if rate is None:
        return "rate_not_known_at_contract_date"
    if facts.rescinded_on is None:
        return "rescission_date_missing"
    return "end_date_or_day_count_not_stated"
