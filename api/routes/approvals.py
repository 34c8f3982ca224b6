"""Approvals: what waits for a second person, the decision, and proposals that are no command of an escrow."""

from hashlib import sha256
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from api.answers import json_response
from api.approvals.acts import ACTS, Act, client_mandate, manages
from api.approvals.approval import Approval, State, find, kept, query
from api.approvals.deciding import decide
from api.approvals.proposing import again, body_text, keep, proposed_under
from api.approvals.tables import approvals as proposals
from api.approvals.visibility import exists_for
from api.bodies import json_body
from api.documents import checked_model, read_document, read_model
from api.openapi.operations import read_operation, ref
from api.openapi.persons import decision_operation, proposal_operation
from api.parameters import IdPath, IdQuery, idempotency_key, known_query
from api.problems import Problem
from api.public import members
from api.reads.asked import Asked, askers, caught_up, freshened
from api.reads.bounds import last_instant
from api.reads.tables import Listed, Page, table
from api.routes.reading import DEFAULT_LIMIT, After, PageSize, Readings
from api.runtime import Runtime
from api.security.callers import readers
from api.security.mandate import Mandate
from api.security.registry import Deed, writing
from api.submission import command_key
from ledger.commands import Sha256, Text
from ledger.identifiers import Role
from projections.answers import Answer, MalformedCursor, Moment, decode_cursor, encode_cursor
from projections.reading import Reader

OFFICERS = (Role.REGULATOR,)
"""Who proposes and who approves; nobody else learns that anything waits."""
StateQuery = Annotated[State | None, Query()]
KNOWN = Depends(known_query)
Check = Any
"""A dependency of FastAPI; it has no public type."""

Member = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]


class Proposal(BaseModel):
    """An act of two persons that is no command of an escrow."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    act: Literal["register_key", "revoke_key"]
    body: Annotated[dict[Member, Text], Field(json_schema_extra={"additionalProperties": False})]
    """`{client, public_key}` or `{key_id}`."""


class ApprovalDecision(BaseModel):
    """What the second person says."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    decision: Literal["approved", "rejected"]
    request_sha256: Sha256
    """That of the approval: names exactly what was read before deciding."""
    reason: Text | None = None


def approval_routes(runtime: Runtime) -> APIRouter:
    """`/v1/approvals`, one approval, and the decision about it."""
    readings, officer, asking = (
        Readings(runtime),
        Depends(readers(runtime.tokens, OFFICERS)),
        Depends(askers(runtime, OFFICERS)),
    )
    _shown(readings, officer, asking)
    _decided(runtime, readings.router, officer, asking)
    _proposed(runtime, readings.router, officer)
    return readings.router


def _shown(readings: Readings, officer: Check, asking: Check) -> None:

    def approvals(
        asked: Asked = asking,
        institution_id: IdQuery = None,
        state: StateQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        def lister(reader: Reader, moment: Moment, cursor: str | None, size: int) -> Answer[list[Approval]]:
            return _list(asked, reader, moment, cursor, size, institution_id, state)

        return table(asked, Listed("approvals", Approval, log=True, checked=True), lister, Page(after, limit))

    def approval(approval_id: IdPath, asked: Asked = asking) -> Response:
        return json_response(members(_visible(asked, approval_id)))

    readings.table("/approvals", approvals, "Approval", "What waits for a second person, and what came of it", OFFICERS)
    one = read_operation("get_approval", "An approval", ref("Approval"), OFFICERS)
    checks = [officer, KNOWN]
    readings.router.add_api_route("/approvals/{approval_id}", approval, methods=["GET"], dependencies=checks, **one)


def _decided(runtime: Runtime, router: APIRouter, officer: Check, asking: Check) -> None:
    def decision(
        request: Request,
        approval_id: IdPath,
        caller: Annotated[Mandate, officer],
        raw: Annotated[bytes, Depends(json_body)],
        asked: Asked = asking,
    ) -> Response:
        idempotency_key(request)  # asked for like everywhere; the approval itself is decided once
        found, body = _visible(asked, approval_id), read_model(ApprovalDecision, raw)
        if body.request_sha256 != found.request_sha256:
            raise Problem("approval_differs")
        return json_response(members(decide(runtime, approval_id, caller, body.decision, body.reason or "")))

    path, told = "/approvals/{approval_id}/decisions", decision_operation(ApprovalDecision)
    router.add_api_route(path, decision, methods=["POST"], dependencies=[officer, KNOWN], **told)


def _proposed(runtime: Runtime, router: APIRouter, officer: Check) -> None:
    def proposal(
        request: Request, caller: Annotated[Mandate, officer], raw: Annotated[bytes, Depends(json_body)]
    ) -> Response:
        key = idempotency_key(request)
        document = read_document(raw)
        asked = checked_model(Proposal, document, raw)
        try:
            act = checked_model(ACTS[asked.act], asked.body, at="/body")
        except Problem:
            raise Problem(
                "act_differs", {"act": asked.act, "needed": ", ".join(ACTS[asked.act].model_fields)}
            ) from None
        return _propose(runtime, caller, key, act)

    told = proposal_operation(Proposal)
    checks = [officer, KNOWN]
    router.add_api_route("/approvals", proposal, methods=["POST"], status_code=202, dependencies=checks, **told)


def _visible(asked: Asked, approval_id: str) -> Approval:
    """Raises Problem: not_found, also for those of other places."""
    with asked.runtime.ledger.engine.connect() as connection:
        found = find(connection, approval_id, asked.runtime.clock())
    if found is not None and found.shown.institution_id is not None:
        freshened(asked.runtime, found.shown.institution_id)
    if found is None or not exists_for(found, asked.scope, asked.caller):
        raise Problem("not_found")
    return found.shown


def _list(
    asked: Asked,
    reader: Reader,
    moment: Moment,
    cursor: str | None,
    size: int,
    institution_id: str | None,
    state: State | None,
) -> Answer[list[Approval]]:
    """Approvals in order of their proposal; those that are not the officer's are left out."""
    assert state is None or state in get_args(State)
    wanted, last = query().order_by(proposals.c.proposed_at, proposals.c.approval_id), decode_cursor(cursor, 2)
    if institution_id is not None:
        wanted = wanted.where(proposals.c.institution_id == institution_id)
    if last is not None:
        if not last[0].isdigit():
            raise MalformedCursor
        at = int(last[0])
        later = (proposals.c.proposed_at > at) | ((proposals.c.proposed_at == at) & (proposals.c.approval_id > last[1]))
        wanted = wanted.where(later)
    if (until := last_instant(moment)) is not None:
        wanted = wanted.where(proposals.c.proposed_at <= until)
    with reader.open_log(moment) as reading:
        rows = [kept(row, asked.runtime.clock()) for row in reading.log.execute(wanted.limit(size + 1))]
        more, rows = len(rows) > size, rows[:size]
        seen = [each.shown for each in rows if exists_for(each, asked.scope, asked.caller)]
        following = encode_cursor(str(rows[-1].shown.proposed_at), rows[-1].shown.approval_id) if more else None
        return reading.answer([each for each in seen if state in {None, each.state}], next=following)


def _propose(runtime: Runtime, caller: Mandate, key: str, act: Act) -> Response:
    """Keep an act for a second person. Raises Problem: command_key_reused, not_found, and what the act raises."""
    name, text = command_key(caller, key), body_text(act.model_dump(mode="json"))
    asked = sha256(f"{act.name} {text}".encode()).hexdigest()
    known = proposed_under(runtime, None, name)
    if known is not None:
        return again(known, asked)
    caught_up(runtime)
    with runtime.ledger.engine.connect() as connection:
        client = client_mandate(connection, act)
        if client is None or not manages(connection, caller, client):
            raise Problem("not_found")
    with writing(runtime.ledger.engine) as connection:  # judged at once: tried, and taken back
        act.perform(connection, Deed(caller.subject, runtime.clock()))
        connection.rollback()
    row = {
        "institution_id": None,
        "act": act.name,
        "body": text,
        "body_sha256": asked,
        "if_match": None,
        "command_key": name,
    }
    return keep(runtime, caller, row)
