"""Real cases with published figures, as the contracts they were: what was signed, paid, taught and asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger.identifiers import Category, Cause


@dataclass(frozen=True, kw_only=True)
class Case:
    """One published case. Days that the source does not give are chosen so that the rules of the time apply."""

    id: str
    title: str
    jurisdiction: str = "CN"
    district: str = "未公布"
    """As far as the source names it."""
    category: Category
    supervised_on: date
    """When the escrow opens; after the signing, the contract comes in as stock."""
    signed_on: date
    starts_on: date
    ends_on: date
    price_fen: int
    paid: tuple[tuple[int, str], ...] = ()
    """Payments (fen, funding) where it is not the price in one sum of the family's own money."""
    hours: str
    gift_hours: str = "0"
    used_hours: str = "0"
    terms: Mapping[str, Any] = field(default_factory=dict)
    cause: Cause
    asked_on: date
    claim_fen: int | None = None
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    closed: bool = False
    """Whether the institution had stopped by then."""
    refused: str = ""
    """What the institution answered; the refund is then ordered."""
    award_fen: int | None = None
    """What the court awarded, kept beside the formula."""
    published_fen: int

    @property
    def stock(self) -> bool:
        """Collected before supervision of this institution began."""
        return self.signed_on < self.supervised_on

    @property
    def payments(self) -> tuple[tuple[int, str], ...]:
        """Every payment, fen and funding."""
        return self.paid or ((self.price_fen, "own"),)


CASES = (
    Case(
        id="WE-01",
        title="Gift lessons count when the institution closes (Chengdu Gaoxin)",
        jurisdiction="CN-SC-CD",
        district="高新区",
        category="non_academic",
        supervised_on=date(2021, 6, 1),
        signed_on=date(2021, 6, 14),
        starts_on=date(2021, 6, 14),
        ends_on=date(2022, 6, 13),
        price_fen=17_680_00,
        hours="68",
        gift_hours="10",
        used_hours="17.5",
        cause="institution",
        asked_on=date(2021, 9, 20),
        claim_fen=13_713_00,
        closed=True,
        award_fen=13_713_00,
        published_fen=13_713_33,
    ),
    Case(
        id="WE-02",
        title="Gifts attached to used hours, contract price (Tianjin Consumers' Association)",
        jurisdiction="CN-TJ",
        category="academic",
        supervised_on=date(2019, 1, 2),
        signed_on=date(2019, 1, 5),
        starts_on=date(2019, 1, 12),
        ends_on=date(2020, 1, 31),
        price_fen=32_000_00,
        hours="100",
        gift_hours="10",
        used_hours="93",
        cause="mutual",
        asked_on=date(2020, 1, 21),
        circumstances={"contract_unit_price_fen": 320_00},
        refused="counts the higher grade at 340 yuan an hour: 3,780.00",
        published_fen=5_440_00,
    ),
    Case(
        id="WE-05",
        title="Admitted progress of what was really paid (Xiamen Huli)",
        district="湖里区",
        category="non_academic",
        supervised_on=date(2020, 3, 2),
        signed_on=date(2020, 3, 10),
        starts_on=date(2020, 3, 14),
        ends_on=date(2021, 9, 13),
        price_fen=37_000_00,
        paid=((3_500_00, "own"), (33_000_00, "training_loan")),
        hours="100",
        terms={"training_loan": True},
        cause="institution",
        asked_on=date(2021, 8, 24),
        circumstances={"progress_percent": 33},
        published_fen=24_455_00,
    ),
    Case(
        id="WE-06",
        title="A moved campus, the list price is no answer (Beijing No. 1 Intermediate)",
        jurisdiction="CN-BJ",
        category="culture_art",
        supervised_on=date(2021, 3, 1),
        signed_on=date(2021, 3, 6),
        starts_on=date(2021, 3, 13),
        ends_on=date(2022, 3, 12),
        price_fen=8_000_00,
        hours="40",
        used_hours="15",
        terms={"list_unit_price_fen": 400_00, "list_price_disclosed": True},
        cause="institution",
        asked_on=date(2021, 8, 2),
        refused="no withdrawal for personal reasons; 15 lessons at the list price of 400: 2,000.00",
        published_fen=5_000_00,
    ),
    Case(
        id="WE-07",
        title="A list price nobody was told (fitness, private lessons)",
        category="sport",
        supervised_on=date(2023, 10, 9),
        signed_on=date(2023, 10, 21),
        starts_on=date(2023, 10, 21),
        ends_on=date(2024, 1, 20),
        price_fen=1_200_00,
        hours="20",
        used_hours="3",
        cause="family",
        asked_on=date(2023, 11, 17),
        published_fen=1_020_00,
    ),
    Case(
        id="WE-08",
        title="A started month counts as a month (fitness, annual card)",
        category="sport",
        supervised_on=date(2023, 11, 10),
        signed_on=date(2023, 11, 4),
        starts_on=date(2023, 11, 4),
        ends_on=date(2024, 11, 3),
        price_fen=300_00,
        hours="12",
        terms={"unlimited_pass": True},
        cause="family",
        asked_on=date(2023, 11, 17),
        published_fen=275_00,
    ),
    Case(
        id="WE-10",
        title="The market price replaces an unreasonable list price (art. 19)",
        category="non_academic",
        supervised_on=date(2025, 5, 6),
        signed_on=date(2025, 5, 10),
        starts_on=date(2025, 5, 10),
        ends_on=date(2025, 8, 9),
        price_fen=2_000_00,
        hours="10",
        used_hours="3",
        terms={"list_unit_price_fen": 10_000_00, "list_price_disclosed": True},
        cause="family",
        asked_on=date(2025, 6, 17),
        circumstances={"list_price_unreasonable": True, "market_unit_price_fen": 400_00},
        refused="three lessons at the list price of 10,000: nothing is left",
        published_fen=800_00,
    ),
    Case(
        id="WE-12",
        title="A card never used, seventy percent awarded (Shanghai Jiading)",
        district="嘉定区",
        category="non_academic",
        supervised_on=date(2023, 8, 1),
        signed_on=date(2023, 8, 12),
        starts_on=date(2023, 8, 19),
        ends_on=date(2023, 11, 11),
        price_fen=2_680_00,
        hours="20",
        cause="family",
        asked_on=date(2023, 10, 9),
        award_fen=1_876_00,
        published_fen=2_680_00,
    ),
    Case(
        id="WE-14",
        title="An expired term does not forfeit lessons never taught (Beijing Chaoyang)",
        jurisdiction="CN-BJ",
        district="朝阳区",
        category="sport",
        supervised_on=date(2023, 5, 8),
        signed_on=date(2023, 4, 1),
        starts_on=date(2023, 4, 8),
        ends_on=date(2024, 4, 7),
        price_fen=20_740_00,
        hours="61",
        used_hours="25",
        cause="institution",
        asked_on=date(2025, 5, 6),
        refused="the term of one year is over",
        published_fen=12_240_00,
    ),
    Case(
        id="WE-15",
        title="Claim by the formula, less awarded (Guangzhou Baiyun, also WE-22)",
        district="白云区",
        category="culture_art",
        supervised_on=date(2020, 9, 1),
        signed_on=date(2020, 9, 12),
        starts_on=date(2020, 9, 19),
        ends_on=date(2021, 12, 31),
        price_fen=8_500_00,
        hours="112",
        used_hours="32",
        cause="neither",
        asked_on=date(2021, 9, 6),
        claim_fen=6_071_43,
        award_fen=3_000_00,
        published_fen=6_071_43,
    ),
    Case(
        id="WE-17",
        title="A contract tier worse than pro rata gives way (Beijing Shunyi)",
        jurisdiction="CN-BJ",
        district="顺义区",
        category="non_academic",
        supervised_on=date(2019, 4, 1),
        signed_on=date(2019, 4, 13),
        starts_on=date(2019, 4, 20),
        ends_on=date(2021, 4, 19),
        price_fen=25_000_00,
        hours="120",
        used_hours="46",
        terms={"tiers": [{"used_over_hours": "40", "refund_percent": 50}]},
        cause="family",
        asked_on=date(2020, 6, 8),
        refused="half of the fee less registration 360.00 and service items 1,140.80: 10,999.20",
        published_fen=15_416_67,
    ),
    Case(
        id="WE-30",
        title="A closed gym returns the paid average (Supreme People's Court, typical case 3)",
        category="sport",
        supervised_on=date(2024, 9, 2),
        signed_on=date(2024, 9, 7),
        starts_on=date(2024, 9, 14),
        ends_on=date(2024, 12, 6),
        price_fen=2_000_00,
        hours="60",
        used_hours="12",
        cause="institution",
        asked_on=date(2024, 11, 18),
        closed=True,
        published_fen=1_600_00,
    ),
    Case(
        id="WE-33",
        title="A thirty percent withdrawal penalty is void (Beijing Chaoyang, swimming)",
        jurisdiction="CN-BJ",
        district="朝阳区",
        category="sport",
        supervised_on=date(2024, 7, 8),
        signed_on=date(2024, 6, 29),
        starts_on=date(2024, 7, 6),
        ends_on=date(2025, 7, 5),
        price_fen=12_000_00,
        hours="120",
        used_hours="1",
        cause="family",
        asked_on=date(2024, 7, 30),
        refused="a penalty of 30 % for withdrawal, clause 7",
        published_fen=11_900_00,
    ),
)
"""Each can be told as an escrow's history. WE-21 is a rhythm of releases and WE-34 a fine: they stand elsewhere."""
