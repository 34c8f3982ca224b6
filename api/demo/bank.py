"""The custodian bank of the demo: what it books on a day, and the files it sends, as banks write them."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import accumulate
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from ledger.money import format_yuan

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = ("敏", "静", "建国", "丽", "伟", "秀英", "磊", "洋", "艳", "勇")
_PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


@dataclass(frozen=True, slots=True)
class Booking:
    """One line of an account, fen: credits positive, debits negative."""

    fen: int
    serial: str
    holder: str
    account: str
    text: str


def person(token: str) -> tuple[str, str]:
    """Name and card of somebody invented, always the same for the same token."""
    number = int(sha256(token.encode()).hexdigest(), 16)
    name = _SURNAMES[number % len(_SURNAMES)] + _GIVEN[number // 100 % len(_GIVEN)]
    return name, f"62220200{number % 10**11:011d}"


def camt053(account: str, on: date, opening_fen: int, bookings: Sequence[Booking]) -> bytes:
    """The day as camt.053.001.08, UTF-8."""
    closing_fen = opening_fen + sum(each.fen for each in bookings)
    entries = "\n".join(_entry(on, number, each) for number, each in enumerate(bookings, 1))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<BkToCstmrStmt>
<GrpHdr><MsgId>ST{on:%Y%m%d}{account}</MsgId><CreDtTm>{on}T18:05:00+08:00</CreDtTm></GrpHdr>
<Stmt><Id>{on:%Y%m%d}</Id><ElctrncSeqNb>{on:%j}</ElctrncSeqNb><CreDtTm>{on}T18:05:00+08:00</CreDtTm>
<FrToDt><FrDtTm>{on}T00:00:00+08:00</FrDtTm><ToDtTm>{on}T23:59:59+08:00</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>
{_balance("OPBD", opening_fen, on)}
{_balance("CLBD", closing_fen, on)}
{entries}
</Stmt>
</BkToCstmrStmt>
</Document>
""".encode()


def _balance(code: str, fen: int, on: date) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{format_yuan(abs(fen))}</Amt>'
        f"<CdtDbtInd>{_side(fen)}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def _side(fen: int) -> str:
    return "DBIT" if fen < 0 else "CRDT"


def _entry(on: date, number: int, each: Booking) -> str:
    party = "Cdtr" if each.fen < 0 else "Dbtr"
    return (
        f'<Ntry><NtryRef>{number}</NtryRef><Amt Ccy="CNY">{format_yuan(abs(each.fen))}</Amt>'
        f"<CdtDbtInd>{_side(each.fen)}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt><AcctSvcrRef>{each.serial}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RltdPties><{party}><Pty><Nm>{escape(each.holder)}</Nm></Pty></{party}>"
        f"<{party}Acct><Id><Othr><Id>{each.account}</Id></Othr></Id></{party}Acct></RltdPties>"
        f"<RmtInf><Ustrd>{escape(each.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


_ICBC = (
    "交易日期", "摘要", "交易场所", "交易国家或地区简称", "钞/汇", "交易金额(收入)", "交易金额(支出)", "交易币种",
    "记账金额(收入)", "记账金额(支出)", "记账币种", "余额", "对方户名", "对方账号", "交易流水号",
)  # fmt: skip


def icbc(account: str, on: date, opening_fen: int, bookings: Sequence[Booking]) -> bytes:
    """The day as the ICBC's download: GB18030, a preamble, padded cells, the newest line first, totals at the end."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerows([["明细查询文件下载"], [], [f"账号: {account}", "账户别名: 监管专户"], [], _ICBC])
    balances = accumulate((each.fen for each in bookings), initial=opening_fen)
    next(balances)
    rows.writerows(reversed([_icbc_row(on, each, fen) for each, fen in zip(bookings, balances, strict=True)]))
    totals = [sum(max(0, sign * each.fen) for each in bookings) for sign in (1, -1)]
    rows.writerow(["合计", *[""] * 7, *map(_grouped, totals)])
    return text.getvalue().encode("gb18030")


def _icbc_row(on: date, each: Booking, balance_fen: int) -> list[str]:
    both = (_grouped(each.fen), "") if each.fen > 0 else ("", _grouped(-each.fen))
    cells = (
        on.isoformat(), each.text, "网上银行", "CHN", "汇", "-", "-", "-", *both, "人民币", _grouped(balance_fen),
        each.holder, each.account, each.serial,
    )  # fmt: skip
    return [f"{cell}    \t" for cell in cells]


def _grouped(fen: int) -> str:
    whole, _, cents = format_yuan(fen).partition(".")
    return f"{int(whole):,}.{cents}"


def pain002(payment_file: bytes, failing: Mapping[int, str], serial: Callable[[], str]) -> bytes:
    """The answer to a pain.001: each payment is settled, but those that fail, by their place and for a reason."""
    document = fromstring(payment_file, forbid_dtd=True)
    message_id = document.findtext(f".//{_PAIN}MsgId")
    created = document.findtext(f".//{_PAIN}CreDtTm")
    payments = document.iter(f"{_PAIN}CdtTrfTxInf")
    lines = "\n".join(
        _status(
            each.findtext(f"{_PAIN}PmtId/{_PAIN}EndToEndId") or "",
            each.findtext(f"{_PAIN}Amt/{_PAIN}InstdAmt") or "",
            failing.get(number, ""),
            serial,
        )
        for number, each in enumerate(payments, 1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">
<CstmrPmtStsRpt>
<GrpHdr><MsgId>ST{message_id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message_id}</OrgnlPmtInfId>
{lines}
</OrgnlPmtInfAndSts>
</CstmrPmtStsRpt>
</Document>
""".encode()


def _status(payment_id: str, amount: str, reason: str, serial: Callable[[], str]) -> str:
    said = (
        f"<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>{escape(reason)}</AddtlInf></StsRsnInf>"
        if reason
        else f"<TxSts>ACSC</TxSts><AcctSvcrRef>{serial()}</AcctSvcrRef>"
    )
    original = f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{amount}</InstdAmt></Amt></OrgnlTxRef>'
    return f"<TxInfAndSts><OrgnlEndToEndId>{payment_id}</OrgnlEndToEndId>{said}{original}</TxInfAndSts>"


def serials(on: date) -> Iterator[str]:
    """The bank's running numbers of a day."""
    number = 0
    while True:
        number += 1
        yield f"{on:%Y%m%d}{number:06d}"
