"""Money in fen: exact inside, half-up to the fen once, shares that sum to the pot."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

FEN_PER_YUAN: Final = 100


def round_half_up(value: Fraction) -> int:
    """Whole fen nearest to `value`, halves away from zero (9013.125 yuan pays 9013.13)."""
    if value < 0:
        return -round_half_up(-value)
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def cumulative_fen(total_fen: int, part: int, whole: int) -> int:
    """Fen earned by the first `part` of `whole` units, half-up, so that successive differences telescope.

    Raises ValueError unless 0 <= part <= whole and whole > 0.
    Source: the Beijing science-and-technology release formula, custody total / total hours x hours.
    """
    if whole <= 0 or not 0 <= part <= whole:
        message = f"part {part} is not within a whole of {whole} units"
        raise ValueError(message)
    return (2 * total_fen * part + whole) // (2 * whole)


def largest_remainder(pot_fen: int, weights: Sequence[int]) -> list[int]:
    """Split `pot_fen` in proportion to `weights`: the shares sum to the pot exactly, first index wins a tie.

    Where the pot is not above the sum of the weights no share exceeds its weight. Raises ValueError on a
    negative pot or weight, or when there is a pot and nothing to share it by.
    """
    total = sum(weights)
    if pot_fen < 0 or any(weight < 0 for weight in weights) or (pot_fen and not total):
        message = f"cannot split {pot_fen} fen over weights that sum to {total}"
        raise ValueError(message)
    if not pot_fen:
        return [0] * len(weights)
    shares = [pot_fen * weight // total for weight in weights]
    left = pot_fen - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: -(pot_fen * weights[i] % total))  # ties stay in order
    for index in by_remainder[:left]:
        shares[index] += 1
    return shares


def format_yuan(amount_fen: int) -> str:
    """`123456` fen as "1234.56"."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{yuan}.{fen:02d}"
