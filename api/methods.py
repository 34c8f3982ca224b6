"""What the methods of an entitlement are called in Chinese, for who reads an answer."""

from typing import Final

from ledger.entitlement.derivation import Method

METHODS: Final[dict[Method, str]] = {
    "settlement": "调解协议",
    "full_before_start": "开课前全额",
    "full_cooling_off": "七日内全额",
    "all_units_average": "全部课时均价(含赠课)",
    "paid_average": "付费课时均价",
    "list_price": "折扣前价格",
    "market_price": "当地市场价",
    "contract_price": "合同单价",
    "mixed_price": "合同单价,先抵赠课",
    "bonus_ratio": "实付与赠送比例",
    "face_value": "面额消费",
    "percent_progress": "完成进度",
    "months_started": "已开始月数",
    "remaining_term": "剩余期限",
    "unused_pass": "未使用的期限卡",
    "contract_tier": "合同分段约定",
    "share_of_completed_hours": "已完成课时占比",
}
