"""Until when a refund must be paid, counted from the request, by the clock of the figure that binds."""

from datetime import date

from ledger.entitlement.derivation import Figure, RefundDeadline
from ledger.entitlement.facts import Facts
from ledger.rulebook import Period, RuleSet, select
from ledger.workdays import CALENDAR, deadline

PAYER = "institution"


def refund_deadline(facts: Facts, binding: Figure) -> RefundDeadline | None:
    """None without a dated request. The clock is the rule in force when the request is made.

    A settlement's own date prevails; else the clock of the withdrawal, of the time before or after the start; where
    the place has none, 15 days from the request (SAIC Order 73 art. 10). Raises UnknownRuleSet, NoRuleSetInForce.
    """
    settled = facts.settlement if binding.method == "settlement" else None
    if settled is not None and settled.due_on is not None:
        return RefundDeadline(
            settled.due_on, PAYER, "调解协议 settlement", settled.signed_on, None, None, CALENDAR, False, None
        )
    start_on = settled.signed_on if settled is not None and settled.signed_on is not None else facts.requested_on
    if start_on is None:
        return None
    rules = select(facts.jurisdiction or "CN", facts.category or "non_academic", start_on)
    key = _clock_key(binding, rules)
    period = rules.period(key)
    return None if period is None else _counted(start_on, period, key, rules)


def _clock_key(binding: Figure, rules: RuleSet) -> str:
    by_the_place = (binding.rule_set_id or "").startswith(f"{rules.jurisdiction}/")
    wanted = {
        "full_before_start": "refund.before_start",
        "full_cooling_off": "cooling_off.pay" if by_the_place else "refund.after_start",
        "settlement": "refund.default",
    }.get(binding.method, "refund.after_start")
    return wanted if rules.known(wanted) is not None else "refund.default"


def _counted(start_on: date, period: Period, key: str, rules: RuleSet) -> RefundDeadline:
    row = rules.parameters[key]
    found = deadline(start_on, period.count, period.unit)
    return RefundDeadline(
        on=found.on,
        payer=PAYER,
        ground=row.citation,
        counted_from_on=start_on,
        count=period.count,
        unit=period.unit,
        calendar=found.calendar,
        provisional=found.provisional,
        rule_set_id=rules.id,
    )
