"""Up to 1,000 commands in one request: all or none, or each for itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.answers import json_response
from api.approvals.proposing import refuse_proposed_key
from api.bodies import json_body
from api.documents import checked_model, escaped, invalid, read_document
from api.language import Language, preferred
from api.openapi.operations import batch_operation
from api.parameters import idempotency_key, known_query
from api.problems import FieldError, Problem, problem_of
from api.problems.mapping import RETRY
from api.problems.problem import ProblemBody, body_of
from api.public import ReceiptBody, receipt_body
from api.runtime import Runtime
from api.security.callers import callers
from api.security.guard import MandatedOrder
from api.security.mandate import Mandate
from api.submission import count, order_of, refuse_body
from api.vault.letting_go import refuse_what_was_forgotten
from ledger.answers import Answer, BatchRefused, Receipt
from ledger.commands import COMMANDS, MAX_COUNT
from ledger.identifiers import Id
from ledger.rejections import Rejection, RoleNotAllowed

MAX_ITEMS = 1000
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class BatchItem(BaseModel):
    """One command of a batch."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    institution_id: Id
    command: Annotated[str, Field(json_schema_extra={"enum": sorted(COMMANDS)})]
    """Name of the command, for example `record_deposit`."""
    body: dict[str, Any]
    """What would be posted to the command's own address (for `open_escrow` without `institution_id`)."""
    idempotency_key: Key | None = None
    """The key of the batch, a dot and the index of the item, when left out."""
    if_match: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    """Version of the stream from which the caller decided."""


class Batch(BaseModel):
    """Commands in the order in which they happen."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    atomic: bool = False
    """All or none, also across institutions."""
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_ITEMS)]


class ItemOutcome(msgspec.Struct, omit_defaults=True):
    """What became of one item: a receipt, or a problem."""

    index: int
    status: int
    receipt: ReceiptBody | None = None
    replayed: bool = False
    problem: ProblemBody | None = None


class BatchOutcome(msgspec.Struct):
    """What became of every item, in order."""

    atomic: bool
    recorded: int
    """Items that are recorded, now or before."""
    refused: int
    items: list[ItemOutcome]


@dataclass(frozen=True, slots=True)
class Poster:
    """Who posts a batch, and the signature over the whole of it."""

    mandate: Mandate
    signature: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item on its way: an order, or why there is none."""

    index: int
    order: MandatedOrder | None = None
    problem: Problem | None = None


def batch_routes(runtime: Runtime) -> APIRouter:
    """`POST /v1/batches`."""
    router = APIRouter(prefix="/v1")
    caller_of = callers(runtime.tokens)

    def post(
        request: Request,
        caller: Annotated[Mandate, Depends(caller_of)],
        raw: Annotated[bytes, Depends(json_body)],
    ) -> Response:
        key, language = idempotency_key(request), preferred(request.headers.get("accept-language"))
        poster = Poster(caller, runtime.signatures.check(request, caller, raw))
        document = read_document(raw)
        batch = checked_model(Batch, document, raw)
        items = [_item(runtime, poster, key, index, each) for index, each in enumerate(batch.items)]
        answers = _answers(runtime, items, atomic=batch.atomic)
        outcomes = [_outcome(runtime, item, answers, language) for item in items]
        recorded = sum(each.receipt is not None for each in outcomes)
        return json_response(BatchOutcome(batch.atomic, recorded, len(outcomes) - recorded, outcomes))

    router.add_api_route(
        "/batches",
        post,
        methods=["POST"],
        dependencies=[Depends(caller_of), Depends(known_query)],
        **batch_operation(Batch),
    )
    return router


def _item(runtime: Runtime, poster: Poster, batch_key: str, index: int, item: BatchItem) -> Item:
    caller = poster.mandate
    key = item.idempotency_key or f"{batch_key}.{index}"
    at = f"/items/{index}"
    kind = COMMANDS.get(item.command)
    if kind is None:
        return Item(index, problem=invalid([FieldError("unknown_command", f"{at}/command")]))
    if caller.role not in kind.by:
        return Item(index, problem=problem_of(RoleNotAllowed(kind.name, caller.role.value)))
    try:
        command = checked_model(kind, item.body, at=f"{at}/body")
    except Problem as malformed:
        return Item(index, problem=refuse_body(runtime, caller, item.institution_id, key, malformed))
    order = order_of(caller, item.institution_id, key, command, item.if_match, poster.signature)
    try:
        refuse_proposed_key(runtime, order)
        refuse_what_was_forgotten(runtime, order)
    except (Problem, Rejection) as refused:
        return Item(index, problem=problem_of(refused))
    return Item(index, order)


def _answers(runtime: Runtime, items: list[Item], *, atomic: bool) -> dict[int, Answer | Problem]:
    """The answer to each item. Raises batch_refused where one item of an atomic batch is refused."""
    if atomic:
        _refuse_together((item.index, item.problem) for item in items if item.problem is not None)
    ready = [(item.index, item.order) for item in items if item.order is not None]
    with runtime.in_flight.claim((order.institution_id, order.command_id) for _, order in ready) as taken:
        busy = {i for i, order in ready if (order.institution_id, order.command_id) in taken}
        if atomic and busy:
            raise Problem("command_in_flight", headers=RETRY)
        free = [(index, order) for index, order in ready if index not in busy]
        given = runtime.ledger.submit_all([order for _, order in free], atomic=atomic)
    if atomic:
        _refuse_together(
            (index, problem_of(answer))
            for (index, _), answer in zip(free, given, strict=True)
            if isinstance(answer, Exception) and not isinstance(answer, BatchRefused)
        )
    answers: dict[int, Answer | Problem] = dict.fromkeys(busy, Problem("command_in_flight"))
    return answers | {index: answer for (index, _), answer in zip(free, given, strict=True)}


def _refuse_together(refused: Iterator[tuple[int, Problem]]) -> None:
    """Raises batch_refused, naming what was refused, if anything was."""
    errors = [
        error
        for index, problem in refused
        for error in problem.errors or (FieldError(problem.code, f"/items{escaped(index)}"),)
    ]
    if errors:
        first = int((errors[0].pointer or "").split("/")[2])
        raise Problem("batch_refused", {"culprit": first}, tuple(errors[:50]))


def _outcome(runtime: Runtime, item: Item, answers: dict[int, Answer | Problem], language: Language) -> ItemOutcome:
    answer = item.problem or answers[item.index]
    if isinstance(answer, Receipt):
        if item.order is not None:
            count(runtime, item.order.command, "replayed" if answer.replayed else "recorded")
        return ItemOutcome(item.index, 201, receipt_body(answer, runtime.log_name), answer.replayed)
    problem = problem_of(answer)
    if item.order is not None:
        count(runtime, item.order.command, problem.code)
    return ItemOutcome(item.index, problem.status, problem=body_of(problem, runtime.catalogue, language))
