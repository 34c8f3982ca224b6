"""How release lines go out, settle and return."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Contract, ReleaseLine


@folds(e.ReleaseInstructed)
def _release_instructed(escrow: Escrow, event: e.ReleaseInstructed) -> None:
    escrow.put(ReleaseLine(release_id=event.release_id, contract_id=event.contract_id, amount_fen=event.amount_fen))
    contract = escrow.get(Contract, event.contract_id)
    contract.released_fen += event.amount_fen
    contract.last_release_at = event.effective_at


@folds(e.ReleaseSettled)
def _release_settled(escrow: Escrow, event: e.ReleaseSettled) -> None:
    escrow.get(ReleaseLine, event.release_id, event.contract_id).status = "settled"


@folds(e.ReleaseReturned)
def _release_returned(escrow: Escrow, event: e.ReleaseReturned) -> None:
    escrow.get(ReleaseLine, event.release_id, event.contract_id).status = "returned"
    contract = escrow.get(Contract, event.contract_id)
    contract.released_fen -= event.amount_fen
    contract.last_release_at = 0
