"""One rule as data: a value with its unit, source, article, dates and how far it was verified."""

from datetime import date
from typing import Literal, TypeAlias

import msgspec

from ledger.workdays import Unit

Value: TypeAlias = bool | int | str | tuple[int | str, ...]
Verified: TypeAlias = Literal["yes", "partial", "no"]


class Period(msgspec.Struct, frozen=True):
    """A length of time in the unit its rule is written in: 15 workdays are not 15 days."""

    count: int
    unit: Unit


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of one rule. `value` is None where the rule exists or may exist and its content is not known."""

    key: str
    value: Value | None
    unit: str
    jurisdiction: str
    category: str
    effective_from: date
    effective_to: date | None
    """First day on which it no longer applies."""
    source: str
    article: str
    verified: Verified
    since_revision: int = 1
    until_revision: int | None = None
    """First revision of the rulebook that no longer holds this row: rows are superseded, never edited."""

    @property
    def unknown(self) -> bool:
        """Whether the content of the rule is not known."""
        return self.value is None

    @property
    def citation(self) -> str:
        """The source with its article; an article that the source names already is not named again."""
        cited = self.article.split(" ")[0]
        return f"{self.source} art. {self.article}" if cited and cited not in self.source.split() else self.source

    def in_force(self, on: date, revision: int) -> bool:
        """Whether this row speaks for `on` in that revision of the rulebook."""
        if self.since_revision > revision or (self.until_revision is not None and self.until_revision <= revision):
            return False
        return self.effective_from <= on and (self.effective_to is None or on < self.effective_to)
