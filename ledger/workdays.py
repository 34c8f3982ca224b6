"""Deadlines in days, working days and months over the published Chinese working-day calendar."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import holidays
import msgspec

from ledger.rejections import Rejection

Unit: TypeAlias = Literal["day", "workday", "month"]

PUBLISHED_YEARS: Final = range(2006, 2027)
"""Years whose State Council calendar is known, make-up working days included.

Compared day by day between two independent libraries; 2005 differs in one day and is left out, 2027 is unpublished.
"""
CALENDAR: Final = f"CN-{PUBLISHED_YEARS[0]}-{PUBLISHED_YEARS[-1]}.1"
"""Version stored with every deadline. A test pins its days: when they change, the number after the dot goes up."""

_KNOWN_YEARS: Final = range(1950, 2100)
_ONE_DAY: Final = timedelta(days=1)


@dataclass(unsafe_hash=True)
class DateOutsideCalendar(Rejection):
    """A deadline would leave the years for which Chinese holidays can be told at all."""

    on: date


class Deadline(msgspec.Struct, frozen=True):
    """The last day on which something is still in time, and how that day was found."""

    on: date
    calendar: str = CALENDAR
    provisional: bool = False
    """True where the day depends on a year whose calendar is not published yet."""


def is_workday(on: date) -> bool:
    """Whether `on` is worked in China: make-up weekends are, weekends and statutory holidays are not.

    In a year that is not published, by weekends and statutory holidays alone. Raises DateOutsideCalendar.
    """
    return on in _workdays(on.year)


@lru_cache(maxsize=8192)
def deadline(start_on: date, count: int, unit: Unit) -> Deadline:
    """The last day of a period of `count` units that begins after `start_on`.

    The first day is not counted (Civil Code 201); a month ends on its corresponding day, else on its last day
    (202); a period in days or months that ends on a rest day ends on the next working day (203). Working days
    follow the adjusted calendar. Raises ValueError for a negative count, DateOutsideCalendar beyond it.
    """
    if count < 0:
        message = f"a period cannot last {count} {unit}s"
        raise ValueError(message)
    match unit:
        case "workday":
            last_on = _after_workdays(start_on, count)
        case "day":
            last_on = _rolled(_plus_days(start_on, count))
        case "month":
            last_on = _rolled(_plus_months(start_on, count))
    provisional = any(year not in PUBLISHED_YEARS for year in _years_used(start_on, last_on, unit))
    return Deadline(last_on, CALENDAR, provisional)


def shifted(on: date, count: int, unit: Literal["day", "month"]) -> date:
    """`on` moved by `count` calendar days or months, forwards or backwards, without regard to rest days.

    A month that lacks the day ends on its last day. Raises DateOutsideCalendar.
    """
    return _plus_days(on, count) if unit == "day" else _plus_months(on, count)


def last_of(first_on: date, count: int, unit: Literal["day", "month"]) -> date:
    """The last day of a span of calendar days or months that counts its first day, without regard to rest days.

    It ends the day before the corresponding day; where the month has none, with the month (as Civil Code 202).
    """
    next_on = shifted(first_on, count, unit)
    return next_on if unit == "month" and next_on.day != first_on.day else next_on - _ONE_DAY


def _years_used(start_on: date, last_on: date, unit: Unit) -> range:
    # Only working days depend on every day in between; otherwise the calendar is asked about the last day alone.
    first = (start_on + _ONE_DAY).year if unit == "workday" and last_on > start_on else last_on.year
    return range(first, last_on.year + 1)


def _plus_days(start_on: date, count: int) -> date:
    if count > (date.max - start_on).days:
        raise DateOutsideCalendar(date.max)
    return start_on + timedelta(days=count)


def _plus_months(start_on: date, count: int) -> date:
    years, month = divmod(start_on.month - 1 + count, 12)
    year = start_on.year + years
    if year not in _KNOWN_YEARS:
        raise DateOutsideCalendar(date.max)
    return date(year, month + 1, min(start_on.day, monthrange(year, month + 1)[1]))


def _rolled(on: date) -> date:
    while not is_workday(on):
        on += _ONE_DAY
    return on


def _after_workdays(start_on: date, count: int) -> date:
    on = start_on
    while count:
        on += _ONE_DAY
        count -= is_workday(on)
    return on


@lru_cache(maxsize=len(_KNOWN_YEARS))
def _workdays(year: int) -> frozenset[date]:
    if year not in _KNOWN_YEARS:
        raise DateOutsideCalendar(date(year, 1, 1))
    # The year after is loaded too: its New Year may be made up for by a working weekend in this December.
    china = holidays.country_holidays("CN", years=(year, year + 1), expand=False)
    first_on = date(year, 1, 1)
    days = (first_on + timedelta(days=n) for n in range(366))
    return frozenset(on for on in days if on.year == year and china.is_working_day(on))
