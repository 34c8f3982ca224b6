"""Why no refund is computed: facts that contradict each other, or a price, date or rule that is not known."""

from dataclasses import dataclass
from datetime import date

from ledger.rejections import Rejection


@dataclass(unsafe_hash=True)
class UsedExceedsBought(Rejection):
    """More was used than was paid for and given, in the stated unit (hundredths of an hour, months, percent)."""

    unit: str
    used: int
    bought: int


@dataclass(unsafe_hash=True)
class DisputedExceedsUsed(Rejection):
    """More class hours are disputed than were recorded as used."""

    disputed_centihours: int
    used_centihours: int


@dataclass(unsafe_hash=True)
class PerformanceNotStated(Rejection):
    """Nothing says how much was delivered: hours, progress, months, term dates or consumed value are needed."""

    missing: str


@dataclass(unsafe_hash=True)
class MeasuresContradict(Rejection):
    """The contract is measured in several ways that exclude each other."""

    measures: str


@dataclass(unsafe_hash=True)
class ListPriceMissing(Rejection):
    """The family ends the contract, a list price was disclosed, but it is not stated (法释〔2025〕4号 art. 19)."""


@dataclass(unsafe_hash=True)
class MarketPriceMissing(Rejection):
    """The list price is said to be unreasonable, but no market price is stated (法释〔2025〕4号 art. 19)."""


@dataclass(unsafe_hash=True)
class ContractPriceBelowPaid(Rejection):
    """The contract price of all paid hours is less than what was paid for them."""

    contract_unit_price_fen: int
    paid_fen: int


@dataclass(unsafe_hash=True)
class PriceWithoutUnits(Rejection):
    """A price per unit is stated, but not how many units were used."""

    price: str


@dataclass(unsafe_hash=True)
class TierWithoutHours(Rejection):
    """A contract tier depends on used hours, which are not stated."""


@dataclass(unsafe_hash=True)
class TiersContradict(Rejection):
    """Two contract tiers begin at the same number of used hours."""

    used_over_centihours: int


@dataclass(unsafe_hash=True)
class TierExceedsPaid(Rejection):
    """A contract tier returns more than the whole payment."""

    refund_centipercent: int


@dataclass(unsafe_hash=True)
class DatesContradict(Rejection):
    """One date lies before another that must come first."""

    earlier: str
    later: str
    earlier_on: date
    later_on: date


@dataclass(unsafe_hash=True)
class UsedBeforeStart(Rejection):
    """The refund is asked for before the start, yet something was used."""

    starts_on: date
    requested_on: date


@dataclass(unsafe_hash=True)
class RescissionDateMissing(Rejection):
    """The term left cannot be counted: neither rescission, request nor stop is dated (art. 22)."""


@dataclass(unsafe_hash=True)
class UnusedButUsed(Rejection):
    """A pass said to be unused for the family's own reasons was used, is not over, or ended for another cause."""


@dataclass(unsafe_hash=True)
class SettlementExceedsPaid(Rejection):
    """A settlement cannot return more than was paid."""

    amount_fen: int
    paid_fen: int


@dataclass(unsafe_hash=True)
class AwardStatedTwice(Rejection):
    """An award is either an amount or a ratio."""


@dataclass(unsafe_hash=True)
class CategoryMissing(Rejection):
    """A place is stated without a category: its rules differ by category."""

    jurisdiction: str


@dataclass(unsafe_hash=True)
class SupervisedPartIncomplete(Rejection):
    """The supervised part of the money and its actual rate are needed together (法释〔2025〕4号 art. 16(2))."""


@dataclass(unsafe_hash=True)
class CourtRuleUnknown(Rejection):
    """The rule that would decide is not known for that date; it is not guessed."""

    rule_set_id: str
    key: str
