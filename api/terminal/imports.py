"""`ledger import-contracts` and `ledger import-lessons`: files of schools, row by row, and their templates."""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from api.bankfiles.posting import Poster
from api.imports.importing import ImportResult, import_rows
from api.imports.report import ImportReport, import_report
from api.imports.rows import ReadFile, read_file
from api.imports.templates import Kind, template
from api.language import Language
from api.problems import Catalogue
from api.terminal.environment import FINDING, OK, USAGE, Stop, language, the_ledger
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from api.terminal.statements import DOING, Doing, content, refused
from ledger.identifiers import Role
from ledger.rejections import EscrowNotOpen, Rejection

SHOW = Show()
SHOWN = 50
File = Annotated[Path, Parameter(help="CSV or workbook; with --template, where the template is written")]
Institution = Annotated[str | None, Parameter(help="Id of the institution")]
Template = Annotated[Language | None, Parameter(help="Write an empty template in this language instead")]


@Parameter(name="*")
@dataclass(frozen=True)
class Rows:
    """How rows are taken in and told about."""

    atomic: Annotated[bool, Parameter(negative="", help="All rows or none, up to 5,000")] = False
    results: Annotated[Literal["table", "csv"], Parameter(help="How results are listed")] = "table"


ROWS = Rows()


def import_contracts(
    file: File,
    /,
    *,
    institution: Institution = None,
    template: Template = None,
    rows: Rows = ROWS,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Register contracts, opening stock among them. A file is sent again until every row is in: no row counts twice."""
    if template is not None:
        return _write_template("contracts", template, file)
    return _Import("contracts", file, rows, doing, show).into(institution)


def import_lessons(
    file: File,
    /,
    *,
    institution: Institution = None,
    template: Template = None,
    rows: Rows = ROWS,
    doing: Doing = DOING,
    show: Show = SHOW,
) -> int:
    """Claim lessons that were taught. A file is sent again until every row is in: no row counts twice."""
    if template is not None:
        return _write_template("lessons", template, file)
    return _Import("lessons", file, rows, doing, show).into(institution)


@dataclass(frozen=True)
class _Import:
    kind: Kind
    file: Path
    how: Rows
    doing: Doing
    show: Show

    def into(self, institution: str | None) -> int:
        """Import into an institution. Raises Stop, EscrowNotOpen."""
        if institution is None:
            raise Stop("--institution 未填 is missing", USAGE)
        atomic, dry_run = self.how.atomic, self.doing.dry_run
        try:
            found = read_file(self.kind, content(self.file))
            with the_ledger() as ledger, progress("导入 importing rows", self.show) as tell:
                done = 0

                def more(rows: int) -> None:
                    nonlocal done
                    done += rows
                    tell(done, len(found.rows))

                poster = Poster(self.doing.actor, Role.INSTITUTION)
                result = import_rows(ledger, institution, found, poster, atomic=atomic, dry_run=dry_run, progress=more)
        except Rejection as refusal:
            return refused(refusal)
        _require_escrow(institution, found, result)
        report = import_report(self.kind, result, Catalogue(), language(), dry_run=dry_run, atomic=atomic)
        _show(report, self.how.results, self.show)
        return FINDING if report.refused else OK


def _require_escrow(institution: str, found: ReadFile, result: ImportResult) -> None:
    """Where every row is refused because there is no such escrow, the argument is wrong and not the rows.

    Raises EscrowNotOpen.
    """
    refusals = [row.rejection for row in result.rows if isinstance(row.rejection, EscrowNotOpen)]
    if found.rows and len(refusals) == len(found.rows):
        raise EscrowNotOpen(institution, refusals[0].status)


def _write_template(kind: Kind, wanted: Language, file: Path) -> int:
    form: dict[str, Literal["csv", "xlsx"]] = {".csv": "csv", ".xlsx": "xlsx"}
    if file.suffix.lower() not in form:
        raise Stop(f"{file}: 后缀 the suffix is .csv or .xlsx", USAGE)
    try:
        with file.open("xb") as target:
            target.write(template(kind, wanted, form[file.suffix.lower()]))
    except FileExistsError:
        raise Stop(f"{file} 已存在 exists already", USAGE) from None
    except OSError as error:
        raise Stop(f"{file}: {error.strerror}", USAGE) from None
    err().print(f"{file}: 含一行示例，请以实际数据替换 it holds one example row: replace it", markup=False)
    return OK


def _show(report: ImportReport, form: Literal["table", "csv"], show: Show) -> None:
    if show.json:
        print_json(report)
        return
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(["line", "status", "code", "column", "field", "message"])
        writer.writerows([r.line, r.status, r.code, r.column or "", r.field, r.message] for r in report.rows)
        return
    words = Catalogue()
    wrong = [row for row in report.rows if row.status == "refused"]
    if wrong:
        print_table(
            [
                Column("行 line", right=True),
                Column("列 column", right=True),
                Column("字段 field"),
                Column("原因 reason"),
            ],
            [(row.line, row.column or None, words.word(row.field, language()), row.message) for row in wrong[:SHOWN]],
            f"{report.refused} 行未收 rows refused" + (f", {SHOWN} shown" if len(wrong) > SHOWN else ""),
        )
    recorded = f"可录 would record {report.would_record}" if report.dry_run else f"已录 recorded {report.recorded}"
    out().print(
        f"{recorded} · 重复 repeated {report.repeated} · 未收 refused {report.refused} · "
        f"未试 not tried {report.not_tried}",
        markup=False,
    )
