"""The end of a business day: what lapsed is decided, bank and ledger are compared, and the day is sealed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.bankday.clocks import let_lapse, overdue
from api.bankday.findings import Finding
from api.bankday.solvency import shortfall_fen, solvency
from api.bankday.stored import stored_header
from api.bankfiles.posting import Poster
from api.bankfiles.reconcile import reconcile
from ledger import rejections as no
from ledger.answers import CommandKeyReused
from ledger.application import Ledger
from ledger.commands import SealDay
from ledger.decisions.context import local_date
from ledger.log.proving import sealing
from ledger.sheets import Header
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from projections.reconciliation import reconciliation_break
from projections.runner import Runner

State: TypeAlias = Literal["sealed", "sealed_before", "not_open", "closed", "failed"]
RACES: Final = 3
"""So often the statements are computed anew because something was posted; then the day is sealed without them."""
Progress = Callable[[int], None]
"""Told that one more institution is done."""


@dataclass(slots=True)
class DayEnd:
    """What the end of one day did at one institution."""

    institution_id: str
    on: date
    state: State = "failed"
    confirmed: int = 0
    agreed: int = 0
    expired: int = 0
    breaks_opened: int = 0
    statements: int | None = None
    """How many families' figures the seal commits to; None where it carries the balances alone."""
    shortfall_fen: int = 0
    findings: list[Finding] = field(default_factory=list)
    failure: str = ""
    """Why it could not be done: the code of a rule, or the kind of an error; the day stays open."""


def end_day(
    ledger: Ledger,
    institutions: Iterable[str],
    on: date,
    poster: Poster,
    *,
    now: int,
    statements: bool = True,
    progress: Progress | None = None,
) -> Iterator[DayEnd]:
    """End a day at these institutions, in their order; what fails at one does not stop the others.

    Safe to ask again: a sealed day is left alone, and what was stopped anywhere goes on with what is left to do.
    Raises DateInFuture for a day that is not over, StoreUnavailable, OutcomeUnknown.
    """
    today = local_date(now)
    if on >= today:
        raise no.DateInFuture("date", on, today)
    Runner(ledger.engine).catch_up()
    for institution_id in institutions:
        yield _end(ledger, institution_id, on, poster, statements=statements)
        if progress is not None:
            progress(1)


def _end(ledger: Ledger, institution_id: str, on: date, poster: Poster, *, statements: bool) -> DayEnd:
    done = DayEnd(institution_id, on)
    try:
        header = stored_header(ledger, institution_id)
        if (state := _state(header, on)) is None:
            _work(ledger, header, done, poster, statements=statements)
        else:
            done.state = state
    except no.Rejection as refusal:
        done.failure = refusal.code
    except (StoreUnavailable, OutcomeUnknown, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this institution alone
        done.failure = type(error).__name__
    return done


def _state(header: Header, on: date) -> State | None:
    """Why there is nothing to do; None where there is."""
    if header.sealed_on is not None and header.sealed_on >= on:
        return "sealed_before"
    if header.status == "closed":
        return "closed"
    return "not_open" if local_date(header.opened_at) > on else None


def _work(ledger: Ledger, header: Header, done: DayEnd, poster: Poster, *, statements: bool) -> None:
    institution_id, on = done.institution_id, done.on
    lapsed = let_lapse(ledger, institution_id, on, poster)
    done.confirmed, done.agreed, done.expired = lapsed.confirmed, lapsed.agreed, lapsed.expired
    done.findings += [*lapsed.findings.values(), *overdue(ledger, institution_id, on)]
    if header.statements:
        _compare(ledger, done, poster)
    now = stored_header(ledger, institution_id)
    done.shortfall_fen = shortfall_fen(now)
    done.findings += solvency(now)
    _seal(ledger, done, poster, statements=statements)
    done.state = "sealed"


def _compare(ledger: Ledger, done: DayEnd, poster: Poster) -> None:
    """Bank and ledger; a school without any statement yet has nothing to be compared with."""
    found = reconcile(ledger, done.institution_id, poster, on=done.on)
    done.breaks_opened = found.opened
    if not found.covered:
        done.findings.append(Finding("statement_missing", since_on=found.through_on))
    if found.unexplained_fen:
        done.findings.append(Finding("bank_differs", amount_fen=found.unexplained_fen))
    table = reconciliation_break.c
    query = select(func.count(), func.sum(table.drift_fen), func.min(table.since_on)).where(
        table.institution_id == done.institution_id, table.alarming
    )
    with ledger.engine.connect() as connection:
        count, drift_fen, since_on = connection.execute(query).one()
    if count:
        done.findings.append(Finding("breaks_alarming", count, int(drift_fen), since_on=since_on))


def _seal(ledger: Ledger, done: DayEnd, poster: Poster, *, statements: bool) -> None:
    """Seal with what each family has; without it where postings keep coming, or where it was not asked for."""
    for attempt in range(RACES + 1):
        command = SealDay(business_on=done.on)
        if statements and attempt < RACES:
            command = sealing(ledger.engine, done.institution_id, done.on)
        try:
            ledger.submit(poster.order(done.institution_id, f".eod.seal.{done.on}", command))
        except no.SealOutdated:
            continue
        except (no.DayIsSealed, CommandKeyReused):  # another end of day was first
            return
        done.statements = None if command.sealed is None else command.sealed.statements
        return
