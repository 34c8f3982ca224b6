"""How the ledger answers: one file per family of commands, each command one decision."""

from ledger import rejections as no
from ledger.decisions import (  # noqa: F401 - each registers its decisions
    closure,
    consumption,
    contracts,
    deposits,
    mediation,
    payments,
    reconciliation,
    refunds,
    releases,
    subjects,
    supervision,
)
from ledger.decisions.context import DECISIONS, Context
from ledger.escrow import Escrow
from ledger.events import Event
from ledger.evolution import evolve
from ledger.invariants import check
from ledger.orders import Order
from ledger.workdays import DateOutsideCalendar

__all__ = ["decide"]


def decide(order: Order, escrow: Escrow, now: int) -> tuple[list[Event], Escrow, str]:
    """What an order does to an escrow: its events, the escrow after them, and the id of the rule set used.

    Pure: `escrow` is left as it was. `now` is the instant of recording, µs.
    Raises a Rejection when the ledger says no, Unread when a sheet must be read first, BrokenInvariant on a bug.
    """
    command = order.command
    if order.role not in command.by:
        raise no.RoleNotAllowed(command.name, order.role)
    scratch = escrow.scratch()
    context = Context(order, scratch, now)
    _check_business_time(context)
    events = []
    try:
        for event in DECISIONS[type(command)](command, context):
            evolve(scratch, event)
            check(scratch, event)
            events.append(event)
    except DateOutsideCalendar as beyond:
        raise no.DateBeyondCalendar(beyond.on) from beyond
    return events, scratch, context.rules.id


def _check_business_time(context: Context) -> None:
    if context.order.command.effective_at is None and context.header.sealed_on is None:
        return
    header, effective_on = context.header, context.effective_on
    if context.effective_at > context.now:
        raise no.BusinessTimeInFuture(effective_on, context.today)
    if context.effective_at < header.opened_at:
        raise no.BusinessTimeBeforeOpening(effective_on)
    if header.sealed_on is not None and effective_on <= header.sealed_on:
        raise no.DayIsSealed(effective_on, header.sealed_on)
