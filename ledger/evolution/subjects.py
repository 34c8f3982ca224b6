"""What forgetting leaves behind: a mark, so that the id never comes back."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Mark


@folds(e.SubjectForgotten)
def _forgotten(escrow: Escrow, event: e.SubjectForgotten) -> None:
    escrow.put(Mark(what="forgotten", reference=event.subject_id))
