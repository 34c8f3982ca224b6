"""Files of schools: contracts (opening stock among them) and lessons, taken in row by row, each with its result."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.answers import json_response
from api.imports.importing import import_rows
from api.imports.report import import_report
from api.imports.rows import read_file
from api.imports.templates import Kind
from api.language import preferred
from api.openapi.uploads import file_operation
from api.parameters import Flag
from api.problems import Problem
from api.problems.mapping import RETRY
from api.routes.commands import DryRun
from api.routes.sending import Sent, add_sending, senders
from api.runtime import Runtime
from api.uploads import file_bodies
from ledger import commands as c

Atomic = Annotated[Flag, Query(description="All rows or none, up to 5,000")]
KINDS: dict[str, tuple[Kind, type[c.Command], str]] = {
    "contract-files": ("contracts", c.RegisterContract, "Register contracts and opening stock from a file"),
    "lesson-files": ("lessons", c.ClaimLessons, "Claim lessons from a file"),
}
"""Noun → what its rows are."""


def import_routes(runtime: Runtime) -> APIRouter:
    """`…/contract-files` and `…/lesson-files`."""
    router = APIRouter(prefix="/v1")
    for noun in KINDS:
        _add(runtime, router, noun)
    return router


def _add(runtime: Runtime, router: APIRouter, noun: str) -> None:
    kind, command, summary = KINDS[noun]
    sender = senders(runtime, command, file_bodies(runtime.settings.max_file_bytes))

    def post(
        request: Request,
        sent: Annotated[Sent, Depends(sender)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
        atomic: Atomic = False,  # noqa: FBT002 - same
    ) -> Response:
        institution_id, poster = sent.institution_id, sent.poster
        file = read_file(kind, sent.data)
        with runtime.in_flight.claim([(institution_id, file.sha256), (institution_id, poster.key)]) as taken:
            if taken:
                raise Problem("command_in_flight", headers=RETRY)
            result = import_rows(runtime.ledger, institution_id, file, poster, atomic=atomic, dry_run=dry_run)
        language = preferred(request.headers.get("accept-language"))
        report = import_report(kind, result, runtime.catalogue, language, dry_run=dry_run, atomic=atomic)
        return json_response(report, 201 if report.recorded else 200)

    description = (
        "CSV or workbook with the headings of the template (`ledger import-… --template`). Every row has its own "
        "result; a corrected file is sent whole again, and no row counts twice."
    )
    name = f"post_{noun.replace('-', '_')[:-1]}"
    add_sending(router, noun, post, file_operation(name, summary, description, "ImportReport", command.by), 201)
