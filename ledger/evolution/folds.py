"""The register of folds: event class → what it changes besides its legs."""

from collections.abc import Callable
from typing import Any

from ledger.escrow import Escrow
from ledger.events import Event

Fold = Callable[[Escrow, Any], None]

FOLDS: dict[type[Event], Fold] = {}


def folds(*kinds: type[Event]) -> Callable[[Fold], Fold]:
    """Register the fold of these events."""

    def register(fold: Fold) -> Fold:
        FOLDS.update(dict.fromkeys(kinds, fold))
        return fold

    return register
