"""`ledger balance`, `history`, `explain`, `refunds-due`: the money, and what is due."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from cyclopts import Parameter

from api.problems import Catalogue
from api.public import rfc3339
from api.terminal.environment import OK, USAGE, Stop, language
from api.terminal.output import Column, Show, out, print_table
from api.terminal.questions import NOW, PAGE, Asking, When, asking, everything, print_answer, provenance, today
from ledger.money import format_yuan
from ledger.postings import ACCOUNTS
from projections.escrow_balance import get_escrow_balance, list_escrow_balances
from projections.explain import explain_balance, list_explained_lines
from projections.fund_history import list_fund_history
from projections.institution import get_institution
from projections.overview import refund_all_due
from projections.refunds_due import RefundDue, list_refunds_due

SHOW = Show()
Limit = Annotated[int, Parameter(help="Most rows")]


def balance(institution: str | None = None, /, *, when: When = NOW, show: Show = SHOW) -> int:
    """What is in custody, for whom: of one institution, or of all."""
    with asking() as question:
        if institution is None:
            return _balances(question, when, show)
        get_institution(question.models, institution, when.moment)
        answer = get_escrow_balance(question.models, institution, when.moment)
        if show.json:
            print_answer(question, answer, institution)
        else:
            words = Catalogue()
            names = [account.name for account in ACCOUNTS]
            rows = [(words.word(name, language()), getattr(answer.data, f"{name}_fen")) for name in names]
            print_table(
                [Column("科目 account"), Column("元 yuan", money=True)], rows, provenance(question, answer, institution)
            )
        return OK


def _balances(question: Asking, when: When, show: Show) -> int:
    answer = everything(lambda cursor: list_escrow_balances(question.models, when.moment, after=cursor, limit=PAGE))
    if show.json:
        print_answer(question, answer)
        return OK
    names = ("custody_cash", "unearned", "earned", "refund_payable", "institution_receivable")
    columns = [Column("机构 institution"), *(Column(Catalogue().word(name, language()), money=True) for name in names)]
    rows = [(row.institution_id, *(getattr(row, f"{name}_fen") for name in names)) for row in answer.data]
    print_table(columns, rows, provenance(question, answer))
    return OK


def history(
    institution: str,
    /,
    *,
    contract: str | None = None,
    limit: Limit = 100,
    when: When = NOW,
    show: Show = SHOW,
) -> int:
    """What moved the money of an institution, or of one contract, in order."""
    with asking() as question:
        get_institution(question.models, institution, when.moment)
        answer = list_fund_history(question.models, institution, when.moment, contract_id=contract, limit=limit)
        if show.json:
            print_answer(question, answer, institution)
            return OK
        columns = [
            Column("版本 version", right=True),
            Column("业务时间 effective"),
            Column("事件 event"),
            Column("合同 contract"),
            Column("变动 changes (yuan)"),
            Column("托管余额 custody", money=True),
        ]
        rows = [
            (
                row.version,
                rfc3339(row.effective_at)[:19],
                row.topic,
                row.contract_id,
                ", ".join(f"{name} {format_yuan(fen)}" for name, fen in row.accounts_fen.items()),
                row.custody_after_fen,
            )
            for row in answer.data
        ]
        more = " · 还有更多 there is more: --limit" if answer.next else ""
        print_table(columns, rows, provenance(question, answer, institution) + more)
        return OK


def explain(
    institution: str,
    account: Annotated[str, Parameter(help="Account of the chart, for example unearned")],
    /,
    *,
    contract: str | None = None,
    lines: Annotated[bool, Parameter(negative="", help="Every event behind it")] = False,
    when: When = NOW,
    show: Show = SHOW,
) -> int:
    """Why an account holds what it holds: by kind of event, or down to every event."""
    if account not in {each.name for each in ACCOUNTS}:
        raise Stop(f"没有这个科目 There is no account {account}: " + ", ".join(each.name for each in ACCOUNTS), USAGE)
    with asking() as question:
        get_institution(question.models, institution, when.moment)
        if lines:
            return _explained_lines(question, institution, account, contract, when, show)
        answer = explain_balance(question.models, institution, account, when.moment, contract_id=contract)
        if show.json:
            print_answer(question, answer, institution)
            return OK
        columns = [Column("事件 event"), Column("次数 times", right=True), Column("元 yuan", money=True)]
        rows = [(part.topic, part.events, part.amount_fen) for part in answer.data.parts]
        rows.append(("合计 sum", sum(part.events for part in answer.data.parts), answer.data.balance_fen))
        print_table(columns, rows, provenance(question, answer, institution))
        return OK


def _explained_lines(
    question: Asking, institution: str, account: str, contract: str | None, when: When, show: Show
) -> int:
    answer = everything(
        lambda cursor: list_explained_lines(
            question.models, institution, account, when.moment, contract_id=contract, after=cursor, limit=PAGE
        )
    )
    if show.json:
        print_answer(question, answer, institution)
        return OK
    columns = [
        Column("版本 version", right=True),
        Column("事件 event"),
        Column("元 yuan", money=True),
        Column("谁 actor"),
        Column("依据 references"),
    ]
    rows = [
        (
            line.version,
            line.topic,
            line.amount_fen,
            line.actor,
            ", ".join(f"{name}={text}" for name, text in line.references.items()),
        )
        for line in answer.data
    ]
    total = sum(line.amount_fen for line in answer.data)
    print_table(columns, rows, f"合计 sum {format_yuan(total)} · {provenance(question, answer, institution)}")
    return OK


def refunds_due(
    *,
    institution: str | None = None,
    district: str | None = None,
    state: Literal["requested", "refused", "agreed", "closure", "award", "undetermined"] | None = None,
    overdue_on: Annotated[date | None, Parameter(help="Only those whose last day lies before this day")] = None,
    when: When = NOW,
    show: Show = SHOW,
) -> int:
    """What is due to whom, why, until when, and is the money there; with the sum and the shortfall."""
    with asking() as question:
        if institution is not None:
            get_institution(question.models, institution, when.moment)
        answer = everything(
            lambda cursor: list_refunds_due(
                question.models,
                when.moment,
                institution_id=institution,
                district=district,
                state=state,
                overdue_on=overdue_on,
                after=cursor,
                limit=PAGE,
            )
        )
        if show.json:
            print_answer(question, answer, institution)
            return OK
        _show_dues(answer.data, provenance(question, answer, institution))
        if not show.quiet and state is None and overdue_on is None:
            _sum_up(question, institution, district, when)
        return OK


def _show_dues(dues: Iterable[RefundDue], caption: str) -> None:
    words = Catalogue()
    columns = [
        Column("机构 institution"),
        Column("合同 contract"),
        Column("状态 state"),
        Column("应退 due", money=True),
        Column("已覆盖 covered", money=True),
        Column("缺口 missing", money=True),
        Column("最迟 pay by"),
        Column("依据 ground"),
    ]
    rows = [
        (
            row.institution_id,
            row.contract_id or row.deposit_id,
            words.word(row.state, language()),
            row.due_fen,
            row.covered_fen,
            row.missing_fen,
            f"{row.pay_by}{' *' if row.provisional else ''}" if row.pay_by else None,
            row.ground or row.basis,
        )
        for row in dues
    ]
    print_table(columns, rows, caption)


def _sum_up(question: Asking, institution: str | None, district: str | None, when: When) -> None:
    on = when.as_of or today()
    total = refund_all_due(question.models, on, when.moment, institution_id=institution, district=district).data.total
    out().print(
        f"应退合计 all due {format_yuan(total.due_fen)} · 未付 open {format_yuan(total.open_fen)} · "
        f"托管 custody {format_yuan(total.custody_fen)} · 缺口 shortfall {format_yuan(total.shortfall_fen)} · "
        f"逾期 overdue {total.overdue}",
        markup=False,
    )
