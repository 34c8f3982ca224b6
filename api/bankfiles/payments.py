"""Payments of one institution as stored: from sheets and the events that date them, by index, a page at a time."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from ledger import events as e
from ledger.bankbooks import Item
from ledger.decisions.context import instant, local_date
from ledger.log.openings import quoted, sheets_between, topics_of
from ledger.serialization import decode
from ledger.sheets import Contract, Deposit, Mark, Refund, ReleaseLine, Sheet, sheet_key
from ledger.statements import day_digits
from ledger.store.rows import decode_sheet

DATING = topics_of(
    e.DepositReversed,
    e.RefundInstructed,
    e.RefundSettled,
    e.ReleaseInstructed,
    e.ReleaseSettled,
    e.RiskDepositDrawn,
    e.ShortfallRepaid,
)
"""Events of the index `events_payment`: they say when a payment was made or instructed."""
PAGE = 1_000
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)
_SHANGHAI_US = 8 * 3_600_000_000
_SHEETS_LITE = """
select {columns} from sheets
  where institution_id = :institution_id and sheet_key in (select value from json_each(:keys))
"""
_SHEETS = """
select {columns} from unnest(cast(:keys as text[])) wanted
  cross join lateral (select * from sheets where institution_id = :institution_id and sheet_key = wanted offset 0) s
"""  # `offset 0` keeps the planner, which may know nothing of the table yet, from reading all sheets of the institution
Dating = (
    e.DepositReversed
    | e.RefundInstructed
    | e.RefundSettled
    | e.ReleaseInstructed
    | e.ReleaseSettled
    | e.RiskDepositDrawn
    | e.ShortfallRepaid
)


@dataclass(frozen=True, slots=True)
class Payments:
    """Reads what one look at the database shows."""

    connection: Connection
    institution_id: str
    accounts: Sequence[str]
    """Every custody account there was."""

    def between(self, first: date, last: date) -> Iterator[Item]:
        """Every payment of these days, shown by the bank or not, in no order."""
        yield from self.deposits(first, last)
        yield from self.others(first, last)

    def deposits(self, first: date, last: date) -> Iterator[Item]:
        """Deposits by their value date: ranges of their keys."""
        for account_id in self.accounts:
            head = f"deposit:{account_id}."
            for sheet in sheets_between(
                self.connection,
                self.institution_id,
                head + day_digits(first),
                head + day_digits(min(last, date.max - _DAY) + _DAY),
            ):
                if isinstance(sheet, Deposit) and sheet.account_id == account_id:
                    yield deposit_item(sheet)

    def others(self, first: date, last: date, fens: Sequence[int] | None = None) -> Iterator[Item]:
        """What its events date: releases and refunds, reversals, money put back or drawn; each once.

        With `fens`, only payments of these amounts.
        """
        events, reversals = self._dated(first, last, fens), set[str]()
        while page := list(islice(events, PAGE)):
            named = [(reference_of(event), event) for event in page]
            sheets = self.sheets({key for reference, _ in named for key in keys_of(reference)})
            sheets |= self.sheets({key for sheet in sheets.values() for key in _payers(sheet)})
            for reference, event in named:
                if isinstance(event, e.DepositReversed):  # one event for each contract that the money had reached
                    if reference in reversals:
                        continue
                    reversals.add(reference)
                if (item := item_of(reference, event, sheets)) is not None:
                    yield item

    def _dated(self, first: date, last: date, fens: Sequence[int] | None) -> Iterator[Dating]:
        query = (
            "select topic, state from events where originator_id = :institution_id and effective_at >= :first"  # noqa: S608 - names of ours
            f" and effective_at < :last and topic in ({quoted(DATING)})"
        )
        asked: dict[str, object] = {
            "institution_id": self.institution_id,
            "first": _starts_at(first),
            "last": _starts_at(last) + _DAY_US,
        }
        found = text(query)
        if fens is not None:
            found = text(f"{query} and amount_fen in :fens").bindparams(bindparam("fens", expanding=True))
            asked["fens"] = list(fens)
        for topic, state in self.connection.execute(found.execution_options(yield_per=PAGE), asked):
            event = decode(topic, state)[1]
            assert isinstance(event, Dating)
            yield event

    def sheets(self, keys: Iterable[str]) -> dict[str, Sheet]:
        """Sheets by their keys."""
        found = self._pages("sheet_key, state", keys)
        return {row.sheet_key: decode_sheet(row.sheet_key, row.state) for row in found}

    def existing(self, keys: Iterable[str]) -> Iterator[str]:
        """Which of these sheets there are."""
        return (row.sheet_key for row in self._pages("sheet_key", keys))

    def _pages(self, columns: str, keys: Iterable[str]) -> Iterator[Row[Any]]:
        """Columns of the sheets under these keys: one parameter for a page of them, one look-up for each."""
        lite, wanted = self.connection.dialect.name == "sqlite", sorted(keys)
        query = text((_SHEETS_LITE if lite else _SHEETS).format(columns=columns))
        for start in range(0, len(wanted), PAGE):
            page = wanted[start : start + PAGE]
            asked = {"institution_id": self.institution_id, "keys": json.dumps(page) if lite else page}
            yield from self.connection.execute(query, asked)


def _starts_at(on: date) -> int:
    """The instant at which a local day begins."""
    return instant(datetime.combine(on, time(), UTC)) - _SHANGHAI_US


def deposit_item(sheet: Deposit) -> Item:
    """A deposit as a payment."""
    return Item(
        reference=f"deposit:{sheet.deposit_id}",
        signed_fen=sheet.amount_fen,
        left_fen=sheet.amount_fen - sheet.banked_fen,
        on=sheet.value_on,
        serial=_serial(sheet),
        payer_ref=sheet.payer_ref,
        contract_id=_contract(sheet),
        names=(sheet.deposit_id,),
    )


def _serial(sheet: Deposit) -> str:
    return sheet.deposit_id.removeprefix(f"{sheet.account_id}.{day_digits(sheet.value_on)}.")


def _contract(sheet: Deposit) -> str:
    return sheet.applied[-1][0] if sheet.applied else ""


def reference_of(event: Dating) -> str:
    """The payment that an event dates; empty for a draw from before draws had names."""
    match event:
        case e.DepositReversed():
            return f"reversal:{event.deposit_id}"
        case e.ShortfallRepaid():
            return f"repayment:{event.deposit_id}"
        case e.RiskDepositDrawn():
            return f"draw:{event.draw_id}" if event.draw_id else ""
        case e.ReleaseInstructed() | e.ReleaseSettled():
            return f"release:{event.release_id}:{event.contract_id}"
        case e.RefundInstructed() | e.RefundSettled():
            return f"refund:{event.refund_id}:{event.instruction_id}"


def keys_of(reference: str) -> tuple[str, ...]:
    """The keys of the sheets that tell about a payment."""
    kind, _, rest = reference.partition(":")
    match kind:
        case "deposit" | "reversal":
            return (sheet_key(Deposit, rest),)
        case "repayment" | "draw":
            return (sheet_key(Mark, kind, rest),)
        case "release":
            return (sheet_key(ReleaseLine, rest),)
        case "refund":
            return (sheet_key(Refund, rest.partition(":")[0]),)
        case _:
            return ()


def left_of(reference: str, sheet: Sheet | None) -> int:
    """What of a payment the bank has not shown, fen; 0 for one that has come back."""
    match sheet:
        case Deposit():
            if reference.startswith("reversal:"):
                return sheet.reversal_banked_fen - sheet.amount_fen
            return sheet.amount_fen - sheet.banked_fen
        case Mark():
            return sheet.amount_fen - sheet.banked_fen
        case ReleaseLine():
            return sheet.banked_fen - sheet.amount_fen if sheet.status == "settled" else 0
        case Refund():
            named = (each for each in sheet.instructions if each.instruction_id == reference.rpartition(":")[2])
            return sum(each.banked_fen - each.amount_fen for each in named if each.status == "settled")
        case _:
            return 0


def item_of(reference: str, event: Dating, sheets: Mapping[str, Sheet]) -> Item | None:
    """The payment as this event dates it; None where another event does, or it has come back."""
    sheet = sheets.get(keys_of(reference)[0]) if reference else None
    on = local_date(event.effective_at)
    match event, sheet:
        case e.DepositReversed(), Deposit():
            fen, left_fen = -sheet.amount_fen, sheet.reversal_banked_fen - sheet.amount_fen
            names = (event.deposit_id, event.reversal_id)
            return Item(reference, fen, left_fen, on, _serial(sheet), sheet.payer_ref, _contract(sheet), names)
        case e.ShortfallRepaid(), Mark():
            serial, contract_id = event.deposit_id.rpartition(".")[2], event.contract_id or ""
            left_fen = event.amount_fen - sheet.banked_fen
            return Item(reference, event.amount_fen, left_fen, on, serial, "", contract_id, (event.deposit_id,))
        case e.RiskDepositDrawn(), Mark():
            return Item(reference, event.amount_fen, event.amount_fen - sheet.banked_fen, on, names=(event.draw_id,))
        case e.ReleaseInstructed() | e.ReleaseSettled(), ReleaseLine():
            return _release(reference, event, sheet, on)
        case e.RefundInstructed() | e.RefundSettled(), Refund():
            return _refund(reference, event, sheet, on, sheets)
        case _:
            return None


def _release(
    reference: str, event: e.ReleaseInstructed | e.ReleaseSettled, sheet: ReleaseLine, on: date
) -> Item | None:
    settled = isinstance(event, e.ReleaseSettled)
    if sheet.status != ("settled" if settled else "instructed"):
        return None
    return Item(
        reference=reference,
        signed_fen=-sheet.amount_fen,
        left_fen=sheet.banked_fen - sheet.amount_fen,
        on=on,
        serial=event.bank_serial if isinstance(event, e.ReleaseSettled) else "",
        contract_id=sheet.contract_id,
        names=(sheet.release_id,),
        moved=settled,
    )


def _payers(sheet: Sheet) -> tuple[str, ...]:
    """The sheets that say to whom a refund goes, where nobody was substituted."""
    if not isinstance(sheet, Refund) or sheet.payee_ref:
        return ()
    if sheet.contract_id is not None:
        return (sheet_key(Contract, sheet.contract_id),)
    return (sheet_key(Deposit, sheet.deposit_id or ""),)


def _payee(event: e.RefundInstructed | e.RefundSettled, sheet: Refund, sheets: Mapping[str, Sheet]) -> str:
    if isinstance(event, e.RefundInstructed):
        return event.payee_ref
    paid_by = [sheets.get(key) for key in _payers(sheet)]
    return sheet.payee_ref or next((each.payer_ref for each in paid_by if isinstance(each, Contract | Deposit)), "")


def _refund(
    reference: str,
    event: e.RefundInstructed | e.RefundSettled,
    sheet: Refund,
    on: date,
    sheets: Mapping[str, Sheet],
) -> Item | None:
    settled = isinstance(event, e.RefundSettled)
    for order in sheet.instructions:
        if order.instruction_id == event.instruction_id and order.status == ("settled" if settled else "instructed"):
            return Item(
                reference=reference,
                signed_fen=-order.amount_fen,
                left_fen=order.banked_fen - order.amount_fen,
                on=on,
                serial=event.bank_serial if isinstance(event, e.RefundSettled) else "",
                payer_ref=_payee(event, sheet, sheets),
                contract_id=sheet.contract_id or "",
                names=(event.instruction_id, event.refund_id),
                moved=settled,
            )
    return None
