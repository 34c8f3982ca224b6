"""How statements of the bank are taken in, lines matched, breaks opened and resolved, payments taken back."""

from collections.abc import Iterable

from msgspec import structs

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import BankLine, BankStatement, Break, Contract, Deposit, Mark, Refund, ReleaseLine
from ledger.statements import chained


@folds(e.StatementRecorded)
def _statement_recorded(escrow: Escrow, event: e.StatementRecorded) -> None:
    header = escrow.header
    header.statements += 1
    header.statement_id, header.statement_account_id = event.statement_id, event.account_id
    header.bank_closing_fen = event.closing_fen
    header.bank_through_on = max(event.to_on, header.bank_through_on or event.to_on)
    escrow.put(
        BankStatement(
            statement_id=event.statement_id,
            number=header.statements,
            format=event.format,
            account_id=event.account_id,
            from_on=event.from_on,
            to_on=event.to_on,
            opening_fen=event.opening_fen,
            closing_fen=event.closing_fen,
            credits_fen=event.credits_fen,
            debits_fen=event.debits_fen,
            lines=event.lines - event.repeated,
            repeated=event.repeated,
            lines_sha256=event.lines_sha256,
        )
    )


def _book(escrow: Escrow, line: BankLine) -> None:
    statement = escrow.get(BankStatement, line.statement_id)
    statement.booked += 1
    statement.chain = chained(statement.chain, line.line_key, line.signed_fen)
    escrow.put(line)


@folds(e.StatementLineMatched)
def _line_matched(escrow: Escrow, event: e.StatementLineMatched) -> None:
    line = BankLine(
        line_key=event.line_key,
        statement_id=event.statement_id,
        line=event.line,
        booked_on=event.booked_on,
        signed_fen=event.signed_fen,
        serial=event.serial,
        references=tuple(share.reference for share in event.shares),
        rule=event.rule,
    )
    _book(escrow, line)
    _bank(escrow, event.shares)


def _bank(escrow: Escrow, shares: Iterable[e.BankShare]) -> None:
    """The bank has shown these payments now. A payment that came back counts as not shown."""
    for share in shares:
        kind, first, *rest = share.reference.split(":")
        if kind == "deposit":
            escrow.get(Deposit, first).banked_fen += share.signed_fen
        elif kind == "reversal":
            escrow.get(Deposit, first).reversal_banked_fen -= share.signed_fen
        elif kind == "release":
            escrow.get(ReleaseLine, first, rest[0]).banked_fen -= share.signed_fen
        elif kind == "refund":
            _bank_refund(escrow.get(Refund, first), rest[0], share.signed_fen)
        elif (mark := escrow.find(Mark, kind, first)) is not None:
            mark.banked_fen += share.signed_fen


def _bank_refund(refund: Refund, instruction_id: str, signed_fen: int) -> None:
    refund.instructions = tuple(
        structs.replace(order, banked_fen=order.banked_fen - signed_fen)
        if order.instruction_id == instruction_id
        else order
        for order in refund.instructions
    )


@folds(e.ReconciliationBreakOpened)
def _break_opened(escrow: Escrow, event: e.ReconciliationBreakOpened) -> None:
    if event.statement_id:
        escrow.header.drift_fen += event.drift_fen
        if event.drift_fen:  # a line without drift was booked with its match
            line = BankLine(
                line_key=event.break_id,
                statement_id=event.statement_id,
                line=event.line,
                booked_on=event.since_on,
                signed_fen=event.signed_fen,
            )
            _book(escrow, line)
    escrow.put(
        Break(
            break_id=event.break_id,
            cause=event.kind,
            owner=event.owner,
            signed_fen=event.signed_fen,
            drift_fen=event.drift_fen,
            since_on=event.since_on,
            opened_at=event.effective_at,
            statement_id=event.statement_id,
            line=event.line,
            reference=event.reference,
            note=event.note,
        )
    )


@folds(e.ReconciliationBreakResolved)
def _break_resolved(escrow: Escrow, event: e.ReconciliationBreakResolved) -> None:
    broken = escrow.get(Break, event.break_id)
    broken.resolution, broken.resolution_note = event.resolution, event.note
    broken.resolved_at = event.effective_at
    broken.drift_fen -= event.drift_fen
    if broken.statement_id:
        escrow.header.drift_fen -= event.drift_fen
    _bank(escrow, event.shares)


@folds(e.ReleaseSettlementReversed)
def _release_unsettled(escrow: Escrow, event: e.ReleaseSettlementReversed) -> None:
    escrow.get(ReleaseLine, event.release_id, event.contract_id).status = "instructed"


@folds(e.RefundSettlementReversed)
def _refund_unsettled(escrow: Escrow, event: e.RefundSettlementReversed) -> None:
    refund = escrow.get(Refund, event.refund_id)
    refund.status = "agreed"
    refund.settled_fen -= event.amount_fen
    refund.instructed_fen += event.amount_fen
    refund.instructions = tuple(
        structs.replace(order, status="instructed") if order.instruction_id == event.instruction_id else order
        for order in refund.instructions
    )
    if refund.contract_id is not None:
        contract = escrow.get(Contract, refund.contract_id)
        contract.refund_id = contract.refund_id or refund.refund_id
