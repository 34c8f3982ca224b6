"""The tables of the closure and of the bank day, labels in Chinese and English."""

from rich.console import Console, RenderableType

from api.demo.facts import BankDay, Broken, Closed
from api.demo.report import new_table, yuan

_KINDS = {
    "release": "放款 release",
    "refund": "退费 refund",
    "status": "回单 status",
    "statement": "对账单 statement",
}
_BECAME = {
    "matched": "勾对 matched",
    "deposit": "入账 deposit",
    "returned": "退汇 back",
    "reversed": "冲正 reversed",
    "break": "差异 break",
}
_CAUSES = {"unregistered_contract": "合同未登记 unregistered", "unknown": "不明 unknown"}
_OWNERS = {"institution": "机构 institution", "bank": "银行 bank", "regulator": "监管 regulator"}
_STATES = {
    "open": "未结 open",
    "explained": "已说明 explained",
    "matched": "已勾对 matched",
    "corrected": "已更正 corrected",
}
_FINDINGS = {
    "breaks_alarming": "不明差异 unexplained breaks",
    "custody_short": "存管不足 custody short",
    "refund_overdue": "退费逾期 refunds overdue",
    "instalment_overdue": "分期逾期 instalments overdue",
    "left_open": "未决 left open",
    "custody_attached": "被冻结扣划 custody attached",
    "bank_differs": "账实不符 bank differs",
    "statement_missing": "缺对账单 statement missing",
}
ROOT = 16
"""So many digits of a root are shown."""


def show_closure(console: Console, closed: Closed) -> None:
    """How the pot was shared, and what stays due."""
    shares = closed.distribution
    if shares is None:
        return
    found = new_table(
        f"关停与分配 {closed.institution_id} {closed.name}: each proposed by one officer, approved by another",
        "合同\ncontract",
        (),
        ("应退\ndue", "份额\nshare", "仍欠\nstays due"),
        last=(("占比\nof due", 8),),
        ids=13,
    )
    for line in shares.lines:
        part = f"{10_000 * line.share_fen // line.due_fen / 100:.2f}%"
        found.add_row(line.contract_id, *map(yuan, (line.due_fen, line.share_fen, line.left_fen)), part)
    sums = (shares.due_fen, shares.shared_fen, shares.left_fen)
    part = f"{10_000 * shares.shared_fen // shares.due_fen / 100:.2f}%"
    found.add_section()
    found.add_row(f"{shares.families} 户 families", *map(yuan, sums), part, style="bold")
    console.print(found)
    console.print(
        f"可分配 Pot {yuan(shares.pot_fen)} = 份额之和 sum of the shares {yuan(shares.shared_fen)}; whole fen left "
        f"{shares.remainder_fen} fen over,\n一分一户 one each to the {shares.remainder_fen} largest remainders. "
        f"已付 Paid {yuan(closed.paid_fen)}. 名单 List {shares.list_sha256[:ROOT]}…\n"
        f"处置包 Resolution pack: {closed.pack}, {closed.ordered} contracts, {yuan(closed.pack_due_fen)} due\n",
        highlight=False,
    )


def show_bank_day(console: Console, day: BankDay) -> None:
    """Every step of the day."""
    console.print(_payments(day))
    console.print(
        f"  收款人 Payees of refunds: 按账号 by the account that paid {day.by_account} (vault) · 按代号 by reference "
        f"{day.by_reference}\n",
        highlight=False,
    )
    for step in (_statements(day), _compared(day), _breaks(day)):
        console.print(step)
    for each in day.breaks:
        if not each.alarming:
            console.print(f"  {each.institution_id}: {_note(each)}", highlight=False)
    for back in day.refunds_back:
        console.print(
            f"  {back.institution_id}: 退汇 refund {back.refund_id} came back, {yuan(back.amount_fen)} 元 yuan: "
            "open again, its clock runs on\n",
            highlight=False,
        )
    console.print(_ended(day))
    found = " · ".join(f"{_FINDINGS[kind]} {count}" for kind, count in day.findings.items())
    console.print(f"日终 End of day {day.on}: {day.sealed} institutions sealed; {found}", highlight=False)
    for institution_id in day.alarms:
        alarm = next(each for each in day.breaks if each.institution_id == institution_id and each.alarming)
        console.print(f"! 警报 ALERT {institution_id}: {yuan(alarm.drift_fen)} 元 yuan {_note(alarm)}", highlight=False)
    console.print()


def _payments(day: BankDay) -> RenderableType:
    found = new_table(
        f"银行日 Bank day {day.on}: 付款文件 payment files (pain.001), 回单 answers (pain.002; 元 yuan)",
        "机构\nid",
        ("文件\nfile",),
        ("笔\npayments", "金额\namount"),
        last=(("类别\nkind", 14), ("银行 bank: 已付 · 退回\npaid · failed", 22)),
    )
    statuses = {each.name.rpartition("status-")[2]: each for each in day.files if each.kind == "status"}
    for each in day.files:
        if each.kind not in {"release", "refund"}:
            continue
        file = each.name.rpartition("/")[2]
        failed_fen = each.amount_fen - statuses[file].amount_fen
        said = f"{yuan(statuses[file].amount_fen)} · {yuan(failed_fen)}"
        found.add_row(each.institution_id, file, str(each.lines), yuan(each.amount_fen), _KINDS[each.kind], said)
    return found


def _statements(day: BankDay) -> RenderableType:
    found = new_table(
        "对账单入账 Statements imported: previewed, then committed (元 yuan)",
        "机构\nid",
        (),
        ("行\nlines", "期初\nopening", "期末\nclosing"),
        last=(("格式\nformat", 8), ("成为\nbecame", 47)),
    )
    for each in day.imported:
        became = " · ".join(f"{_BECAME[kind]} {count}" for kind, count in each.became.items())
        sums = yuan(each.opening_fen), yuan(each.closing_fen)
        found.add_row(each.institution_id, str(each.lines), *sums, each.format, became)
    return found


def _compared(day: BankDay) -> RenderableType:
    found = new_table(
        "三方对账 Reconciliation: bank = ledger + breaks, to the fen (元 yuan)",
        "机构\nid",
        (),
        ("银行\nbank", "账本存管\ncustody", "在途\nin transit", "差异\nbreaks", "账实不符\nunaccounted"),
    )
    for each in day.compared:
        sums = (each.bank_fen, each.custody_fen, each.in_transit_fen, each.drift_fen, each.unexplained_fen)
        found.add_row(each.institution_id, *map(yuan, sums))
    return found


def _breaks(day: BankDay) -> RenderableType:
    found = new_table(
        "差异 Breaks at the end of the day: one explained, one not (元 yuan)",
        "机构\nid",
        (),
        ("金额\namount", "账差\ndrift"),
        last=(("类别\nclass", 23), ("责任\nowner", 16), ("状态\nstate", 16), ("警\n!", 2)),
    )
    for each in day.breaks:
        found.add_row(
            each.institution_id,
            yuan(each.signed_fen),
            yuan(each.drift_fen),
            _CAUSES.get(each.cause, each.cause),
            _OWNERS[each.owner],
            _STATES[each.state],
            "!" if each.alarming else "",
        )
    return found


def _note(each: Broken) -> str:
    return each.resolution or each.note


def _ended(day: BankDay) -> RenderableType:
    found = new_table(
        f"日终封账 Day sealed {day.on}: hash roots over balances and every family's figure",
        "机构\nid",
        (),
        ("户\nfigures",),
        last=(("余额根\nroot of the balances", 28), ("各户根\nroot of the figures", 28)),
    )
    for each in day.ended:
        roots = [f"{root[:ROOT]}…" for root in (each.balances_root, each.statements_root)]
        found.add_row(each.institution_id, str(each.statements), *roots)
    return found
