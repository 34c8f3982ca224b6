"""How security and distributions move."""

import hashlib

from ledger import events as e
from ledger.allowance import allowed_fen
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Distribution, Mark, Refund


@folds(e.RiskDepositPlaced, e.RiskDepositReturned)
def _risk_deposit_moved(escrow: Escrow, event: e.RiskDepositPlaced | e.RiskDepositReturned) -> None:
    escrow.put(Mark(what="serial", reference=event.bank_serial))


@folds(e.RiskDepositDrawn)
def _risk_deposit_drawn(escrow: Escrow, event: e.RiskDepositDrawn) -> None:
    """The legs say it all; the bank's line is matched to its name."""
    if event.draw_id:
        escrow.put(Mark(what="draw", reference=event.draw_id, amount_fen=event.amount_fen))


@folds(e.DistributionOrdered)
def _distribution_ordered(escrow: Escrow, event: e.DistributionOrdered) -> None:
    escrow.header.distribution_id = event.distribution_id
    escrow.put(
        Distribution(
            distribution_id=event.distribution_id,
            pot_fen=event.pot_fen,
            families=event.families,
            list_sha256=event.list_sha256,
            method=event.method,
            cut_off_on=event.cut_off_on,
        )
    )


@folds(e.DistributionShareApproved)
def _share_approved(escrow: Escrow, event: e.DistributionShareApproved) -> None:
    distribution = escrow.get(Distribution, event.distribution_id)
    distribution.approved += 1
    distribution.chain = chained(distribution.chain, event)
    distribution.shared_fen += event.share_fen
    distribution.pending_fen += event.share_fen
    refund = escrow.get(Refund, event.refund_id)
    refund.allowed_fen = allowed_fen(escrow, refund)
    before_fen = refund.instructed_fen + refund.settled_fen if refund.allowed_fen is None else refund.allowed_fen
    refund.share_of, refund.then_allowed_fen = event.distribution_id, before_fen + event.share_fen


def chained(chain: str, share: e.DistributionShareApproved) -> str:
    """The next link of the hash over a distribution's list of shares."""
    line = f"{chain}{share.contract_id}:{share.refund_id}:{share.due_fen}:{share.share_fen}\n"
    return hashlib.sha256(line.encode()).hexdigest()


@folds(e.DistributionCompleted)
def _distribution_completed(escrow: Escrow, event: e.DistributionCompleted) -> None:
    distribution = escrow.get(Distribution, event.distribution_id)
    distribution.completed = True
    escrow.header.reserved_fen += distribution.pending_fen


@folds(e.DistributionCancelled)
def _distribution_cancelled(escrow: Escrow, event: e.DistributionCancelled) -> None:
    """Its shares never counted: that it is cancelled is all there is to remember."""
    escrow.get(Distribution, event.distribution_id).cancelled = True
