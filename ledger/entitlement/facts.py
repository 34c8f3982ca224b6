"""What a refund is computed from: money in fen, class hours in hundredths, dates in Asia/Shanghai."""

from datetime import date
from typing import Literal, TypeAlias

import msgspec

from ledger.identifiers import Cause

DeductionKind: TypeAlias = Literal["materials", "gift", "agreed", "commission", "penalty"]
DayCount: TypeAlias = Literal[360, 365]


class Deduction(msgspec.Struct, frozen=True):
    """One thing the institution wants to keep money for; without evidence it keeps nothing."""

    label: str
    amount_fen: int
    evidence: str | None = None
    kind: DeductionKind = "materials"


class ContractTier(msgspec.Struct, frozen=True):
    """A contract term: once more than so many hours are used, this part of the payment is returned."""

    used_over_centihours: int
    refund_centipercent: int


class Settlement(msgspec.Struct, frozen=True):
    """A signed agreement on the amount: it replaces the formula from its signature on."""

    amount_fen: int
    signed_on: date | None = None
    due_on: date | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the engine may know about one contract. What is None was not stated."""

    paid_fen: int
    cause: Cause
    price_fen: int | None = None
    """What all the units together cost, earlier hours aside, where less (part is unpaid) or more than that was paid."""
    paid_centihours: int | None = None
    gift_centihours: int = 0
    used_centihours: int | None = None
    disputed_centihours: int = 0
    """What the family disputes of `used_centihours`, and beyond those of `earlier_centihours`."""
    claimed_centihours: int = 0
    """Beside `used_centihours`: claimed by the institution and confirmed by nobody, so in its record alone."""
    earlier_centihours: int = 0
    """Beside `used_centihours`: used before the price last changed."""
    earlier_fen: int = 0
    """What those earlier hours cost: they keep their price."""
    earned_fen: int | None = None
    """What a ledger earned for all the used hours, each lesson in whole fen; None where there are only papers."""
    list_unit_price_fen: int | None = None
    market_unit_price_fen: int | None = None
    list_price_disclosed: bool | None = None
    list_price_unreasonable: bool = False
    contract_unit_price_fen: int | None = None
    bonus_fen: int = 0
    consumed_face_fen: int | None = None
    progress_centipercent: int | None = None
    months_total: int | None = None
    months_started: int | None = None
    term_starts_on: date | None = None
    term_ends_on: date | None = None
    """Last day of an unlimited-use term."""
    stopped_on: date | None = None
    """Last day on which the institution still taught."""
    unused_for_own_reasons: bool = False
    contract_tiers: tuple[ContractTier, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    settlement: Settlement | None = None
    award_fen: int | None = None
    awarded_ratio: str | None = None
    claim_fen: int | None = None
    signed_on: date | None = None
    paid_on: date | None = None
    starts_on: date | None = None
    requested_on: date | None = None
    rescinded_on: date | None = None
    decided_on: date | None = None
    as_of_on: date | None = None
    prior_same_service: bool | None = None
    """Whether the family had tried the same service, here or elsewhere, when it signed; None where nobody said."""
    unasked: bool = False
    """Whether it is due although nobody asked, as in a closure: the seven days need a request."""
    jurisdiction: str | None = None
    category: str | None = None
    interest_until_on: date | None = None
    day_count: DayCount | None = None
    supervised_fen: int | None = None
    supervised_rate_percent: str | None = None

    @property
    def whole_fen(self) -> int:
        """The price of all units: what was paid beyond the earlier hours, unless another price is stated."""
        return max(0, self.paid_fen - self.earlier_fen) if self.price_fen is None else self.price_fen

    @property
    def payment_on(self) -> date | None:
        """The day of payment; the signing day where no other is stated."""
        return self.paid_on or self.signed_on

    @property
    def before_start(self) -> bool:
        """Whether the refund was asked for before the first lesson."""
        return self.requested_on is not None and self.starts_on is not None and self.requested_on < self.starts_on
