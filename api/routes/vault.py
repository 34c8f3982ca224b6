"""The vault over HTTP: ids of people, what is kept of them, look-ups, forgetting. Nothing personal stands in a URL."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from api.answers import json_response
from api.bodies import json_body
from api.documents import read_model
from api.openapi.operations import problems, read_operation, ref
from api.openapi.persons import vault_operation
from api.parameters import Flag, IdPath, idempotency_key, known_query
from api.problems import Problem
from api.problems.mapping import escrow_unknown
from api.public import members, rfc3339
from api.reads.asked import caught_up
from api.reads.scope import Scope
from api.runtime import Runtime
from api.security.access_log import About, purpose_of, trace_of
from api.security.callers import readers
from api.security.limits import throttle_of
from api.security.mandate import Mandate
from api.submission import command_key
from api.vault.access import has_contract, may_read
from api.vault.contracts import contracts_of
from api.vault.forgetting import forget
from api.vault.letting_go import mandated, tools_of
from api.vault.person import FIELDS, Entry, Person, mask
from ledger.identifiers import Id, Role
from ledger.rejections import SubjectIsForgotten

READERS = (Role.REGULATOR, Role.MEDIATOR, Role.INSTITUTION, Role.GUARDIAN)
WRITERS = (Role.INSTITUTION,)
SEARCHERS = (Role.REGULATOR, Role.MEDIATOR)
FORGETTERS = (Role.REGULATOR, Role.INSTITUTION)
MOST_FOUND = 20
Reveal = Annotated[Flag, Query(description="Unmasked; the header Purpose says why")]
Body = Annotated[bytes, Depends(json_body)]


class NewSubject(BaseModel):
    """A person of an institution's families gets a random id."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    institution_id: Id


class Lookup(BaseModel):
    """An exact search for a person."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    field: Literal["name", "phone", "account_no", "id_number"]
    value: Entry
    """The whole of it; spaces, width and a country code make no difference."""


class Forgetting(BaseModel):
    """A person is to be forgotten."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class Minted(msgspec.Struct):
    """A new id; it goes into contracts as guardian_id or student_id."""

    subject_id: str
    institution_id: str


class SubjectShown(msgspec.Struct):
    """What is kept of a person."""

    subject_id: str
    institution_id: str | None
    """Where the person was entered."""
    masked: bool
    person: dict[str, str | None]


class FoundContract(msgspec.Struct):
    """A contract that names the person."""

    institution_id: str
    contract_id: str


class FoundSubject(msgspec.Struct):
    """Somebody who was looked for."""

    subject_id: str
    contracts: list[FoundContract]


class Found(msgspec.Struct):
    """Those with exactly this text in this field who exist for the caller, 20 at most: a name may need a phone."""

    subjects: list[FoundSubject]


class Forgotten(msgspec.Struct):
    """Whose key and fields are destroyed."""

    subject_id: str
    forgotten_at: str
    institutions: list[str]
    """Those that let go."""


def vault_routes(runtime: Runtime) -> APIRouter:
    """`/v1/subjects`, one of them, `/v1/subject-lookups`."""
    router, path = APIRouter(prefix="/v1"), "/subjects/{subject_id}"
    one = read_operation("get_subject", "What is kept of a person", ref("SubjectShown"), READERS)
    one["responses"] |= problems(409)

    def add(method: str, where: str, endpoint: Callable[..., Any], roles: tuple[Role, ...], **told: Any) -> None:  # noqa: ANN401 - what FastAPI takes
        checks = [Depends(readers(runtime.tokens, roles)), Depends(known_query)]
        router.add_api_route(where, endpoint, methods=[method], dependencies=checks, **told)

    add(
        "POST",
        "/subjects",
        _minting(runtime),
        WRITERS,
        **vault_operation("mint_subject", NewSubject, "Minted", WRITERS, 201),
    )
    add(
        "PUT",
        path,
        _keeping(runtime),
        WRITERS,
        **vault_operation("keep_subject", Person, "SubjectShown", WRITERS, key=False),
    )
    add("GET", path, _reading(runtime), READERS, **one)
    told = vault_operation("look_up_subject", Lookup, "Found", SEARCHERS, key=False)
    add("POST", "/subject-lookups", _searching(runtime), SEARCHERS, **told)
    told = vault_operation("forget_person", Forgetting, "Forgotten", FORGETTERS)
    add("POST", f"{path}/forgetting", _forgetting(runtime), FORGETTERS, **told)
    return router


def _minting(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, WRITERS))

    def mint(request: Request, raw: Body, caller: Mandate = caller_of) -> Response:
        key, asked = idempotency_key(request), read_model(NewSubject, raw)
        if asked.institution_id not in caller.institutions:
            raise escrow_unknown(asked.institution_id)
        name = command_key(caller, key)
        subject_id = runtime.vault.mint(asked.institution_id, caller.subject, name)
        known = runtime.vault.find(subject_id)
        if known is None or known.institution_id != asked.institution_id:
            raise Problem("command_key_reused", {"command_id": key})
        return json_response(Minted(subject_id, asked.institution_id), 201)

    return mint


def _keeping(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, WRITERS))

    def keep(subject_id: IdPath, raw: Body, caller: Mandate = caller_of) -> Response:
        person, known = read_model(Person, raw), runtime.vault.find(subject_id)
        adopted_by = None
        if known is None:
            caught_up(runtime)
            adopter = has_contract(runtime, caller, subject_id)
            if adopter is None:
                raise Problem("not_found")
            adopted_by = (adopter, caller.subject)
        elif not may_read(runtime, caller, subject_id, known):
            raise Problem("not_found")
        runtime.vault.keep(subject_id, person, adopted_by=adopted_by)
        home = adopted_by[0] if adopted_by else known.institution_id if known else None
        return json_response(_shown(subject_id, home, person, reveal=False))

    return keep


def _reading(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, READERS))

    def subject(
        request: Request,
        subject_id: IdPath,
        reveal: Reveal = False,  # noqa: FBT002 - a query parameter
        caller: Mandate = caller_of,
    ) -> Response:
        caught_up(runtime)
        known = runtime.vault.find(subject_id)
        if known is None or not may_read(runtime, caller, subject_id, known):
            raise Problem("not_found")
        purpose = purpose_of(request)
        if reveal and purpose is None and caller.role is not Role.GUARDIAN:
            raise Problem("purpose_missing")
        person = runtime.vault.read(subject_id)
        what = "get_subject revealed" if reveal else "get_subject masked"
        about = About(what=what, institution_id=known.institution_id, subject_id=subject_id)
        runtime.access_log.note(caller, [about], purpose=purpose, trace_id=trace_of(request))
        return json_response(_shown(subject_id, known.institution_id, person, reveal=reveal))

    return subject


def _searching(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, SEARCHERS))

    def look_up(request: Request, raw: Body, caller: Mandate = caller_of) -> Response:
        asked = read_model(Lookup, raw)
        if (throttle := throttle_of(request)) is not None:
            throttle.lookup(caller.subject)
        caught_up(runtime)
        scope, found, seen = Scope(runtime.reader, caller), [], []
        for subject_id in runtime.vault.look_up(asked.field, asked.value):
            known = runtime.vault.find(subject_id)
            if not may_read(runtime, caller, subject_id, known):
                continue
            seen.append(known)
            contracts = [
                FoundContract(institution_id, contract_id)
                for institution_id, ids in contracts_of(runtime.reader, subject_id).items()
                if scope.institution(institution_id) is not None
                for contract_id in ids
            ]
            found.append(FoundSubject(subject_id, contracts))
            if len(found) == MOST_FOUND:
                break
        what = f"look_up_subject {asked.field}"
        abouts = [
            About(what=what, subject_id=each.subject_id, institution_id=each.institution_id) for each in seen if each
        ]
        purpose = purpose_of(request)
        runtime.access_log.note(caller, abouts or [About(what=what)], purpose=purpose, trace_id=trace_of(request))
        return json_response(Found(found))

    return look_up


def _forgetting(runtime: Runtime) -> Callable[..., Response]:
    caller_of = Depends(readers(runtime.tokens, FORGETTERS))

    def forget_person(
        request: Request,
        subject_id: IdPath,
        raw: Body,
        caller: Mandate = caller_of,
    ) -> Response:
        idempotency_key(request)  # asked for like everywhere; a person is forgotten once
        read_model(Forgetting, raw)
        caught_up(runtime)
        known = runtime.vault.find(subject_id)
        if known is None or not may_read(runtime, caller, subject_id, known):
            raise Problem("not_found")
        try:
            institutions = forget(tools_of(runtime), subject_id, mandated(caller), caller.subject)
        except LookupError:
            raise Problem("not_found") from None
        gone = runtime.vault.find(subject_id)
        if gone is None or gone.forgotten_at is None:
            raise SubjectIsForgotten(subject_id)
        return json_response(Forgotten(subject_id, rfc3339(gone.forgotten_at), institutions))

    return forget_person


def _shown(subject_id: str, institution_id: str | None, person: Person, *, reveal: bool) -> dict[str, Any]:
    given = person.model_dump()
    shown = {name: text if reveal or text is None else mask(name, text) for name in FIELDS for text in [given[name]]}
    return members(SubjectShown(subject_id, institution_id, masked=not reveal, person=shown))
