"""The log as it is: the feed of all institutions, one institution's stream, one event."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.answers import json_response
from api.openapi.operations import problems, read_operation, ref
from api.parameters import InstitutionPath, Limit, Position, known_query
from api.problems import Problem
from api.public import EventBody, event_body
from api.reads.asked import freshened, reach
from api.reads.scope import Scope
from api.routes.reading import DEFAULT_LIMIT, EVERYBODY, OFFICIALS
from api.runtime import Runtime
from api.security.access_log import About, purpose_of, trace_of
from api.security.callers import readers
from api.security.mandate import Mandate
from ledger.identifiers import Role
from ledger.serialization import Recorded
from ledger.store.epochs import Footing, feed_footing, stream_footing
from projections.contract_statement import find_contract_statement

READERS = (*OFFICIALS, Role.BANK, Role.INSTITUTION)
EpochQuery = Annotated[
    str | None, Query(pattern=r"^[1-9][0-9]{0,8}-[0-9a-f]{16}$", description="The `epoch` of the answer before")
]
VersionPath = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,17}$", description="Place in the stream")]


class Feed(msgspec.Struct):
    """Events in the order of the log, or of a stream."""

    events: list[EventBody]
    next_after: int
    """Ask again after this position (of a stream: this version); it also moves past what is not the caller's."""
    more: bool
    """Whether there may be more already."""
    epoch: str
    """Which history this is: send it as `epoch` with the next question, so that a restored ledger is noticed."""


def event_routes(runtime: Runtime) -> APIRouter:
    """`/v1/events`, `/v1/escrows/{institution_id}/events` and one event of it."""
    router = APIRouter(prefix="/v1")

    def add(path: str, endpoint: Callable[..., Any], shape: str, summary: str, roles: Sequence[Role]) -> None:
        operation = read_operation(f"get_{endpoint.__name__}", summary, ref(shape), roles)
        if shape == "Feed":
            operation["responses"] |= problems(409)
        checks = [Depends(readers(runtime.tokens, roles)), Depends(known_query)]
        router.add_api_route(path, endpoint, methods=["GET"], dependencies=checks, **operation)

    path = "/escrows/{institution_id}/events"
    add("/events", _feed(runtime), "Feed", "What was recorded, in the order of the log", READERS)
    add(path, _stream(runtime), "Feed", "What was recorded at an institution, in order", READERS)
    add(f"{path}/{{version}}", _event(runtime), "Event", "One event", EVERYBODY)
    return router


def _feed(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, READERS))

    def events(
        request: Request,
        caller: Mandate = caller_of,
        after: Position = 0,
        limit: Limit = DEFAULT_LIMIT,
        lane: Position = 0,
        epoch: EpochQuery = None,
    ) -> Response:
        if lane >= runtime.ledger.lanes:
            raise Problem("not_found")
        now = standing_epoch(after, feed_footing(runtime.ledger.engine, lane, after, epoch))
        found = runtime.ledger.feed(after, limit, lane)
        if not found:
            return _fed(Feed([], after, more=False, epoch=now))
        reach(runtime, found[-1].position)
        scope = Scope(runtime.reader, caller)
        theirs = [each for each in found if scope.institution(each.institution_id) is not None]
        seen = [event_body(each) for each in theirs]
        if theirs:
            first, last = theirs[0].position, theirs[-1].position
            _note(runtime, request, caller, About(what="get_events", first_shown=first, last_shown=last))
        return _fed(Feed(seen, found[-1].position, more=len(found) == limit, epoch=now))

    return events


def _stream(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, READERS))

    def events_of_escrow(
        request: Request,
        institution_id: InstitutionPath,
        caller: Mandate = caller_of,
        after: Position = 0,
        limit: Limit = DEFAULT_LIMIT,
        epoch: EpochQuery = None,
    ) -> Response:
        etag = freshened(runtime, institution_id)
        Scope(runtime.reader, caller).require(institution_id)
        lane = runtime.ledger.lane_of(institution_id)
        now = standing_epoch(after, stream_footing(runtime.ledger.engine, institution_id, lane, after, epoch))
        found = runtime.ledger.stream(institution_id, after, limit)
        last = found[-1].version if found else after
        if found:
            what, first = "get_events_of_escrow", found[0].version
            about = About(what=what, institution_id=institution_id, first_shown=first, last_shown=last)
            _note(runtime, request, caller, about)
        body = Feed([event_body(each) for each in found], last, more=len(found) == limit, epoch=now)
        return _fed(body, {"ETag": etag} if etag else {})

    return events_of_escrow


def _event(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, EVERYBODY))

    def event(
        request: Request, institution_id: InstitutionPath, version: VersionPath, caller: Mandate = caller_of
    ) -> Response:
        return json_response(event_body(noted_event(runtime, request, caller, institution_id, int(version))))

    return event


def noted_event(runtime: Runtime, request: Request, caller: Mandate, institution_id: str, version: int) -> Recorded:
    """One event that exists for the caller; the log of reads says who looked. Raises Problem like `shown_event`."""
    found = shown_event(runtime, caller, institution_id, version)
    if contract_id := getattr(found.event, "contract_id", None):
        what = getattr(request.scope.get("route"), "operation_id", None) or "get_event"
        about = About(what=what, institution_id=institution_id, contract_id=contract_id)
        _note(runtime, request, caller, about)
    return found


def shown_event(runtime: Runtime, caller: Mandate, institution_id: str, version: int) -> Recorded:
    """One event that exists for the caller. Raises Problem: escrow_unknown, not_found."""
    freshened(runtime, institution_id)
    Scope(runtime.reader, caller).require(institution_id)
    found = runtime.ledger.stream(institution_id, version - 1, 1)
    if not found or not _concerns(runtime, caller, found[0]):
        raise Problem("not_found")
    return found[0]


def standing_epoch(after: int, footing: Footing) -> str:
    """The epoch, for a cursor that stands on this history. Raises Problem: epoch_changed."""
    if footing.rewind_to is not None:
        facts = {"epoch": footing.epoch, "after": after, "rewind_to": footing.rewind_to}
        raise Problem("epoch_changed", facts, headers={"Ledger-Epoch": footing.epoch})
    return footing.epoch


def _note(runtime: Runtime, request: Request, caller: Mandate, about: About) -> None:
    """One row for one answer, however many events it shows."""
    runtime.access_log.note(caller, [about], purpose=purpose_of(request), trace_id=trace_of(request))


def _fed(feed: Feed, headers: dict[str, str] | None = None) -> Response:
    return json_response(feed, headers={"Ledger-Epoch": feed.epoch} | (headers or {}))


def _concerns(runtime: Runtime, caller: Mandate, recorded: Recorded) -> bool:
    """Whether an event may be shown: to a guardian only where it names a contract of theirs."""
    if caller.role is not Role.GUARDIAN:
        return True
    contract_id = getattr(recorded.event, "contract_id", None)
    if contract_id is None:
        return False
    found = find_contract_statement(runtime.reader, recorded.institution_id, contract_id).data
    return found is not None and found.guardian_id == caller.guardian_id
