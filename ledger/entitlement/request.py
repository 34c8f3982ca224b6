"""The calculator's request: the facts as people write them, decimal strings and ISO dates, strictly read."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ledger.entitlement.facts import ContractTier, Deduction, DeductionKind, Facts, Settlement
from ledger.hours import parse_hours
from ledger.identifiers import Category, Cause

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LINE = r"^[^\x00-\x1f\x7f]*$"
"""Text on one line."""


def _day(value: object) -> object:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value


def _centipercent(text: str | int) -> int:
    return parse_hours(str(text))


Fen = Annotated[int, Field(ge=0, le=10**13, description="Whole fen")]
Hours = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$", examples=["17.5"])]
Percent = Annotated[
    Annotated[int, Field(ge=0, le=999)] | Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,2})?$")],
    Field(description="Percent as a whole number or a decimal string, never a float"),
]
Rate = Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,6})?$", examples=["1.35"])]
Ratio = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$", examples=["0.7"])]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class DeductionRequest(_Model):
    """One line the institution wants to keep money for."""

    label: Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
    amount_fen: Fen
    evidence: Annotated[str, Field(min_length=1, max_length=500, pattern=_LINE)] | None = None
    """Reference of the proof; a line without it is shown and not deducted."""
    kind: DeductionKind = "materials"
    """Commissions and penalty terms are never deducted."""


class ContractTierRequest(_Model):
    """A contract term: above so many used hours, this part of the payment is returned."""

    used_over_hours: Hours = "0"
    refund_percent: Percent


class SettlementRequest(_Model):
    """A signed agreement on the amount."""

    amount_fen: Fen
    signed_on: Day | None = None
    due_on: Day | None = None


class EntitlementRequest(_Model):
    """Facts of one contract, as far as they are known, for the question what is due, by which rule and until when."""

    paid_fen: Fen
    """Money actually received for this contract, borrowed money included."""
    cause: Cause
    price_fen: Fen | None = None
    """Price of all the hours where not exactly that was paid, so that used hours count at their full price."""
    paid_hours: Hours | None = None
    gift_hours: Hours = "0"
    used_hours: Hours | None = None
    """Class hours used of all kinds, gifts included."""
    disputed_hours: Hours = "0"
    """What the family disputes of `used_hours`, and beyond those of `earlier_hours`."""
    claimed_hours: Hours = "0"
    """Beside `used_hours`: claimed by the institution and confirmed by nobody, so in its record alone."""
    earlier_hours: Hours = "0"
    """Beside `used_hours`: used before the price last changed; `paid_hours` and `price_fen` are those of the rest."""
    earlier_fen: Fen = 0
    """What those earlier hours cost: they keep their price."""
    list_unit_price_fen: Fen | None = None
    market_unit_price_fen: Fen | None = None
    list_price_disclosed: bool | None = None
    list_price_unreasonable: bool = False
    contract_unit_price_fen: Fen | None = None
    bonus_fen: Fen = 0
    consumed_face_fen: Fen | None = None
    progress_percent: Percent | None = None
    months_total: Annotated[int, Field(ge=1, le=600)] | None = None
    months_started: Annotated[int, Field(ge=0, le=600)] | None = None
    term_starts_on: Day | None = None
    term_ends_on: Day | None = None
    """Last day of an unlimited-use term."""
    stopped_on: Day | None = None
    """Last day on which the institution still taught."""
    unused_for_own_reasons: bool = False
    contract_tiers: Annotated[tuple[ContractTierRequest, ...], Field(strict=False, max_length=50)] = ()
    deductions: Annotated[tuple[DeductionRequest, ...], Field(strict=False, max_length=100)] = ()
    settlement: SettlementRequest | None = None
    award_fen: Fen | None = None
    awarded_ratio: Ratio | None = None
    claim_fen: Fen | None = None
    signed_on: Day | None = None
    paid_on: Day | None = None
    """Day of payment where it is not the signing day."""
    starts_on: Day | None = None
    requested_on: Day | None = None
    rescinded_on: Day | None = None
    decided_on: Day | None = None
    """Date of the decision, which chooses the judicial rules; the newest apply when left out."""
    as_of_on: Day | None = None
    """Day asked about; a settlement signed later does not bind yet."""
    prior_same_service: bool | None = None
    """Whether the family had tried the same service when it signed (bars the seven days of art. 14).

    Left out, the seven days stand: earlier experience is an exception, which whoever relies on it must show.
    """
    unasked: bool = False
    """Whether it is due although nobody asked, as in a closure: the seven days' rights need a request."""
    jurisdiction: Annotated[str, Field(max_length=16, pattern=_LINE, examples=["CN-BJ"])] | None = None
    category: Category | None = None
    interest_until_on: Day | None = None
    day_count: Literal[360, 365] | None = None
    supervised_fen: Fen | None = None
    supervised_rate_percent: Rate | None = None

    def facts(self) -> Facts:
        """The same facts in the ledger's units."""
        same = self.model_dump(exclude=_CONVERTED)
        in_hours = not self._measured_otherwise()
        return Facts(
            **same,
            paid_centihours=_hours(self.paid_hours) if in_hours else None,
            gift_centihours=parse_hours(self.gift_hours),
            used_centihours=_hours(self.used_hours) if in_hours else None,
            disputed_centihours=parse_hours(self.disputed_hours),
            claimed_centihours=parse_hours(self.claimed_hours),
            earlier_centihours=parse_hours(self.earlier_hours),
            progress_centipercent=None if self.progress_percent is None else _centipercent(self.progress_percent),
            contract_tiers=tuple(
                ContractTier(parse_hours(tier.used_over_hours), _centipercent(tier.refund_percent))
                for tier in self.contract_tiers
            ),
            deductions=tuple(Deduction(**line.model_dump()) for line in self.deductions),
            settlement=None if self.settlement is None else Settlement(**self.settlement.model_dump()),
        )

    def _measured_otherwise(self) -> bool:
        """Whether no class hours were sold: all are zero, and progress, months, a term or a card says what was used."""
        others = (self.progress_percent, self.months_total, self.consumed_face_fen, self.term_starts_on)
        hours = (self.paid_hours, self.gift_hours, self.used_hours)
        return any(other is not None for other in others) and not any(_hours(each) for each in hours)


_CONVERTED = {
    "paid_hours", "gift_hours", "used_hours", "disputed_hours", "claimed_hours", "earlier_hours", "progress_percent",
    "contract_tiers", "deductions", "settlement",
}  # fmt: skip


def _hours(text: str | None) -> int | None:
    return None if text is None else parse_hours(text)
