"""Versioned rules as data: chosen by jurisdiction, category and date; what is unknown stays unknown."""

from ledger.rulebook.parameters import Parameter, Period
from ledger.rulebook.rates import rate_on
from ledger.rulebook.refusals import NoRuleSetInForce, UnknownRuleSet, UnknownRuleSetId
from ledger.rulebook.rule_sets import CoolingOff, RuleSet
from ledger.rulebook.selection import REVISION, judicial, newest, places, rule_set, select

__all__ = [
    "REVISION",
    "CoolingOff",
    "NoRuleSetInForce",
    "Parameter",
    "Period",
    "RuleSet",
    "UnknownRuleSet",
    "UnknownRuleSetId",
    "judicial",
    "newest",
    "places",
    "rate_on",
    "rule_set",
    "select",
]
