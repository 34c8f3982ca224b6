"""What the columns and sheets of a resolution pack are called, in Chinese and in English."""

from api.packs.sheets import Heading

FAMILIES = tuple(
    Heading(*each)
    for each in (
        ("contract_id", "合同", "contract"),
        ("guardian_id", "监护人", "guardian"),
        ("student_id", "学员", "student"),
        ("course", "课程", "course"),
        ("subject", "类别", "subject"),
        ("signed_on", "签约", "signed"),
        ("ended", "合同终止", "ended"),
        ("price_fen", "合同价", "price"),
        ("paid_fen", "已付", "paid"),
        ("paid_hours", "购课时", "hours bought"),
        ("gift_hours", "赠课时", "gift hours"),
        ("used_hours", "已消课", "hours used"),
        ("left_hours", "未消课", "hours left"),
        ("consumed_fen", "已消课金额", "consumed"),
        ("released_fen", "已拨付", "released"),
        ("asserted_fen", "监管外支付(主张)", "paid off platform, asserted"),
        ("state", "状态", "state"),
        ("cause", "事由", "cause"),
        ("due_fen", "应退", "due"),
        ("by_family_fen", "按家庭记录", "by the family's record"),
        ("paid_back_fen", "已退", "paid back"),
        ("in_transit_fen", "在途", "in transit"),
        ("open_fen", "未付", "open"),
        ("covered_fen", "存管可付", "covered by custody"),
        ("missing_fen", "缺口", "missing"),
        ("payer", "付款方", "who must pay"),
        ("method", "计算方法", "method"),
        ("ground", "法律依据", "ground"),
        ("rules", "规则集", "rule set"),
        ("basis", "来由", "basis"),
        ("since_on", "起始日", "since"),
        ("pay_by", "最迟付款", "pay by"),
        ("calendar", "日历", "calendar"),
        ("provisional", "日历未公布", "provisional"),
        ("route", "退款渠道", "bank route"),
        ("account", "账户(掩码)", "account, masked"),
        ("refund_id", "退费号", "refund"),
        ("deposit_id", "入账号", "deposit"),
    )
)
"""One row for each debt; a contract on which nothing is owed has one row as well."""

LINES = tuple(
    Heading(*each)
    for each in (
        ("contract_id", "合同", "contract"),
        ("refund_id", "退费号", "refund"),
        ("line", "行", "line"),
        ("event", "项目", "item"),
        ("label", "说明", "what"),
        ("units", "单位数", "units"),
        ("unit_price", "单价(分)", "unit price, fen"),
        ("amount_fen", "金额", "amount"),
    )
)
"""How each debt is computed; its lines sum to what is due."""

SUMMARY = (Heading("item", "项目", "item"), Heading("value", "数值", "value"), Heading("amount_fen", "金额", "amount"))
CLOCKS = (
    Heading("pay_by", "最迟付款", "pay by"),
    Heading("debts", "笔数", "debts"),
    Heading("open_fen", "未付", "open"),
)
PAYERS = (
    Heading("payer", "付款方", "who must pay"),
    Heading("debts", "笔数", "debts"),
    Heading("open_fen", "未付", "open"),
    Heading("covered_fen", "存管可付", "covered by custody"),
    Heading("missing_fen", "缺口", "missing"),
)

TITLES = {
    "summary": "汇总 Summary",
    "families": "家庭 Families",
    "lines": "计算 Computation",
    "payers": "付款方 Payers",
    "clocks": "期限 Clocks",
}

STATES = {
    "requested": "已申请 requested",
    "refused": "被拒 refused",
    "agreed": "已确认 agreed",
    "closure": "停业应退 due by closure",
    "award": "裁决 award",
    "undetermined": "待查 undetermined",
    "paid": "已退清 paid",
    "nothing_due": "无应退 nothing due",
}
PAYER_NAMES = {
    "custody": "存管账户 custody",
    "institution": "机构 institution",
    "custody_and_institution": "存管账户与机构 custody and institution",
}
ROUTES = {
    "original": "原渠道 original channel",
    "substitute": "核实的替代账户 verified substitute",
    "unknown": "未知 unknown",
}
"""Words of the workbook; the other files keep the stable ones."""
