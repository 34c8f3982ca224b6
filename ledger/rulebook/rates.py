"""Published interest rates by date: one-year LPR and the one-year deposit benchmark."""

from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

from ledger.rulebook.files import parameters
from ledger.rulebook.parameters import Parameter
from ledger.rulebook.selection import REVISION

RateKind: TypeAlias = Literal["lpr_1y", "pboc_deposit_1y"]


@lru_cache(maxsize=4096)
def rate_on(kind: RateKind, on: date) -> Parameter | None:
    """The rate (percent a year, decimal text) in force on `on`; None before the first and after the last one seen.

    Source: 法释〔2025〕4号 art. 16(1) refers to both at the time the contract was formed.
    """
    for row in parameters("rates"):
        if row.key == f"rate.{kind}" and row.in_force(on, REVISION):
            return None if row.unknown else row
    return None
