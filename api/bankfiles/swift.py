"""SWIFT MT940 by the optional `mt-940` package."""

import warnings
from datetime import date
from decimal import Decimal
from typing import Any

from api.bankfiles import refusals as no
from api.bankfiles.parties import Parties, masked_text
from api.bankfiles.source import Source
from ledger.statements import Statement, StatementLine

_FEN = 100


def read_mt940(source: Source, parties: Parties) -> list[Statement]:
    """The statement of an MT940 message. Raises ExtraMissing where the package is not installed, or a FileRefused."""
    try:
        import mt940  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise no.ExtraMissing(found="mt940") from error
    text = "".join(source.text())
    if text.count(":20:") > 1:
        raise no.UnsupportedVersion(found="several messages in one file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = mt940.parse(text)
    except Exception as error:  # the package raises whatever its own parts raise
        raise no.MalformedFile from error
    return [_statement(parsed, source.sha256, parties, text)]


def _statement(parsed: Any, sha256: str, parties: Parties, text: str) -> Statement:  # noqa: ANN401 - the package's own
    opening = parsed.data.get("final_opening_balance") or parsed.data.get("intermediate_opening_balance")
    closing = parsed.data.get("final_closing_balance") or parsed.data.get("intermediate_closing_balance")
    lines = [_line(each.data, number, parties) for number, each in enumerate(parsed.transactions, 1)]
    if len(lines) != text.count("\n:61:") + text.startswith(":61:"):
        raise no.MalformedFile(found=":61:")
    currencies = {each.data["amount"].currency for each in parsed.transactions}
    currencies |= {balance.amount.currency for balance in (opening, closing) if balance is not None}
    if len(currencies) > 1:
        raise no.ForeignLine(found=", ".join(sorted(map(str, currencies))))
    if closing is None:
        raise no.MalformedFile(found=":62F:")
    return Statement(
        sha256=sha256,
        format="mt940",
        currency=str(currencies.pop()),
        lines=lines,
        account=str(parsed.data.get("account_identification") or ""),
        opening_fen=None if opening is None else _fen(opening.amount.amount),
        closing_fen=_fen(closing.amount.amount),
    )


def _line(data: dict[str, Any], number: int, parties: Parties) -> StatementLine:
    text = " ".join(
        str(data[name]).replace("\n", " ")
        for name in ("transaction_details", "purpose", "customer_reference", "end_to_end_reference", "extra_details")
        if data.get(name) and data[name] != "NONREF"
    )
    name, account = str(data.get("applicant_name") or ""), str(data.get("applicant_iban") or "")
    value_on = _day(data["date"])
    return StatementLine(
        line=number,
        position=f":61:[{number}]",
        booked_on=_day(data.get("entry_date") or data["date"]),
        value_on=value_on,
        amount_fen=_fen(data["amount"].amount),
        serial=str(data.get("bank_reference") or ""),
        counterparty=parties.token(name, account),
        text=text,
        masked_text=masked_text(text, name),
        reversal=str(data.get("status", "")).startswith("R"),
    )


def _day(value: date) -> date:
    return date(value.year, value.month, value.day)


def _fen(amount: Decimal) -> int:
    scaled = amount * _FEN
    if scaled != scaled.to_integral_value():
        raise no.UnreadableAmount(found=str(amount))
    return int(scaled)
