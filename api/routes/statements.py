"""Files of the bank taken in over HTTP: previewed, or committed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.answers import json_response
from api.bankfiles.amounts import read_amount
from api.bankfiles.filing import Filing, commit_file, preview_file
from api.bankfiles.layouts import PLACES, Profile, named_profile, shipped
from api.bankfiles.parties import Parties
from api.bankfiles.preview import Stated
from api.bankfiles.reading import read_statements
from api.bankfiles.report import FileReport
from api.openapi.uploads import file_operation
from api.parameters import Flag
from api.problems import FieldError, Problem
from api.problems.mapping import RETRY
from api.routes.commands import DryRun
from api.routes.sending import Sent, add_sending, senders
from api.runtime import Runtime
from api.settings import SettingMissing, party_key
from api.uploads import file_bodies
from ledger import commands as c

SHOWN = 1_000
Layout = StrEnum("Layout", {name: name for name in shipped()})  # type: ignore[misc] # its names are known at run time
ProfileName = Annotated[
    Layout | None, Query(description="A shipped layout, in place of columns; without either the file is recognised")
]
_COLUMN = rf"({'|'.join(PLACES)})=[^,]+"
ColumnNames = Annotated[
    str | None,
    Query(
        max_length=1000,
        pattern=f"^{_COLUMN}(,{_COLUMN})*$",
        description=f"PLACE=HEADING, comma-separated: {', '.join(PLACES)}. "
        "At least booked_on, and amount or both credit and debit",
    ),
]
Dates = Annotated[str, Query(max_length=40, description="strptime pattern of the dates, with columns")]
Yuan = Annotated[
    str | None, Query(pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,2})?$", description="In yuan, where the file has none")
]
Checked = Annotated[Flag, Query(description="The file is of this account, whatever it says")]


@dataclass(frozen=True)
class Told:
    """What the sender says beyond the file."""

    layout: Profile | None
    stated: Stated


def _told(
    profile: ProfileName = None,
    columns: ColumnNames = None,
    dates: Dates = "",
    opening: Yuan = None,
    closing: Yuan = None,
    account_checked: Checked = False,  # noqa: FBT002 - a query parameter
) -> Told:
    """Raises Problem invalid_parameters."""
    stated = Stated(_fen(opening), _fen(closing), account_checked)
    return Told(_layout(profile, columns, dates), stated)


def statement_routes(runtime: Runtime) -> APIRouter:
    """`…/statement-files`."""
    router = APIRouter(prefix="/v1")
    sender = senders(runtime, c.RecordStatement, file_bodies(runtime.settings.max_file_bytes))

    def post_statement_file(
        sent: Annotated[Sent, Depends(sender)],
        told: Annotated[Told, Depends(_told)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        statements = read_statements(sent.data, _parties(runtime), told.layout)
        filing = Filing(runtime.ledger, sent.institution_id, sent.poster, told.stated)
        if dry_run:
            return json_response(preview_file(filing, statements))
        with runtime.in_flight.claim(
            [(sent.institution_id, statements[0].sha256), (sent.institution_id, sent.poster.key)]
        ) as taken:
            if taken:
                raise Problem("command_in_flight", headers=RETRY)
            report = commit_file(filing, statements)
        return json_response(report, 201 if _recorded(report) else 200)

    add_sending(
        router,
        "statement-files",
        post_statement_file,
        file_operation(
            "post_statement_file",
            "Take in a statement or notification of the custodian bank",
            "A camt.053 or camt.054 message, MT940, CSV or workbook as it is. `dry_run` previews what every line would "
            "become. A file that was sent before changes nothing.",
            "FileReport",
            c.RecordStatement.by,
        ),
        201,
    )
    return router


def _parties(runtime: Runtime) -> Parties:
    try:
        return Parties(party_key(runtime.settings))
    except SettingMissing as missing:
        raise Problem("not_configured", {"variable": missing.variable}) from None


def _layout(name: Layout | None, columns: str | None, dates: str) -> Profile | None:
    """Raises Problem invalid_parameters."""
    if name is not None and columns is not None:
        raise _contradictory("profile")
    if columns is None:
        return None if name is None else shipped()[name.value]
    places: dict[str, list[str]] = {}
    for each in columns.split(","):
        place, _, heading = each.partition("=")
        places.setdefault(place.strip(), []).append(heading.strip())
    try:
        return named_profile(places, date=dates)
    except ValueError:
        raise _contradictory("columns") from None


def _fen(yuan: str | None) -> int | None:
    return None if yuan is None else read_amount(yuan)


def _contradictory(name: str) -> Problem:
    return Problem("invalid_parameters", {"count": 1}, (FieldError("contradictory", parameter=name),))


def _recorded(report: FileReport) -> bool:
    return any(each.committed is not None and each.committed.booked for each in report.statements)
