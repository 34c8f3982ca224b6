"""The end of a business day: what lapsed is decided, bank and ledger are compared, and the day is sealed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from api.bankday.alarms import alarming_breaks
from api.bankday.clocks import let_lapse, overdue
from api.bankday.findings import Finding
from api.bankday.plans import check_day
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
from projections.runner import Runner

State: TypeAlias = Literal["sealed", "sealed_before", "previewed", "not_open", "closed", "failed"]
RACES: Final = 3
"""So often the statements are computed anew because something was posted; then the day is sealed without them."""


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
    dry_run: bool = False,
) -> Iterator[DayEnd]:
    """End a day at these institutions, in their order; what fails at one does not stop the others.

    With `dry_run` nothing is recorded. Safe to ask again: a sealed day is left alone, and what was stopped anywhere
    goes on with what is left to do. Raises DateInFuture, DayNotOver, StoreUnavailable,
    OutcomeUnknown.
    """
    check_day(on, now)
    if on == local_date(now):
        raise no.DayNotOver(on)
    Runner(ledger.engine).catch_up()
    evening = _Evening(ledger, on, poster, statements=statements, dry_run=dry_run)
    for institution_id in institutions:
        yield evening.end(institution_id)


def _state(header: Header, on: date) -> State | None:
    """Why there is nothing to do; None where there is."""
    if header.sealed_on is not None and header.sealed_on >= on:
        return "sealed_before"
    if header.status == "closed":
        return "closed"
    return "not_open" if local_date(header.opened_at) > on else None


@dataclass(frozen=True)
class _Evening:
    """The end of one day, institution by institution."""

    ledger: Ledger
    on: date
    poster: Poster
    statements: bool
    dry_run: bool

    def end(self, institution_id: str) -> DayEnd:
        """End it at one institution. Raises StoreUnavailable, OutcomeUnknown."""
        done = DayEnd(institution_id, self.on)
        try:
            header = stored_header(self.ledger, institution_id)
            if (state := _state(header, self.on)) is None:
                self._work(header, done)
            else:
                done.state = state
        except no.Rejection as refusal:
            done.failure = refusal.code
        except (StoreUnavailable, OutcomeUnknown, SQLAlchemyError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this institution alone
            done.failure = type(error).__name__
        return done

    def _work(self, header: Header, done: DayEnd) -> None:
        lapsed = let_lapse(self.ledger, done.institution_id, self.on, self.poster, dry_run=self.dry_run)
        done.confirmed, done.agreed, done.expired = lapsed.confirmed, lapsed.agreed, lapsed.expired
        done.findings += [*lapsed.findings.values(), *overdue(self.ledger, done.institution_id, self.on)]
        if header.statements:
            self._compare(done)
        now = stored_header(self.ledger, done.institution_id)
        done.shortfall_fen = shortfall_fen(now)
        done.findings += solvency(now)
        if self.dry_run:
            done.state = "previewed"
            return
        self._seal(done)
        done.state = "sealed"

    def _compare(self, done: DayEnd) -> None:
        """Bank and ledger; a school without any statement yet has nothing to be compared with."""
        found = reconcile(self.ledger, done.institution_id, self.poster, on=self.on, dry_run=self.dry_run)
        done.breaks_opened = found.opened
        if not found.covered:
            done.findings.append(Finding("statement_missing", since_on=found.through_on))
        if found.unexplained_fen:
            done.findings.append(Finding("bank_differs", amount_fen=found.unexplained_fen))
        done.findings += alarming_breaks(self.ledger, done.institution_id)

    def _seal(self, done: DayEnd) -> None:
        """Seal with what each family has; without it where postings keep coming, or where it was not asked for."""
        for attempt in range(RACES + 1):
            command = SealDay(business_on=self.on)
            if self.statements and attempt < RACES:
                command = sealing(self.ledger.engine, done.institution_id, self.on)
            try:
                self.ledger.submit(self.poster.order(done.institution_id, f".eod.seal.{self.on}", command))
            except no.SealOutdated:
                continue
            except (no.DayIsSealed, CommandKeyReused):  # another end of day was first
                return
            done.statements = None if command.sealed is None else command.sealed.statements
            return
