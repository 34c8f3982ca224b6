"""The lessons of a contract, each with its state, its value and its confirmation window."""

from datetime import date

from msgspec import Struct

from ledger.sheets import Lesson
from projections.answers import NOW, Answer, Moment
from projections.contract_fold import contract_at
from projections.reading import Reader


class LessonTaught(Struct, frozen=True):
    """One lesson that the institution says it taught."""

    lesson_id: str
    centihours: int
    taught_on: date
    status: str
    amount_fen: int
    """What it was worth when it was confirmed; 0 before."""
    held_fen: int
    notified_on: date | None
    window_ends_on: date | None
    provisional: bool


def list_lessons(
    reader: Reader, institution_id: str, contract_id: str, moment: Moment = NOW
) -> Answer[list[LessonTaught]]:
    """Every lesson claimed under a contract, in that order. A fold of its events. Raises UnknownRow."""
    with reader.open_log(moment, institution_id) as reading:
        found = contract_at(reading, institution_id, contract_id)
        return reading.answer([_taught(lesson) for lesson in found.lessons], rules=found.contract.rules)


def _taught(lesson: Lesson) -> LessonTaught:
    return LessonTaught(
        lesson_id=lesson.lesson_id,
        centihours=lesson.centihours,
        taught_on=lesson.taught_on,
        status=lesson.status,
        amount_fen=lesson.amount_fen,
        held_fen=lesson.held_fen,
        notified_on=lesson.notified_on,
        window_ends_on=lesson.window_ends_on,
        provisional=lesson.provisional,
    )
