"""`ledger reconcile`: bank and ledger held against each other, for one institution or for all."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated

from cyclopts import Parameter

from api.bankday.alarms import alarming_breaks
from api.bankday.findings import Finding
from api.bankday.words import meaning
from api.bankfiles.posting import Poster
from api.bankfiles.reconcile import Reconciled, reconcile
from api.terminal.environment import FINDING, OK, USAGE, Stop, language, the_ledger
from api.terminal.output import Column, Show, err, print_json, print_table
from api.terminal.statements import DOING, Doing, refused
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.money import format_yuan
from ledger.rejections import EscrowNotOpen, Rejection
from projections.runner import Runner

SHOW = Show()


def reconcile_day(
    institution: Annotated[str | None, Parameter(help="Id of the institution")] = None,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Every institution in turn")] = False,
    on: Annotated[date | None, Parameter(name="--date", help="The day statements should cover")] = None,
    grace: Annotated[int, Parameter(help="Days a payment may take to appear in a statement")] = 1,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Hold bank and ledger against each other; what the bank should have shown and has not becomes a break.

    1 while a break is open that nobody can explain, or a day is not covered; what is explained does not alarm.
    """
    if (institution is None) is not every:
        raise Stop("写明一个机构或 --all: name one institution, or --all", USAGE)
    with the_ledger() as ledger:
        poster, days = Poster(doing.actor, Role.BANK), timedelta(days=grace)
        results, refusals = list[Reconciled](), list[tuple[str, Rejection]]()
        ids = _every(ledger) if institution is None else [institution]
        for each in ids:
            try:
                results.append(reconcile(ledger, each, poster, grace=days, dry_run=doing.dry_run, on=on))
            except EscrowNotOpen:
                if institution is not None:
                    raise
            except Rejection as refusal:
                refusals.append((each, refusal))
        for _, why in refusals:
            refused(why)
        Runner(ledger.engine).catch_up()
        alarms = {each: found for each in ids for found in alarming_breaks(ledger, each)}
    if show.json:
        print_json([_body(each, alarms.get(each.institution_id)) for each in results])
    elif not show.quiet:
        _print_days(results)
    _alert(results, alarms)
    alarming = alarms or any(each.unexplained_fen or each.overdue or not each.covered for each in results)
    return FINDING if alarming or refusals else OK


def _alert(results: Sequence[Reconciled], alarms: Mapping[str, Finding]) -> None:
    """A line on standard error for whatever nobody can explain, whatever else is asked for: a cron mails it."""
    for institution_id, found in alarms.items():
        text = f"{meaning(found.kind, language())} {found.count} · {format_yuan(found.amount_fen or 0)} 元 yuan"
        err().print(f"! {institution_id}: {text} · 自 since {found.since_on}", markup=False)
    for day in results:
        if day.unexplained_fen:
            text = f"{meaning('bank_differs', language())} {format_yuan(day.unexplained_fen)} 元 yuan"
            err().print(f"! {day.institution_id}: {text}", markup=False)


def _every(ledger: Ledger) -> list[str]:
    ids: list[str] = []
    while page := ledger.institutions(ids[-1] if ids else ""):
        ids += page
    return ids


def _body(day: Reconciled, alarm: Finding | None) -> dict[str, object]:
    return {
        "institution_id": day.institution_id,
        "through_on": day.through_on,
        "covered": day.covered,
        "bank_fen": day.bank_fen,
        "custody_fen": day.custody_fen,
        "in_transit_fen": day.in_transit_fen,
        "drift_fen": day.drift_fen,
        "unexplained_fen": day.unexplained_fen,
        "alarming_breaks": 0 if alarm is None else alarm.count,
        "alarming_fen": 0 if alarm is None else alarm.amount_fen,
        "overdue": day.overdue,
        "opened": day.opened,
    }


def _print_days(results: Sequence[Reconciled]) -> None:
    columns = [
        Column("机构 institution"), Column("至 through"), Column("银行 bank", money=True),
        Column("托管 custody", money=True), Column("在途 in transit", money=True), Column("差异 breaks", money=True),
        Column("不明 unexplained", money=True), Column("逾期 overdue", right=True), Column("新开 opened", right=True),
    ]  # fmt: skip
    rows = [
        (
            day.institution_id,
            f"{day.through_on or '–'}{'' if day.covered else ' !'}",
            day.bank_fen,
            day.custody_fen,
            day.in_transit_fen,
            day.drift_fen,
            day.unexplained_fen,
            day.overdue,
            day.opened,
        )
        for day in results
    ]
    late = "! 对账单未到该日 statements do not reach the day" if any(not day.covered for day in results) else ""
    print_table(columns, rows, late)
