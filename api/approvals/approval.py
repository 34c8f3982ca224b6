"""One approval as it stands, and how it is read from its three tables."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Connection, Row, Select, select

from api.approvals.tables import approvals, decisions, outcomes

State = Literal["pending", "rejected", "expired", "approved", "recorded", "refused"]


class Approval(Struct, frozen=True, kw_only=True):
    """What one officer proposed, and what the second person made of it."""

    approval_id: str
    institution_id: str | None
    """Null for acts that concern no institution."""
    act: str
    """Name of the command, or of the act on the registry of keys."""
    body: dict[str, Any]
    """What was proposed, as it was posted."""
    request_sha256: str
    """Names exactly what was proposed; whoever decides repeats it."""
    if_match: int | None
    proposed_by: str
    proposed_at: int
    expires_at: int
    """After this instant nobody can approve it any more."""
    state: State
    """`approved`: being recorded; `refused`: approved, but the record did not allow it any more."""
    decided_by: str | None
    decided_at: int | None
    reason: str | None
    refused: str | None
    """Code of the rule that refused it after the approval."""
    first_version: int | None
    last_version: int | None
    """Versions of the events in the institution's stream."""


class Kept(Struct, frozen=True, kw_only=True):
    """An approval with what only the inside needs."""

    shown: Approval
    text: str
    """The body as it is stored."""
    command_key: str
    place: str
    district: str | None
    scope: str | None
    """What the second person was an officer for when deciding, as JSON."""


def query() -> Select[Any]:
    """Approvals with their decisions and outcomes."""
    joined = approvals.outerjoin(decisions, decisions.c.approval_id == approvals.c.approval_id).outerjoin(
        outcomes, outcomes.c.approval_id == approvals.c.approval_id
    )
    mine = [each for each in decisions.c if each.name != "approval_id"]
    came = [each for each in outcomes.c if each.name != "approval_id"]
    return select(*approvals.c, *mine, *came).select_from(joined)


def find(connection: Connection, approval_id: str, now: int) -> Kept | None:
    """The approval with this id."""
    row = connection.execute(query().where(approvals.c.approval_id == approval_id)).one_or_none()
    return None if row is None else kept(row, now)


def find_by_key(connection: Connection, institution_id: str | None, command_key: str, now: int) -> Kept | None:
    """The approval that was proposed under this key."""
    same = approvals.c.institution_id.is_not_distinct_from(institution_id)
    row = connection.execute(query().where(approvals.c.command_key == command_key, same)).first()
    return None if row is None else kept(row, now)


def waiting(connection: Connection, now: int, limit: int = 100) -> Sequence[Kept]:
    """What is approved and not settled: a program stopped in between."""
    unsettled = query().where(decisions.c.decision == "approved", outcomes.c.settled_at.is_(None)).limit(limit)
    return [kept(row, now) for row in connection.execute(unsettled)]


def kept(row: Row[Any], now: int) -> Kept:
    """The approval in a row of `query`."""
    shown = Approval(
        approval_id=row.approval_id,
        institution_id=row.institution_id,
        act=row.act,
        body=json.loads(row.body),
        request_sha256=row.body_sha256,
        if_match=row.if_match,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        expires_at=row.expires_at,
        state=_state(row, now),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason or None,
        refused=row.refused,
        first_version=row.first_version,
        last_version=row.last_version,
    )
    return Kept(
        shown=shown,
        text=row.body,
        command_key=row.command_key,
        place=row.place,
        district=row.district,
        scope=row.scope,
    )


def _state(row: Row[Any], now: int) -> State:
    if row.decision is None:
        return "expired" if now > row.expires_at else "pending"
    if row.decision == "rejected":
        return "rejected"
    if row.settled_at is None:
        return "approved"
    return "recorded" if row.refused is None else "refused"
