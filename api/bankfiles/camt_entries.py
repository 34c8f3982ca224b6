"""Entries of camt messages as statement lines; a batch booking with exact parts becomes one line per part."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import Element

from api.bankfiles import refusals as no
from api.bankfiles.amounts import read_amount, read_date
from api.bankfiles.parties import Parties, masked_party, masked_text
from ledger.statements import StatementLine


class Bal(NamedTuple):
    """A stated balance; None where it is no exact amount."""

    code: str
    currency: str
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class EntryLines:
    """The lines of one entry and its currency."""

    currency: str
    lines: list[StatementLine]


class _Part(NamedTuple):
    amount_fen: int
    serial: str
    details: Element | None


def first(element: Element | None, *path: str) -> Element | None:
    """The first descendant by local names, whatever the namespace."""
    for name in path:
        if element is None:
            return None
        element = next((child for child in element if child.tag.rpartition("}")[2] == name), None)
    return element


def text_of(element: Element | None, *path: str) -> str:
    """The text of that descendant, or nothing."""
    found = first(element, *path)
    return "" if found is None else (found.text or "").strip()


def _all(element: Element | None, name: str) -> list[Element]:
    return [] if element is None else [child for child in element if child.tag.rpartition("}")[2] == name]


def lines_of(entry: Element, number: int, where: str, parties: Parties) -> EntryLines:
    """The lines of one booked entry, none where its amount is zero. Raises a FileRefused with the entry's number."""
    amount = first(entry, "Amt")
    if amount is None:
        raise no.AmountMissing(line=number)
    amount_fen = _signed(entry, amount, number)
    if not amount_fen:
        return EntryLines(amount.get("Ccy", ""), [])
    booked_on = _date(entry, "BookgDt") or _date(entry, "ValDt")
    if booked_on is None:
        raise no.UnreadableDate(line=number, found=text_of(entry, "BookgDt", "Dt"))
    value_on = _date(entry, "ValDt") or booked_on
    parts = _parts(entry, amount_fen, amount.get("Ccy", ""))
    lines = []
    for index, part in enumerate(parts, 1):
        name, account = _party(part.details, credit=part.amount_fen > 0)
        text = _text(entry, part.details)
        lines.append(
            StatementLine(
                line=number,
                position=where if len(parts) == 1 else f"{where}/TxDtls[{index}]",
                booked_on=booked_on,
                value_on=value_on,
                amount_fen=part.amount_fen,
                serial=part.serial,
                counterparty=parties.token(name, account),
                counterparty_masked=masked_party(name, account),
                text=text,
                masked_text=masked_text(text, name),
                reversal=text_of(entry, "RvslInd") in {"true", "1"},
            )
        )
    return EntryLines(amount.get("Ccy", ""), lines)


def _signed(holder: Element, amount: Element, number: int) -> int:
    text = (amount.text or "").strip()
    amount_fen = read_amount(text)
    if amount_fen is None or amount_fen < 0:
        raise no.UnreadableAmount(line=number, found=text)
    side = text_of(holder, "CdtDbtInd")
    if side not in {"CRDT", "DBIT"}:
        raise no.UnreadableValue(line=number, found=side)
    return amount_fen if side == "CRDT" else -amount_fen


def _date(entry: Element, name: str) -> date | None:
    text = text_of(entry, name, "Dt") or text_of(entry, name, "DtTm")
    return read_date(text[:10]) if text else None


def _parts(entry: Element, amount_fen: int, currency: str) -> list[_Part]:
    """The parts of a batch booking where their amounts sum to it and every part is named; else the entry as a whole."""
    serial = text_of(entry, "AcctSvcrRef")
    details = [tx for block in _all(entry, "NtryDtls") for tx in _all(block, "TxDtls")]
    if len(details) > 1:
        sign = 1 if amount_fen > 0 else -1
        parts = []
        for tx in details:
            amount = first(tx, "Amt") if first(tx, "Amt") is not None else first(tx, "AmtDtls", "TxAmt", "Amt")
            fen = None if amount is None or amount.get("Ccy") != currency else read_amount((amount.text or "").strip())
            own = text_of(tx, "Refs", "AcctSvcrRef") or text_of(tx, "Refs", "TxId")
            parts.append(_Part(sign * (fen or 0), own, tx))
        named = {part.serial for part in parts}
        if all(part.amount_fen for part in parts) and sum(part.amount_fen for part in parts) == amount_fen:
            if len(named) == len(parts) and "" not in named:
                return parts
            return [
                _Part(part.amount_fen, f"{serial}-{index}" if serial else "", part.details)
                for index, part in enumerate(parts, 1)
            ]
    only = details[0] if len(details) == 1 else None
    return [_Part(amount_fen, serial or text_of(only, "Refs", "AcctSvcrRef") or text_of(only, "Refs", "TxId"), only)]


def _party(details: Element | None, *, credit: bool) -> tuple[str, str]:
    """Who paid us, or whom we paid."""
    related = first(details, "RltdPties")
    who = "Dbtr" if credit else "Cdtr"
    name = text_of(related, who, "Nm") or text_of(related, who, "Pty", "Nm")
    account = text_of(related, f"{who}Acct", "Id", "IBAN") or text_of(related, f"{who}Acct", "Id", "Othr", "Id")
    return name, account


def _text(entry: Element, details: Element | None) -> str:
    remittance = first(details, "RmtInf")
    texts = [(each.text or "").strip() for each in _all(remittance, "Ustrd")]
    texts += [text_of(each, "CdtrRefInf", "Ref") for each in _all(remittance, "Strd")]
    texts += [text_of(details, "Refs", "EndToEndId"), text_of(details, "Refs", "InstrId")]
    texts += [text_of(entry, "AddtlNtryInf"), text_of(entry, "NtryRef")]
    return " ".join(text for text in texts if text and text != "NOTPROVIDED")
