"""What the database derives from stored texts, said again in Python for the audit."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

from ledger.events import Event
from ledger.sheets import Contract, Sheet
from ledger.store.tables import CHECKED, DERIVED

FACTS = tuple(name for name in DERIVED if name != "recorded_at")
"""Derived columns of an event that come from the event itself."""


@cache
def _facts_of(kind: type[Event]) -> tuple[Callable[[Any], Any], Callable[[Any], Any], int]:
    """Picks from the columns what this kind of event can say, from the event the same; how many columns are left."""
    fields = set(kind.__struct_fields__)
    said = [name for name in FACTS if name in fields]
    return itemgetter(*(FACTS.index(name) for name in said)), attrgetter(*said), len(FACTS) - len(said)


def same_facts(facts: list[Any], event: Event) -> bool:
    """Whether the derived columns say what the event says; a default that the text leaves out is null there."""
    stored, said, silent = _facts_of(type(event))
    if stored(facts) == said(event) and facts.count(None) == silent:  # the common case: nothing said is null
        return True
    return [getattr(event, name, None) or None for name in FACTS] == [fact or None for fact in facts]


def checked_columns(sheet: Sheet) -> list[int | None]:
    """What the columns of a sheet's row should say: a contract's money and hours, nothing for others."""
    if not isinstance(sheet, Contract):
        return [None] * (len(CHECKED) + 2)
    spent = sheet.consumed_centihours + sheet.claimed_centihours
    return [*(getattr(sheet, name) for name in CHECKED), spent, sheet.units]
