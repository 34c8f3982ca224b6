"""Chooses the rule set of a place, a category and a date, and finds every earlier one again by its id."""

import re
from datetime import date
from functools import lru_cache
from typing import Final, get_args

from ledger.identifiers import Category
from ledger.rulebook.files import Book, parameters
from ledger.rulebook.parameters import Parameter
from ledger.rulebook.refusals import NoRuleSetInForce, UnknownRuleSet, UnknownRuleSetId
from ledger.rulebook.rule_sets import RuleSet

REVISION: Final = 1
"""Goes up whenever a row is added or superseded, so that an id always means the same rules."""

COURTS: Final = "CN-SPC"
_OPENS_ON: Final = date(2015, 3, 15)  # the first national refund clock: SAIC Order 73
_ID: Final = re.compile(
    r"(?P<place>CN(?:-[A-Z]{2,3}){0,2})/(?P<category>[a-z_]+)@(?P<on>[0-9-]{10})#(?P<revision>[0-9]{1,6})"
)


def select(jurisdiction: str, category: str, on: date) -> RuleSet:
    """The administrative rules of a place for a category in force on `on`.

    National rules first, then the place's own, key by key; a local unknown replaces a national value, because a
    rule that exists and was not read must not be guessed. Raises UnknownRuleSet, NoRuleSetInForce.
    """
    return _selected("administrative", jurisdiction, category, on)


def judicial(decided_on: date) -> RuleSet:
    """The courts' rules for a decision of that date, whenever the contract was signed.

    法释〔2025〕4号 for decisions from 2025-05-01 (courts apply it to older contracts), the practice seen before it
    otherwise. Raises NoRuleSetInForce.
    """
    return _selected("judicial", COURTS, "all", decided_on)


def newest(jurisdiction: str, category: str) -> RuleSet:
    """The last administrative rule set of a place and category. Raises UnknownRuleSet."""
    return select(jurisdiction, category, date.max)


def places() -> tuple[str, ...]:
    """Jurisdictions with rules of their own, national first."""
    return tuple(sorted({row.jurisdiction for row in parameters("administrative")}))


def rule_set(rule_set_id: str) -> RuleSet:
    """The rule set that was stored under this id, however often it was superseded. Raises UnknownRuleSetId."""
    named = _ID.fullmatch(rule_set_id)
    if named is None or not 1 <= int(named["revision"]) <= REVISION:
        raise UnknownRuleSetId(rule_set_id)
    book: Book = "judicial" if named["place"] == COURTS else "administrative"
    try:
        on = date.fromisoformat(named["on"])
        found = _selected(book, named["place"], named["category"], on, int(named["revision"]))
    except (UnknownRuleSet, ValueError):
        raise UnknownRuleSetId(rule_set_id) from None
    if found.id != rule_set_id:
        raise UnknownRuleSetId(rule_set_id)
    return found


@lru_cache(maxsize=8192)
def _selected(book: Book, place: str, category: str, on: date, revision: int = REVISION) -> RuleSet:
    layers = _layers(book, place, category)
    starts = [start for start in _starts(book, layers, revision) if start <= on]
    if not starts:
        raise NoRuleSetInForce(place, category, on)
    return _composed(book, place, category, starts[-1], revision)


@lru_cache(maxsize=1024)
def _composed(book: Book, place: str, category: str, since: date, revision: int) -> RuleSet:
    chosen: dict[str, Parameter] = {}
    for layer in _layers(book, place, category):
        for row in _rows(book).get(layer, ()):
            if row.in_force(since, revision):
                chosen[row.key] = row
    return RuleSet(f"{place}/{category}@{since}#{revision}", place, category, since, revision, chosen)


def _layers(book: Book, place: str, category: str) -> tuple[tuple[str, str], ...]:
    """(place, category) pairs from the most general to the most local; raises UnknownRuleSet."""
    if book == "judicial":
        if (place, category) != (COURTS, "all"):
            raise UnknownRuleSet(place, category)
        return ((COURTS, "all"),)
    if category not in get_args(Category) or place not in places():
        raise UnknownRuleSet(place, category)
    parts = place.split("-")
    lineage = dict.fromkeys(("all", category if category == "academic" else "non_academic", category))
    return tuple(("-".join(parts[:n]), kind) for n in range(1, len(parts) + 1) for kind in lineage)


@lru_cache(maxsize=1024)
def _starts(book: Book, layers: tuple[tuple[str, str], ...], revision: int) -> tuple[date, ...]:
    """Days on which the rules of these layers changed."""
    days = {_OPENS_ON}
    for layer in layers:
        for row in _rows(book).get(layer, ()):
            if row.in_force(row.effective_from, revision):
                days |= {row.effective_from, row.effective_to or row.effective_from}
    return tuple(sorted(day for day in days if day >= _OPENS_ON))


@lru_cache(maxsize=4)
def _rows(book: Book) -> dict[tuple[str, str], tuple[Parameter, ...]]:
    grouped: dict[tuple[str, str], tuple[Parameter, ...]] = {}
    for row in parameters(book):
        layer = (row.jurisdiction, row.category)
        grouped[layer] = (*grouped.get(layer, ()), row)
    return grouped
