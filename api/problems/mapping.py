"""From what the ledger raises to the problem that is shown."""

from api.problems.problem import Problem
from ledger.answers import CommandKeyReused
from ledger.rejections import EscrowNotOpen, Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable

RETRY = {"Retry-After": "1"}


def escrow_unknown(institution_id: str) -> Problem:
    """No such escrow, or not for this reader: the same answer, so that nothing is learned from it."""
    return Problem("escrow_unknown", {"institution_id": institution_id})


def problem_of(error: Exception) -> Problem:
    """The problem of a rejection or of a store that cannot answer; anything else is an internal error."""
    match error:
        case Problem():
            return error
        case EscrowNotOpen(institution_id=institution_id, status="none"):
            return escrow_unknown(institution_id)
        case CommandKeyReused(command_id=command_id):
            return Problem(error.code, {"command_id": command_id.partition(".")[2]})
        case Rejection():
            return Problem(error.code, error.details())
        case OutcomeUnknown() | StoreUnavailable():
            code = "outcome_unknown" if isinstance(error, OutcomeUnknown) else "store_unavailable"
            return Problem(code, headers=RETRY)
        case _:
            return Problem("internal_error")
