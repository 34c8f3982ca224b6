"""`ledger release`, `refund-run`, `payment-file`, `import-payment-status`: payments to the bank, and back from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.app import now
from api.bankday.answers import status_bodies, written_body
from api.bankday.numbers import MAX_RUN, Kind, file_id, mark_of, read_file_id
from api.bankday.plans import Ask, check_day
from api.bankday.recorded import RecordedFile, find_file
from api.bankday.reports import read_report
from api.bankday.runs import Run, run_payments
from api.bankday.statuses import LineResult, import_statuses
from api.bankday.words import meaning
from api.bankfiles.posting import Poster
from api.bankfiles.refusals import FileRefused
from api.terminal.environment import FINDING, OK, USAGE, Stop, language, load_settings, the_ledger
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from api.terminal.payees import FILES, Files, Writer, payee_book
from api.terminal.statements import DOING, Doing, content, refused
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.rejections import EscrowNotOpen, Rejection
from projections.runner import Runner

SHOWN, NAMED = 50, 10
Institution = Annotated[str | None, Parameter(help="Id of the institution")]
Every = Annotated[bool, Parameter(name="--all", negative="", help="Every institution in turn")]
Day = Annotated[date, Parameter(name="--date", help="Business date")]


RunNumber = Annotated[int, Parameter(name="--run", help="Number of the run on this day")]
SHOW = Show()
_PAID = {"settled": "payment_settled"}
"""A payment is settled otherwise than a dispute is: its word in Chinese is another."""


def release(
    institution: Institution = None,
    /,
    *,
    on: Day,
    every: Every = False,
    number: RunNumber = 1,
    files: Files = FILES,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Release what the rules let go, and write the payment file. A run is done once; asked again it gives its file."""
    return _Paying("release", on, number, files, doing, show).at(institution, every=every)


def refund_run(
    institution: Institution = None,
    /,
    *,
    on: Day,
    every: Every = False,
    number: RunNumber = 1,
    files: Files = FILES,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Pay the refunds that are due and covered, and write the payment file. A run is done once."""
    return _Paying("refund", on, number, files, doing, show).at(institution, every=every)


@dataclass(frozen=True)
class _Paying:
    kind: Kind
    on: date
    number: int
    files: Files
    doing: Doing
    show: Show

    def at(self, institution: str | None, *, every: bool) -> int:
        """Run at one institution or all. Raises Stop, DateInFuture."""
        if (institution is None) is not every:
            raise Stop("写明一个机构或 --all: name one institution, or --all", USAGE)
        if not 1 <= self.number <= MAX_RUN:
            raise Stop(f"--run 须在 1 与 {MAX_RUN} 之间 lies between 1 and {MAX_RUN}", USAGE)
        check_day(self.on, now())
        settings = load_settings()
        with the_ledger(settings) as ledger, progress("付款 payments", self.show) as tell:
            what = "ledger release" if self.kind == "release" else "ledger refund-run"
            writer = Writer(self.files, payee_book(settings, ledger, self.files), self.doing.actor, what)
            Runner(ledger.engine).catch_up()
            ids = every_institution(ledger) if institution is None else [institution]
            runs, refusals = list[Run](), list[tuple[str, Rejection]]()
            for number, each in enumerate(ids, 1):
                try:
                    runs.append(self._run(ledger, each, writer))
                except Rejection as refusal:
                    if isinstance(refusal, EscrowNotOpen) and institution is not None:
                        raise
                    if not isinstance(refusal, EscrowNotOpen):
                        refusals.append((each, refusal))
                tell(number, len(ids))
        return self._told(runs, refusals, writer)

    def _run(self, ledger: Ledger, institution_id: str, writer: Writer) -> Run:
        poster = Poster(self.doing.actor, Role.REGULATOR)
        ask = Ask(file_id(self.kind, institution_id, self.on, self.number), poster, now())
        run = run_payments(ledger, institution_id, ask, dry_run=self.doing.dry_run)
        for file in () if self.doing.dry_run else run.files:
            writer.write(file)
        return run

    def _told(self, runs: Sequence[Run], refusals: Sequence[tuple[str, Rejection]], writer: Writer) -> int:
        if self.show.json:
            print_json([written_body(each, writer.body(each.files)) for each in runs])
        else:
            self._print(runs)
            writer.print()
        _print_refusals(refusals)
        altered = [each for run in runs for each in run.altered]
        for each in altered:
            err().print(f"文件与记录时不同 {each} is not written as it was recorded", markup=False)
        found = refusals or altered or writer.unreadable or any(run.findings for run in runs)
        return FINDING if found else OK

    def _print(self, runs: Sequence[Run]) -> None:
        columns = [
            Column("机构 institution"), Column("文件 file"), Column("笔 payments", right=True),
            Column("元 yuan", money=True), Column("状态 state"),
        ]  # fmt: skip
        state = "试算 dry run" if self.doing.dry_run else "已记 recorded"
        rows = [
            (run.institution_id, str(file.file_id), len(file.payments), file.total_fen, self._state(run, number, state))
            for run in runs
            for number, file in enumerate(run.files)
        ]
        print_table(columns, rows, f"合计 total {sum(len(run.files) for run in runs)}")
        _print_withheld(runs)

    def _state(self, run: Run, number: int, state: str) -> str:
        before = len(run.files) - run.recorded
        return state if self.doing.dry_run or number >= before else "早已记 recorded before"


def _print_refusals(refusals: Sequence[tuple[str, Rejection]]) -> None:
    """A line for each rule, not for each school: after a sealed day all of them say the same."""
    schools: dict[str, list[str]] = {}
    for institution_id, why in refusals:
        schools.setdefault(why.code, []).append(institution_id)
    for code, ids in schools.items():
        more = f" … {len(ids)} 家 institutions" if len(ids) > NAMED else ""
        err().print(f"{', '.join(ids[:NAMED])}{more}: {code}: {meaning(code, language())}", markup=False)


def _print_withheld(runs: Sequence[Run]) -> None:
    kept = [(run.institution_id, each) for run in runs for each in run.withheld.values()]
    kept.sort(key=lambda one: not one[1].finding)
    if not kept:
        return
    columns = [
        Column("机构 institution"), Column("合同 contract"), Column("退费 refund"), Column("未付 kept", money=True),
        Column("原因 why"),
    ]  # fmt: skip
    rows = [
        (
            institution_id,
            each.contract_id,
            each.refund_id,
            each.amount_fen,
            f"{'! ' if each.finding else ''}{meaning(each.code, language())}",
        )
        for institution_id, each in kept
    ]
    print_table(columns, rows)


def every_institution(ledger: Ledger) -> list[str]:
    """Ids of all institutions, in order."""
    ids: list[str] = []
    while page := ledger.institutions(ids[-1] if ids else ""):
        ids += page
    return ids


def payment_file(
    file: Annotated[str, Parameter(help="Id of the payment file")],
    /,
    *,
    files: Files = FILES,
    actor: Annotated[str, Parameter(help="Who asks, for the log of reads")] = "operator",
) -> int:
    """Write a recorded payment file again, from its events."""
    named = read_file_id(file)
    if named is None:
        raise Stop(f"不是付款文件编号 {file} is no id of a payment file", USAGE)
    settings = load_settings()
    with the_ledger(settings) as ledger:
        Runner(ledger.engine).catch_up()
        owners = [each for each in every_institution(ledger) if mark_of(each) == named.mark]
        found: list[RecordedFile] = [each for owner in owners if (each := find_file(ledger, owner, named)) is not None]
        if not found:
            raise Stop(f"没有付款文件 There is no payment file {file}", USAGE)
        writer = Writer(files, payee_book(settings, ledger, files), actor, "ledger payment-file")
        out().print(str(writer.write(found[0].file)), markup=False)
    writer.print()
    return OK if found[0].as_recorded and not writer.unreadable else FINDING


def import_payment_status(file: Path, /, *, doing: Doing = DOING, show: Show = SHOW) -> int:
    """Record what a bank says became of payments: pain.002 or CSV, line by line; a line that is refused stops none."""
    try:
        report = read_report(content(file))
    except FileRefused as refusal:
        return refused(refusal)
    with the_ledger() as ledger, progress("回单 statuses", show) as tell:
        Runner(ledger.engine).catch_up()
        poster, done = Poster(doing.actor, Role.BANK), 0

        def more(lines: int) -> None:
            nonlocal done
            done += lines
            tell(done, len(report.lines))

        results = import_statuses(ledger, report, poster, dry_run=doing.dry_run, progress=more)
    if show.json:
        print_json(status_bodies(results))
    elif not show.quiet:
        _print_statuses(results)
    return FINDING if any(each.status == "refused" for each in results) else OK


def _print_statuses(results: Sequence[LineResult]) -> None:
    counts: dict[str, tuple[int, int]] = {}
    for each in results:
        count, fen = counts.get(each.status, (0, 0))
        counts[each.status] = (count + 1, fen + (each.amount_fen or 0))
    rows = [(meaning(_PAID.get(status, status), language()), *facts) for status, facts in counts.items()]
    print_table([Column("结果 outcome"), Column("行 lines", right=True), Column("元 yuan", money=True)], rows)
    wrong = [each for each in results if each.status == "refused"]
    for each in wrong[:SHOWN]:
        text = f"第 {each.line} 行 line {each.line}: {each.payment_id or '–'}: {meaning(each.code, language())}"
        out().print(text, markup=False)
    if len(wrong) > SHOWN:
        out().print(f"… {len(wrong) - SHOWN} more", markup=False)
