"""Events and bank lines as rows of an evidence pack."""

from typing import Any

import msgspec

from api.packs.sheets import Heading
from api.public import event_body, rfc3339
from ledger.serialization import Recorded
from projections.reconciliation import BankLineRow

EVENTS = tuple(
    Heading(*each)
    for each in (
        ("version", "序号", "version"),
        ("position", "账本位置", "position"),
        ("recorded_at", "记录时间", "recorded"),
        ("effective_at", "业务时间", "effective"),
        ("topic", "事件", "event"),
        ("contract_id", "合同", "contract"),
        ("amount_fen", "金额(分)", "amount, fen"),
        ("command", "指令", "command"),
        ("actor", "办理人", "actor"),
        ("role", "角色", "role"),
        ("approved_by", "批准人", "approved by"),
        ("rules", "规则集", "rule set"),
        ("signed", "已签名", "signed"),
        ("source_sha256", "来源文件", "source file"),
        ("source_line", "来源行", "source line"),
        ("hash", "链哈希", "hash"),
        ("data", "内容", "facts"),
    )
)

STATEMENT_LINES = tuple(
    Heading(*each)
    for each in (
        ("line_key", "行标识", "line key"),
        ("statement_id", "对账单", "statement"),
        ("line", "行", "line"),
        ("booked_on", "记账日", "booked"),
        ("signed_fen", "金额(分)", "amount, fen"),
        ("serial", "流水号", "serial number"),
        ("rule", "匹配规则", "matched by"),
        ("payments", "对应款项", "payments"),
    )
)


def event_row(one: Recorded) -> tuple[Any, ...]:
    """One event in the order of EVENTS."""
    envelope, event = one.envelope, one.event
    source = envelope.source
    return (
        one.version,
        one.position,
        rfc3339(envelope.recorded_at),
        rfc3339(event.effective_at),
        one.topic,
        getattr(event, "contract_id", None),
        getattr(event, "amount_fen", None),
        envelope.command,
        envelope.actor,
        envelope.role.value,
        envelope.approved_by,
        envelope.rules,
        "yes" if envelope.signature else "",
        None if source is None else source.sha256,
        None if source is None else source.line,
        one.hash,
        msgspec.json.encode(event_body(one).data).decode(),
    )


def stored_document(one: Recorded) -> dict[str, Any]:
    """The event as the API shows it, and its exact stored text, over which hash and proof are made."""
    shown: dict[str, Any] = msgspec.to_builtins(event_body(one))
    return shown | {"stored": one.state.decode()}


def line_row(line: BankLineRow) -> tuple[Any, ...]:
    """One bank line in the order of STATEMENT_LINES."""
    return (
        line.line_key,
        line.statement_id,
        line.line,
        line.booked_on.isoformat(),
        line.signed_fen,
        line.serial,
        line.rule,
        " ".join(line.payments),
    )
