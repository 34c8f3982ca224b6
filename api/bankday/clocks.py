"""What ended on a day: windows, replies, mediations. The read models say what is due, the ledger decides it afresh."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from sqlalchemy import func, select

from api.bankday.findings import SAMPLE, Finding, FindingKind
from api.bankday.plans import last_instant, moment_of
from api.bankday.since import business_times
from api.bankfiles.posting import Poster
from ledger import commands as c
from ledger.answers import CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.statements import digest
from projections.database import read_row
from projections.deadlines import DeadlineKind, RunningDeadline, deadline_table

BATCH: Final = 1_000
_ENDING: Final[tuple[DeadlineKind, ...]] = ("lesson_confirmation", "institution_reply", "mediation_end")
_OVERDUE: Final[dict[str, FindingKind]] = {"refund_payment": "refund_overdue", "instalment": "instalment_overdue"}


@dataclass(slots=True)
class Lapsed:
    """What followed from clocks that had ended."""

    confirmed: int = 0
    """Lessons confirmed by default."""
    agreed: int = 0
    """Refunds deemed agreed."""
    expired: int = 0
    """Mediations whose time ran out."""
    findings: dict[str, Finding] = field(default_factory=dict)

    def left(self, row: RunningDeadline, refusal: Rejection) -> None:
        """The ledger said no."""
        key = f"{row.kind}.{refusal.code}"
        if key in self.findings:
            self.findings[key].add(row.subject)
        else:
            self.findings[key] = Finding("left_open", code=refusal.code, since_on=row.due_on, sample=[row.subject])


def let_lapse(ledger: Ledger, institution_id: str, on: date, poster: Poster, *, dry_run: bool = False) -> Lapsed:
    """Ask for everything that follows from clocks which ended before a day.

    Its business time is the last instant of the day; later where what it takes came later. With `dry_run` each is
    judged by itself and nothing is recorded. The read models must be up to date. Each command has a key of its own, so
    that nothing is asked twice.
    """
    lapsed = Lapsed()
    for rows in _pages(ledger, institution_id, on):
        times = business_times(ledger, institution_id, rows, last_instant(on))
        orders = [_order(row, institution_id, moment_of(at), poster) for row, at in zip(rows, times, strict=True)]
        answers = [_previewed(ledger, order) for order in orders] if dry_run else ledger.submit_all(orders)
        for row, answer in zip(rows, answers, strict=True):
            if answer is None or isinstance(answer, Receipt):
                _count(lapsed, row, fresh=answer is None or not answer.replayed)
            elif not isinstance(answer, CommandKeyReused):  # that: another end of day asks the same right now
                lapsed.left(row, answer)
    return lapsed


def _pages(ledger: Ledger, institution_id: str, on: date) -> Iterator[list[RunningDeadline]]:
    """Ended clocks in order: one index range, however long the history is."""
    table = deadline_table.c
    query = select(deadline_table).where(
        table.institution_id == institution_id,
        table.due_on < on,
        table.kind.in_(_ENDING),
        table.state == "running",
    )
    with ledger.engine.connect() as connection:
        found = connection.execute(query.order_by(table.due_on, table.subject, table.kind)).all()
    rows = [read_row(RunningDeadline, row) for row in found]
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _order(row: RunningDeadline, institution_id: str, moment: datetime, poster: Poster) -> Order:
    return poster.order(institution_id, f".eod.{digest(row.kind, row.subject)}", _COMMANDS[row.kind](row, moment))


def _confirm(row: RunningDeadline, moment: datetime) -> c.Command:
    lesson = c.LessonRef(contract_id=row.contract_id or "", lesson_id=row.subject_id)
    return c.ConfirmLessonsByDefault(effective_at=moment, lessons=[lesson])


def _agree(row: RunningDeadline, moment: datetime) -> c.Command:
    return c.DeemRefundAgreed(effective_at=moment, refund_id=row.subject_id)


def _expire(row: RunningDeadline, moment: datetime) -> c.Command:
    return c.ExpireMediation(effective_at=moment, case_id=row.subject_id)


_COMMANDS: Final[dict[str, Callable[[RunningDeadline, datetime], c.Command]]] = {
    "lesson_confirmation": _confirm,
    "institution_reply": _agree,
    "mediation_end": _expire,
}


def _previewed(ledger: Ledger, order: Order) -> Rejection | None:
    try:
        ledger.preview(order)
    except Rejection as refusal:
        return refusal
    return None


def _count(lapsed: Lapsed, row: RunningDeadline, *, fresh: bool) -> None:
    match row.kind:
        case "lesson_confirmation":
            lapsed.confirmed += fresh
        case "institution_reply":
            lapsed.agreed += fresh
        case _:
            lapsed.expired += fresh


def overdue(ledger: Ledger, institution_id: str, on: date) -> Iterable[Finding]:
    """Refunds and instalments of a settlement whose last day to pay is over when the day is. One index range."""
    table = deadline_table.c
    mine = (
        table.institution_id == institution_id,
        table.due_on <= on,
        table.kind.in_(tuple(_OVERDUE)),
    )
    sums = (func.count(), func.sum(table.amount_fen), func.min(table.due_on))
    with ledger.engine.connect() as connection:
        for kind, count, amount_fen, since_on in connection.execute(
            select(table.kind, *sums).where(*mine).group_by(table.kind).order_by(table.kind)
        ).all():
            some = select(table.subject_id).where(*mine, table.kind == kind).order_by(table.due_on, table.subject)
            ids = list(connection.scalars(some.limit(SAMPLE)))
            yield Finding(_OVERDUE[kind], count, int(amount_fen or 0), since_on=since_on, sample=ids)
