"""From what the ledger raises to the problem that is shown."""

import sqlite3

import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError

from api.problems.problem import Problem
from api.vault.masters import VaultDamaged, VaultLocked
from ledger.answers import CommandKeyReused
from ledger.rejections import EscrowNotOpen, Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from projections.answers import UnknownRow

RETRY = {"Retry-After": "1"}


def escrow_unknown(institution_id: str) -> Problem:
    """No such escrow, or not for this reader: the same answer, so that nothing is learned from it."""
    return Problem("escrow_unknown", {"institution_id": institution_id})


def row_unknown(model: str, row_id: str) -> Problem:
    """No such row of a read model, or not for this reader."""
    code, field = _ROWS[model]
    return Problem(code, {field: row_id})


_ROWS = {
    "institution": ("escrow_unknown", "institution_id"),
    "contract": ("contract_unknown", "contract_id"),
    "mediation case": ("case_unknown", "case_id"),
}


_UNAVAILABLE = (
    StoreUnavailable,
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    sqlite3.OperationalError,
)
"""The store's own word, and those of the drivers where nobody translated them."""


def problem_of(error: Exception) -> Problem:  # noqa: PLR0911 - one answer a case
    """The problem of a rejection or of a store that cannot answer; anything else is an internal error."""
    match error:
        case Problem():
            return error
        case Rejection():
            return _of_rejection(error)
        case UnknownRow():
            return row_unknown(error.model, error.key[-1])
        case VaultLocked() | VaultDamaged():
            return Problem("vault_locked" if isinstance(error, VaultLocked) else "vault_damaged")
        case OutcomeUnknown():
            return Problem("outcome_unknown", headers=RETRY)
        case _ if isinstance(error, _UNAVAILABLE):
            return Problem("store_unavailable", headers=RETRY)
        case _:
            return Problem("internal_error")


def _of_rejection(error: Rejection) -> Problem:
    match error:
        case EscrowNotOpen(institution_id=institution_id, status="none"):
            return escrow_unknown(institution_id)
        case CommandKeyReused(command_id=command_id):
            return Problem(error.code, {"command_id": command_id.partition(".")[2]})
        case _:
            return Problem(error.code, error.details())
