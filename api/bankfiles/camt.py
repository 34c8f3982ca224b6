"""ISO 20022 camt.053 (statement) and camt.054 (notification), versions 02 to 08, read entry by entry."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from api.bankfiles import refusals as no
from api.bankfiles.amounts import read_amount, read_date
from api.bankfiles.camt_entries import Bal, first, lines_of, text_of
from api.bankfiles.parties import Parties
from api.bankfiles.tables import MAX_ROWS
from ledger.statements import LeftOut, Statement, StatementLine

MAX_DEPTH = 64
_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.(?P<kind>05[34])\.001\.(?P<version>\d\d)\}Document")
_VERSIONS = frozenset({"02", "03", "04", "05", "06", "07", "08"})
_OPENING, _CLOSING = ("OPBD", "PRCD", "ITBD"), ("CLBD", "ITBD")


@dataclass
class _Pending:
    """A statement while its entries go by."""

    notification: bool
    number: int
    lines: list[StatementLine] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    balances: list[Bal] = field(default_factory=list)
    account: str = ""
    currency: str = ""
    from_on: date | None = None
    to_on: date | None = None
    entries: int = 0


def read_camt(data: bytes, sha256: str, parties: Parties) -> list[Statement]:
    """Every statement or notification of a message. Raises a FileRefused; ExternalEntity for any DTD or entity."""
    try:
        statements = list(_statements(data, sha256, parties))
    except DefusedXmlException as error:
        raise no.ExternalEntity from error
    except ParseError as error:
        line, column = error.position
        raise no.MalformedFile(line=line, column=column + 1) from error
    except (ValueError, LookupError) as error:  # an encoding that does not exist
        raise no.MalformedFile from error
    if not statements:
        raise no.EmptyFile
    return statements


def _statements(data: bytes, sha256: str, parties: Parties) -> Iterator[Statement]:
    depth, number, kind, pending = 0, 0, "", None
    path: list[Element] = []
    for event, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            depth += 1
            if depth > MAX_DEPTH:
                raise no.TooDeep
            path.append(element)
            if depth == 1:
                kind = _kind(element.tag)
            elif depth == 3 and _tag(element) in {"Stmt", "Ntfctn"}:  # noqa: PLR2004 - Document/BkToCstmr…/Stmt
                number += 1
                pending = _Pending(kind == "054", number)
            continue
        depth -= 1
        path.pop()
        if pending is None or depth > 3:  # noqa: PLR2004 - parts of an entry stay until it is complete
            continue
        if depth == 3:  # noqa: PLR2004 - Document / Bk…Stmt / Stmt
            _take(pending, element, parties)
            element.clear()
            path[-1].remove(element)
        elif depth == 2 and _tag(element) in {"Stmt", "Ntfctn"}:  # noqa: PLR2004 - same
            yield _finished(pending, sha256)
            pending = None


def _kind(tag: str) -> str:
    found = _NAMESPACE.fullmatch(tag)
    if found is None or found["version"] not in _VERSIONS:
        raise no.UnsupportedVersion(line=1, found=tag.rpartition(":")[2].rstrip("}Document"))
    return found["kind"]


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _take(pending: _Pending, element: Element, parties: Parties) -> None:
    match _tag(element):
        case "Acct":
            pending.account = text_of(element, "Id", "IBAN") or text_of(element, "Id", "Othr", "Id")
            pending.currency = text_of(element, "Ccy")
        case "FrToDt":
            pending.from_on = read_date(text_of(element, "FrDtTm") or text_of(element, "FrDt"))
            pending.to_on = read_date(text_of(element, "ToDtTm") or text_of(element, "ToDt"))
        case "Bal":
            pending.balances.append(_balance(element))
        case "Ntry":
            _entry(pending, element, parties)
        case _:
            pass


def _balance(element: Element) -> Bal:
    amount = first(element, "Amt")
    text = "" if amount is None else (amount.text or "").strip()
    if amount is None or (amount_fen := _exact(text, amount)) is None:
        return Bal(text_of(element, "Tp", "CdOrPrtry", "Cd"), "" if amount is None else amount.get("Ccy", ""), None)
    sign = -1 if text_of(element, "CdtDbtInd") == "DBIT" else 1
    code = text_of(element, "Tp", "CdOrPrtry", "Cd")
    return Bal(code, amount.get("Ccy", ""), sign * amount_fen)


def _exact(text: str, amount: Element) -> int | None:
    amount_fen = read_amount(text)
    if amount_fen is None and amount.get("Ccy") == "CNY":
        raise no.UnreadableAmount(found=text)
    return amount_fen


def _entry(pending: _Pending, element: Element, parties: Parties) -> None:
    pending.entries += 1
    if pending.entries > MAX_ROWS:
        raise no.TooManyLines(line=pending.entries)
    where = f"{'Ntfctn' if pending.notification else 'Stmt'}[{pending.number}]/Ntry[{pending.entries}]"
    status = text_of(element, "Sts", "Cd") or text_of(element, "Sts")
    if status and status != "BOOK":
        pending.left_out.append(LeftOut(pending.entries, where, f"status {status}: not booked"))
        return
    found = lines_of(element, pending.entries, where, parties)
    pending.currency = pending.currency or found.currency
    if found.currency != pending.currency:
        raise no.ForeignLine(line=pending.entries, found=found.currency)
    pending.lines += found.lines
    if not found.lines:
        pending.left_out.append(LeftOut(pending.entries, where, "amount zero"))


def _finished(pending: _Pending, sha256: str) -> Statement:
    left_out = list(pending.left_out)
    stated: dict[str, list[int | None]] = {}
    for balance in pending.balances:
        if balance.currency and pending.currency and balance.currency != pending.currency:
            left_out.append(LeftOut(0, f"Bal {balance.code}", f"in {balance.currency}"))
        else:
            stated.setdefault(balance.code, []).append(balance.amount_fen)
    return Statement(
        sha256=sha256,
        format="camt.054" if pending.notification else "camt.053",
        currency=pending.currency,
        lines=pending.lines,
        account=pending.account,
        number=pending.number,
        opening_fen=_pick(stated, _OPENING, 0),
        closing_fen=_pick(stated, _CLOSING, -1),
        from_on=_within(pending)[0],
        to_on=_within(pending)[1],
        notification=pending.notification,
        left_out=tuple(left_out),
    )


def _pick(stated: dict[str, list[int | None]], codes: tuple[str, ...], which: int) -> int | None:
    for code in codes:
        if code in stated:
            return stated[code][which]
    return None


def _within(pending: _Pending) -> tuple[date | None, date | None]:
    """The period the message names, unless its own lines lie outside it."""
    days = [line.booked_on for line in pending.lines]
    if pending.from_on is None or pending.to_on is None or (days and not _holds(pending, days)):
        return None, None
    return pending.from_on, pending.to_on


def _holds(pending: _Pending, days: list[date]) -> bool:
    return bool(pending.from_on and pending.to_on and pending.from_on <= min(days) and max(days) <= pending.to_on)
