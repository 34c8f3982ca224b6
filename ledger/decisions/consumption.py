"""Class consumption: claimed, confirmed by guardian, default or regulator, disputed, decided, reversed."""

from collections.abc import Iterator
from typing import Literal

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.lookups import (
    contract_of,
    lesson_of,
    live_contract,
    no_refund_promised,
    running_escrow,
    unrepeated,
)
from ledger.decisions.valuation import consumed_value_fen, left_centihours, lesson_value_fen
from ledger.hours import format_hours
from ledger.identifiers import Role
from ledger.sheets import Contract, Lesson
from ledger.workdays import deadline


@decides(c.ClaimLessons)
def _claim(command: c.ClaimLessons, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    unrepeated("lesson", (f"{line.contract_id}:{line.lesson_id}" for line in command.lessons))
    for line in command.lessons:
        contract = live_contract(context, line.contract_id)
        _check_claim(line, contract, context)
        yield _claimed(line, context)


def _check_claim(line: c.ClaimedLesson, contract: Contract, context: Context) -> None:
    no_refund_promised(contract)
    if context.escrow.find(Lesson, line.contract_id, line.lesson_id) is not None:
        raise no.LessonAlreadyClaimed(line.contract_id, line.lesson_id)
    context.refuse_future("taught_on", line.taught_on)
    if line.taught_on < contract.signed_on:
        raise no.LessonOutsideContract(contract.contract_id, line.taught_on)
    if line.notified_on is not None:
        context.refuse_future("notified_on", line.notified_on)
        if line.notified_on < line.taught_on:
            raise no.DatesOutOfOrder("taught_on", "notified_on")
    if line.centihours > (left := left_centihours(contract)):
        raise no.NotEnoughHours(contract.contract_id, format_hours(left), format_hours(line.centihours))


def _claimed(line: c.ClaimedLesson, context: Context) -> e.ClassConsumptionClaimed:
    """Silence answers a claim from the day it could be answered: that of the notice, never before it was recorded."""
    window = context.rules.confirm_window if context.rules.confirm_default else None
    told_on = max(line.notified_on, context.today) if line.notified_on else None
    ends = deadline(told_on, window.count, window.unit) if window and told_on else None
    return e.ClassConsumptionClaimed(
        effective_at=context.effective_at,
        contract_id=line.contract_id,
        lesson_id=line.lesson_id,
        centihours=line.centihours,
        taught_on=line.taught_on,
        notified_on=line.notified_on,
        window_ends_on=ends.on if ends else None,
        calendar=ends.calendar if ends else None,
        provisional=ends.provisional if ends else False,
    )


@decides(c.ConfirmLessons)
def _confirm(command: c.ConfirmLessons, context: Context) -> Iterator[e.Event]:
    by: Literal["guardian", "regulator"] = "guardian" if context.role is Role.GUARDIAN else "regulator"
    unrepeated("lesson", (f"{line.contract_id}:{line.lesson_id}" for line in command.lessons))
    for line in command.lessons:
        contract = live_contract(context, line.contract_id)
        lesson = lesson_of(context, line.contract_id, line.lesson_id)
        if lesson.status != "claimed":
            raise no.LessonNotOpen(line.contract_id, line.lesson_id, lesson.status)
        yield _confirmed(contract, lesson, context, by)


def _confirmed(
    contract: Contract, lesson: Lesson, context: Context, by: Literal["guardian", "default", "regulator"]
) -> e.ClassConsumptionConfirmed:
    value_fen = lesson_value_fen(contract, lesson.centihours)
    if value_fen > contract.unearned_fen:
        raise no.LessonNotCovered(contract.contract_id, lesson.lesson_id, value_fen, contract.unearned_fen)
    return e.ClassConsumptionConfirmed(
        effective_at=context.effective_at,
        contract_id=contract.contract_id,
        lesson_id=lesson.lesson_id,
        centihours=lesson.centihours,
        amount_fen=value_fen,
        by=by,
        rules=context.rules.id,
    )


@decides(c.ConfirmLessonsByDefault)
def _confirm_by_default(command: c.ConfirmLessonsByDefault, context: Context) -> Iterator[e.Event]:
    """Silence counts only where the place's rule says so, the guardian was told and the window is over.

    No window runs while the escrow is frozen: the working days of a freeze are added to it.
    """
    running_escrow(context)
    if context.header.frozen:
        raise no.EscrowIsFrozen
    if not context.rules.confirm_default or context.rules.confirm_window is None:
        raise no.DefaultConfirmationUnknown(context.rules.id)
    unrepeated("lesson", (f"{line.contract_id}:{line.lesson_id}" for line in command.lessons))
    for line in command.lessons:
        contract = live_contract(context, line.contract_id)
        lesson = lesson_of(context, line.contract_id, line.lesson_id)
        if lesson.status != "claimed" or contract.order_held:
            raise no.LessonNotOpen(line.contract_id, line.lesson_id, lesson.status)
        no_refund_promised(contract)
        if lesson.notified_on is None or lesson.window_ends_on is None:
            raise no.GuardianNotNotified(line.contract_id, line.lesson_id)
        frozen_workdays = context.header.frozen_workdays - lesson.frozen_workdays
        ends = deadline(lesson.window_ends_on, frozen_workdays, "workday")
        if context.effective_on <= ends.on:
            raise no.WindowStillOpen(line.contract_id, line.lesson_id, ends.on)
        if lesson.provisional or ends.provisional:
            raise no.WindowProvisional(line.contract_id, line.lesson_id, ends.on)
        yield _confirmed(contract, lesson, context, "default")


@decides(c.DisputeLesson)
def _dispute(command: c.DisputeLesson, context: Context) -> Iterator[e.Event]:
    contract = contract_of(context, command.contract_id)
    lesson = lesson_of(context, command.contract_id, command.lesson_id)
    if lesson.status not in {"claimed", "confirmed"} or lesson.decided:
        raise no.LessonNotOpen(command.contract_id, command.lesson_id, "decided" if lesson.decided else lesson.status)
    free_fen = contract.earned_fen - contract.held_fen
    yield e.ClassConsumptionDisputed(
        effective_at=context.effective_at,
        contract_id=command.contract_id,
        lesson_id=command.lesson_id,
        scope=context.rules.dispute_freezes,
        reason=command.reason,
        earned_held_fen=min(lesson.amount_fen, free_fen),
    )


@decides(c.DecideDispute)
def _decide_dispute(command: c.DecideDispute, context: Context) -> Iterator[e.Event]:
    contract = contract_of(context, command.contract_id)
    lesson = lesson_of(context, command.contract_id, command.lesson_id)
    if lesson.status != "disputed":
        raise no.LessonNotOpen(command.contract_id, command.lesson_id, lesson.status)
    if command.outcome == "reversed":
        yield _reversed(contract, lesson, context, command.reason)
    elif lesson.confirmed:
        yield e.ClassConsumptionUpheld(
            effective_at=context.effective_at,
            contract_id=command.contract_id,
            lesson_id=command.lesson_id,
            reason=command.reason,
        )
    else:
        yield _confirmed(contract, lesson, context, "regulator")


@decides(c.ReverseLesson)
def _reverse(command: c.ReverseLesson, context: Context) -> Iterator[e.Event]:
    contract = contract_of(context, command.contract_id)
    lesson = lesson_of(context, command.contract_id, command.lesson_id)
    if lesson.status not in {"claimed", "confirmed"}:
        raise no.LessonNotOpen(command.contract_id, command.lesson_id, lesson.status)
    yield _reversed(contract, lesson, context, command.reason)


def _reversed(contract: Contract, lesson: Lesson, context: Context, reason: str) -> e.ClassConsumptionReversed:
    """Out of what is earned and not yet released; what was released the institution must put back."""
    amount_fen = _value_back_fen(contract, lesson) if lesson.confirmed else 0
    held_by_others_fen = contract.held_fen - lesson.held_fen
    earned_fen = min(amount_fen, contract.earned_fen - held_by_others_fen)
    return e.ClassConsumptionReversed(
        effective_at=context.effective_at,
        contract_id=contract.contract_id,
        lesson_id=lesson.lesson_id,
        centihours=lesson.centihours,
        amount_fen=amount_fen,
        earned_fen=earned_fen,
        receivable_fen=amount_fen - earned_fen,
        reason=reason,
    )


def _value_back_fen(contract: Contract, lesson: Lesson) -> int:
    """What the last hours added; one of before an amendment gives back its own price, the last one all there is."""
    left_centihours = contract.consumed_centihours - lesson.centihours
    if lesson.epoch == contract.epoch:
        return contract.consumed_fen - consumed_value_fen(contract, left_centihours)
    return min(lesson.amount_fen, contract.consumed_fen) if left_centihours else contract.consumed_fen
