"""The demo's tables for a terminal of 100 columns, labels in Chinese and English; the same as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from api.demo.findings import Debt, Findings
from ledger.money import format_yuan
from projections.escrow_balance import EscrowBalance
from projections.refunds_due import RefundDue

WIDTH = 100
ROWS = 10
"""Institutions shown of each table; the rest stands in one line."""
FAMILIES = 5
_STATES = {
    "open": "存续 open",
    "closing": "停办 closing",
    "closed": "已销户 closed",
    "frozen": "冻结 frozen",
}
_ENDED = 10**15
_PAYERS = {
    "custody": "存管 custody",
    "institution": "机构 institution",
    "custody_and_institution": "存管+机构 both",
    None: "未定 open",
}


def show(console: Console, findings: Findings) -> None:
    """Every table."""
    console.print(_balances(findings))
    console.print(_debts(findings))
    if missing := _missing(findings):
        console.print(_families(findings, missing))
    console.print(_cases(findings))


def yuan(amount_fen: int | None) -> str:
    """`1234567` fen as "12,345.67"; what is not determined as a dash."""
    if amount_fen is None:
        return "—"
    whole, _, cents = format_yuan(amount_fen).partition(".")
    return f"{int(whole):,}.{cents}" if amount_fen >= 0 else f"-{yuan(-amount_fen)}"


def new_table(
    title: str,
    id_: str,
    texts: Sequence[str],
    amounts: Sequence[str],
    *,
    last: Sequence[tuple[str, int]] = (),
    ids: int = 6,
) -> Table:
    """A table whose amounts and ids are never cut; texts give way."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        width=WIDTH,
    )
    table.add_column(id_, no_wrap=True, min_width=ids)
    for name in texts:
        table.add_column(name, overflow="ellipsis", no_wrap=True, ratio=1)
    for name in amounts:
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    for name, width in last:
        table.add_column(name, no_wrap=True, min_width=width)
    return table


def _balances(findings: Findings) -> Table:
    table = new_table(
        f"资金余额 Balances on {findings.on} (元 yuan)",
        "机构\nid",
        ("名称\nname",),
        ("存管余额\ncustody", "未消课\nunearned", "已消课\nearned", "应退\nrefunds", "应补足\nreceivable"),
        last=(("状态\nstate", 13),),
    )
    ranked = sorted(findings.balances.values(), key=lambda row: (-_weight(findings, row), row.institution_id))
    for row in ranked[:ROWS]:
        institution = findings.institutions[row.institution_id]
        state = "frozen" if institution.frozen and institution.status == "open" else institution.status
        table.add_row(row.institution_id, institution.name, *_accounts([row]), _STATES[state])
    table.add_row("", f"其余 {len(ranked[ROWS:])} 家 others", *_accounts(ranked[ROWS:]), "", end_section=True)
    table.add_row("", "合计 total", *_accounts(ranked), "", style="bold")
    return table


def _weight(findings: Findings, row: EscrowBalance) -> int:
    """The ones that came to an end first, then by money in custody; the published cases among the others."""
    if any(row.institution_id == case.id for case in findings.cases):
        return 0
    institution = findings.institutions[row.institution_id]
    ended = institution.status == "closed" or (institution.closure is not None and row.institution_id in findings.debts)
    return 1 + row.custody_cash_fen + (_ENDED if ended else 0)


def _accounts(rows: Sequence[EscrowBalance]) -> Iterator[str]:
    yield yuan(sum(row.custody_cash_fen for row in rows))
    yield yuan(sum(row.unearned_fen + row.unapplied_fen for row in rows))
    yield yuan(sum(row.earned_fen + row.release_in_transit_fen for row in rows))
    yield yuan(sum(row.refund_payable_fen + row.refund_in_transit_fen for row in rows))
    yield yuan(sum(row.institution_receivable_fen for row in rows))


def _debts(findings: Findings) -> Table:
    table = new_table(
        f"应退尽退 Refund all that is due on {findings.on} (元 yuan)",
        "机构\nid",
        ("名称\nname",),
        ("户\nfamilies", "未付\nopen", "在途\nin transit", "存管可付\ncovered", "缺口\nshortfall", "逾期\noverdue"),
    )
    ranked = sorted(findings.debts.items(), key=lambda item: (-item[1].missing_fen, -item[1].open_fen, item[0]))
    for institution_id, debt in ranked[:ROWS]:
        table.add_row(institution_id, findings.institutions[institution_id].name, *_debt([debt]))
    rest = [debt for _, debt in ranked[ROWS:]]
    table.add_row("", f"其余 {len(rest)} 家 others", *_debt(rest), end_section=True)
    table.add_row("", "合计 total", *_debt(list(findings.debts.values())), style="bold")
    return table


def _debt(debts: Sequence[Debt]) -> Iterator[str]:
    yield f"{sum(debt.families for debt in debts):,}"
    yield yuan(sum(debt.open_fen for debt in debts))
    yield yuan(sum(debt.in_transit_fen for debt in debts))
    yield yuan(sum(debt.covered_fen for debt in debts))
    yield yuan(sum(debt.missing_fen for debt in debts))
    yield f"{sum(debt.overdue for debt in debts):,}"


def _missing(findings: Findings) -> list[RefundDue]:
    short = [due for due in findings.dues if due.missing_fen]
    return sorted(short, key=lambda due: (-(due.missing_fen or 0), due.subject))


def _families(findings: Findings, missing: Sequence[RefundDue]) -> Table:
    shown = f"{min(FAMILIES, len(missing))} of {len(missing)}"
    table = new_table(
        f"缺口明细 Whose money is missing ({shown}; 合计 total {yuan(findings.shortfall_fen)})",
        "合同\ncontract",
        (),
        ("应退\ndue", "已付\npaid", "未付\nopen", "缺口\nmissing"),
        last=(("自\nsince", 10), ("至\nuntil", 10), ("由谁付\nwho pays", 16)),
        ids=13,
    )
    for due in missing[:FAMILIES]:
        amounts = (due.due_fen, due.paid_fen, due.open_fen, due.missing_fen)
        until = "" if due.pay_by is None else str(due.pay_by)
        table.add_row(due.contract_id or due.subject, *map(yuan, amounts), str(due.since_on), until, _PAYERS[due.payer])
    return table


def _cases(findings: Findings) -> Table:
    title = "公开案例 Published cases, told as histories of an escrow (元 yuan)"
    table = new_table(title, "案例\ncase", ("\ntitle",), ("公开\npublished", "账本\nledger"), last=(("\nequal", 6),))
    for case in findings.cases:
        mark = "= 一致" if case.equal else "≠ 不符"
        table.add_row(case.id, case.title, yuan(case.published_fen), yuan(case.ledger_fen), mark)
    return table


def as_json(findings: Findings) -> dict[str, Any]:
    """The tables' figures, fen."""
    return {
        "on": findings.on.isoformat(),
        "balances": [_fields(row) for row in findings.balances.values()],
        "refunds_due": [{"institution_id": key, **vars(debt)} for key, debt in sorted(findings.debts.items())],
        "shortfall_fen": findings.shortfall_fen,
        "cases": [{**vars(case), "equal": case.equal} for case in findings.cases],
    }


def _fields(row: EscrowBalance) -> dict[str, Any]:
    names: Iterable[str] = row.__struct_fields__
    return {name: getattr(row, name) for name in names}
