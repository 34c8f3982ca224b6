"""The demo's year: three terms, the days off in between, and when money is released."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_DAY = date(2026, 2, 2)
LAST_DAY = date(2026, 10, 30)
BANK_DAY = date(2026, 11, 2)
"""The Monday after the story, told hour by hour."""

_OFF = (
    (date(2026, 4, 4), date(2026, 4, 6)),
    (date(2026, 5, 1), date(2026, 5, 5)),
    (date(2026, 6, 19), date(2026, 6, 21)),
    (date(2026, 9, 25), date(2026, 9, 27)),
    (date(2026, 10, 1), date(2026, 10, 7)),
)
"""Statutory holidays of 2026 that fall into a term (国办发明电〔2025〕7号)."""

RELEASE_DAYS = (
    date(2026, 4, 3),
    date(2026, 5, 15),
    date(2026, 6, 12),
    date(2026, 7, 31),
    date(2026, 9, 4),
    date(2026, 10, 16),
)
"""Fridays on which schools ask for what they have earned; the bank pays on the Monday after."""

SEALED = ((date(2026, 4, 1), date(2026, 3, 31)), (date(2026, 7, 1), date(2026, 6, 30)))
"""When the regulator seals, and up to which day."""


@dataclass(frozen=True)
class Term:
    """When families sign, and when lessons are given."""

    name: str
    signing_on: tuple[date, ...]
    starts_on: date
    weeks: int


SPRING = Term("spring", (date(2026, 2, 24), date(2026, 2, 26), date(2026, 3, 2)), date(2026, 3, 7), 12)
SUMMER = Term("summer", (date(2026, 6, 22), date(2026, 6, 24), date(2026, 6, 29)), date(2026, 7, 4), 8)
AUTUMN = Term("autumn", (date(2026, 8, 24), date(2026, 8, 26), date(2026, 8, 31)), date(2026, 9, 5), 12)
TERMS = (SPRING, SUMMER, AUTUMN)


def is_off(on: date) -> bool:
    """Whether no lessons are given because of a statutory holiday."""
    return any(first <= on <= last for first, last in _OFF)


def sessions(term: Term, weekday: int, count: int) -> tuple[date, ...]:
    """The first `count` weekly lessons of a term on a weekday (Monday is 0), holidays left out."""
    return tuple(day for day, _ in zip(_weekly(term, weekday), range(count), strict=False))


def _weekly(term: Term, weekday: int) -> Iterator[date]:
    first = term.starts_on + timedelta(days=(weekday - term.starts_on.weekday()) % 7)
    for week in range(term.weeks):
        if not is_off(day := first + timedelta(weeks=week)):
            yield day


def after(on: date, days: int) -> date:
    """So many days later."""
    return on + timedelta(days=days)
