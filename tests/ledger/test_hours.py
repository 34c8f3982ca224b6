"""Class hours: fractional, exact, in hundredths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.hours import NotClassHours, format_hours, parse_hours


def test_half_an_hour_and_a_hundredth_are_exact() -> None:
    assert [parse_hours(text) for text in ("17.5", "191.05", "60", "0", "0.01")] == [1750, 19105, 6000, 0, 1]


def test_hours_are_printed_without_idle_zeros() -> None:
    assert [format_hours(hours) for hours in (1750, 6000, 0, 1, 19105, -50)] == [
        "17.5", "60", "0", "0.01", "191.05", "-0.5",
    ]  # fmt: skip


@given(st.integers(0, 10**11 - 1))
def test_what_is_printed_can_be_read_back(centihours: int) -> None:
    assert parse_hours(format_hours(centihours)) == centihours


@pytest.mark.parametrize("text", ["17.505", "-1", "1e2", "", "17,5", ".5", "1.", "十", 17.5, 17, None])
def test_anything_but_a_plain_decimal_is_refused(text: object) -> None:
    with pytest.raises(NotClassHours):
        parse_hours(text)
