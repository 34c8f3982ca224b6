"""Days reconciled, and what statements left: statements, lines, breaks, and how bank and ledger stand."""

from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.answers import json_response
from api.bankfiles.reconcile import Reconciled, reconcile
from api.documents import read_model
from api.openapi.uploads import run_operation
from api.parameters import IdQuery, InstitutionPath, OptionalDay
from api.reads.answer import respond
from api.reads.asked import Asked, caught_up
from api.reads.tables import Listed, Page, table
from api.routes.commands import DryRun
from api.routes.reading import DEFAULT_LIMIT, STAFF, After, PageSize, Readings, Word
from api.routes.sending import Sent, add_sending, senders
from api.runtime import Runtime
from ledger import commands as c
from projections.reconciliation import (
    BankLineRow,
    BreakRow,
    StatementRow,
    get_reconciliation,
    list_bank_lines,
    list_breaks,
    list_statements,
)

SHOWN = 1_000


class ReconciliationRun(BaseModel):
    """Hold bank and ledger against each other."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

    grace_days: Annotated[int, Field(ge=0, le=31)] = 1
    """How long a payment may take to appear in a statement before it is a break."""


class DayReconciled(Struct):
    """Where bank and ledger stand after a run, fen; as of the last day that statements cover."""

    institution_id: str
    dry_run: bool
    through_on: str | None
    bank_fen: int
    custody_fen: int
    in_transit_fen: int
    drift_fen: int
    unexplained_fen: int
    """What stands in no break and is not in transit. It must be zero."""
    overdue: int
    """Payments that the bank should have shown."""
    opened: int
    """Breaks that this run opened for them."""


class OpenBreakBody(Struct):
    """An open break."""

    break_id: str
    cause: str
    owner: str
    alarming: bool
    signed_fen: int
    drift_fen: int
    since_on: str
    age_days: int
    statement_id: str
    line: int
    reference: str
    note: str


class ReconciliationBody(Struct):
    """Bank and ledger side by side, fen, with the breaks that are open."""

    institution_id: str
    through_on: str | None
    bank_fen: int | None
    custody_fen: int
    contracts_fen: int
    other_fen: int
    drift_fen: int
    in_transit_fen: int | None
    alarming_fen: int
    open_breaks: int
    alarming_breaks: int
    breaks: list[OpenBreakBody]
    """The first 1,000."""


def reconciliation_routes(runtime: Runtime) -> APIRouter:
    """`…/reconciliations` and what reads what they and the statements left."""
    readings = Readings(runtime)
    _runs(runtime, readings.router)
    _standing(readings)
    _tables(readings)
    _breaks(readings)
    return readings.router


def _runs(runtime: Runtime, router: APIRouter) -> None:
    sender = senders(runtime, c.OpenBreak)

    def post_reconciliation(
        sent: Annotated[Sent, Depends(sender)],
        dry_run: DryRun = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        grace = timedelta(days=read_model(ReconciliationRun, sent.data).grace_days)
        day = reconcile(runtime.ledger, sent.institution_id, sent.poster, grace=grace, dry_run=dry_run)
        return json_response(_day(day, dry_run=dry_run))

    add_sending(
        router,
        "reconciliations",
        post_reconciliation,
        run_operation(
            "files",
            "post_reconciliation",
            "Hold bank and ledger against each other",
            "A payment that statements should have shown by now becomes a break, once; asked again, nothing is "
            "repeated.",
            ReconciliationRun,
            "DayReconciled",
            c.OpenBreak.by,
        ),
    )


def _standing(readings: Readings) -> None:
    of_staff = readings.asked_by(STAFF)

    def reconciliation(institution_id: InstitutionPath, asked: Asked = of_staff) -> Response:
        institution, etag = asked.escrow(institution_id)
        reader, moment = asked.runtime.reader, asked.moment
        answer = get_reconciliation(reader, institution_id, moment)
        listed = list_breaks(reader, moment, institution_id=institution_id, state="open", limit=SHOWN)
        on = moment.as_of or asked.today
        found = answer.data
        facts = msgspec.structs.asdict(found) | {"through_on": _day_text(found.through_on)}
        body = ReconciliationBody(**facts, breaks=[_break(each, (on - each.since_on).days) for each in listed.data])
        return respond(asked, msgspec.structs.replace(answer, data=body), institution, etag)

    readings.one(
        "/escrows/{institution_id}/reconciliation",
        reconciliation,
        "Reconciliation",
        "Bank and ledger side by side, and the open breaks with class, owner and age",
        STAFF,
    )


def _tables(readings: Readings) -> None:
    of_staff = readings.asked_by(STAFF)
    path = "/escrows/{institution_id}"

    def bank_statements(
        institution_id: InstitutionPath, asked: Asked = of_staff, after: After = None, limit: PageSize = DEFAULT_LIMIT
    ) -> Response:
        return table(
            asked,
            Listed("bank-statements", StatementRow),
            lambda reader, moment, cursor, size: list_statements(
                reader, institution_id, moment, after=cursor, limit=size
            ),
            Page(after, limit),
            institution_id,
        )

    def bank_lines(
        institution_id: InstitutionPath,
        asked: Asked = of_staff,
        statement_id: IdQuery = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        return table(
            asked,
            Listed("bank-lines", BankLineRow),
            lambda reader, moment, cursor, size: list_bank_lines(
                reader, institution_id, moment, statement_id=statement_id, after=cursor, limit=size
            ),
            Page(after, limit),
            institution_id,
        )

    statements, lines = "Statements of the custodian bank", "Lines of the bank, and the payments they are"
    readings.table(f"{path}/bank-statements", bank_statements, "StatementRow", statements, STAFF)
    readings.table(f"{path}/bank-lines", bank_lines, "BankLineRow", lines, STAFF)


def _breaks(readings: Readings) -> None:
    of_staff = readings.asked_by(STAFF)

    def breaks(  # noqa: PLR0913 - each is a filter of the list
        institution_id: InstitutionPath,
        asked: Asked = of_staff,
        state: Word = None,
        cause: Word = None,
        owner: Word = None,
        since_before: OptionalDay = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        filters = {"state": state, "cause": cause, "owner": owner, "since_before": since_before}
        return _listed_breaks(asked, institution_id, filters, after, limit)

    def all_breaks(  # noqa: PLR0913 - each is a filter of the list
        asked: Asked = of_staff,
        state: Word = None,
        cause: Word = None,
        owner: Word = None,
        district: Word = None,
        since_before: OptionalDay = None,
        after: After = None,
        limit: PageSize = DEFAULT_LIMIT,
    ) -> Response:
        caught_up(asked.runtime)
        filters = {"state": state, "cause": cause, "owner": owner, "district": district, "since_before": since_before}
        return _listed_breaks(asked, None, filters, after, limit)

    summary = "Differences between bank and ledger, with class, owner and since when"
    readings.table("/escrows/{institution_id}/breaks", breaks, "BreakRow", summary, STAFF)
    readings.table("/breaks", all_breaks, "BreakRow", summary, STAFF)


def _listed_breaks(
    asked: Asked, institution_id: str | None, filters: dict[str, Any], after: str | None, limit: int
) -> Response:
    return table(
        asked,
        Listed("breaks", BreakRow),
        lambda reader, moment, cursor, size: list_breaks(
            reader, moment, institution_id=institution_id, after=cursor, limit=size, **filters
        ),
        Page(after, limit),
        institution_id,
    )


def _day(day: Reconciled, *, dry_run: bool) -> DayReconciled:
    return DayReconciled(
        institution_id=day.institution_id,
        dry_run=dry_run,
        through_on=_day_text(day.through_on),
        bank_fen=day.bank_fen,
        custody_fen=day.custody_fen,
        in_transit_fen=day.in_transit_fen,
        drift_fen=day.drift_fen,
        unexplained_fen=day.unexplained_fen,
        overdue=day.overdue,
        opened=day.opened,
    )


def _day_text(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def _break(row: BreakRow, age_days: int) -> OpenBreakBody:
    return OpenBreakBody(
        break_id=row.break_id,
        cause=row.cause,
        owner=row.owner,
        alarming=row.alarming,
        signed_fen=row.signed_fen,
        drift_fen=row.drift_fen,
        since_on=row.since_on.isoformat(),
        age_days=age_days,
        statement_id=row.statement_id,
        line=row.line,
        reference=row.reference,
        note=row.note,
    )
