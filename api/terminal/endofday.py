"""`ledger eod`: the end of a business day, or of several that were missed, institution by institution."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from cyclopts import Parameter

from api.app import now
from api.bankday.answers import day_end_body
from api.bankday.ending import DayEnd, end_day
from api.bankday.words import meaning
from api.bankfiles.posting import Poster
from api.terminal.bankday import every_institution
from api.terminal.environment import FINDING, OK, USAGE, Stop, language, the_ledger
from api.terminal.output import Column, Show, out, print_json, print_table, progress
from api.terminal.statements import DOING, Doing
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.money import format_yuan


@Parameter(name="*")
@dataclass(frozen=True)
class Days:
    """Which days."""

    on: Annotated[date, Parameter(name="--date", help="The day to end; it is over")]
    since: Annotated[date | None, Parameter(name="--from", help="First of several missed days")] = None

    def all(self) -> list[date]:
        """Every day, in order. Raises Stop."""
        first = self.on if self.since is None else self.since
        if first > self.on:
            raise Stop("--from 晚于 --date lies after --date", USAGE)
        return [first + timedelta(days=number) for number in range((self.on - first).days + 1)]


SHOW = Show()


def eod(
    *institutions: Annotated[str, Parameter(help="All when left out")],
    days: Days,
    without_statements: Annotated[
        bool, Parameter(negative="", help="Seal the balances alone, not what each family has")
    ] = False,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """End a day: what lapsed is decided, bank and ledger compared, cover checked, the day sealed. Twice is once."""
    wanted = days.all()
    with the_ledger() as ledger, progress("日终 end of day", show) as tell:
        ids = sorted(institutions) if institutions else every_institution(ledger)
        _require(ledger, institutions)
        results: list[DayEnd] = []
        for on in wanted:
            evening = end_day(
                ledger,
                ids,
                on,
                Poster(doing.actor, Role.REGULATOR),
                now=now(),
                statements=not without_statements,
                dry_run=doing.dry_run,
            )
            for done in evening:
                results.append(done)
                if not (show.json or show.quiet):
                    _print_findings(done)
                tell(len(results), len(ids) * len(wanted))
    if show.json:
        print_json([day_end_body(each, dry_run=doing.dry_run) for each in results])
    elif not show.quiet:
        _print(results)
    return FINDING if any(each.failure or each.findings for each in results) else OK


def _require(ledger: Ledger, institutions: Sequence[str]) -> None:
    unknown = [each for each in institutions if ledger.head(each) is None]
    if unknown:
        raise Stop(f"没有机构 There is no institution {', '.join(unknown)}", USAGE)


def _print(results: Sequence[DayEnd]) -> None:
    columns = [
        Column("机构 institution"), Column("日 day"), Column("状态 state"), Column("默认确认 confirmed", right=True),
        Column("视为同意 agreed", right=True), Column("到期 expired", right=True), Column("差异 breaks", right=True),
        Column("缺口 shortfall", money=True),
    ]  # fmt: skip
    rows = [
        (
            each.institution_id,
            each.on,
            meaning(each.failure or each.state, language()),
            each.confirmed,
            each.agreed,
            each.expired,
            each.breaks_opened,
            each.shortfall_fen,
        )
        for each in results
        if each.failure or each.findings or each.confirmed or each.agreed or each.expired or each.breaks_opened
    ]
    if rows:
        print_table(columns, rows)
    counts: dict[str, int] = {}
    for each in results:
        counts[each.state] = counts.get(each.state, 0) + 1
    out().print(" · ".join(f"{meaning(state, language())} {count}" for state, count in counts.items()), markup=False)
    if counts and set(counts) <= {"sealed_before", "closed", "not_open"}:
        before = "sealed_before" in counts
        text = "早已封账，未做任何事 sealed before, nothing was done" if before else "未做任何事 nothing was done"
        out().print(text, markup=False)


def _print_findings(done: DayEnd) -> None:
    """At once: what is sealed is not looked at again, so a command that is killed later must have told."""
    for each in done.findings:
        amount = "" if each.amount_fen is None else f" {format_yuan(each.amount_fen)} 元 yuan"
        code = f" ({meaning(each.code, language())})" if each.code else ""
        since = f" 自 since {each.since_on}" if each.since_on else ""
        some = f": {', '.join(each.sample[:5])}{' …' if each.count > 5 else ''}" if each.sample else ""  # noqa: PLR2004 - a taste
        text = f"{done.institution_id} {done.on} {meaning(each.kind, language())} {each.count}"
        out().print(f"{text}{code}{amount}{since}{some}", markup=False)
