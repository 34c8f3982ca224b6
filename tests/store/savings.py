"""A small set of rules for tests of the store: enough to move money, to refuse, and to have a bug."""

from datetime import date
from itertools import count
from typing import Literal

from pydantic import Field

from ledger.commands import Command
from ledger.escrow import Escrow
from ledger.events import DepositReceived, Event
from ledger.identifiers import Role, SheetKey
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.sheets import Deposit, sheet_key

RULES = "test.1"
_numbers = count()


class Pay(Command):
    """Credit `times` deposits of an amount, in fen."""

    deposit_id: str
    amount_fen: int = Field(default=100)
    times: int = Field(default=1)
    note: str = Field(default="")
    bug: Literal["", "unbalanced", "crash"] = Field(default="")
    prepared: bool = Field(default=True)
    """Whether the command says up front which sheets it needs."""

    def touches(self) -> list[SheetKey]:
        """The deposits."""
        return [sheet_key(Deposit, f"{self.deposit_id}-{n}") for n in range(self.times)] if self.prepared else []


class DepositKnown(Rejection):
    """This deposit was received before."""


def decide(order: Order, escrow: Escrow, now: int) -> tuple[list[Event], Escrow, str]:
    """Receive the deposits, unless one is known."""
    command = order.command
    assert isinstance(command, Pay)
    if command.bug == "crash":
        raise ZeroDivisionError
    after, events = escrow.scratch(), list[Event]()
    for number in range(command.times):
        deposit_id = f"{command.deposit_id}-{number}"
        if after.find(Deposit, deposit_id):
            raise DepositKnown
        event = DepositReceived(
            effective_at=now,
            deposit_id=deposit_id,
            amount_fen=command.amount_fen,
            account_id="account",
            value_on=date(2026, 9, 1),
            payer_ref="payer",
            funding="own",
            remittance=command.note,
        )
        evolve(after, event)
        events.append(event)
    if command.bug == "unbalanced":
        after.header.unapplied_fen += 1
    return events, after, RULES


def evolve(escrow: Escrow, event: Event) -> None:
    """Fold one deposit."""
    assert isinstance(event, DepositReceived)
    escrow.header.custody_cash_fen += event.amount_fen
    escrow.header.unapplied_fen += event.amount_fen
    escrow.put(
        Deposit(
            deposit_id=event.deposit_id,
            amount_fen=event.amount_fen,
            account_id=event.account_id,
            value_on=event.value_on,
            payer_ref=event.payer_ref,
            unapplied_fen=event.amount_fen,
        )
    )


def pay(institution_id: str = "school", command_id: str = "", **fields: object) -> Order:
    """An order for `Pay`, under a new key unless one is given."""
    number = next(_numbers)
    fields.setdefault("deposit_id", f"d{number}")
    command = Pay.model_validate(fields)
    return Order(institution_id, command_id or f"k{number}", command, actor="bank-1", role=Role.BANK)
