"""Releases of earned money to the institution, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides, local_date
from ledger.decisions.dues import due_now_fen
from ledger.decisions.lookups import contract_of, in_custody, open_escrow, payable_fen, unrepeated
from ledger.identifiers import SheetKey
from ledger.rulebook import RuleSet
from ledger.sheets import Contract, Header, Refund, ReleaseLine, sheet_key
from ledger.workdays import deadline


@decides(c.InstructRelease)
def _instruct(command: c.InstructRelease, context: Context) -> Iterator[e.Event]:
    check_releasing(context)
    unrepeated("contract", (line.contract_id for line in command.lines))
    context.escrow.read_first(_requests(command, context))
    for line in command.lines:
        contract = contract_of(context, line.contract_id)
        if context.escrow.find(ReleaseLine, command.release_id, line.contract_id) is not None:
            raise no.AlreadyRecorded("release", f"{command.release_id}:{line.contract_id}")
        _check_line(line, contract, context)
        yield e.ReleaseInstructed(
            effective_at=context.effective_at,
            release_id=command.release_id,
            contract_id=line.contract_id,
            amount_fen=line.amount_fen,
        )


def _requests(command: c.InstructRelease, context: Context) -> Iterator[SheetKey]:
    """The refunds that may reserve something: read together, not contract by contract."""
    for line in command.lines:
        contract = context.escrow.find(Contract, line.contract_id)
        if contract is not None and contract.refund_id:
            yield sheet_key(Refund, contract.refund_id)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a contract's earned money may go to the institution now, fen; each limit is within the one before."""

    earned_fen: int
    undisputed_fen: int
    """Not held by a dispute about a lesson, or about the order."""
    netted_fen: int
    """And not needed to make good what the institution owes this contract."""
    free_fen: int
    """And not needed for a refund that was asked for."""
    releasable_fen: int
    """And in step with the rhythm of the place."""


def release_limits(contract: Contract, context: Context) -> Limits:
    """What may go of one contract, and what keeps the rest. Raises RuleUnknown where the rhythm is not known."""
    undisputed_fen = 0 if contract.order_held else contract.earned_fen - contract.held_fen
    netted_fen = free_earned_fen(contract)
    free_fen = max(0, netted_fen - _reserved_fen(contract, context))
    releasable_fen = min(free_fen, in_step_fen(contract, context.rules, context))
    return Limits(contract.earned_fen, undisputed_fen, netted_fen, free_fen, releasable_fen)


def check_releasing(context: Context) -> None:
    """Raises EscrowNotOpen, EscrowIsClosing, EscrowIsFrozen where an escrow releases nothing at all."""
    open_escrow(context)
    header = context.header
    if header.closure is not None and owed_to_families_fen(header):
        raise no.EscrowIsClosing(header.closure)
    if header.frozen:
        raise no.EscrowIsFrozen


def releasable_pot_fen(header: Header, payable_fen: int, rules: RuleSet) -> int:
    """What of the payable money in custody may leave for the institution, fen.

    What the institution must put back anywhere comes out of its own earned money first, never out of families'; a
    minimum balance stays where the place sets one.
    """
    return max(0, payable_fen - max(owed_to_families_fen(header), rules.minimum_balance_fen or 0))


def _check_line(line: c.ReleaseOrderLine, contract: Contract, context: Context) -> None:
    limits = release_limits(contract, context)
    if line.amount_fen > limits.free_fen:
        raise no.ReleaseExceedsEarned(contract.contract_id, limits.free_fen, line.amount_fen)
    rules = context.rules
    if line.amount_fen > limits.releasable_fen:
        raise no.OrderNotCompleted(contract.contract_id, limits.releasable_fen, line.amount_fen, rules.id)
    available_fen = releasable_pot_fen(context.header, payable_fen(context), rules)
    if line.amount_fen > available_fen:
        raise no.CustodyShort(available_fen, line.amount_fen)


def owed_to_families_fen(header: Header) -> int:
    """Money in custody that is the families', as lessons or as refunds not yet on their way, fen."""
    return header.unapplied_fen + header.unearned_fen + header.refund_payable_fen


def free_earned_fen(contract: Contract) -> int:
    """Earned, undisputed and not needed to make good what the institution owes this contract, fen."""
    if contract.order_held:
        return 0
    return max(0, contract.earned_fen - contract.held_fen - contract.institution_receivable_fen)


def _reserved_fen(contract: Contract, context: Context) -> int:
    """What a requested refund will need beyond the family's own money: it does not leave in the meantime."""
    if not contract.refund_id:
        return 0
    refund = context.escrow.get(Refund, contract.refund_id)
    if refund.status not in {"requested", "refused"}:
        return 0
    return max(0, due_now_fen(context, contract, refund) - contract.unearned_fen)


def in_step_fen(contract: Contract, rules: RuleSet, context: Context) -> int:
    """What the rhythm of the rule set lets go by now, fen.

    Per lesson: all that is earned; weekly or monthly: the same, once a week or month. Whole order (Wuhu): nothing
    until every lesson is consumed and the delay is over, nor while a refund of the order is asked for. Milestones
    (Tianjin, money collected before supervision): 30 % at a third of the lessons, 30 % at two thirds, 40 % at the end.
    Raises RuleUnknown where the place has a rhythm that was not found: it is never guessed.
    """
    finished = _finished(contract)
    if contract.stock and rules.stock_milestones and not finished:
        return max(0, _milestone_fen(contract, rules.stock_milestones) - contract.released_fen)
    match rules.release_mode:
        case "whole_order":
            return contract.earned_fen if finished and _delay_is_over(contract, rules, context) else 0
        case "weekly" | "monthly" as rhythm:
            last, this = local_date(contract.last_release_at), context.effective_on
            return 0 if _turn(rhythm, last) == _turn(rhythm, this) else contract.earned_fen
        case "per_lesson" | "milestone":
            return contract.earned_fen
        case None:
            raise no.RuleUnknown("release.mode", rules.id)


def _finished(contract: Contract) -> bool:
    """Every lesson consumed, or what was not consumed given back: nothing is left to wait for."""
    if contract.unearned_fen or contract.claimed_centihours or contract.refund_id:
        return False
    return contract.consumed_centihours == contract.units or bool(contract.refunded_fen or contract.ended)


def _delay_is_over(contract: Contract, rules: RuleSet, context: Context) -> bool:
    if rules.release_delay is None:
        return True
    delay = rules.release_delay
    return context.effective_on > deadline(local_date(contract.last_confirmed_at), delay.count, delay.unit).on


def _turn(rhythm: Literal["weekly", "monthly"], on: date) -> tuple[int, int]:
    return on.isocalendar()[:2] if rhythm == "weekly" else (on.year, on.month)


def _milestone_fen(contract: Contract, milestones: tuple[int, ...]) -> int:
    reached = contract.consumed_centihours * len(milestones) // contract.units
    return contract.price_fen * sum(milestones[:reached]) // 100


@decides(c.SettleRelease)
def _settle(command: c.SettleRelease, context: Context) -> Iterator[e.Event]:
    unrepeated("contract", command.contract_ids)
    for contract_id in command.contract_ids:
        line = _open_line(context, command.release_id, contract_id)
        in_custody(context, line.amount_fen)
        yield e.ReleaseSettled(
            effective_at=context.effective_at,
            release_id=command.release_id,
            contract_id=contract_id,
            amount_fen=line.amount_fen,
            bank_serial=command.bank_serial,
        )


@decides(c.ReturnRelease)
def _return(command: c.ReturnRelease, context: Context) -> Iterator[e.Event]:
    unrepeated("contract", command.contract_ids)
    for contract_id in command.contract_ids:
        line = _open_line(context, command.release_id, contract_id)
        yield e.ReleaseReturned(
            effective_at=context.effective_at,
            release_id=command.release_id,
            contract_id=contract_id,
            amount_fen=line.amount_fen,
            reason=command.reason,
        )


def _open_line(context: Context, release_id: str, contract_id: str) -> ReleaseLine:
    open_escrow(context)
    line = context.escrow.find(ReleaseLine, release_id, contract_id)
    if line is None or line.status != "instructed":
        raise no.ReleaseLineUnknown(release_id, contract_id)
    return line
