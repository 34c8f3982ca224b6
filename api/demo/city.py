"""The seeded city: which institutions there are, where, of which kind, and how large."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from api.demo.histories import social_credit_code
from api.demo.schools import School
from ledger.identifiers import Category

INSTITUTIONS, CONTRACTS = 40, 3_000
LEAST_INSTITUTIONS, LEAST_CONTRACTS = 9, 40
"""So many are needed for all that happens: institutions of each kind of place, contracts of each institution."""


class Kind(NamedTuple):
    """A kind of institution: place, category, districts and the word its names end in."""

    prefix: str
    jurisdiction: str
    category: Category
    districts: tuple[str, ...]
    word: str
    bank: str


_BJ = ("海淀", "朝阳", "西城", "东城", "丰台", "通州")
ACADEMIC = Kind("BJ-A", "CN-BJ", "academic", _BJ, "学科培训学校", "bank-jingcheng")
SPORT = Kind("BJ-S", "CN-BJ", "sport", _BJ, "少年体育", "bank-yanshan")
SCI_TECH = Kind("BJ-T", "CN-BJ", "sci_tech", _BJ, "编程科技", "bank-jingcheng")
CULTURE = Kind("BJ-C", "CN-BJ", "culture_art", _BJ, "艺术培训", "bank-yanshan")
TIANJIN = Kind("TJ-A", "CN-TJ", "academic", ("和平", "滨海新"), "课外学堂", "bank-haihe")
ZHEJIANG = Kind("ZJ-C", "CN-ZJ", "culture_art", ("西湖", "滨江"), "国画书院", "bank-qiantang")
WUHU = Kind("WH-C", "CN-AH-WH", "culture_art", ("镜湖", "鸠江"), "舞蹈中心", "bank-wanjiang")
CHENGDU = Kind("CD-S", "CN-SC-CD", "sport", ("高新", "锦江"), "游泳俱乐部", "bank-jinjiang")
NATIONAL = Kind("CN-S", "CN", "sport", ("示范区",), "篮球学院", "bank-tongcheng")

_ROTA = (
    CULTURE, SPORT, ACADEMIC, SCI_TECH, TIANJIN, ZHEJIANG, NATIONAL, CHENGDU, WUHU,
    ACADEMIC, CULTURE, SCI_TECH, SPORT, ACADEMIC, CULTURE, SPORT, SCI_TECH, ACADEMIC, CULTURE, TIANJIN,
    ACADEMIC, CULTURE, SCI_TECH, SPORT, ZHEJIANG, ACADEMIC, CULTURE, SPORT, NATIONAL, ACADEMIC, CULTURE,
    SCI_TECH, SPORT, ACADEMIC, CULTURE, CHENGDU, SCI_TECH, ACADEMIC, WUHU, ZHEJIANG,
)  # fmt: skip
_RUNAWAY = 1
"""Place in the rota of the one that runs away: a large one."""
_NAMES = (
    "启明", "晨光", "知行", "博雅", "星河", "沃野", "青禾", "远帆",
    "致远", "明德", "向阳", "百川", "新苗", "云帆", "乐思",
)  # fmt: skip
_LICENSED = 0.4
"""Part of the non-academic institutions that hold a school licence."""


@dataclass(frozen=True)
class Cast:
    """Every institution with the number of contracts it will sign, and those to which something happens."""

    schools: tuple[School, ...]
    contracts: tuple[int, ...]

    def first(self, kind: Kind, place: int = 0) -> School:
        """An institution of a kind."""
        mine = [school for school in self.schools if school.institution_id.startswith(kind.prefix)]
        return mine[min(place, len(mine) - 1)]

    @property
    def orderly(self) -> School:
        """The one that closes after its summer, all paid."""
        return self.first(CULTURE)

    @property
    def runaway(self) -> School:
        """The one that runs away."""
        return self.schools[_RUNAWAY]


def cast(scale: float, seed: int) -> Cast:
    """The city at a scale: 1 is 40 institutions and 3,000 contracts. The same seed gives the same city."""
    rng = Random(f"{seed}:city")  # noqa: S311 - a repeatable story, not a secret
    count = max(LEAST_INSTITUTIONS, round(INSTITUTIONS * scale))
    schools = tuple(_school(number, _ROTA[number % len(_ROTA)], rng) for number in range(count))
    weights = [rng.uniform(0.8, 1.4) for _ in schools]
    weights[_RUNAWAY] = 2.2
    total = max(LEAST_CONTRACTS * count, round(CONTRACTS * scale))
    return Cast(schools, tuple(max(10, round(total * weight / sum(weights))) for weight in weights))


def _school(number: int, kind: Kind, rng: Random) -> School:
    branch, name = divmod(number, len(_NAMES))
    licensed = kind.category == "academic" or rng.random() < _LICENSED
    return School(
        institution_id=f"{kind.prefix}{number + 1:02d}",
        name=f"{_NAMES[name]}{kind.word}" + (f"{branch + 1}部" if branch else ""),
        uscc=social_credit_code(number + 1),
        jurisdiction=kind.jurisdiction,
        category=kind.category,
        district=kind.districts[number % len(kind.districts)],
        licensed=licensed,
        custodian=kind.bank,
    )
