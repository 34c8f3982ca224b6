"""What lets others check the log without believing it: checkpoints, proofs of events and statements, the key."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.openapi.operations import content, problems, public_operation, read_operation
from api.parameters import IdPath, InstitutionPath, OptionalDay, known_query
from api.problems import Problem
from api.reads.asked import Asked, freshened
from api.reads.contracts import require_contract
from api.reads.noted import note_read
from api.reads.scope import Scope
from api.routes.events import VersionPath, noted_event, shown_event
from api.routes.reading import EVERYBODY, STAFF, Readings
from api.runtime import Runtime
from api.security.callers import readers
from api.security.mandate import Mandate
from ledger.identifiers import Role
from ledger.log.proving import NotSealed, NotYetSigned, prove_event, prove_statement
from ledger.log.standing import newest_checkpoint, newest_directory
from ledger.store.epochs import current_epoch

TEXT = "text/plain"
JSON = "application/json"
OnDay = Annotated[OptionalDay, Query(description="The sealed day; the newest where left out")]


def proof_routes(runtime: Runtime) -> APIRouter:
    """Checkpoints, proofs, and the verifier key of this ledger."""
    router = APIRouter()
    escrow, event = "/v1/escrows/{institution_id}", "/v1/escrows/{institution_id}/events/{version}"

    def add(path: str, endpoint: Callable[..., Any], summary: str, roles: Sequence[Role], kind: str = TEXT) -> None:
        operation = read_operation(f"get_{endpoint.__name__}", summary, {}, roles)
        operation["responses"][200]["content"] = content({"type": "object" if kind == JSON else "string"}, kind)
        checks = [Depends(readers(runtime.tokens, roles)), Depends(known_query)]
        router.add_api_route(path, endpoint, methods=["GET"], dependencies=checks, **operation)

    add(f"{escrow}/checkpoint", _checkpoint(runtime), "The newest signed checkpoint of an institution's log", STAFF)
    add("/v1/checkpoints/directory", _directory(runtime), "The newest signed checkpoint of the directory", STAFF)
    add(f"{event}/proof", _proof(runtime), "The .tlog-proof of one event", EVERYBODY)
    add(f"{event}/stored", _stored(runtime), "The exact stored text of one event", EVERYBODY, JSON)
    path = f"{escrow}/contracts/{{contract_id}}/statement-proof"
    add(path, _statement(runtime), "One family's figure under a sealed day", EVERYBODY, JSON)
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "The key", "content": content({"type": "string"}, TEXT)}
    }
    router.add_api_route(
        "/verification-key",
        _key(runtime),
        methods=["GET"],
        dependencies=[Depends(known_query)],
        **public_operation("get_verification_key", "The key that signs checkpoints", answers | problems(404, 422)),
    )
    return router


def _note(runtime: Runtime, text: str) -> Response:
    """A signed note, beside the epoch that it belongs to."""
    return Response(text, headers={"Ledger-Epoch": current_epoch(runtime.ledger.engine).name}, media_type=TEXT)


def _checkpoint(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, STAFF))

    def checkpoint(institution_id: InstitutionPath, caller: Mandate = caller_of) -> Response:
        freshened(runtime, institution_id)
        Scope(runtime.reader, caller).require(institution_id)
        try:
            return _note(runtime, newest_checkpoint(runtime.ledger.engine, institution_id))
        except NotYetSigned:
            raise _unsigned(institution_id) from None

    return checkpoint


def _directory(runtime: Runtime) -> Callable[..., Response]:
    def directory_checkpoint() -> Response:
        try:
            return _note(runtime, newest_directory(runtime.ledger.engine))
        except NotYetSigned:
            raise _unsigned("directory") from None

    return directory_checkpoint


def _proof(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, EVERYBODY))

    def event_proof(institution_id: InstitutionPath, version: VersionPath, caller: Mandate = caller_of) -> Response:
        found = shown_event(runtime, caller, institution_id, int(version))
        try:
            return _note(runtime, prove_event(runtime.ledger.engine, institution_id, found.version))
        except NotYetSigned:
            raise _unsigned(f"{institution_id}/{found.version}") from None

    return event_proof


def _stored(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, EVERYBODY))

    def stored_event(
        request: Request, institution_id: InstitutionPath, version: VersionPath, caller: Mandate = caller_of
    ) -> Response:
        found = noted_event(runtime, request, caller, institution_id, int(version))
        return Response(found.state, headers={"Ledger-Topic": found.topic}, media_type=JSON)

    return stored_event


def _statement(runtime: Runtime) -> Callable[..., Response]:
    asker = Readings(runtime).asked_by(EVERYBODY)

    def statement_proof(
        institution_id: InstitutionPath, contract_id: IdPath, asked: Asked = asker, on: OnDay = None
    ) -> Response:
        require_contract(asked, institution_id, contract_id)
        try:
            proof = prove_statement(runtime.ledger.engine, institution_id, f"contract {contract_id}", on)
        except NotSealed:
            raise Problem("not_sealed", {"contract_id": contract_id}) from None
        except NotYetSigned:
            raise _unsigned(institution_id) from None
        note_read(asked)
        return Response(proof.encode(), media_type=JSON)

    return statement_proof


def _key(runtime: Runtime) -> Callable[..., Response]:
    def verification_key() -> Response:
        if runtime.notary is None:
            raise Problem("not_found")
        return Response(runtime.notary.key.public().text() + "\n", media_type=TEXT)

    return verification_key


def _unsigned(subject: str) -> Problem:
    return Problem("not_yet_signed", {"subject": subject})
