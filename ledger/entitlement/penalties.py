"""Illegal gains and fine of MOE Order 53: what was lawfully returned to families lowers both."""

import msgspec


class Penalty(msgspec.Struct, frozen=True):
    """Illegal gains and the fine on them, in fen."""

    illegal_gains_fen: int
    fine_fen: int


def penalty(income_fen: int, returned_fen: int, times: int) -> Penalty:
    """Income less unearned fees lawfully returned (art. 42), times the multiple (art. 17); 1 to 5.

    Fees found unreturned give no deduction. Raises ValueError for another multiple, or more returned than taken.
    """
    if not 1 <= times <= 5 or not 0 <= returned_fen <= income_fen:  # noqa: PLR2004 - the bounds art. 17 sets
        message = f"no penalty of {times} times on {income_fen} fen with {returned_fen} fen returned"
        raise ValueError(message)
    gains_fen = income_fen - returned_fen
    return Penalty(gains_fen, gains_fen * times)
