"""The seven invariants of an escrow, checked after every event."""

from operator import attrgetter

from ledger.escrow import Escrow
from ledger.events import Event, ReleaseInstructed
from ledger.postings import ACCOUNTS, POSTINGS, Leg
from ledger.sheets import Contract, Header

_liabilities = attrgetter(*(f"{account.name}_fen" for account in ACCOUNTS if not account.asset))
_backed = attrgetter(*(f"{a.name}_fen" for a in ACCOUNTS if not a.asset and a.backed_by_custody))
_of_contract = attrgetter("earned_fen", "refund_payable_fen", "institution_receivable_fen", "consumed_fen")


def _net(legs: tuple[Leg, ...]) -> tuple[tuple[str, int], ...]:
    """Each amount field of these legs with the sum of its signs."""
    return tuple((name, sum(leg.sign for leg in legs if leg.amount == name)) for name in {leg.amount for leg in legs})


_NET = {kind: _net(legs) for kind, legs in POSTINGS.items()}


class BrokenInvariant(Exception):
    """A bug: an event would leave the books wrong. Never caught as an answer; nothing is recorded."""


def _holds(condition: bool, sentence: str, event: Event) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        message = f"{sentence} (after {type(event).__name__})"
        raise BrokenInvariant(message)


def check(escrow: Escrow, event: Event) -> None:
    """Raises BrokenInvariant unless every invariant holds after `event` was folded into `escrow`."""
    header = escrow.header
    amounts = _NET.get(type(event))
    if amounts is None:
        return
    total = 0
    for name, sign in amounts:
        fen = getattr(event, name)
        _holds(fen >= 0, "no amount is negative", event)
        total += sign * fen
    _holds(total == 0, "legs sum to zero", event)
    _holds(min(_liabilities(header)) >= 0, "no liability below zero", event)
    _check_custody(header, event)
    for party in ("contract_id", "to_contract_id"):
        contract_id = getattr(event, party, None)
        if contract_id is not None:
            _check_contract(escrow.get(Contract, contract_id), event)
    if isinstance(event, ReleaseInstructed):
        _holds(not header.frozen, "a frozen escrow releases nothing", event)


def _check_custody(header: Header, event: Event) -> None:
    _holds(
        header.custody_cash_fen == sum(_backed(header)) - header.institution_receivable_fen,
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
    _holds(min(_of_contract(contract)) >= 0, "no contract account below zero", event)
    _holds(
        contract.held_fen <= contract.earned_fen,
        "a release never exceeds what is earned and undisputed",
        event,
    )
