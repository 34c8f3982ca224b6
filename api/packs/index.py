"""The page an evidence pack opens with: what is in it, in Chinese and in English, without scripts."""

from collections.abc import Sequence
from html import escape
from typing import Any

from api.packs.archive import Member

WHAT = {
    "events.csv": ("全部事件,按发生顺序", "every event, in order"),
    "events.ndjson": ("同上,含账本逐字存储的原文", "the same with the exact stored texts"),
    "claims.csv": ("应退款项(分)", "what is owed, in fen"),
    "claims.ndjson": ("同上,含计算", "the same with its computation"),
    "computation.csv": ("应退额的计算;各行之和等于应退额", "how it is computed; lines sum to what is due"),
    "statement-lines.csv": ("已匹配的银行流水", "the bank's lines matched to it"),
    "journal.hledger": ("复式分录(hledger)", "double entries for hledger"),
    "journal.beancount": ("复式分录(beancount)", "double entries for beancount"),
}
PROOF = ("事件的存在证明(C2SP tlog-proof)", "proof that an event stands in the signed log")
_STYLE = "body{font:16px/1.6 sans-serif;max-width:60rem;margin:2rem auto}td,th{padding:.2rem .8rem;text-align:left}"


def index_page(facts: dict[str, Any], members: Sequence[Member]) -> str:
    """HTML; everything that comes from the ledger is escaped."""
    names = {
        "institution_id": "机构 institution",
        "institution_name": "名称 name",
        "contract_id": "合同 contract",
        "events": "事件 events",
        "proofs": "证明 proofs",
        "position": "账本位置 position",
        "rule_sets": "规则集 rule sets",
        "as_of": "截至 as of",
        "known_at": "知晓截至 known at",
    }
    told = "".join(
        f"<tr><th>{label}</th><td>{escape(_shown(facts[name]))}</td></tr>"
        for name, label in names.items()
        if facts[name]
    )
    files = "".join(_file(member) for member in members)
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>证据包 Evidence pack</title>'
        f"<style>{_STYLE}</style><h1>证据包 Evidence pack</h1><table>{told}</table>"
        f"<h2>文件 Files</h2><table><tr><th>文件 file</th><th>内容 what it is</th><th>SHA-256</th></tr>{files}</table>"
        f"<p>各文件的哈希与账本位置见 <a href='manifest.json'>manifest.json</a>。金额单位为分,时间为 UTC。</p>"
        f"<p>Hashes and the position in the ledger are in manifest.json. Amounts are fen, instants UTC.</p></html>"
    )


def _file(member: Member) -> str:
    zh, en = WHAT.get(member.name, PROOF)
    name = escape(member.name)
    return f"<tr><td><a href='{name}'>{name}</a></td><td>{zh}<br>{en}</td><td><code>{member.sha256}</code></td></tr>"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
