"""ISO 20022 camt.053 (statement) and camt.054 (notification), versions 02 to 08, read entry by entry."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from api.bankfiles import refusals as no
from api.bankfiles.amounts import read_amount, read_date
from api.bankfiles.camt_entries import Bal, first, lines_of, text_of
from api.bankfiles.parties import Parties
from api.bankfiles.source import Source
from api.bankfiles.spool import DISK
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
    left_out: list[LeftOut] = field(default_factory=list)
    balances: list[Bal] = field(default_factory=list)
    account: str = ""
    currency: str = ""
    from_on: date | None = None
    to_on: date | None = None
    entries: int = 0


def read_camt(source: Source, parties: Parties) -> list[Statement]:
    """Every statement or notification of a message. Raises a FileRefused; ExternalEntity for any DTD or entity."""
    try:
        statements = list(_Message(source, parties).statements())
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


class _Message:
    """A message going by, entry by entry; only the open elements and the parts of one entry are in memory."""

    def __init__(self, source: Source, parties: Parties) -> None:
        self._source, self._parties = source, parties
        self._open: list[Element] = []
        self._steps = self._walk()

    def _walk(self) -> Iterator[tuple[str, Element]]:
        for event, element in iterparse(self._source.opened(), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                self._open.append(element)
                if len(self._open) > MAX_DEPTH:
                    raise no.TooDeep
            else:
                self._open.pop()
            yield event, element

    def statements(self) -> Iterator[Statement]:
        number, kind = 0, ""
        for event, element in self._steps:
            if event == "start" and len(self._open) == 1:
                kind = _kind(element.tag)
            elif event == "start" and len(self._open) == 3 and _tag(element) in {"Stmt", "Ntfctn"}:  # noqa: PLR2004 - Document/BkToCstmr…/Stmt
                number += 1
                pending = _Pending(kind == "054", number)
                lines = DISK.keep(StatementLine, self._lines(pending))
                yield _finished(pending, lines, self._source.sha256)

    def _lines(self, pending: _Pending) -> Iterator[StatementLine]:
        """Up to the end of the statement."""
        for event, element in self._steps:
            if event == "start" or len(self._open) > 3:  # noqa: PLR2004 - parts of an entry stay until it is complete
                continue
            if len(self._open) < 3:  # noqa: PLR2004 - the statement itself
                return
            yield from _taken(pending, element, self._parties)
            element.clear()
            self._open[-1].remove(element)


def _kind(tag: str) -> str:
    found = _NAMESPACE.fullmatch(tag)
    if found is None or found["version"] not in _VERSIONS:
        raise no.UnsupportedVersion(line=1, found=tag.rpartition(":")[2].rstrip("}Document"))
    return found["kind"]


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _taken(pending: _Pending, element: Element, parties: Parties) -> Sequence[StatementLine]:
    """The lines in a part of a statement; what else it says is noted."""
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
            return _entry(pending, element, parties)
        case _:
            pass
    return ()


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


def _entry(pending: _Pending, element: Element, parties: Parties) -> Sequence[StatementLine]:
    pending.entries += 1
    if pending.entries > MAX_ROWS:
        raise no.TooManyLines(line=pending.entries)
    where = f"{'Ntfctn' if pending.notification else 'Stmt'}[{pending.number}]/Ntry[{pending.entries}]"
    status = text_of(element, "Sts", "Cd") or text_of(element, "Sts")
    if status and status != "BOOK":
        pending.left_out.append(LeftOut(pending.entries, where, f"status {status}: not booked"))
        return ()
    found = lines_of(element, pending.entries, where, parties)
    pending.currency = pending.currency or found.currency
    if found.currency != pending.currency:
        raise no.ForeignLine(line=pending.entries, found=found.currency)
    if not found.lines:
        pending.left_out.append(LeftOut(pending.entries, where, "amount zero"))
    return found.lines


def _finished(pending: _Pending, lines: Sequence[StatementLine], sha256: str) -> Statement:
    left_out = list(pending.left_out)
    stated: dict[str, list[int | None]] = {}
    for balance in pending.balances:
        if balance.currency and pending.currency and balance.currency != pending.currency:
            left_out.append(LeftOut(0, f"Bal {balance.code}", f"in {balance.currency}"))
        else:
            stated.setdefault(balance.code, []).append(balance.amount_fen)
    from_on, to_on = _within(pending, lines)
    return Statement(
        sha256=sha256,
        format="camt.054" if pending.notification else "camt.053",
        currency=pending.currency,
        lines=lines,
        account=pending.account,
        number=pending.number,
        opening_fen=_pick(stated, _OPENING, 0),
        closing_fen=_pick(stated, _CLOSING, -1),
        from_on=from_on,
        to_on=to_on,
        notification=pending.notification,
        left_out=tuple(left_out),
    )


def _pick(stated: dict[str, list[int | None]], codes: tuple[str, ...], which: int) -> int | None:
    for code in codes:
        if code in stated:
            return stated[code][which]
    return None


def _within(pending: _Pending, lines: Sequence[StatementLine]) -> tuple[date | None, date | None]:
    """The period the message names, unless its own lines lie outside it."""
    first, last = pending.from_on, pending.to_on
    if first is None or last is None or any(not first <= line.booked_on <= last for line in lines):
        return None, None
    return first, last
