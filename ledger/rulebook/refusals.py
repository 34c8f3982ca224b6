"""Why no rule set is given: the place, the category, the date or the id is not known."""

from dataclasses import dataclass
from datetime import date

from ledger.rejections import Rejection


@dataclass(unsafe_hash=True)
class UnknownRuleSet(Rejection):
    """No rules are known for this place and category."""

    jurisdiction: str
    category: str


@dataclass(unsafe_hash=True)
class NoRuleSetInForce(UnknownRuleSet):
    """The place and category are known, but no rule was in force on that date."""

    on: date


@dataclass(unsafe_hash=True)
class UnknownRuleSetId(Rejection):
    """No rule set was ever published under this id."""

    rule_set_id: str
