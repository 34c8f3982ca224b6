"""What an event changes: `evolve` folds one event into an escrow. It never refuses; history already happened."""

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
from ledger.postings import ACCOUNTS, POSTINGS
from ledger.sheets import Contract

__all__ = ["FOLDS", "evolve"]

_ASSET = {account.name: account.asset for account in ACCOUNTS}
_BY_CONTRACT = {account.name for account in ACCOUNTS if account.by_contract}
_LEGS = {
    kind: tuple(
        (
            f"{leg.account}_fen",
            leg.sign if _ASSET[leg.account] else -leg.sign,
            leg.amount,
            leg.party if leg.account in _BY_CONTRACT else "",
        )
        for leg in legs
    )
    for kind, legs in POSTINGS.items()
}


def evolve(escrow: Escrow, event: e.Event) -> None:
    """Fold one event into header and sheets: its legs by the posting table, the rest by its own fold."""
    kind = type(event)
    header = escrow.header
    for account, sign, amount, party in _LEGS.get(kind, ()):
        if fen := sign * getattr(event, amount):
            setattr(header, account, getattr(header, account) + fen)
            if party and (contract_id := getattr(event, party)):
                contract = escrow.get(Contract, contract_id)
                setattr(contract, account, getattr(contract, account) + fen)
    FOLDS[kind](escrow, event)
