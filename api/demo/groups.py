"""Classes of a term: who signed for them, on which weekday they meet, what they cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from api.demo.days import AUTUMN, SPRING, SUMMER, Term, after, sessions
from api.demo.schools import School

COURSES = {
    "academic": (("初二数学", "mathematics"), ("初一英语", "english"), ("高一物理", "physics")),
    "sport": (("游泳提高班", "swimming"), ("篮球基础班", "basketball"), ("羽毛球班", "badminton")),
    "sci_tech": (("Python 编程", "programming"), ("机器人搭建", "robotics"), ("无人机", "drones")),
    "culture_art": (("钢琴入门", "piano"), ("中国舞", "dance"), ("硬笔书法", "calligraphy"), ("素描", "drawing")),
    "non_academic": (("综合素养", "general"),),
}
SHARES = ((SPRING, 0.37), (SUMMER, 0.23), (AUTUMN, 0.40))
ACADEMIC_SHARES = ((SPRING, 0.5), (AUTUMN, 0.5))
"""Academic training is not given in the holidays (双减)."""
LESSON_HOURS = 2
GROUP_SIZE = 14
DISCOUNTED = 0.3
"""Classes sold below a list price that the contract names."""


@dataclass(frozen=True)
class Enrolment:
    """One child in one class."""

    contract_id: str
    student_id: str
    guardian_id: str
    payer_ref: str


@dataclass
class Group:
    """One class: its price, its lessons, its children."""

    term: Term
    course: str
    subject: str
    signing_on: date
    days: tuple[date, ...]
    price_fen: int
    paid_hours: int
    gift_hours: int
    list_unit_price_fen: int | None
    enrolments: list[Enrolment] = field(default_factory=list)

    @property
    def starts_on(self) -> date:
        """The day of the first lesson."""
        return self.days[0]

    @property
    def ends_on(self) -> date:
        """A week after the last lesson, within the caps."""
        return min(after(self.days[-1], 7), after(self.days[0], 88))

    def terms(self) -> dict[str, Any]:
        """The contract's own terms."""
        if self.list_unit_price_fen is None:
            return {"prior_same_service": False}
        return {
            "prior_same_service": False,
            "list_price_disclosed": True,
            "list_unit_price_fen": self.list_unit_price_fen,
        }


def askable(school: School, enrolment: Enrolment) -> bool:
    """Whether a refund can be asked for."""
    book = school.contracts[enrolment.contract_id]
    return book.teachable and not book.held_fen and not school.has_stopped()


def groups(school: School, contracts: int, rng: Random) -> Iterator[Group]:
    """The classes of one school over the year; half of a term's children come back in the next."""
    known: list[tuple[str, str, str]] = []
    numbers = iter(range(1, contracts + 1))
    for term, share in ACADEMIC_SHARES if school.category == "academic" else SHARES:
        left = round(contracts * share)
        families = _families(known, left, rng)
        while left > 0:
            size = min(left, rng.randint(GROUP_SIZE - 4, GROUP_SIZE + 4))
            group = _group(school, term, rng)
            group.enrolments = [
                Enrolment(f"{school.institution_id}-{number:04d}", *next(families))
                for _, number in zip(range(size), numbers, strict=False)
            ]
            left -= size
            if group.enrolments:
                yield group


def _families(known: list[tuple[str, str, str]], count: int, rng: Random) -> Iterator[tuple[str, str, str]]:
    back = rng.sample(known, min(len(known), count // 2))
    fresh = []
    for _ in range(count):
        token = f"{rng.getrandbits(48):012x}"
        fresh.append((f"S-{token}", f"G-{token}", f"P-{token}"))
    families = (back + fresh)[:count]
    rng.shuffle(families)
    known[:] = families
    return iter(families)


def _group(school: School, term: Term, rng: Random) -> Group:
    course, subject = rng.choice(COURSES[school.category])
    weekday = rng.randrange(5) if school.category == "academic" else rng.choice((2, 4, 5, 5, 6, 6))
    days = sessions(term, weekday, rng.randint(6, 9))
    gift_lessons = rng.choice((0, 0, 0, 1))
    paid_hours = LESSON_HOURS * (len(days) - gift_lessons)
    unit_fen = rng.randrange(110_00, 210_00, 5_00)
    listed = unit_fen + rng.randrange(10_00, 60_00, 10_00) if rng.random() < DISCOUNTED else None
    return Group(
        term=term,
        course=course,
        subject=subject,
        signing_on=rng.choice(term.signing_on),
        days=days,
        price_fen=min(unit_fen * paid_hours, 4_980_00),
        paid_hours=paid_hours,
        gift_hours=LESSON_HOURS * gift_lessons,
        list_unit_price_fen=listed,
    )
