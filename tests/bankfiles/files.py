"""Makes files as a custody bank sends them: the same lines as CSV of several layouts, XLSX, camt.053, MT940."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import xlsxwriter

from ledger.money import format_yuan

SAMPLES = Path(__file__).parent / "samples"
ACCOUNT = "110060149018800012345"


@dataclass(frozen=True)
class Booking:
    """One line as the bank knows it, in fen."""

    on: date
    fen: int
    serial: str = ""
    name: str = "王五"
    account: str = "6222000011112222333"
    text: str = "学费"


GENERIC_HEADER = ["记账日期", "流水号", "借方发生额", "贷方发生额", "余额", "币种", "对方户名", "对方账号", "附言"]


def generic_rows(bookings: Sequence[Booking], opening_fen: int) -> list[list[str]]:
    """The generic layout, cell by cell."""
    rows = [[f"账号: {ACCOUNT}"], [f"期初余额: {format_yuan(opening_fen)}"], [*GENERIC_HEADER]]
    balance_fen = opening_fen
    for each in bookings:
        balance_fen += each.fen
        debit, credit = (format_yuan(-each.fen), "") if each.fen < 0 else ("", format_yuan(each.fen))
        balance = format_yuan(balance_fen)
        party = [each.name, each.account, each.text]
        rows.append([each.on.isoformat(), each.serial, debit, credit, balance, "人民币", *party])
    rows.append([f"期末余额: {format_yuan(balance_fen)}"])
    return rows


def as_csv(rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> bytes:
    """Rows as CSV bytes."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def generic_csv(bookings: Sequence[Booking], opening_fen: int = 0, encoding: str = "utf-8") -> bytes:
    """The generic layout as CSV."""
    return as_csv(generic_rows(bookings, opening_fen), encoding)


def as_xlsx(rows: Sequence[Sequence[str | float]], *, formula: tuple[int, int, str] | None = None) -> bytes:
    """Rows as a workbook; numbers become number cells."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                else:
                    sheet.write_number(number, column, cell)
        if formula:
            sheet.write_formula(formula[0], formula[1], formula[2], None, 1)
    return out.getvalue()


_CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>
{opening}{closing}{entries}</Stmt></BkToCstmrStmt></Document>"""


def _balance(code: str, fen: int) -> str:
    side = "DBIT" if fen < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='CNY'>{format_yuan(abs(fen))}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-08-31</Dt></Dt></Bal>"
    )


def _entry(each: Booking) -> str:
    side, party = ("DBIT", "Cdtr") if each.fen < 0 else ("CRDT", "Dbtr")
    return (
        f"<Ntry><Amt Ccy='CNY'>{format_yuan(abs(each.fen))}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{each.on}</Dt></BookgDt><AcctSvcrRef>{each.serial}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties>"
        f"<{party}><Pty><Nm>{each.name}</Nm></Pty></{party}><{party}Acct><Id><Othr><Id>{each.account}</Id></Othr></Id>"
        f"</{party}Acct></RltdPties><RmtInf><Ustrd>{each.text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def camt053(bookings: Sequence[Booking], opening_fen: int = 0, version: str = "08") -> bytes:
    """A camt.053 message in yuan."""
    closing_fen = opening_fen + sum(each.fen for each in bookings)
    return _CAMT.format(
        version=version,
        account=ACCOUNT,
        opening=_balance("OPBD", opening_fen),
        closing=_balance("CLBD", closing_fen),
        entries="".join(map(_entry, bookings)),
    ).encode()


def camt054(bookings: Sequence[Booking]) -> bytes:
    """A camt.054 notification: lines without balances."""
    text = camt053(bookings).decode()
    text = text.replace(_balance("OPBD", 0), "").replace(_balance("CLBD", sum(each.fen for each in bookings)), "")
    for old, new in (("camt.053", "camt.054"), ("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn"), ("Stmt>", "Ntfctn>")):
        text = text.replace(old, new)
    return text.encode()


def mt940(bookings: Sequence[Booking], opening_fen: int = 0) -> bytes:
    """An MT940 message in yuan."""

    def money(fen: int) -> str:
        return format_yuan(abs(fen)).replace(".", ",")

    closing_fen = opening_fen + sum(each.fen for each in bookings)
    lines = [
        ":20:STMT",
        f":25:{ACCOUNT}",
        ":28C:1/1",
        f":60F:{'D' if opening_fen < 0 else 'C'}260831CNY{money(opening_fen)}",
    ]
    for each in bookings:
        side = "D" if each.fen < 0 else "C"
        lines += [f":61:{each.on:%y%m%d%m%d}{side}{money(each.fen)}NTRFNONREF//{each.serial}", f":86:{each.text}"]
    lines.append(f":62F:{'D' if closing_fen < 0 else 'C'}260831CNY{money(closing_fen)}")
    return ("\r\n".join(lines) + "\r\n-").encode()
