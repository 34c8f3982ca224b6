"""What the README of a pack says, in Chinese and in English."""

from api.methods import METHODS
from api.packs.totals import Totals
from ledger.money import format_yuan
from projections.institution import Institution


def resolution_readme(institution: Institution, totals: Totals) -> str:
    """What is in the archive and how to read it."""
    methods = "\n".join(f"{code} {zh}" for code, zh in METHODS.items())
    due, covered, missing = (totals.debt_fen[name] for name in ("due_fen", "covered_fen", "missing_fen"))
    return f"""处置包 Resolution pack
{institution.institution_id} {institution.name}

合同 {totals.contracts} 份,应退 {totals.debts} 笔,合计 {format_yuan(due)} 元;
存管可付 {format_yuan(covered)} 元,缺口 {format_yuan(missing)} 元。
{totals.contracts} contracts, {totals.debts} debts, {format_yuan(due)} yuan due;
{format_yuan(covered)} yuan covered by custody, {format_yuan(missing)} yuan missing.

文件 Files
resolution.xlsx    供人阅读,金额为元:汇总、家庭、计算、付款方、期限
                   for people, in yuan: summary, families, computation, payers, clocks
families.csv       每笔应退一行,金额为分(UTF-8 带 BOM) one row for each debt, in fen (UTF-8 with BOM)
computation.csv    每笔应退的计算;各行之和等于应退额 how each debt is computed; lines sum to what is due
families.ndjson    同上,每行一个 JSON,含计算 the same as JSON, one object a line, computation within
summary.json       合计、覆盖率、付款方、期限 totals, coverage, payers, clocks
manifest.json      账本位置、规则集、各文件 SHA-256 position in the ledger, rule sets, SHA-256 of every file

状态 States
requested 已申请 · refused 被拒 · agreed 已确认 · closure 停业即应退 · award 裁决 · undetermined 记录不足,待查
paid 已退清 · nothing_due 无应退

计算方法 Methods
{methods}

账户已掩码;原渠道退回,无法退回时付给核实的替代账户。
Accounts are masked; money goes back by the original channel, or to a verified substitute where that is closed.
以 ' 开头的单元格是文本,不是公式。 A cell that begins with ' is text, no formula.
"""
