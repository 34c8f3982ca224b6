"""How a request becomes an order, and its outcome an answer; the same for single commands and batches."""

from starlette.responses import Response

from api.answers import json_response
from api.approvals.proposing import PLACEHOLDER, propose, proposed_under, refuse_proposed_key, with_approver
from api.nouns import DECIDED_FROM_WHAT_WAS_READ, NEEDS_SECOND_PERSON
from api.problems import Problem, problem_of
from api.problems.mapping import RETRY
from api.public import PreviewBody, event_body, receipt_body
from api.runtime import Runtime
from api.security.guard import MandatedOrder
from api.security.mandate import Mandate
from api.vault.letting_go import refuse_what_was_forgotten
from ledger.answers import Receipt
from ledger.commands import Command


def order_of(
    caller: Mandate, institution_id: str, key: str, command: Command, if_match: int | None, signature: str
) -> MandatedOrder:
    """The order of a caller. Its key in the ledger is the caller's own: nobody can use up another's.

    `signature` is what `Signatures.check` gave for the request: a bank's order without one is refused by the guard.
    """
    return MandatedOrder(
        institution_id=institution_id,
        command_id=command_key(caller, key),
        command=command,
        actor=caller.subject,
        role=caller.role,
        guardian_id=caller.guardian_id,
        if_match=if_match,
        signature=signature,
        mandate=caller,
    )


def command_key(caller: Mandate, key: str) -> str:
    """The key in the ledger; subjects hold no dot, so that no two pairs make the same."""
    return f"{caller.subject}.{key}"


def submit(runtime: Runtime, order: MandatedOrder) -> Response:
    """Record the order, keep it for a second person, or answer as before.

    Raises Problem, Rejection, StoreUnavailable, OutcomeUnknown.
    """
    if type(order.command) in DECIDED_FROM_WHAT_WAS_READ and order.if_match is None:
        _known_or(runtime, order, Problem("if_match_required"))
    if type(order.command) in NEEDS_SECOND_PERSON:
        return propose(runtime, order)
    refuse_proposed_key(runtime, order)
    refuse_what_was_forgotten(runtime, order)
    with runtime.in_flight.claim([(order.institution_id, order.command_id)]) as taken:
        if taken:
            raise Problem("command_in_flight", headers=RETRY)
        try:
            receipt = runtime.ledger.submit(order)
        except Exception as error:
            count(runtime, order.command, problem_of(error).code)
            raise
    count(runtime, order.command, "replayed" if receipt.replayed else "recorded")
    return json_response(receipt_body(receipt, runtime.log_name), 201, _headers(receipt))


def preview(runtime: Runtime, order: MandatedOrder) -> Response:
    """What the order would record now. Raises like `submit`."""
    tried = with_approver(order, PLACEHOLDER) if type(order.command) in NEEDS_SECOND_PERSON else order
    events = runtime.ledger.preview(tried)
    return json_response(PreviewBody(order.institution_id, True, [event_body(each, dry=True) for each in events]))


def refuse_body(runtime: Runtime, caller: Mandate, institution_id: str | None, key: str, malformed: Problem) -> Problem:
    """Why a body is refused: a known key goes before what is wrong with the body."""
    name = command_key(caller, key)
    if institution_id is not None and (
        runtime.ledger.knows_key(institution_id, name) or proposed_under(runtime, institution_id, name)
    ):
        return Problem("command_key_reused", {"command_id": key})
    return malformed


def count(runtime: Runtime, command: Command, outcome: str) -> None:
    """Count one command by its outcome."""
    runtime.metrics.commands.labels(command.name, outcome).inc()


def _known_or(runtime: Runtime, order: MandatedOrder, problem: Problem) -> None:
    known = proposed_under(runtime, order.institution_id, order.command_id)
    if not known and not runtime.ledger.knows_key(order.institution_id, order.command_id):
        raise problem


def _headers(receipt: Receipt) -> dict[str, str]:
    headers = {
        "ETag": f'"{receipt.last_version}"',
        "Location": f"/v1/escrows/{receipt.institution_id}/events/{receipt.first_version}",
    }
    return headers | ({"Idempotency-Replayed": "true"} if receipt.replayed else {})
