"""Which stated facts change nothing: they are named, so that none is silently ignored."""

from typing import Final

import msgspec

from ledger.entitlement.derivation import Derivation
from ledger.entitlement.engine import entitle
from ledger.entitlement.facts import Facts
from ledger.rejections import Rejection

_SHOWN: Final = {
    "paid_centihours": "paid_hours",
    "gift_centihours": "gift_hours",
    "used_centihours": "used_hours",
    "disputed_centihours": "disputed_hours",
    "claimed_centihours": "claimed_hours",
    "earlier_centihours": "earlier_hours",
    "progress_centipercent": "progress_percent",
}
"""Facts that requests state in another unit, under another name."""


def entitle_naming_idle(facts: Facts, among: frozenset[str] | None = None) -> Derivation:
    """The derivation, with a note `no_effect:…` for every stated fact without which it would be the same.

    A list price is idle where there was no discount to undo, a stop where the contract is no pass. `among` keeps the
    search to these fields of `Facts`; all when left out. Costs one derivation for each. Raises like `entitle`.
    """
    found = entitle(facts)
    notes = tuple(f"no_effect:{_SHOWN.get(name, name)}" for name in _stated(facts, among) if _idle(facts, name, found))
    return msgspec.structs.replace(found, notes=(*found.notes, *notes)) if notes else found


def _stated(facts: Facts, among: frozenset[str] | None) -> list[str]:
    return [
        each.name
        for each in msgspec.structs.fields(Facts)
        if not each.required and getattr(facts, each.name) != each.default and (among is None or each.name in among)
    ]


def _idle(facts: Facts, name: str, found: Derivation) -> bool:
    default = next(each.default for each in msgspec.structs.fields(Facts) if each.name == name)
    try:
        return entitle(msgspec.structs.replace(facts, **{name: default})) == found
    except Rejection:
        return False
