"""The bank's books: statements taken in, lines booked in turn, breaks opened and resolved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.banking import Payment, payment_of, settle, take_back
from ledger.decisions.context import DECISIONS, Context, decides
from ledger.decisions.lookups import deposit_of, open_escrow, unrepeated
from ledger.sheets import BankLine, BankStatement, Break, Deposit
from ledger.statements import chained, item_break_id


@decides(c.RecordStatement)
def _record(command: c.RecordStatement, context: Context) -> Iterator[e.Event]:
    """Continuous with the last one: what is new leads from its closing balance to this one's."""
    open_escrow(context)
    if command.account_id != context.header.account_id:
        raise no.WrongAccount(command.account_id)
    context.refuse_future("to_on", command.to_on)
    if command.to_on < command.from_on:
        raise no.DatesOutOfOrder("from_on", "to_on")
    if context.escrow.find(BankStatement, command.statement_id) is not None:
        raise no.AlreadyRecorded("statement", command.statement_id)
    _check_sums(command, context)
    yield e.StatementRecorded(
        effective_at=context.effective_at,
        statement_id=command.statement_id,
        format=command.format,
        account_id=command.account_id,
        from_on=command.from_on,
        to_on=command.to_on,
        opening_fen=command.opening_fen,
        closing_fen=command.closing_fen,
        credits_fen=command.credits_fen,
        debits_fen=command.debits_fen,
        lines=command.lines,
        repeated=command.repeated,
        repeated_fen=command.repeated_fen,
        lines_sha256=command.lines_sha256,
    )


def _check_sums(command: c.RecordStatement, context: Context) -> None:
    header, net_fen = context.header, command.credits_fen - command.debits_fen
    if (reached_fen := command.opening_fen + net_fen) != command.closing_fen:
        raise no.StatementTotalsDiffer("closing_balance", reached_fen, command.closing_fen)
    if command.repeated > command.lines:
        raise no.StatementLinesDiffer(command.statement_id)
    if not header.statement_id:
        return
    last = context.escrow.get(BankStatement, header.statement_id)
    if last.booked < last.lines:
        raise no.StatementIncomplete(last.statement_id, last.lines, last.booked)
    start_fen = command.closing_fen - (net_fen - command.repeated_fen)
    if header.statement_account_id == command.account_id and start_fen != header.bank_closing_fen:
        raise no.StatementNotContinuous(header.bank_through_on, header.bank_closing_fen, start_fen)


@dataclass(frozen=True, slots=True)
class _Booking:
    """One line on its way into the books: in whose turn, of which statement."""

    statement_id: str
    account_id: str
    number: int
    line: c.BookedLine


@decides(c.BookStatementLine)
def _book_one(command: c.BookStatementLine, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    yield from _book(_Booking(command.statement_id, command.account_id, command.number, command), context)


@decides(c.BookStatementLines)
def _book_several(command: c.BookStatementLines, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    for number, line in enumerate(command.lines, command.number):
        yield from _book(_Booking(command.statement_id, command.account_id, number, line), context)


def _book(booking: _Booking, context: Context) -> Iterator[e.Event]:
    """The turn is checked last: lines judged together first say which sheets they need, all of them at once."""
    line, outcome = booking.line, booking.line.outcome
    if context.escrow.find(BankLine, line.line_key) is not None:
        raise no.AlreadyRecorded("statement_line", line.line_key)
    if isinstance(outcome, c.Deposited):
        yield from _deposited(booking, outcome, context)
    elif isinstance(outcome, c.Matched):
        yield from _shares(line.signed_fen, outcome.shares, line.bank_serial, context)
        yield _matched(booking, context, _bank_shares(outcome.shares))
    elif isinstance(outcome, c.Returned):
        yield from _returned(line, outcome, context)
        yield _matched(booking, context, _bank_shares(outcome.shares))
    elif isinstance(outcome, c.Reversed):
        yield from _reversed(booking, outcome, context)
    else:
        _check_turn(booking, context)
        yield _opened(booking, outcome.cause, outcome.owner, line.signed_fen, context, note=outcome.note)


def _check_turn(booking: _Booking, context: Context) -> None:
    """Raises StatementUnknown, StatementLineOutOfTurn, StatementLinesDiffer."""
    statement = context.escrow.find(BankStatement, booking.statement_id)
    if statement is None or statement.account_id != booking.account_id or statement.booked >= statement.lines:
        raise no.StatementUnknown(booking.statement_id)
    if booking.number != statement.booked + 1:
        raise no.StatementLineOutOfTurn(booking.statement_id, statement.booked + 1, booking.number)
    line = booking.line
    last = booking.number == statement.lines
    if last and chained(statement.chain, line.line_key, line.signed_fen) != statement.lines_sha256:
        raise no.StatementLinesDiffer(booking.statement_id)


def _matched(booking: _Booking, context: Context, shares: tuple[e.BankShare, ...]) -> e.StatementLineMatched:
    _check_turn(booking, context)
    line = booking.line
    return e.StatementLineMatched(
        effective_at=context.effective_at,
        statement_id=booking.statement_id,
        line=line.line,
        line_key=line.line_key,
        booked_on=line.booked_on,
        value_on=line.value_on,
        signed_fen=line.signed_fen,
        serial=line.serial,
        shares=shares,
        rule=line.rule,
    )


def _bank_shares(shares: Iterable[c.BankShareLine]) -> tuple[e.BankShare, ...]:
    return tuple(e.BankShare(share.reference, share.signed_fen) for share in shares)


def _opened(
    booking: _Booking, cause: str, owner: str, drift_fen: int, context: Context, *, note: str
) -> e.ReconciliationBreakOpened:
    line = booking.line
    return e.ReconciliationBreakOpened(
        effective_at=context.effective_at,
        break_id=line.line_key,
        kind=cause,  # type: ignore[arg-type] # one of the words of the command
        owner=owner,  # type: ignore[arg-type] # same
        statement_id=booking.statement_id,
        line=line.line,
        signed_fen=line.signed_fen,
        drift_fen=drift_fen,
        since_on=line.booked_on,
        note=note,
    )


def _deposited(booking: _Booking, outcome: c.Deposited, context: Context) -> Iterator[e.Event]:
    """Money is never turned away: what names no contract, or a wrong one, stays unapplied and refundable."""
    line = booking.line
    if line.signed_fen <= 0:
        raise no.MatchedAmountDiffers(line.signed_fen, 0)
    deposit = c.RecordDeposit(
        bank_serial=line.bank_serial,
        account_id=booking.account_id,
        value_on=line.value_on,
        amount_fen=line.signed_fen,
        payer_ref=outcome.payer_ref,
        remittance=outcome.remittance,
        contract_id=outcome.contract_id,
    )
    yield from DECISIONS[c.RecordDeposit](deposit, context)
    yield _matched(booking, context, (e.BankShare(f"deposit:{deposit.deposit_id}", line.signed_fen),))
    if outcome.unregistered:
        yield _opened(booking, "unregistered_contract", "institution", 0, context, note=outcome.unregistered)


def _shares(line_fen: int, shares: list[c.BankShareLine], bank_serial: str, context: Context) -> Iterator[e.Event]:
    """Every share is a payment the bank has not shown yet; what was only instructed is settled by it."""
    unrepeated("reference", (share.reference for share in shares))
    if (sum_fen := sum(share.signed_fen for share in shares)) != line_fen:
        raise no.MatchedAmountDiffers(line_fen, sum_fen)
    for share in shares:
        payment = payment_of(share.reference, context)
        left_fen = payment.signed_fen - payment.banked_fen
        if left_fen == 0:
            raise no.ReferenceAlreadyMatched(share.reference)
        if not 0 < share.signed_fen * (1 if left_fen > 0 else -1) <= abs(left_fen):
            raise no.MatchedAmountDiffers(share.signed_fen, left_fen)
        if share.signed_fen == left_fen:
            yield from settle(payment, bank_serial, context)
            yield from _resolve_item(share.reference, context)


def _resolve_item(reference: str, context: Context) -> Iterator[e.Event]:
    """The bank shows now what it did not show before."""
    broken = context.escrow.find(Break, item_break_id(reference))
    if broken is not None and not broken.resolution:
        yield e.ReconciliationBreakResolved(
            effective_at=context.effective_at,
            break_id=broken.break_id,
            resolution="matched",
            drift_fen=broken.drift_fen,
        )


def _returned(line: c.BookedLine, outcome: c.Returned, context: Context) -> Iterator[e.Event]:
    unrepeated("reference", (share.reference for share in outcome.shares))
    if (sum_fen := sum(share.signed_fen for share in outcome.shares)) != line.signed_fen:
        raise no.MatchedAmountDiffers(line.signed_fen, sum_fen)
    for share in outcome.shares:
        payment = payment_of(share.reference, context)
        if share.signed_fen != -payment.signed_fen or payment.banked_fen != payment.signed_fen:
            raise no.MatchedAmountDiffers(share.signed_fen, -payment.banked_fen)
        yield from take_back(payment, line.bank_serial, context)


def _reversed(booking: _Booking, outcome: c.Reversed, context: Context) -> Iterator[e.Event]:
    deposit, line = deposit_of(context, outcome.deposit_id), booking.line
    if line.signed_fen != -deposit.amount_fen:
        raise no.MatchedAmountDiffers(line.signed_fen, -deposit.amount_fen)
    reversal = c.ReverseDeposit(deposit_id=deposit.deposit_id, reversal_id=line.line_key, reason=outcome.reason)
    yield from DECISIONS[c.ReverseDeposit](reversal, context)
    yield _matched(booking, context, (e.BankShare(f"reversal:{deposit.deposit_id}", line.signed_fen),))


@decides(c.OpenBreak)
def _open(command: c.OpenBreak, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    payment = payment_of(command.reference, context)
    if (left_fen := payment.signed_fen - payment.banked_fen) == 0:
        raise no.ReferenceAlreadyMatched(command.reference)
    break_id = item_break_id(command.reference)
    broken = context.escrow.find(Break, break_id)
    if broken is not None and not broken.resolution:
        raise no.AlreadyRecorded("break", break_id)
    yield e.ReconciliationBreakOpened(
        effective_at=context.effective_at,
        break_id=break_id,
        kind="in_transit",
        owner="bank",
        reference=command.reference,
        signed_fen=left_fen,
        drift_fen=-left_fen,
        since_on=_since(payment, context),
        note=command.note,
    )


def _since(payment: Payment, context: Context) -> date:
    return payment.sheet.value_on if isinstance(payment.sheet, Deposit) else context.effective_on


@decides(c.ResolveBreak)
def _resolve(command: c.ResolveBreak, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    broken = _open_break(command.break_id, context)
    match command.resolution:
        case "matched":
            yield from _shares(broken.signed_fen, command.shares, broken.break_id, context)
            yield _closed(broken, command, context, broken.drift_fen, _bank_shares(command.shares))
        case "corrected":
            other = _open_break(command.corrected_by or "", context)
            if other.signed_fen + broken.signed_fen or not (other.statement_id and broken.statement_id):
                raise no.MatchedAmountDiffers(broken.signed_fen, -other.signed_fen)
            yield _closed(broken, command, context, broken.drift_fen)
            yield _closed(other, command, context, other.drift_fen)
        case "explained":  # the difference stays in the books of the bank; it is only no longer a question
            yield _closed(broken, command, context, 0)


def _open_break(break_id: str, context: Context) -> Break:
    broken = context.escrow.find(Break, break_id)
    if broken is None or broken.resolution:
        raise no.BreakUnknown(break_id)
    return broken


def _closed(
    broken: Break,
    command: c.ResolveBreak,
    context: Context,
    drift_fen: int,
    shares: tuple[e.BankShare, ...] = (),
) -> e.ReconciliationBreakResolved:
    return e.ReconciliationBreakResolved(
        effective_at=context.effective_at,
        break_id=broken.break_id,
        resolution=command.resolution,
        shares=shares,
        drift_fen=drift_fen,
        note=command.note,
    )
