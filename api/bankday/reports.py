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
        raise no.ColumnMissing(1, found=", ".join(sorted({"payment_id", "status"} - set(place))))
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
    for number, (element, status, whole) in enumerate(_statuses(report, space), 1):
        yield _reported(element, space, number, status, whole=whole)
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


def _statuses(report: Element, space: str) -> Iterator[tuple[Element, str, bool]]:
    """Transactions, then what is said of payments together: element, status, whether it is about a whole file.

    The nearest word counts: that about the transaction, about its file, about the message. Where some are told one by
    one, a word about the rest that is not final yet says nothing.
    """
    message = report.find(f"{space}OrgnlGrpInfAndSts")
    of_message = _text(message, space, "GrpSts")
    listed, files = False, set[str]()
    for file in report.findall(f"{space}OrgnlPmtInfAndSts"):
        of_file, told = _text(file, space, "PmtInfSts"), file.findall(f"{space}TxInfAndSts")
        for transaction in told:
            yield transaction, _text(transaction, space, "TxSts") or of_file or of_message, False
        if of_file and not (told and _unsettled(of_file)):
            yield file, of_file, True
        if of_file:
            files.add(_text(file, space, "OrgnlPmtInfId"))
        listed = listed or bool(told or of_file)
    if message is None or not of_message or _text(message, space, "OrgnlMsgId") in files:
        return
    if not (listed and _unsettled(of_message)):
        yield message, of_message, True


def _unsettled(status: str) -> bool:
    return OUTCOMES.get(status) == "pending"


def _text(element: Element | None, space: str, *path: str) -> str:
    found = None if element is None else element.find("/".join(f"{space}{name}" for name in path))
    return "" if found is None or found.text is None else found.text.strip()


def _reported(element: Element, space: str, number: int, status: str, *, whole: bool) -> Reported:
    def text(*path: str) -> str:
        return _text(element, space, *path)

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
