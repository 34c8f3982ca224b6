"""Every clock that runs: confirmation windows, replies, payments, instalments, mediations, judicial confirmations."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from ledger.escrow import Escrow
from ledger.sheets import Case, Lesson, Profile, Refund
from ledger.workdays import PUBLISHED_YEARS, deadline
from projections.answers import NOW, Answer, Moment
from projections.database import Row, table_of
from projections.notes import CaseNote
from projections.reading import Reader, matching

DeadlineKind = Literal[
    "lesson_confirmation",
    "institution_reply",
    "refund_payment",
    "instalment",
    "mediation_end",
    "judicial_confirmation",
]


OBLIGATIONS: tuple[DeadlineKind, ...] = ("institution_reply", "refund_payment", "instalment", "mediation_end")
"""Clocks whose end puts somebody in default."""


class RunningDeadline(Row, frozen=True):
    """The last day for something that has not happened yet."""

    institution_id: str
    subject: str
    """The sheet whose clock it is: `lesson:…`, `refund:…` or `case:…`."""
    kind: DeadlineKind
    district: str
    contract_id: str | None
    subject_id: str
    """Id of the lesson, refund or case."""
    due_on: date
    provisional: bool
    """The day depends on a calendar that is not published yet."""
    state: Literal["running", "stopped"]
    """stopped: a dispute about the lesson, a freeze or the closure keeps the window from ending."""
    amount_fen: int | None


deadline_table = table_of(
    "deadline",
    RunningDeadline,
    ["institution_id", "subject", "kind"],
    ["due_on", "institution_id", "subject", "kind"],
    ["institution_id", "due_on"],
    ["district", "due_on"],
)


def lesson_deadlines(escrow: Escrow, lesson: Lesson) -> Iterable[RunningDeadline]:
    """The confirmation window of a claimed lesson, where the rules have one and the guardian was told.

    The working days of freezes are added to it.
    """
    if lesson.window_ends_on is None or lesson.confirmed or lesson.status not in {"claimed", "disputed"}:
        return
    header = escrow.header
    ends = deadline(lesson.window_ends_on, header.frozen_workdays - lesson.frozen_workdays, "workday")
    stopped = lesson.status == "disputed" or header.frozen or header.closure is not None
    yield RunningDeadline(
        institution_id=header.institution_id,
        subject=lesson.key(),
        kind="lesson_confirmation",
        district=_district(escrow),
        contract_id=lesson.contract_id,
        subject_id=lesson.lesson_id,
        due_on=ends.on,
        provisional=lesson.provisional or ends.provisional,
        state="stopped" if stopped else "running",
        amount_fen=None,
    )


def refund_deadlines(escrow: Escrow, refund: Refund) -> Iterable[RunningDeadline]:
    """The last day for the institution to answer, and the last day to pay."""
    if refund.status not in {"requested", "refused", "agreed"}:
        return
    agreed = refund.status == "agreed"
    clocks: list[tuple[DeadlineKind, date, bool]] = []
    if refund.status == "requested" and refund.reply_by is not None:
        clocks.append(("institution_reply", refund.reply_by, _unpublished(refund.reply_by)))
    if refund.clock is not None:
        kind: DeadlineKind = "refund_payment" if refund.instalment is None else "instalment"
        clocks.append((kind, refund.clock.on, refund.clock.provisional))
    for kind, due_on, provisional in clocks:
        yield RunningDeadline(
            institution_id=escrow.header.institution_id,
            subject=refund.key(),
            kind=kind,
            district=_district(escrow),
            contract_id=refund.contract_id,
            subject_id=refund.refund_id,
            due_on=due_on,
            provisional=provisional,
            state="running",
            amount_fen=refund.agreed_fen if agreed else refund.entitled_fen,
        )


def case_deadlines(escrow: Escrow, case: Case) -> Iterable[RunningDeadline]:
    """The last day of the mediation; the last day to ask the court to confirm what was agreed."""
    note = escrow.find(CaseNote, case.case_id)
    if case.status == "in_mediation" and case.ends_on is not None:
        provisional = note is not None and note.provisional
        yield _of_case(escrow, case, "mediation_end", case.ends_on, provisional=provisional)
    asked = note is not None and bool(note.confirmation)
    if case.status in {"agreed", "breached"} and case.confirm_by is not None and not asked:
        provisional = _unpublished(case.confirm_by)
        yield _of_case(escrow, case, "judicial_confirmation", case.confirm_by, provisional=provisional)


def _of_case(escrow: Escrow, case: Case, kind: DeadlineKind, due_on: date, *, provisional: bool) -> RunningDeadline:
    return RunningDeadline(
        institution_id=escrow.header.institution_id,
        subject=case.key(),
        kind=kind,
        district=_district(escrow),
        contract_id=case.contract_id,
        subject_id=case.case_id,
        due_on=due_on,
        provisional=provisional,
        state="running",
        amount_fen=case.amount_fen if case.agreed_on is not None else case.claim_fen,
    )


def _district(escrow: Escrow) -> str:
    return escrow.get(Profile, escrow.header.institution_id).district


def _unpublished(on: date) -> bool:
    return on.year not in PUBLISHED_YEARS


def list_deadlines(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    from_on: date | None = None,
    until_on: date | None = None,
    overdue_on: date | None = None,
    institution_id: str | None = None,
    district: str | None = None,
    contract_id: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[RunningDeadline]]:
    """Running deadlines in order of their day, both ends of the range included. An index range of `limit` rows.

    `overdue_on`: only replies, payments and mediations that should have come to their end before that day. A
    confirmation window or a time to ask the court that is over is no default of anybody.
    """
    columns = deadline_table.c
    query = matching(
        deadline_table, institution_id=institution_id, district=district, contract_id=contract_id, kind=kind
    )
    if from_on is not None:
        query = query.where(columns.due_on >= from_on)
    if until_on is not None:
        query = query.where(columns.due_on <= until_on)
    if overdue_on is not None:
        query = query.where(columns.due_on < overdue_on, columns.kind.in_(OBLIGATIONS))
    key = [columns.due_on, columns.institution_id, columns.subject, columns.kind]
    with reader.open(moment, institution_id, contract_id if institution_id else None) as reading:
        return reading.page(RunningDeadline, query, key, after, limit)
