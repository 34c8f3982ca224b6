"""Packs as downloads: what the families of an institution are owed, and what proves the figures."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from api.openapi.operations import content, read_operation
from api.packs.evidence import Subject, write_evidence_pack
from api.packs.resolution import Asked as AskedPack
from api.packs.resolution import write_resolution_pack
from api.parameters import IdPath, InstitutionPath, OptionalDay, known_query
from api.reads.asked import Asked
from api.reads.contracts import require_contract
from api.routes.reading import EVERYBODY, OFFICIALS, Readings
from api.runtime import Runtime
from api.security.access_log import About, purpose_of, trace_of
from api.security.callers import readers
from ledger.identifiers import Role

PROVERS = (*OFFICIALS, Role.BANK, Role.INSTITUTION)
"""Who may read every event of an institution, and so have them as a pack."""
ZIP = "application/zip"
_IN_MEMORY = 4 * 1024 * 1024
_CHUNK = 64 * 1024
On = Annotated[OptionalDay, Query(description="Overdue is what should have been paid before this day; today if absent")]


def pack_routes(runtime: Runtime) -> APIRouter:
    """`…/resolution-pack`, `…/evidence-pack` of an institution and of a contract."""
    readings = Readings(runtime)
    _add(readings, "/escrows/{institution_id}/resolution-pack", _resolution(readings), OFFICIALS)
    _add(readings, "/escrows/{institution_id}/evidence-pack", _evidence(readings), PROVERS)
    path = "/escrows/{institution_id}/contracts/{contract_id}/evidence-pack"
    _add(readings, path, _evidence_of_contract(readings), EVERYBODY)
    return readings.router


def _add(readings: Readings, path: str, endpoint: Callable[..., Response], roles: tuple[Role, ...]) -> None:
    summary = (endpoint.__doc__ or "").rstrip(".")
    operation = read_operation(f"get_{endpoint.__name__}", summary, {}, roles)
    operation["responses"][200]["content"] = content({"type": "string", "format": "binary"}, ZIP)
    checks = [Depends(readers(readings.runtime.tokens, roles)), Depends(known_query)]
    readings.router.add_api_route(path, endpoint, methods=["GET"], dependencies=checks, **operation)


def _resolution(readings: Readings) -> Callable[..., Response]:
    asking = readings.asked_by(OFFICIALS)

    def resolution_pack(institution_id: InstitutionPath, asked: Asked = asking, on: On = None) -> Response:
        """For every family of an institution what it paid, used and is owed, why, by when and from where."""
        asked.escrow(institution_id)
        _note(asked, "get_resolution_pack", institution_id)
        day: date = on or asked.moment.as_of or asked.today
        pack = AskedPack(institution_id, day, asked.moment)
        reader = readings.runtime.reader
        return _sent(f"resolution-{institution_id}", lambda file: write_resolution_pack(reader, pack, file))

    return resolution_pack


def _evidence(readings: Readings) -> Callable[..., Response]:
    asking = readings.asked_by(PROVERS)

    def evidence_pack(institution_id: InstitutionPath, asked: Asked = asking) -> Response:
        """What proves the figures of an institution: events, computation, bank lines, double entries."""
        asked.escrow(institution_id)
        _note(asked, "get_evidence_pack", institution_id)
        subject = Subject(institution_id, moment=asked.moment)
        return _sent(
            f"evidence-{institution_id}", lambda file: write_evidence_pack(readings.runtime.reader, subject, file)
        )

    return evidence_pack


def _evidence_of_contract(readings: Readings) -> Callable[..., Response]:
    runtime, asking = readings.runtime, readings.asked_by(EVERYBODY)

    def evidence_pack_of_contract(
        institution_id: InstitutionPath, contract_id: IdPath, asked: Asked = asking
    ) -> Response:
        """What proves the figures of a contract: events, computation, bank lines, double entries, proofs."""
        require_contract(asked, institution_id, contract_id)
        _note(asked, "get_evidence_pack_of_contract", institution_id, contract_id)
        officials = asked.caller.role in PROVERS
        subject = Subject(institution_id, contract_id, asked.moment, surroundings=officials)
        engine = runtime.ledger.engine if runtime.notary is not None else None
        return _sent(f"evidence-{contract_id}", lambda file: write_evidence_pack(runtime.reader, subject, file, engine))

    return evidence_pack_of_contract


def _note(asked: Asked, what: str, institution_id: str, contract_id: str | None = None) -> None:
    """A pack is a read of families' data: it is written down before it leaves."""
    about = About(what=what, institution_id=institution_id, contract_id=contract_id)
    request = asked.request
    asked.runtime.access_log.note(asked.caller, [about], purpose=purpose_of(request), trace_id=trace_of(request))


def _sent(name: str, write: Callable[[IO[bytes]], Any]) -> Response:
    """A pack as a download. It is complete before the first byte leaves, so that an error can still be told."""
    file: Any = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    try:
        write(file)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "Content-Length": str(size)}
    return StreamingResponse(_chunks(file), headers=headers, media_type=ZIP)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
