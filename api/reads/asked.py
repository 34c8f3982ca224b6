"""A question: who asks, and about which moment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated

import structlog
from fastapi import Depends, Query, Request

from api.logs import described
from api.parameters import OptionalDay, OptionalInstant, OptionalPosition
from api.problems import Problem
from api.problems.mapping import RETRY
from api.public import microseconds
from api.reads.scope import Scope
from api.runtime import Runtime
from api.security.callers import readers
from api.security.mandate import Mandate
from ledger.decisions.context import local_date
from ledger.identifiers import Role
from ledger.rejections import DateInFuture
from projections.answers import Moment
from projections.catch_up import DATABASE
from projections.institution import Institution

log = structlog.get_logger("api")

AsOf = Annotated[OptionalDay, Query(description="Facts up to this business date")]
KnownAt = Annotated[OptionalInstant, Query(description="As recorded by this instant")]
AtPosition = Annotated[OptionalPosition, Query(description="Answer from this position of the log or a later one")]


@dataclass(frozen=True)
class Asked:
    """One question."""

    runtime: Runtime
    request: Request
    caller: Mandate
    moment: Moment

    @property
    def today(self) -> date:
        """The local date of the question."""
        return local_date(self.runtime.clock())

    @cached_property
    def scope(self) -> Scope:
        """What exists for the caller; one for each request."""
        return Scope(self.runtime.reader, self.caller)

    def escrow(self, institution_id: str) -> tuple[Institution, str | None]:
        """An institution that exists for the caller, and the version (ETag) that answers are at least of.

        Raises Problem: escrow_unknown.
        """
        etag = freshened(self.runtime, institution_id)
        if etag is None and not caught_up(self.runtime):
            self.request.state.stale = True
        return self.scope.require(institution_id), etag


def askers(runtime: Runtime, roles: Iterable[Role]) -> Callable[..., Asked]:
    """A dependency that reads who asks and when. It raises Problem like `readers`, and where the moment is not one."""
    reader = readers(runtime.tokens, roles)

    def asked(
        request: Request,
        caller: Annotated[Mandate, Depends(reader)],
        as_of: AsOf = None,
        known_at: KnownAt = None,
        at_position: AtPosition = None,
    ) -> Asked:
        now = runtime.clock()
        today = local_date(now)
        known = None if known_at is None else microseconds(known_at)
        if as_of is not None and as_of > today:
            raise DateInFuture("as_of", as_of, today)
        if known is not None and known > now:
            raise DateInFuture("known_at", local_date(known), today)
        if at_position:
            reach(runtime, at_position)
        return Asked(runtime, request, caller, Moment(as_of, known))

    return asked


def freshened(runtime: Runtime, institution_id: str) -> str | None:
    """Take in what an institution posted last, so that everybody reads their own writes there.

    Gives the ETag of that version; None where there is no stream, or where the read models are too far behind or the
    database takes no writes.
    """
    head = runtime.ledger.head(institution_id)
    if head is None:
        return None
    (last,) = runtime.ledger.stream(institution_id, head.version - 1, 1)
    runner = runtime.runner
    if not runner.at_position(last.position) and runner.health().lag > runtime.settings.wait_lag:
        return None
    return f'"{head.version}"' if _taken_in(lambda: runner.wait_for(last.position)) else None


def caught_up(runtime: Runtime) -> bool:
    """Take in what was recorded last, where that is little: nobody should read an answer that is needlessly old.

    False where the database takes no writes: then what is missing may be there, and nobody is told that it is not.
    """
    if 0 < runtime.runner.health().lag <= runtime.settings.wait_lag:
        return _taken_in(runtime.runner.catch_up)
    return True


def _taken_in(step: Callable[[], object]) -> bool:
    """Whether it worked. A full disk keeps nobody from reading what is there; the answer names its position."""
    try:
        step()
    except DATABASE as failure:
        log.warning("what was recorded could not be taken in", **described(failure))
        return False
    return True


def reach(runtime: Runtime, position: int) -> None:
    """Make sure that a position was taken in. Raises Problem: position_unknown, position_not_reached."""
    runner = runtime.runner
    if runner.at_position(position):
        runner.wait_for(position)
        return
    last = runtime.ledger.position(runner.lane_of(position) if runtime.ledger.lanes > 1 else 0)
    if position > last:
        raise Problem("position_unknown", {"position": last, "at_position": position})
    lag = runner.health().lag
    if lag > runtime.settings.wait_lag:
        raise Problem("position_not_reached", {"position": last - lag, "at_position": position}, headers=RETRY)
    runner.wait_for(position)
