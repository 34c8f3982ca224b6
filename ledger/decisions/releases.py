"""Releases of earned money to the institution, line by line."""

from collections.abc import Iterator

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides, local_date
from ledger.decisions.lookups import contract_of, open_escrow, payable_fen, running_escrow, unrepeated
from ledger.rulebook import RuleSet
from ledger.sheets import Contract, ReleaseLine
from ledger.workdays import deadline


@decides(c.InstructRelease)
def _instruct(command: c.InstructRelease, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    if context.header.frozen:
        raise no.EscrowIsFrozen
    unrepeated("contract", (line.contract_id for line in command.lines))
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


def _check_line(line: c.ReleaseOrderLine, contract: Contract, context: Context) -> None:
    free_fen = free_earned_fen(contract)
    if line.amount_fen > free_fen:
        raise no.ReleaseExceedsEarned(contract.contract_id, free_fen, line.amount_fen)
    rules = context.rules
    releasable_fen = min(free_fen, in_step_fen(contract, rules, context))
    if line.amount_fen > releasable_fen:
        raise no.OrderNotCompleted(contract.contract_id, releasable_fen, line.amount_fen, rules.id)
    if line.amount_fen > (available_fen := payable_fen(context)):
        raise no.CustodyShort(available_fen, line.amount_fen)


def free_earned_fen(contract: Contract) -> int:
    """Earned, undisputed and not needed to make good what the institution owes this contract, fen."""
    if contract.order_held:
        return 0
    return max(0, contract.earned_fen - contract.held_fen - contract.institution_receivable_fen)


def in_step_fen(contract: Contract, rules: RuleSet, context: Context) -> int:
    """What the rhythm of the rule set lets go by now, fen.

    Per lesson: all that is earned. Whole order (Wuhu): nothing until every lesson is consumed and the delay is over,
    nor while a refund of the order is asked for. Milestones (Tianjin, money collected before supervision): 30 % at a
    third of the lessons, 30 % at two thirds, 40 % at the end.
    """
    finished = contract.unearned_fen == 0 and contract.claimed_centihours == 0
    if contract.stock and rules.stock_milestones and not finished:
        return max(0, _milestone_fen(contract, rules.stock_milestones) - contract.released_fen)
    if rules.release_mode != "whole_order":
        return contract.earned_fen
    if not finished or contract.refund_id:
        return 0
    if rules.release_delay is not None:
        ends = deadline(local_date(contract.last_confirmed_at), rules.release_delay.count, rules.release_delay.unit)
        if context.effective_on <= ends.on:
            return 0
    return contract.earned_fen


def _milestone_fen(contract: Contract, milestones: tuple[int, ...]) -> int:
    reached = contract.consumed_centihours * len(milestones) // contract.units
    return contract.price_fen * sum(milestones[:reached]) // 100


@decides(c.SettleRelease)
def _settle(command: c.SettleRelease, context: Context) -> Iterator[e.Event]:
    unrepeated("contract", command.contract_ids)
    for contract_id in command.contract_ids:
        line = _open_line(context, command.release_id, contract_id)
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
