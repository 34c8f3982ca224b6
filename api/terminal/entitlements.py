"""`ledger entitlement`: what is due under a recorded contract, or from the papers alone."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from api.calculation import derive
from api.documents import MAX_BYTES
from api.methods import METHODS
from api.problems import Catalogue, Problem, problem_of
from api.problems.problem import body_of
from api.public import plain
from api.terminal.environment import OK, USAGE, Stop, language
from api.terminal.output import Column, Show, err, out, print_json, print_table
from api.terminal.questions import NOW, Asking, When, asking, print_answer, provenance, today
from ledger.entitlement import Derivation
from ledger.entitlement.derivation import Line
from ledger.identifiers import Cause
from ledger.money import format_yuan
from ledger.rejections import Rejection
from projections.contract_statement import list_contract_statements
from projections.entitlement import get_entitlement

SHOW = Show()
FactsFile = Annotated[Path, Parameter(help="Facts as JSON; - reads standard input", allow_leading_hyphen=True)]
app = App(name="entitlement", help="What is due under a contract, by which rule, until when.")


@app.default
def of_contract(
    contract: str,
    /,
    *,
    cause: Annotated[Cause, Parameter(help="Why the contract ends")],
    institution: Annotated[str | None, Parameter(help="Where several have a contract of this number")] = None,
    on: Annotated[date | None, Parameter(help="Were it decided on this day")] = None,
    requested_on: date | None = None,
    when: When = NOW,
    show: Show = SHOW,
) -> int:
    """What is due under a recorded contract, and is the money there."""
    with asking() as question:
        where = institution or _institution_of(question, contract)
        answer = get_entitlement(
            question.models,
            where,
            contract,
            cause,
            on or when.as_of or today(),
            when.moment,
            requested_on=requested_on,
        )
        if show.json:
            print_answer(question, answer, where)
            return OK
        show_derivation(answer.data.derivation)
        out().print(
            f"已退 refunded {format_yuan(answer.data.refunded_fen)} · 尚应退 due {format_yuan(answer.data.due_fen)} · "
            f"托管可付 covered {format_yuan(answer.data.covered_fen)} · "
            f"缺口 missing {format_yuan(answer.data.missing_fen)}\n{provenance(question, answer, where)}",
            markup=False,
        )
        return OK


@app.command
def calculate(file: FactsFile, /, *, show: Show = SHOW) -> int:
    """What is due from the papers alone: no ledger is needed."""
    raw = _read(file)
    try:
        derivation = derive(raw)
    except (Problem, Rejection) as refusal:
        return _refuse(refusal, show)
    if show.json:
        print_json(plain(derivation))
    else:
        show_derivation(derivation)
    return OK


def show_derivation(derivation: Derivation) -> None:
    """The figures with their grounds, the one that binds, and the last day."""
    columns = [Column(""), Column("方法 method"), Column("应退 refund", money=True), Column("依据 ground")]
    rows = [
        ("→" if each.binding else "", f"{METHODS[each.method]} {each.method}", each.refund_fen, each.ground)
        for each in derivation.figures
    ]
    print_table(columns, rows)
    for line in derivation.binding.lines:
        out().print(f"  {line.label}{_units(line)}: {format_yuan(line.amount_fen)}", markup=False)
    binding, claimable = format_yuan(derivation.binding_refund_fen), format_yuan(derivation.claimable_fen)
    out().print(f"应退 binding {binding} · 可主张 claimable {claimable}", markup=False)
    if derivation.deadline is not None:
        note = " (日历未公布 provisional)" if derivation.deadline.provisional else ""
        out().print(f"最迟 pay by {derivation.deadline.on}{note} · {derivation.deadline.ground}", markup=False)
    for text in _beside(derivation):
        out().print(text, markup=False)


def _units(line: Line) -> str:
    """How many at which price; the exact fraction of a fen stands in the JSON."""
    if not line.units:
        return ""
    if line.unit_price is None or line.unit_price_fen is None:
        return f" ({line.units})"
    about = "" if line.unit_price == str(line.unit_price_fen) else "≈ "
    return f" ({line.units} × {about}{format_yuan(line.unit_price_fen)})"


def _beside(derivation: Derivation) -> Iterator[str]:
    """What stands beside the figure that binds: the two records, an award, interest, and what the answer rests on."""
    if derivation.range is not None:
        institution, family = derivation.range.by_institution_record_fen, derivation.range.by_family_record_fen
        yield (
            f"争议区间 range 机构记录 by the institution's record {format_yuan(institution)} · "
            f"家庭记录 by the family's record {format_yuan(family)}"
        )
    if derivation.award is not None:
        yield f"裁决 award {format_yuan(derivation.award.amount_fen)} (不改变公式 beside the formula)"
    if derivation.interest is not None:
        interest = derivation.interest
        amount = "未定 open" if interest.amount_fen is None else format_yuan(interest.amount_fen)
        rate = "" if interest.rate_percent is None else f" · {interest.rate_percent} %"
        yield f"利息 interest {amount}{rate} · {interest.ground}" + (f" · {interest.open}" if interest.open else "")
    if derivation.notes:
        yield f"说明 notes {', '.join(derivation.notes)}"


def _institution_of(question: Asking, contract: str) -> str:
    found = list_contract_statements(question.models, contract_id=contract, limit=2).data
    if not found:
        raise Stop(f"没有合同 There is no contract {contract}", USAGE)
    if len(found) > 1:
        raise Stop(f"多家机构都有合同 Several institutions have a contract {contract}: --institution", USAGE)
    return found[0].institution_id


def _read(file: Path) -> bytes:
    try:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1) if str(file) == "-" else _bytes_of(file)
    except OSError as error:
        raise Stop(f"无法读取 {file} cannot be read: {error.strerror}", USAGE) from None
    if len(raw) > MAX_BYTES:
        raise Stop(f"文件过大 {file} is larger than {MAX_BYTES} bytes", USAGE)
    return raw


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _refuse(refusal: Problem | Rejection, show: Show) -> int:
    """The problem that the API would answer with."""
    body = body_of(problem_of(refusal), Catalogue(), language())
    if show.json:
        print_json(body)
    else:
        err().print(f"{body.title}: {body.detail}", markup=False)
        for each in body.errors or ():
            err().print(f"  {each.pointer or '/'}: {each.message}", markup=False)
    return USAGE
