"""The answer: figures with their lines and grounds, the one that binds, the deadline, interest and the range."""

from datetime import date
from typing import Literal, TypeAlias

import msgspec

from ledger.rulebook import Parameter, RuleSet
from ledger.rulebook.parameters import Verified
from ledger.workdays import Unit

Method: TypeAlias = Literal[
    "settlement",
    "full_before_start",
    "full_cooling_off",
    "all_units_average",
    "paid_average",
    "list_price",
    "market_price",
    "contract_price",
    "mixed_price",
    "bonus_ratio",
    "face_value",
    "percent_progress",
    "months_started",
    "remaining_term",
    "unused_pass",
    "contract_tier",
    "share_of_completed_hours",
]


class Line(msgspec.Struct, frozen=True):
    """One step of a figure. The amounts of all lines sum to the refund, to the fen."""

    event: str
    label: str
    """In Chinese and English, for who reads it; programs read `event`."""
    amount_fen: int
    units: str | None = None
    unit_price: str | None = None
    """Exact fen per unit, as a fraction where it is one ("68000/3")."""
    unit_price_fen: int | None = None


class Ground(msgspec.Struct, frozen=True):
    """The rule a figure rests on."""

    text: str
    rule_set_id: str | None
    key: str | None
    verified: Verified

    @classmethod
    def of(cls, rules: RuleSet, row: Parameter) -> "Ground":
        """Cites a row of a rule set."""
        return cls(row.citation, rules.id, row.key, row.verified)


class Figure(msgspec.Struct, frozen=True):
    """What one method gives; exactly one figure of a derivation is binding."""

    method: Method
    ground: str
    refund_fen: int
    binding: bool
    lines: tuple[Line, ...]
    rule_set_id: str | None
    rule: str | None
    verified: Verified


class RefundDeadline(msgspec.Struct, frozen=True):
    """The last day to pay, who must pay, and the clock that says so."""

    on: date
    payer: str
    ground: str
    counted_from_on: date | None
    count: int | None
    unit: Unit | None
    calendar: str
    provisional: bool
    rule_set_id: str | None


class Interest(msgspec.Struct, frozen=True):
    """Interest on the principal; `amount_fen` is None where the law or the input does not settle it."""

    principal_fen: int
    rate_kind: str | None
    rate_percent: str | None
    rate_on: date | None
    ground: str
    verified: Verified
    from_on: date | None
    until_on: date | None
    day_count: int | None
    supervised_fen: int | None
    supervised_rate_percent: str | None
    amount_fen: int | None
    open: str | None
    """Why the amount is not known."""


class DisputeRange(msgspec.Struct, frozen=True):
    """The binding figure by each side's record of the lessons."""

    by_institution_record_fen: int
    by_family_record_fen: int


class Award(msgspec.Struct, frozen=True):
    """What a court or mediator awarded at its discretion: kept beside the formula, never computed from it."""

    amount_fen: int
    ratio: str | None
    formula_fen: int


class Derivation(msgspec.Struct, frozen=True):
    """The whole answer. The same JSON comes from the API, the CLI and the ledger's own refunds."""

    figures: tuple[Figure, ...]
    binding_refund_fen: int
    claimable_fen: int
    deadline: RefundDeadline | None
    interest: Interest | None
    range: DisputeRange | None
    award: Award | None
    rule_sets: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def binding(self) -> Figure:
        """The figure that binds."""
        return next(figure for figure in self.figures if figure.binding)
