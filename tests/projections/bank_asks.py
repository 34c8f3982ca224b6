"""What a random history asks of the bank's books: statements, their lines, breaks."""

from typing import TYPE_CHECKING

from ledger import commands as c
from ledger.sheets import BankStatement, Break, Deposit, Refund
from ledger.statements import chained, digest, item_break_id

if TYPE_CHECKING:
    from tests.projections.histories import History


def _planned(history: "History", statement_id: str) -> list[tuple[str, int]]:
    """Keys and amounts of the lines of a statement: some are payments that are recorded, some are anything."""
    dice = history.random
    payments = [sheet.amount_fen for sheet in history.escrow.sheets.values() if isinstance(sheet, Deposit)]
    payments += [
        -order.amount_fen
        for sheet in history.escrow.sheets.values()
        if isinstance(sheet, Refund)
        for order in sheet.instructions
    ]
    amounts = [dice.choice([*payments[-3:], 7_00, -3_00]) for _ in range(dice.randint(1, 3))]
    return [(f"20260901.{digest(statement_id, place)}", fen) for place, fen in enumerate(amounts)]


def statement(history: "History") -> c.Command:
    """The next statement, continuous with the last."""
    statement_id = digest(history.institution_id, history.id("bank"))[:16] * 4
    lines = history.bank_lines[statement_id] = _planned(history, statement_id)
    chain = ""
    for key, fen in lines:
        chain = chained(chain, key, fen)
    opening_fen = history.escrow.header.bank_closing_fen
    return c.RecordStatement(
        statement_id=statement_id, format="icbc", account_id="acc-1", from_on=history.today, to_on=history.today,
        opening_fen=opening_fen, closing_fen=opening_fen + sum(fen for _, fen in lines),
        credits_fen=sum(fen for _, fen in lines if fen > 0), debits_fen=-sum(fen for _, fen in lines if fen < 0),
        lines=len(lines), lines_sha256=chain,
    )  # fmt: skip


def line(history: "History") -> c.Command | None:
    """The next line of the last statement."""
    last = history.escrow.find(BankStatement, history.escrow.header.statement_id)
    if last is None or last.booked == last.lines:
        return None
    key, fen = history.bank_lines[last.statement_id][last.booked]
    return c.BookStatementLine(
        statement_id=last.statement_id, number=last.booked + 1, account_id="acc-1", line=last.booked + 3, line_key=key,
        booked_on=history.today, value_on=history.today, signed_fen=fen, rule="random",
        outcome=_outcome(history, fen),
    )  # fmt: skip


def _outcome(history: "History", fen: int) -> c.Matched | c.Deposited | c.Unexplained:
    for reference, amount_fen in _payments(history):
        if amount_fen == fen and history.random.random() < 0.8:
            return c.Matched(shares=[c.BankShareLine(reference=reference, signed_fen=fen)])
    if fen > 0 and history.random.random() < 0.5:
        return c.Deposited(payer_ref="p1", unregistered=history.random.choice(["", "HT-404"]))
    return c.Unexplained(cause="unknown", owner="regulator", note="?")


def _payments(history: "History") -> list[tuple[str, int]]:
    found = []
    for sheet in history.escrow.sheets.values():
        if isinstance(sheet, Deposit) and not sheet.banked_fen:
            found.append((f"deposit:{sheet.deposit_id}", sheet.amount_fen))
        elif isinstance(sheet, Refund):
            found += [
                (f"refund:{sheet.refund_id}:{order.instruction_id}", -order.amount_fen)
                for order in sheet.instructions
                if not order.banked_fen and order.status != "returned"
            ]
    return found


def open_break(history: "History") -> c.Command | None:
    """A payment that the bank has not shown."""
    waiting = [
        reference for reference, _ in _payments(history) if history.escrow.find(Break, item_break_id(reference)) is None
    ]
    return c.OpenBreak(reference=history.random.choice(waiting)) if waiting else None


def resolve_break(history: "History") -> c.Command | None:
    """A break that is explained."""
    broken = history.any(Break)
    return None if broken is None else c.ResolveBreak(break_id=broken.break_id, resolution="explained", note="letter")
