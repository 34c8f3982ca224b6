"""The seven invariants of an escrow, checked after every event."""

from ledger.escrow import Escrow
from ledger.events import Event, ReleaseInstructed
from ledger.postings import ACCOUNTS, POSTINGS
from ledger.sheets import Contract, Header

_LIABILITIES = tuple(f"{account.name}_fen" for account in ACCOUNTS if not account.asset)
_BACKED = tuple(f"{a.name}_fen" for a in ACCOUNTS if not a.asset and a.backed_by_custody)
_LEGS = {kind: tuple((leg.sign, leg.amount) for leg in legs) for kind, legs in POSTINGS.items()}


class BrokenInvariant(Exception):
    """A bug: an event would leave the books wrong. Never caught as an answer; nothing is recorded."""


def _holds(condition: bool, sentence: str, event: Event) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        message = f"{sentence} (after {type(event).__name__})"
        raise BrokenInvariant(message)


def check(escrow: Escrow, event: Event) -> None:
    """Raises BrokenInvariant unless every invariant holds after `event` was folded into `escrow`."""
    header = escrow.header
    legs = _LEGS.get(type(event))
    if legs is None:
        return
    amounts = [getattr(event, amount) for _, amount in legs]
    _holds(min(amounts) >= 0, "no amount is negative", event)
    _holds(sum(leg[0] * fen for leg, fen in zip(legs, amounts, strict=True)) == 0, "legs sum to zero", event)
    _holds(min(getattr(header, name) for name in _LIABILITIES) >= 0, "no liability below zero", event)
    _check_custody(header, event)
    for party in ("contract_id", "to_contract_id"):
        contract_id = getattr(event, party, None)
        if contract_id is not None:
            _check_contract(escrow.get(Contract, contract_id), event)
    if isinstance(event, ReleaseInstructed):
        _holds(not header.frozen, "a frozen escrow releases nothing", event)


def _check_custody(header: Header, event: Event) -> None:
    backed = sum(getattr(header, name) for name in _BACKED)
    _holds(
        header.custody_cash_fen == backed - header.institution_receivable_fen,
        "custody backs what is owed",
        event,
    )
    _holds(
        header.custody_cash_fen >= 0 and header.risk_deposit_cash_fen == header.risk_deposit_fen,
        "cash adds up",
        event,
    )


def _check_contract(contract: Contract, event: Event) -> None:
    left_fen = (
        contract.paid_fen + contract.beyond_fen - contract.consumed_fen - contract.refunded_fen - contract.deducted_fen
    )
    _holds(
        contract.unearned_fen == left_fen >= 0,
        "consumed, refunded and deducted are within what was paid",
        event,
    )
    _holds(
        contract.consumed_centihours + contract.claimed_centihours <= contract.units,
        "hours are within the contract",
        event,
    )
    _holds(
        min(
            contract.earned_fen,
            contract.refund_payable_fen,
            contract.institution_receivable_fen,
            contract.consumed_fen,
        )
        >= 0,
        "no contract account below zero",
        event,
    )
    _holds(
        contract.held_fen <= contract.earned_fen,
        "a release never exceeds what is earned and undisputed",
        event,
    )
