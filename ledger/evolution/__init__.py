"""What an event changes: `evolve` folds one event into an escrow. It never refuses; history already happened."""

from collections.abc import Iterable

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution import (  # noqa: F401 - each registers its folds
    closure,
    consumption,
    contracts,
    deposits,
    mediation,
    reconciliation,
    refunds,
    releases,
    subjects,
    supervision,
)
from ledger.evolution.folds import FOLDS
from ledger.postings import ACCOUNTS, POSTINGS, Leg
from ledger.sheets import Contract, Header

__all__ = ["FOLDS", "evolve"]

_ASSET = {account.name: account.asset for account in ACCOUNTS}
_BY_CONTRACT = {account.name for account in ACCOUNTS if account.by_contract}
_Changes = tuple[tuple[str, int], ...]
"""Accounts by the name of their field, each with +1 where the amount makes it grow and -1 where it makes it less."""


def _changes(legs: Iterable[Leg]) -> _Changes:
    return tuple((f"{leg.account}_fen", leg.sign if _ASSET[leg.account] else -leg.sign) for leg in legs)


def _moves(legs: tuple[Leg, ...]) -> tuple[tuple[str, _Changes, tuple[tuple[str, _Changes], ...]], ...]:
    """The legs of an event by amount field: what it changes in the header, and on the contract of each party."""
    moves = []
    for amount in dict.fromkeys(leg.amount for leg in legs):
        of_amount = [leg for leg in legs if leg.amount == amount]
        of_contracts = [leg for leg in of_amount if leg.account in _BY_CONTRACT]
        parties = dict.fromkeys(leg.party for leg in of_contracts)
        by_party = tuple((party, _changes(leg for leg in of_contracts if leg.party == party)) for party in parties)
        moves.append((amount, _changes(of_amount), by_party))
    return tuple(moves)


_MOVES = {kind: _moves(legs) for kind, legs in POSTINGS.items()}


def evolve(escrow: Escrow, event: e.Event) -> None:
    """Fold one event into header and sheets: its legs by the posting table, the rest by its own fold."""
    kind = type(event)
    for amount, changes, parties in _MOVES.get(kind, ()):
        fen: int = getattr(event, amount)
        if not fen:
            continue
        _post(escrow.header, changes, fen)
        for party, of_contract in parties:
            if contract_id := getattr(event, party):
                _post(escrow.get(Contract, contract_id), of_contract, fen)
    FOLDS[kind](escrow, event)


def _post(accounts: Header | Contract, changes: _Changes, fen: int) -> None:
    for account, sign in changes:
        setattr(accounts, account, getattr(accounts, account) + sign * fen)
