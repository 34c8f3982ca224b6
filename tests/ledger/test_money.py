"""Money: exact, half-up once, telescoping, and never a float."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import (
    cumulative_fen,
    format_yuan,
    largest_remainder,
    round_half_up,
)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        (Fraction("901312.5"), 901313),  # a Nantong judgment: 9,013.125 yuan pays 9,013.13
        (Fraction("901312.49"), 901312),
        (Fraction(1, 2), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),
        (Fraction(-1, 2), -1),
        (Fraction(-1, 3), 0),
        (Fraction(7), 7),
    ],
)
def test_half_a_fen_is_rounded_up_not_to_even(exact: Fraction, rounded: int) -> None:
    assert round_half_up(exact) == rounded


def test_sixty_releases_of_a_5000_yuan_contract_carry_the_remainder() -> None:
    earned = [cumulative_fen(500_000, k, 60) for k in range(61)]
    lessons = [later - earlier for earlier, later in pairwise(earned)]
    assert sum(lessons) == 500_000
    assert set(lessons) == {8333, 8334}
    assert (earned[20], 500_000 - earned[20]) == (166_667, 333_333)


def test_only_a_part_within_the_whole_has_a_value() -> None:
    for part, whole in ((-1, 60), (61, 60), (0, 0)):
        with pytest.raises(ValueError, match="not within"):
            cumulative_fen(100, part, whole)


@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**4), min_size=1, max_size=30))
def test_the_values_of_any_run_of_lessons_sum_to_the_whole(total_fen: int, lessons: list[int]) -> None:
    whole = sum(lessons)
    taken, values = 0, []
    for units in lessons:
        values.append(cumulative_fen(total_fen, taken + units, whole) - cumulative_fen(total_fen, taken, whole))
        taken += units
    assert sum(values) == total_fen
    assert min(values) >= 0


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=40), st.fractions(0, 1))
def test_shares_sum_to_the_pot_and_none_exceeds_its_weight(weights: list[int], part: Fraction) -> None:
    pot_fen = int(sum(weights) * part)
    shares = largest_remainder(pot_fen, weights)
    assert sum(shares) == pot_fen
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@pytest.mark.parametrize(("pot_fen", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_a_pot_that_cannot_be_shared_is_refused(pot_fen: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        largest_remainder(pot_fen, weights)


def test_yuan_are_printed_with_two_decimals() -> None:
    assert [format_yuan(fen) for fen in (123456, 5, -5, 0, -123456)] == [
        "1234.56",
        "0.05",
        "-0.05",
        "0.00",
        "-1234.56",
    ]
