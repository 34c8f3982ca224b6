"""Deadlines over days, working days and months, checked against the published State Council calendars."""

import csv
import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger.workdays import CALENDAR, PUBLISHED_YEARS, DateOutsideCalendar, deadline, is_workday

# State Council notices 国办发明电〔2024〕12号 and 〔2025〕7号, every day that differs from plain weeks.
PUBLISHED = Path(__file__).with_name("calendar_2025_2026.csv")


def published_exceptions() -> dict[date, str]:
    with PUBLISHED.open(encoding="utf-8") as lines:
        return {date.fromisoformat(row["date"]): row["kind"] for row in csv.DictReader(lines)}


def days_of(years: range) -> list[date]:
    first_on = date(years[0], 1, 1)
    return [first_on + timedelta(days=n) for n in range((date(years[-1] + 1, 1, 1) - first_on).days)]


def test_every_day_of_2025_and_2026_is_as_the_state_council_published_it() -> None:
    exceptions = published_exceptions()
    for on in days_of(range(2025, 2027)):
        expected = exceptions[on] == "makeup_workday" if on in exceptions else on.weekday() < 5
        assert is_workday(on) is expected, on


def test_2025_and_2026_have_248_working_days_each() -> None:
    worked = [on.year for on in days_of(range(2025, 2027)) if is_workday(on)]
    assert (worked.count(2025), worked.count(2026)) == (248, 248)


def test_the_calendar_version_names_exactly_these_days() -> None:
    bits = "".join(str(int(is_workday(on))) for on in days_of(PUBLISHED_YEARS))
    digest = hashlib.sha256(bits.encode()).hexdigest()[:16]
    assert (CALENDAR, digest) == ("CN-2006-2026.1", "45d395d529048f73")


def test_a_new_year_made_up_for_in_the_december_before_is_worked() -> None:
    assert is_workday(date(2011, 12, 31))
    assert is_workday(date(2018, 12, 29))


@pytest.mark.parametrize(
    ("start_on", "count", "unit", "expected"),
    [
        (date(2026, 3, 2), 5, "day", date(2026, 3, 9)),  # 7 March is a Saturday
        (date(2026, 3, 3), 5, "day", date(2026, 3, 9)),
        (date(2026, 3, 4), 5, "day", date(2026, 3, 9)),
        (date(2026, 9, 26), 5, "day", date(2026, 10, 8)),  # National Day
        (date(2026, 9, 27), 15, "day", date(2026, 10, 12)),
        (date(2026, 9, 15), 5, "day", date(2026, 9, 20)),  # a Sunday worked instead
        (date(2026, 9, 25), 3, "workday", date(2026, 9, 30)),
        (date(2026, 9, 29), 3, "workday", date(2026, 10, 9)),
        (date(2026, 9, 29), 4, "workday", date(2026, 10, 10)),  # a Saturday worked instead
        (date(2026, 2, 12), 15, "workday", date(2026, 3, 11)),
        (date(2026, 1, 31), 1, "month", date(2026, 2, 28)),  # no 31 February, and the 28th is worked
        (date(2024, 1, 31), 1, "month", date(2024, 2, 29)),
        (date(2025, 12, 3), 1, "month", date(2026, 1, 4)),  # 3 January off, Sunday the 4th worked
        (date(2026, 4, 20), 0, "day", date(2026, 4, 20)),
        (date(2026, 4, 19), 0, "workday", date(2026, 4, 19)),
    ],
)
def test_the_first_day_is_not_counted_and_a_rest_day_rolls_forward(
    start_on: date, count: int, unit: str, expected: date
) -> None:
    found = deadline(start_on, count, unit)
    assert (found.on, found.calendar, found.provisional) == (expected, CALENDAR, False)


def test_a_working_day_deadline_that_reaches_2027_is_provisional() -> None:
    found = deadline(date(2026, 12, 25), 5, "workday")
    assert (found.on, found.provisional) == (date(2027, 1, 4), True)


def test_working_days_that_end_inside_2026_are_certain() -> None:
    assert not deadline(date(2026, 12, 24), 5, "workday").provisional


def test_calendar_days_that_roll_into_2027_are_provisional() -> None:
    assert not deadline(date(2026, 12, 26), 5, "day").provisional
    assert deadline(date(2026, 12, 27), 5, "day").provisional


def test_working_days_counted_through_2005_are_provisional() -> None:
    assert deadline(date(2005, 12, 20), 15, "workday").provisional
    assert not deadline(date(2005, 12, 31), 15, "workday").provisional


@pytest.mark.parametrize("unit", ["day", "workday", "month"])
def test_no_deadline_is_told_beyond_the_known_calendar(unit: str) -> None:
    with pytest.raises(DateOutsideCalendar):
        deadline(date(9999, 12, 20), 40, unit)


def test_a_period_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="cannot last -1"):
        deadline(date(2026, 1, 5), -1, "workday")
