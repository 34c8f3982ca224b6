"""What a bank says became of payments: pain.002 (001.10 and its neighbours) or a CSV, read line by line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from api.bankfiles import refusals as no
from api.bankfiles.amounts import read_amount
from api.bankfiles.source import Source
from api.bankfiles.tables import csv_rows

Outcome: TypeAlias = Literal["settled", "returned", "pending"]
OUTCOMES: Final[dict[str, Outcome]] = {
    **dict.fromkeys(("ACSC", "ACCC", "ACSD", "settled", "paid", "已付"), "settled"),
    **dict.fromkeys(("RJCT", "CANC", "returned", "rejected", "failed", "退回"), "returned"),
    **dict.fromkeys(("ACTC", "ACCP", "ACSP", "ACWC", "ACFC", "RCVD", "PDNG", "PART", "PATC", "pending"), "pending"),
}
"""ISO 20022 status codes, and the words of a table. Only what is final is recorded."""
COLUMNS: Final = {
    "payment_id": ("payment_id", "end_to_end_id", "付款编号"),
    "status": ("status", "状态"),
    "amount": ("amount", "金额"),
    "bank_serial": ("bank_serial", "serial", "流水号"),
    "reason": ("reason", "原因"),
}
_NAMESPACE: Final = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.(?P<version>[0-9]{2})\}")
_VERSIONS: Final = frozenset({"03", "04", "05", "06", "07", "08", "09", "10", "11", "12"})
MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Reported:
    """One line of a report. `line` is its place: the row of a table, the transaction of an XML file, from 1."""

    line: int
    payment_id: str
    outcome: Outcome | None
    """None where the bank's word is not known."""
    status: str
    amount_fen: int | None = None
    bank_serial: str = ""
    reason: str = ""
    whole_file: bool = False
    """The id is that of a payment file: the bank spoke about all its payments at once."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was read."""

    sha256: str
    lines: list[Reported] = field(default_factory=list)


def read_report(data: bytes) -> Report:
    """The lines of a report. Raises a FileRefused with its line and column; nothing is skipped."""
    source = Source(data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Report(source.sha256, list(_of_xml(data)))
    return Report(source.sha256, list(_of_table(source)))


def _of_table(source: Source) -> Iterator[Reported]:
    rows = csv_rows(source)
    heading = next(rows, None)
    if heading is None or not any(heading.cells):
        raise no.EmptyFile
    place = _places(heading.cells)
    for row in rows:
        cells = row.cells
        if not any(cells):
            continue
        if len(cells) > len(heading.cells):
            raise no.UnexpectedCell(row.line, len(heading.cells) + 1)
        facts = {name: cells[at] if at < len(cells) else "" for name, at in place.items()}
        amount_fen = read_amount(facts["amount"]) if facts.get("amount") else None
        if facts.get("amount") and amount_fen is None:
            raise no.UnreadableAmount(row.line, place["amount"] + 1, facts["amount"])
        yield Reported(
            row.line,
            facts["payment_id"],
            OUTCOMES.get(facts["status"]),
            facts["status"],
            amount_fen,
            facts.get("bank_serial", ""),
            facts.get("reason", "")[:MAX_REASON],
        )


def _places(heading: list[str]) -> dict[str, int]:
    place: dict[str, int] = {}
    for name, aliases in COLUMNS.items():
        found = [at for at, cell in enumerate(heading) if cell.lower() in aliases]
        if len(found) > 1:
            raise no.ColumnTwice(1, found[1] + 1, heading[found[1]])
        if found:
            place[name] = found[0]
    if not {"payment_id", "status"} <= set(place):
        raise no.UnknownLayout(1, 1, heading[0])
    return place


def _of_xml(data: bytes) -> Iterator[Reported]:
    root = _root(data)
    named = _NAMESPACE.match(root.tag)
    if named is None or named["version"] not in _VERSIONS:
        raise no.UnsupportedVersion(found=root.tag)
    space = named[0]
    report = root.find(f"{space}CstmrPmtStsRpt")
    if report is None:
        raise no.MalformedFile(found="CstmrPmtStsRpt")
    number = 0
    for each in _statuses(report, space):
        number += 1
        yield _reported(each, space, number)
    if not number:
        raise no.EmptyFile


def _root(data: bytes) -> Element:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise no.ExternalEntity from error
    except ParseError as error:
        line, column = error.position
        raise no.MalformedFile(line, column + 1) from error
    except (ValueError, LookupError) as error:
        raise no.MalformedFile from error
    return root


def _statuses(report: Element, space: str) -> Iterator[Element]:
    """Transactions; of payments that the bank does not tell one by one, what it says of them together."""
    spoken = False
    for group in report.findall(f"{space}OrgnlPmtInfAndSts"):
        transactions = group.findall(f"{space}TxInfAndSts")
        if transactions or group.find(f"{space}PmtInfSts") is not None:
            spoken = True
            yield from transactions or [group]
    if not spoken:
        yield from (
            group for group in report.findall(f"{space}OrgnlGrpInfAndSts") if group.find(f"{space}GrpSts") is not None
        )


def _reported(element: Element, space: str, number: int) -> Reported:
    def text(*path: str) -> str:
        found = element.find("/".join(f"{space}{name}" for name in path))
        return "" if found is None or found.text is None else found.text.strip()

    status = text("TxSts") or text("PmtInfSts") or text("GrpSts")
    whole = not text("TxSts") and not text("OrgnlEndToEndId")
    amount = element.find(f"{space}OrgnlTxRef/{space}Amt/{space}InstdAmt")
    reason = "StsRsnInf"
    return Reported(
        number,
        text("OrgnlPmtInfId") or text("OrgnlMsgId") if whole else text("OrgnlEndToEndId"),
        OUTCOMES.get(status),
        status,
        _amount(amount, number),
        text("AcctSvcrRef"),
        (text(reason, "AddtlInf") or text(reason, "Rsn", "Cd") or text(reason, "Rsn", "Prtry"))[:MAX_REASON],
        whole,
    )


def _amount(element: Any, number: int) -> int | None:  # noqa: ANN401 - an element or None
    if element is None:
        return None
    if element.get("Ccy") != "CNY":
        raise no.ForeignLine(number, found=str(element.get("Ccy")))
    amount_fen = read_amount((element.text or "").strip())
    if amount_fen is None:
        raise no.UnreadableAmount(number, found=element.text or "")
    return amount_fen
