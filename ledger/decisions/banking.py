"""Payments as the bank shows them: what a reference stands for, settled by its bank line or taken back by it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import DECISIONS, Context
from ledger.sheets import Deposit, Instruction, Mark, Refund, ReleaseLine, Sheet

RETURNED = "returned by the bank"


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded or instructed movement of custody money: credits positive, debits negative, in fen."""

    reference: str
    sheet: Sheet
    signed_fen: int
    banked_fen: int
    """What of it the bank's statements have shown, with the same sign."""
    instruction: Instruction | None = None


def payment_of(reference: str, context: Context) -> Payment:
    """The payment of a reference. Raises ReferenceUnknown, also for what has come back or was never reversed."""
    kind, first, *rest = reference.split(":")
    found = None
    if kind == "deposit":
        found = _deposit(reference, context.escrow.find(Deposit, first))
    elif kind == "reversal":
        found = _reversal(reference, context.escrow.find(Deposit, first))
    elif kind in {"repayment", "draw"}:
        found = _marked(reference, context.escrow.find(Mark, kind, first))
    elif kind == "release":
        found = _release(reference, context.escrow.find(ReleaseLine, first, rest[0]))
    elif kind == "refund":
        found = _refund(reference, context.escrow.find(Refund, first), rest[0])
    if found is None:
        raise no.ReferenceUnknown(reference)
    return found


def _deposit(reference: str, sheet: Deposit | None) -> Payment | None:
    return None if sheet is None else Payment(reference, sheet, sheet.amount_fen, sheet.banked_fen)


def _reversal(reference: str, sheet: Deposit | None) -> Payment | None:
    if sheet is None or not sheet.reversed:
        return None
    return Payment(reference, sheet, -sheet.amount_fen, -sheet.reversal_banked_fen)


def _marked(reference: str, sheet: Mark | None) -> Payment | None:
    return None if sheet is None else Payment(reference, sheet, sheet.amount_fen, sheet.banked_fen)


def _release(reference: str, sheet: ReleaseLine | None) -> Payment | None:
    if sheet is None or sheet.status == "returned":
        return None
    return Payment(reference, sheet, -sheet.amount_fen, -sheet.banked_fen)


def _refund(reference: str, sheet: Refund | None, instruction_id: str) -> Payment | None:
    for order in sheet.instructions if sheet is not None else ():
        if sheet is not None and order.instruction_id == instruction_id and order.status != "returned":
            return Payment(reference, sheet, -order.amount_fen, -order.banked_fen, order)
    return None


def settle(payment: Payment, bank_serial: str, context: Context) -> Iterator[e.Event]:
    """What was only instructed is settled: the bank shows that it paid."""
    sheet = payment.sheet
    if isinstance(sheet, ReleaseLine) and sheet.status == "instructed":
        release = c.SettleRelease(
            release_id=sheet.release_id, contract_ids=[sheet.contract_id], bank_serial=bank_serial
        )
        yield from DECISIONS[c.SettleRelease](release, context)
    if isinstance(sheet, Refund) and payment.instruction is not None and payment.instruction.status == "instructed":
        refund = c.SettleRefund(
            refund_id=sheet.refund_id, instruction_id=payment.instruction.instruction_id, bank_serial=bank_serial
        )
        yield from DECISIONS[c.SettleRefund](refund, context)


def take_back(payment: Payment, bank_serial: str, context: Context) -> Iterator[e.Event]:
    """A payment that the bank had made came back: the settlement is reversed, then the return recorded.

    Raises ReferenceUnknown for what does not come back this way: deposits, and instalments of a settlement that
    already count as performed.
    """
    sheet = payment.sheet
    if isinstance(sheet, ReleaseLine) and sheet.status == "settled":
        yield from _release_back(sheet, bank_serial, context)
    elif (
        isinstance(sheet, Refund)
        and payment.instruction is not None
        and not (sheet.status == "paid" and sheet.instalment is not None)
    ):
        yield from _refund_back(sheet, payment.instruction, bank_serial, context)
    else:
        raise no.ReferenceUnknown(payment.reference)


def _release_back(line: ReleaseLine, bank_serial: str, context: Context) -> Iterator[e.Event]:
    yield e.ReleaseSettlementReversed(
        effective_at=context.effective_at,
        release_id=line.release_id,
        contract_id=line.contract_id,
        amount_fen=line.amount_fen,
        bank_serial=bank_serial,
    )
    back = c.ReturnRelease(release_id=line.release_id, contract_ids=[line.contract_id], reason=RETURNED)
    yield from DECISIONS[c.ReturnRelease](back, context)


def _refund_back(refund: Refund, order: Instruction, bank_serial: str, context: Context) -> Iterator[e.Event]:
    yield e.RefundSettlementReversed(
        effective_at=context.effective_at,
        refund_id=refund.refund_id,
        contract_id=refund.contract_id,
        instruction_id=order.instruction_id,
        amount_fen=order.amount_fen,
        bank_serial=bank_serial,
    )
    back = c.ReturnRefund(refund_id=refund.refund_id, instruction_id=order.instruction_id, reason=RETURNED)
    yield from DECISIONS[c.ReturnRefund](back, context)
