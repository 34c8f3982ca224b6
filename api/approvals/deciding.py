"""The second person: approves or rejects what was proposed; what is approved is recorded once, whatever happens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from sqlalchemy import Connection, Engine, text

from api.approvals.acts import ACTS
from api.approvals.approval import Approval, Kept, find, waiting
from api.approvals.proposing import proposed_command, with_approver
from api.approvals.tables import decisions, insert_once, outcomes
from api.problems import Problem
from api.problems.mapping import RETRY
from api.runtime import Runtime
from api.security.guard import ApprovalExpired, MandatedOrder
from api.security.mandate import Mandate
from api.security.registry import Deed
from api.security.scopes import mandate_of, scope_of
from ledger.commands import COMMANDS
from ledger.identifiers import Role
from ledger.rejections import Rejection, SecondPersonRequired
from ledger.store.failures import OutcomeUnknown, StoreUnavailable

Decision = Literal["approved", "rejected"]


def decide(runtime: Runtime, approval_id: str, caller: Mandate, decision: Decision, reason: str) -> Approval:
    """Say yes or no, once for all: whoever comes first decides. Saying the same again answers the same.

    Raises SecondPersonRequired, ApprovalExpired; Problem: approval_decided, other_person_named,
    proposer_not_in_office; StoreUnavailable and OutcomeUnknown, after which the same decision, sent again, finishes it.
    """
    engine, now = runtime.ledger.engine, runtime.clock()
    with engine.connect() as connection:
        found = _found(connection, approval_id, now)
    if found.shown.decided_by is None:
        _check(found, caller, decision)
        if decision == "approved":
            _check_proposer(runtime, found)
        row = {
            "approval_id": approval_id,
            "decision": decision,
            "decided_by": caller.subject,
            "scope": json.dumps(scope_of(caller), ensure_ascii=False, sort_keys=True),
            "reason": reason,
            "decided_at": now,
        }
        with engine.begin() as connection:
            insert_once(connection, decisions, row)
        with engine.connect() as connection:
            found = _found(connection, approval_id, now)
    said = "rejected" if found.shown.state == "rejected" else "approved"
    if (found.shown.decided_by, said) != (caller.subject, decision):
        raise Problem("approval_decided", {"state": found.shown.state})
    return settle(runtime, found)


def settle(runtime: Runtime, approved: Kept) -> Approval:
    """Record what was approved, if it is not recorded yet. What the record does not allow any more is refused."""
    approval_id = approved.shown.approval_id
    if approved.shown.state != "approved":
        return approved.shown
    with runtime.in_flight.claim([("approval", approval_id)]) as taken:
        if taken:
            raise Problem("command_in_flight", headers=RETRY)
        with _alone(runtime.ledger.engine, approval_id):
            with runtime.ledger.engine.connect() as connection:
                approved = _found(connection, approval_id, runtime.clock())
            if approved.shown.state == "approved":
                _record(runtime, approved)
            with runtime.ledger.engine.connect() as connection:
                return _found(connection, approval_id, runtime.clock()).shown


def resume(runtime: Runtime) -> int:
    """Finish what was approved when a program stopped before it was recorded; how many there were."""
    with runtime.ledger.engine.connect() as connection:
        left = waiting(connection, runtime.clock())
    for each in left:
        with suppress(StoreUnavailable, OutcomeUnknown):  # the next start, or the approver, tries again
            settle(runtime, each)
    return len(left)


def _check(found: Kept, caller: Mandate, decision: Decision) -> None:
    if found.shown.state == "expired":
        raise ApprovalExpired
    if decision == "rejected":  # also by who proposed it: that takes it back
        return
    if caller.subject.casefold() == found.shown.proposed_by.casefold():
        raise SecondPersonRequired(caller.subject)
    named = found.shown.body.get("approved_by") if found.shown.act in COMMANDS else None
    if named not in {None, caller.subject}:
        raise Problem("other_person_named", {"approved_by": named})


def _check_proposer(runtime: Runtime, found: Kept) -> None:
    """Two officers act together: who lost the office since proposing (or the key to a thief) is none any more."""
    directory = runtime.tokens.directory
    standing = None if directory is None else directory.subject(found.shown.proposed_by)
    if standing is None:  # a name that stands in tokens of the command line alone
        return
    mandate = standing.mandate
    still = mandate.role is Role.REGULATOR and mandate.covers_place(found.place, found.district or "")
    if standing.ended or not still:
        raise Problem("proposer_not_in_office", {"subject": found.shown.proposed_by})


def _record(runtime: Runtime, approved: Kept) -> None:
    shown = approved.shown
    if shown.act in ACTS:
        _perform(runtime, approved)
        return
    outcome: dict[str, Any]
    try:
        receipt = runtime.ledger.submit(order_of(approved))
    except Rejection as rejection:
        outcome = {"refused": rejection.code}
    else:
        outcome = {"first_version": receipt.first_version, "last_version": receipt.last_version}
    with runtime.ledger.engine.begin() as connection:
        insert_once(connection, outcomes, {"approval_id": shown.approval_id, "settled_at": runtime.clock(), **outcome})


def order_of(approved: Kept) -> MandatedOrder:
    """The order of an approved command. Its key is the approval's own: no subject's keys look like it."""
    shown = approved.shown
    assert shown.institution_id is not None
    assert shown.decided_by is not None
    order = MandatedOrder(
        institution_id=shown.institution_id,
        command_id=f"approval-{shown.approval_id}",
        command=proposed_command(COMMANDS[shown.act], approved.text),
        actor=shown.proposed_by,
        role=Role.REGULATOR,
        correlation_id=shown.approval_id,
        if_match=shown.if_match,
        mandate=mandate_of(shown.decided_by, Role.REGULATOR, json.loads(approved.scope or "{}")),
        not_after=shown.expires_at,
    )
    return with_approver(order, shown.decided_by)


def _perform(runtime: Runtime, approved: Kept) -> None:
    """An act and its outcome are one transaction, so that it is done once."""
    shown, now = approved.shown, runtime.clock()
    act = ACTS[shown.act].model_validate_json(approved.text)
    refused = ApprovalExpired.code if now > shown.expires_at else None
    deed = Deed(f"{shown.proposed_by} with {shown.decided_by}", now)
    with runtime.ledger.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin immediate")
        if refused is None:
            try:
                with connection.begin_nested():
                    act.perform(connection, deed)
            except Problem as problem:
                refused = problem.code
        insert_once(connection, outcomes, {"approval_id": shown.approval_id, "settled_at": now, "refused": refused})
        connection.commit()


def _found(connection: Connection, approval_id: str, now: int) -> Kept:
    found = find(connection, approval_id, now)
    if found is None:
        raise Problem("not_found")
    return found


@contextmanager
def _alone(engine: Engine, approval_id: str) -> Iterator[None]:
    """No other process settles the same approval meanwhile; SQLite has one server process."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": approval_id})
        yield
