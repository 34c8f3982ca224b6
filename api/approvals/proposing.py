"""The first person: a command that needs a second one becomes a proposal."""

import json
import secrets
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from api.answers import json_response
from api.approvals.approval import Approval, Kept, find_by_key
from api.approvals.tables import approvals, insert_once
from api.problems import Problem
from api.problems.mapping import RETRY
from api.public import members
from api.runtime import Runtime
from api.security.guard import MandatedOrder
from api.security.mandate import Mandate
from ledger.commands import Command
from ledger.serialization import request_hash

PLACEHOLDER = "second-person"
"""Stands for whoever will approve while a proposal is tried out."""
_DAY = 86_400_000_000


def with_approver(order: MandatedOrder, approver: str) -> MandatedOrder:
    """The order as it is once `approver` has said yes."""
    command = order.command
    if "approved_by" in type(command).model_fields and getattr(command, "approved_by", None) is None:
        command = command.model_copy(update={"approved_by": approver})
    return replace(order, command=command, approved_by=approver)


def propose(runtime: Runtime, order: MandatedOrder) -> Response:
    """Keep the order for a second person: 202 with the approval. The same key and body answer the same.

    It is judged now, so that nobody is asked to approve what cannot be; it is judged afresh when it is approved.
    Raises Problem: command_key_reused, command_in_flight; what `Ledger.preview` raises.
    """
    asked = request_hash(order)
    with runtime.in_flight.claim([(order.institution_id, order.command_id)]) as taken:
        if taken:
            raise Problem("command_in_flight", headers=RETRY)
        known = proposed_under(runtime, order.institution_id, order.command_id)
        if known is None:
            if runtime.ledger.knows_key(order.institution_id, order.command_id):
                raise key_reused(order.command_id)
            runtime.ledger.preview(with_approver(order, PLACEHOLDER))
            row = {
                "institution_id": order.institution_id,
                "act": order.command.name,
                "body": order.command.model_dump_json(by_alias=True, exclude_unset=True),
                "body_sha256": asked,
                "if_match": order.if_match,
                "command_key": order.command_id,
            }
            return keep(runtime, order.mandate, row)
    return again(known, asked)


def keep(runtime: Runtime, proposer: Mandate, row: dict[str, Any]) -> Response:
    """Write a proposal, unless another process was first under the same key."""
    now = runtime.clock()
    proposal = {
        "approval_id": f"a{secrets.token_hex(16)}",
        "place": proposer.jurisdiction or "",
        "district": proposer.district,
        "proposed_by": proposer.subject,
        "proposed_at": now,
        "expires_at": now + runtime.settings.approval_days * _DAY,
        **row,
    }
    with runtime.ledger.engine.begin() as connection:
        written = insert_once(connection, approvals, proposal)
    known = proposed_under(runtime, row["institution_id"], row["command_key"])
    assert known is not None
    return accepted(known.shown) if written else again(known, row["body_sha256"])


def again(known: Kept, asked: str) -> Response:
    """The same answer to the same request. Raises Problem: command_key_reused."""
    if known.shown.request_sha256 != asked:
        raise key_reused(known.command_key)
    return accepted(known.shown, replayed=True)


def proposed_under(runtime: Runtime, institution_id: str | None, command_key: str) -> Kept | None:
    """What was proposed under a key."""
    with runtime.ledger.engine.connect() as connection:
        return find_by_key(connection, institution_id, command_key, runtime.clock())


def refuse_proposed_key(runtime: Runtime, order: MandatedOrder) -> None:
    """Raises command_key_reused where an officer's key stands for a proposal: it names one request for ever."""
    if order.mandate.jurisdiction is None:
        return
    if proposed_under(runtime, order.institution_id, order.command_id) is not None:
        raise key_reused(order.command_id)


def key_reused(command_key: str) -> Problem:
    """The key stands for something else."""
    return Problem("command_key_reused", {"command_id": command_key.partition(".")[2]})


def accepted(approval: Approval, *, replayed: bool = False) -> Response:
    """202: it waits for a second person."""
    headers = {"Location": f"/v1/approvals/{approval.approval_id}"}
    return json_response(members(approval), 202, headers | ({"Idempotency-Replayed": "true"} if replayed else {}))


def body_text(body: object) -> str:
    """A body as it is kept."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def proposed_command(kind: type[Command], text: str) -> Command:
    """The command in a kept body."""
    return kind.model_validate_json(text)
