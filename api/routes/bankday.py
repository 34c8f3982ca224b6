"""The bank's day over HTTP: release and refund runs, their payment files, what became of them, the end of the day."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.answers import json_response
from api.bankday.answers import StatusLineBody, day_end_body, run_body, status_bodies
from api.bankday.ending import end_day
from api.bankday.numbers import FILE_ID_PATTERN, Kind, file_id, read_file_id
from api.bankday.payees import READERS, PayeeBook, Payees
from api.bankday.payments import PaymentFile
from api.bankday.plans import Ask
from api.bankday.recorded import find_file
from api.bankday.reports import read_report
from api.bankday.runs import run_payments
from api.bankday.statuses import import_statuses
from api.bankday.writing import Format, rendered
from api.bankfiles.parties import Parties
from api.documents import read_model
from api.keeping import require_covered
from api.openapi.uploads import file_operation, payment_file_operation, run_operation
from api.parameters import Flag, InstitutionPath, known_query
from api.problems import Problem
from api.problems.mapping import RETRY
from api.routes.commands import DryRun
from api.routes.sending import Sent, add_sending, senders
from api.runtime import Runtime
from api.security.access_log import purpose_of, trace_of
from api.security.callers import readers
from api.security.mandate import Mandate
from api.settings import SettingMissing, party_key
from api.uploads import file_bodies
from api.vault.masters import VaultLocked
from ledger import commands as c
from ledger.identifiers import Role

RELEASING = (Role.INSTITUTION, Role.REGULATOR)
REFUNDING = (Role.BANK, Role.REGULATOR)
ENDING = (Role.REGULATOR,)
FILING = (Role.AUDITOR, Role.BANK, Role.INSTITUTION, Role.REGULATOR)
MEDIA_TYPES: dict[Format, str] = {"pain.001": "application/xml", "csv": "text/csv"}
Accounts = Annotated[Flag, Query(description="Payees by account where the vault knows it; the header Purpose says why")]
FilePath = Annotated[str, Path(pattern=FILE_ID_PATTERN, description="Id of the payment file")]


class PaymentRun(BaseModel):
    """Pay what may be paid on a day."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    date: date
    run: Annotated[int, Field(ge=1, le=99)] = 1
    """Number of the run on this day; a run that is recorded is over."""


class DayEnding(BaseModel):
    """End a day."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    date: date
    statements: bool = True
    """Whether the seal commits to what each family has, beside the balances."""


class StatusFileBody(Struct, frozen=True):
    """What became of the lines of a report."""

    dry_run: bool
    lines: list[StatusLineBody]


def bankday_routes(runtime: Runtime) -> APIRouter:
    """`…/release-runs`, `…/refund-runs`, `…/payment-files`, `…/payment-status-files`, `…/end-of-day`."""
    router = APIRouter(prefix="/v1")
    _payment_runs(runtime, router, "release")
    _payment_runs(runtime, router, "refund")
    _payment_files(runtime, router)
    _status_files(runtime, router)
    _end_of_day(runtime, router)
    return router


def _payment_runs(runtime: Runtime, router: APIRouter, kind: Kind) -> None:
    releases = kind == "release"
    roles = RELEASING if releases else REFUNDING
    sender = senders(runtime, c.InstructRelease if releases else c.InstructRefund, roles=roles)

    def post(
        sent: Annotated[Sent, Depends(sender)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        institution_id, asked = sent.institution_id, read_model(PaymentRun, sent.data)
        first = file_id(kind, institution_id, asked.date, asked.run)
        ask = Ask(first, sent.poster, runtime.clock())
        with runtime.in_flight.claim([(institution_id, first.key)]) as taken:
            if taken:
                raise Problem("command_in_flight", headers=RETRY)
            runtime.runner.catch_up()
            run = run_payments(runtime.ledger, institution_id, ask, dry_run=dry_run)
        return json_response(run_body(run))

    description = (
        "What the rules let go, contract by contract; what they keep is listed with its reason."
        if releases
        else "Agreed refunds and instalments that are due, as far as custody covers them; the rest is listed."
    )
    add_sending(
        router,
        f"{kind}-runs",
        post,
        run_operation(
            "bank day",
            f"post_{kind}_run",
            f"Instruct the {kind}s of a day",
            f"{description} Named by date and number: asked again it gives the same files, recording nothing.",
            PaymentRun,
            "PaymentRunOutcome",
            roles,
        ),
    )


def _payment_files(runtime: Runtime, router: APIRouter) -> None:
    reader = readers(runtime.tokens, FILING)

    def of_form(form: Format) -> Callable[..., Response]:
        def payment_file(
            request: Request,
            institution_id: InstitutionPath,
            file: FilePath,
            caller: Annotated[Mandate, Depends(reader)],
            accounts: Accounts = False,  # noqa: FBT002 - a query parameter
        ) -> Response:
            require_covered(runtime.ledger, caller, institution_id)
            named = read_file_id(file)
            runtime.runner.catch_up()
            found = None if named is None else find_file(runtime.ledger, institution_id, named)
            if found is None:
                raise Problem("payment_file_unknown", {"file_id": file})
            headers = {"Ledger-File-SHA256": found.sha256, "Ledger-As-Recorded": str(found.as_recorded).lower()}
            payees = Payees()
            if accounts:
                payees = _payees(runtime, request, caller, found.file)
                headers["Ledger-Payees-By-Account"] = str(len(payees.accounts))
                headers["Ledger-Payees-By-Reference"] = str(len(payees.by_reference))
            return Response(rendered(found.file, form, payees.find), headers=headers, media_type=MEDIA_TYPES[form])

        return payment_file

    forms: tuple[tuple[Format, str], ...] = (("csv", ".csv"), ("pain.001", ""))
    for form, suffix in forms:
        name = f"get_payment_file{suffix.replace('.', '_')}"
        router.add_api_route(
            f"/escrows/{{institution_id}}/payment-files/{{file}}{suffix}",
            of_form(form),
            methods=["GET"],
            dependencies=[Depends(reader), Depends(known_query)],
            **payment_file_operation(name, MEDIA_TYPES[form], FILING),
        )


def _payees(runtime: Runtime, request: Request, caller: Mandate, file: PaymentFile) -> Payees:
    """Payees by account, for who may read the vault and says why. Raises Problem, VaultLocked."""
    if caller.role not in READERS:
        raise Problem("not_permitted", {"role": caller.role.value})
    purpose = purpose_of(request)
    if purpose is None:
        raise Problem("purpose_missing")
    if not runtime.vault.masters.ids:
        raise VaultLocked
    try:
        parties = Parties(party_key(runtime.settings))
    except SettingMissing as missing:
        raise Problem("not_configured", {"variable": missing.variable}) from None
    book = PayeeBook(runtime.ledger.engine, runtime.vault, parties, runtime.access_log)
    what = f"get_payment_file accounts {file.file_id}"
    return book.of(file, caller, what, purpose=purpose, trace_id=trace_of(request))


def _status_files(runtime: Runtime, router: APIRouter) -> None:
    sender = senders(runtime, c.SettleRefund, file_bodies(runtime.settings.max_file_bytes))

    def post_payment_status_file(
        sent: Annotated[Sent, Depends(sender)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        report = read_report(sent.data)
        runtime.runner.catch_up()
        results = import_statuses(runtime.ledger, report, sent.poster, sent.institution_id, dry_run=dry_run)
        recorded = not dry_run and any(each.status in {"settled", "returned"} for each in results)
        return json_response(StatusFileBody(dry_run, status_bodies(results)), 201 if recorded else 200)

    add_sending(
        router,
        "payment-status-files",
        post_payment_status_file,
        file_operation(
            "post_payment_status_file",
            "Take in what became of payments",
            "A pain.002 message or a CSV (payment_id, status, amount, bank_serial, reason), line by line: a line that "
            "is refused stops no other, and a file that was sent before changes nothing.",
            "PaymentStatusFile",
            c.SettleRefund.by,
        ),
    )


def _end_of_day(runtime: Runtime, router: APIRouter) -> None:
    sender = senders(runtime, c.SealDay, roles=ENDING)

    def post_end_of_day(
        sent: Annotated[Sent, Depends(sender)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        asked = read_model(DayEnding, sent.data)
        (done,) = end_day(
            runtime.ledger,
            [sent.institution_id],
            asked.date,
            sent.poster,
            now=runtime.clock(),
            statements=asked.statements,
            dry_run=dry_run,
        )
        return json_response(day_end_body(done, dry_run=dry_run))

    add_sending(
        router,
        "end-of-day",
        post_end_of_day,
        run_operation(
            "bank day",
            "post_end_of_day",
            "End a day",
            "Decides what lapsed (confirmations by silence, deemed agreements, mediations), compares bank and ledger, "
            "checks that custody covers what is owed to families, and seals the day. A sealed day is left alone.",
            DayEnding,
            "DayEnd",
            ENDING,
        ),
    )
