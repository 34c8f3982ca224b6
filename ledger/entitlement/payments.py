"""The order in which a part payment is counted: enforcement costs, then interest, then principal."""

import msgspec


class Allocation(msgspec.Struct, frozen=True):
    """What one payment paid, in fen; `unused_fen` is what it brought beyond the debt."""

    costs_fen: int
    interest_fen: int
    principal_fen: int
    unused_fen: int


def allocate_payment(payment_fen: int, *, costs_fen: int = 0, interest_fen: int = 0, principal_fen: int) -> Allocation:
    """Counts a payment against costs, interest and principal, in that order (Civil Code 561).

    Raises ValueError on a negative amount.
    """
    if min(payment_fen, costs_fen, interest_fen, principal_fen) < 0:
        message = "amounts are never negative"
        raise ValueError(message)
    to_costs_fen = min(payment_fen, costs_fen)
    to_interest_fen = min(payment_fen - to_costs_fen, interest_fen)
    left_fen = payment_fen - to_costs_fen - to_interest_fen
    to_principal_fen = min(left_fen, principal_fen)
    return Allocation(to_costs_fen, to_interest_fen, to_principal_fen, left_fen - to_principal_fen)
