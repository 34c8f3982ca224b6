"""How lessons are claimed, confirmed, contested and reversed."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.contracts import collect, rebase
from ledger.evolution.folds import folds
from ledger.sheets import Contract, Lesson


@folds(e.ClassConsumptionClaimed)
def _claimed(escrow: Escrow, event: e.ClassConsumptionClaimed) -> None:
    escrow.put(
        Lesson(
            contract_id=event.contract_id,
            lesson_id=event.lesson_id,
            centihours=event.centihours,
            taught_on=event.taught_on,
            notified_on=event.notified_on,
            window_ends_on=event.window_ends_on,
            provisional=event.provisional,
            frozen_workdays=escrow.header.frozen_workdays,
        )
    )
    escrow.get(Contract, event.contract_id).claimed_centihours += event.centihours


def _undispute(contract: Contract, lesson: Lesson) -> None:
    contract.disputes -= 1
    contract.disputed_centihours -= lesson.centihours if lesson.confirmed else 0
    contract.held_fen -= lesson.held_fen
    contract.order_held = contract.order_held and contract.disputes > 0
    lesson.held_fen = 0
    lesson.decided = True


@folds(e.ClassConsumptionConfirmed)
def _confirmed(escrow: Escrow, event: e.ClassConsumptionConfirmed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    if lesson.status == "disputed":
        _undispute(contract, lesson)
    contract.claimed_centihours -= event.centihours
    lesson.status, lesson.confirmed, lesson.amount_fen = "confirmed", True, event.amount_fen
    contract.consumed_centihours += event.centihours
    contract.consumed_fen += event.amount_fen
    lesson.epoch = contract.epoch
    contract.last_confirmed_at = max(contract.last_confirmed_at, event.effective_at)


@folds(e.ClassConsumptionDisputed)
def _disputed(escrow: Escrow, event: e.ClassConsumptionDisputed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    lesson.status, lesson.held_fen = "disputed", event.earned_held_fen
    contract.disputes += 1
    contract.disputed_centihours += lesson.centihours if lesson.confirmed else 0
    contract.held_fen += event.earned_held_fen
    contract.order_held = contract.order_held or event.scope == "order"


@folds(e.ClassConsumptionUpheld)
def _upheld(escrow: Escrow, event: e.ClassConsumptionUpheld) -> None:
    lesson = escrow.get(Lesson, event.contract_id, event.lesson_id)
    _undispute(escrow.get(Contract, event.contract_id), lesson)
    lesson.status = "confirmed"


@folds(e.ClassConsumptionReversed)
def _unconsumed(escrow: Escrow, event: e.ClassConsumptionReversed) -> None:
    contract, lesson = (
        escrow.get(Contract, event.contract_id),
        escrow.get(Lesson, event.contract_id, event.lesson_id),
    )
    if lesson.status == "disputed":
        _undispute(contract, lesson)
    if not lesson.confirmed:
        contract.claimed_centihours -= lesson.centihours
    else:
        contract.consumed_centihours -= lesson.centihours
        contract.consumed_fen -= event.amount_fen
        if lesson.epoch < contract.epoch:
            rebase(contract)
        if contract.ended:
            contract.ended = ""
            collect(escrow, contract)
    lesson.status = "reversed"
