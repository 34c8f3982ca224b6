"""What distributions let be paid of a refund, and what custody keeps for it.

A share counts from the moment its whole list has been approved and is the ordered one, not before: until then a wrong
list can be cancelled, and has paid nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.escrow import Escrow
from ledger.sheets import Distribution, Refund


def allowed_fen(escrow: Escrow, refund: Refund) -> int | None:
    """What distributions let be paid of a refund in all, fen; None where none limits it."""
    if refund.share_of and escrow.get(Distribution, refund.share_of).completed:
        return refund.then_allowed_fen
    return refund.allowed_fen


def reserved_fen(escrow: Escrow, refund: Refund) -> int:
    """Money in custody that is this refund's already and not on its way yet, fen.

    What distributions let be paid; all of a refund that is tied to no contract.
    """
    if refund.status != "agreed":
        return 0
    allowed = allowed_fen(escrow, refund)
    if allowed is not None:
        return _left_fen(refund, allowed)
    return refund.open_fen if refund.contract_id is None else 0


def _left_fen(refund: Refund, allowed: int) -> int:
    """What of an allowance is not on its way yet, fen."""
    return max(0, min(refund.open_fen, allowed - refund.instructed_fen - refund.settled_fen))


@contextmanager
def reserving(escrow: Escrow, refund: Refund) -> Iterator[None]:
    """Keeps the sums of what is reserved, and of what a running distribution will reserve, while a refund changes."""
    now_fen, then_fen = reserved_fen(escrow, refund), _then_fen(escrow, refund)
    yield
    escrow.header.reserved_fen += (after_fen := reserved_fen(escrow, refund)) - now_fen
    if refund.share_of and (distribution := escrow.get(Distribution, refund.share_of)).running:
        distribution.pending_fen += (_then_fen(escrow, refund) - after_fen) - (then_fen - now_fen)


def _then_fen(escrow: Escrow, refund: Refund) -> int:
    """What would be reserved for a refund were the distribution of its last share complete, fen."""
    if refund.status != "agreed" or not refund.share_of or not escrow.get(Distribution, refund.share_of).running:
        return reserved_fen(escrow, refund)
    return _left_fen(refund, refund.then_allowed_fen)


def running_distribution(escrow: Escrow) -> Distribution | None:
    """The distribution whose list is being approved, if there is one."""
    last_id = escrow.header.distribution_id
    last = escrow.get(Distribution, last_id) if last_id else None
    return last if last is not None and last.running else None
