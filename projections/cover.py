"""What custody covers of a debt: a contract's own money, never another family's."""

from ledger.allowance import allowed_fen
from ledger.escrow import Escrow
from ledger.sheets import Contract, Refund
from projections.notes import ContractNote


def free_fen(contract: Contract) -> int:
    """Money of a contract that custody still holds and no dispute binds, fen; what was agreed already is not in it."""
    held_fen = contract.unearned_fen + max(0, contract.earned_fen - contract.held_fen)
    return max(0, held_fen - contract.institution_receivable_fen)


def covered_fen(escrow: Escrow, refund: Refund, contract: Contract | None, open_fen: int) -> int:
    """What of the open part of a refund can be paid out of custody, fen.

    A distribution pays its shares; else a deposit that is tied to no contract pays itself, and a contract's refunds are
    paid from what it holds, the earliest first, less what the institution must put back.
    """
    allowed = allowed_fen(escrow, refund)
    if allowed is not None:
        return max(0, min(open_fen, allowed - refund.instructed_fen - refund.settled_fen))
    if contract is None:
        return open_fen
    if refund.status != "agreed":
        return min(open_fen, free_fen(contract))
    payable_fen = max(0, contract.refund_payable_fen - contract.institution_receivable_fen)
    return max(0, min(open_fen, payable_fen - _before_fen(escrow, refund, contract)))


def _before_fen(escrow: Escrow, refund: Refund, contract: Contract) -> int:
    """What the contract's agreed refunds that are payable before this one still need, fen."""
    note = escrow.find(ContractNote, contract.contract_id)
    others = [escrow.get(Refund, refund_id) for refund_id in note.refunds] if note else []
    return sum(other.open_fen for other in others if other.status == "agreed" and _order(other) < _order(refund))


def _order(refund: Refund) -> tuple[str, str]:
    return (refund.clock.on.isoformat() if refund.clock else "", refund.refund_id)
