"""`ledger import-statement`: a bank's file previewed, then committed."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import Parameter

from api.bankfiles.amounts import read_amount
from api.bankfiles.filing import Filing, commit_file, preview_file
from api.bankfiles.layouts import PLACES, Profile, load_profile, named_profile, shipped
from api.bankfiles.parties import Parties
from api.bankfiles.posting import Poster
from api.bankfiles.preview import Stated
from api.bankfiles.reading import read_statements
from api.bankfiles.report import FileReport, StatementReport
from api.problems import Catalogue, problem_of
from api.settings import party_key
from api.terminal.environment import FINDING, OK, USAGE, Stop, language, load_settings, the_ledger
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from ledger.identifiers import Role
from ledger.money import format_yuan
from ledger.rejections import EscrowNotOpen, Rejection
from ledger.statements import Statement

SHOWN = 20
Institution = Annotated[str, Parameter(help="Id of the institution")]
Dry = Annotated[bool, Parameter(negative="", help="Tell what would happen, record nothing")]
Actor = Annotated[str, Parameter(help="Who does this, as the record names them")]
Columns = Annotated[
    list[str] | None, Parameter(help=f"The layout by its columns, PLACE=HEADING each: {', '.join(PLACES)}")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Layout:
    """How the table in the file is laid out, where it does not say."""

    profile: Annotated[str | None, Parameter(help="A shipped profile, or a TOML file of your own")] = None
    columns: Columns = None
    dates: Annotated[str, Parameter(help="strptime pattern of the dates, with --columns")] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Known:
    """What is known beyond the file."""

    opening: Annotated[str | None, Parameter(help="Opening balance in yuan, where the file has none")] = None
    closing: Annotated[str | None, Parameter(help="Closing balance in yuan, where the file has none")] = None
    account_checked: Annotated[bool, Parameter(negative="", help="It is of this account, whatever it says")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Doing:
    """Whether it is recorded, and by whom."""

    dry_run: Dry = False
    actor: Actor = "operator"


SHOW, LAYOUT, KNOWN, DOING = Show(), Layout(), Known(), Doing()


def import_statement(
    file: Path,
    /,
    *,
    institution: Institution,
    commit: Annotated[bool, Parameter(negative="", help="Record it after the preview, without asking")] = False,
    layout: Layout = LAYOUT,
    known: Known = KNOWN,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Preview a statement or notification of the custodian bank, then commit it."""
    if commit and doing.dry_run:
        raise Stop("--commit 与 --dry-run 不可并用 exclude each other", USAGE)
    settings = load_settings()
    profile = chosen_profile(layout)
    stated = Stated(_fen("--opening", known.opening), _fen("--closing", known.closing), known.account_checked)
    parties = Parties(party_key(settings))
    with readable(file) as opened, the_ledger(settings) as ledger:
        filing = Filing(ledger, institution, Poster(doing.actor, Role.BANK), stated)
        try:
            statements = read_statements(opened, parties, profile)
            report = preview_file(filing, statements)
            if not show.json:
                _print(report)
            if commit or (not doing.dry_run and _agreed(show)):
                report = _commit(filing, statements, show)
        except EscrowNotOpen:
            raise
        except Rejection as refusal:
            return refused(refusal)
        if show.json:
            print_json(report)
        return FINDING if report.found else OK


def _commit(filing: Filing, statements: Sequence[Statement], show: Show) -> FileReport:
    total, done = sum(len(each.lines) for each in statements), 0
    with progress("入账 booking lines", show) as tell:

        def more(lines: int) -> None:
            nonlocal done
            done += lines
            tell(done, total)

        report = commit_file(filing, statements, more)
    if not show.json:
        _print(report)
    return report


def chosen_profile(layout: Layout) -> Profile | None:
    """The layout somebody names; None where the file shall say. Raises Stop."""
    if layout.profile is not None and layout.columns:
        raise Stop("--profile 与 --columns 不可并用 exclude each other", USAGE)
    try:
        if layout.columns:
            return named_profile(_named(layout.columns), date=layout.dates)
        if layout.profile is None or layout.profile in shipped():
            return None if layout.profile is None else shipped()[layout.profile]
        return load_profile(Path(layout.profile).read_bytes())
    except ValueError as error:
        raise Stop(f"版式有误 The layout: {error}", USAGE) from None
    except OSError:
        known = ", ".join(shipped())
        raise Stop(f"没有版式 There is no profile {layout.profile}: {known}, or a TOML file", USAGE) from None


def _named(columns: Sequence[str]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for each in columns:
        place, equals, heading = each.partition("=")
        if not equals or not heading:
            raise Stop(f"--columns {each}: 写作 PLACE=HEADING is written so", USAGE)
        places.setdefault(place, []).append(heading)
    return places


@contextmanager
def readable(file: Path) -> Iterator[BinaryIO]:
    """A file, opened. Raises Stop where it cannot be read."""
    try:
        opened = file.open("rb")
    except OSError as error:
        raise Stop(f"读不到文件 {file} cannot be read: {error.strerror}", USAGE) from None
    with opened:
        yield opened


def content(file: Path) -> bytes:
    """The bytes of a file. Raises Stop where it cannot be read."""
    with readable(file) as opened:
        return opened.read()


def refused(refusal: Rejection) -> int:
    """Says why a file is refused; a finding, not a misuse."""
    problem = problem_of(refusal)
    where = [f"{name} {problem.fields[name]}" for name in ("line", "column") if problem.fields.get(name)]
    detail = Catalogue().detail(problem.code, problem.fields, language())
    sys.stderr.write(f"ledger: {' '.join([problem.code, *where])}: {detail}\n")
    return FINDING


def _fen(option: str, text: str | None) -> int | None:
    fen = None if text is None else read_amount(text)
    if text is not None and fen is None:
        raise Stop(f"{option} {text}: 写作 1234.50 is an amount in yuan", USAGE)
    return fen


def _agreed(show: Show) -> bool:
    """Asks at a terminal; elsewhere nobody can answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or show.quiet or show.json:
        if not (show.quiet or show.json):
            err().print("仅预览 preview only: --commit records it", markup=False)
        return False
    return input("入账? Commit? [y/N] ").strip().lower() in {"y", "yes", "是"}


def _print(report: FileReport) -> None:
    for each in report.statements:
        _print_statement(each)
    if report.other_accounts:
        out().print(f"其他账户 statements of other accounts, left alone: {report.other_accounts}", markup=False)


def _print_statement(report: StatementReport) -> None:
    words = Catalogue()
    done = report.committed
    facts = [
        f"{report.format} {report.account}".strip(),
        f"{report.from_on or '?'} – {report.to_on or '?'}",
        *([] if report.opening_fen is None else [f"{format_yuan(report.opening_fen)} → {_yuan(report.closing_fen)}"]),
        f"行 lines {report.lines}",
        f"已有 known {report.repeated + report.booked_before}",
    ]
    if report.waits:
        out().print(f"{' · '.join(facts)} · 待前一份 waits for the one before", markup=False)
        return
    kinds = report.becomes if done is None else done.became
    out().print(" · ".join(facts), markup=False)
    rows: list[tuple[object, ...]] = [(words.word(kind, language()), count) for kind, count in kinds.items()]
    title = "将成为 would become" if done is None else "已成为 became"
    if rows:
        print_table([Column(title), Column("行 lines", right=True)], rows)
    elif done is None:
        out().print("没有新的行 nothing new", markup=False)
    breaks = [each for each in report.listed if each.becomes == "break"] if done is None else []
    if breaks:
        print_table(
            [Column("行 line", right=True), Column("位置 where"), Column("元 yuan", money=True), Column("类 class"),
             Column("责任 owner"), Column("说明 note")],
            [(each.line, each.position, each.signed_fen, words.word(each.cause or "", language()),
              words.word(each.owner or "", language()), each.note) for each in breaks[:SHOWN]],
            f"{len(breaks)} 条差异 breaks" + (f", {SHOWN} shown" if len(breaks) > SHOWN else ""),
        )  # fmt: skip
    if report.unregistered and done is None:
        out().print(f"合同未登记 contract not registered, one more break each: {report.unregistered}", markup=False)
    for each in done.refused[:SHOWN] if done else []:
        out().print(f"第 {each.line} 行 line {each.line}: {words.title(each.code, language())}", markup=False)
    for left in report.left_out[:SHOWN]:
        out().print(f"略过 left out {left.position or left.line}: {left.reason}", markup=False)


def _yuan(fen: int | None) -> str:
    return "?" if fen is None else format_yuan(fen)
