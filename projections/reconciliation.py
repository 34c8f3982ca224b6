"""The bank's books: statements, their lines and what each is matched to, breaks with class, owner and age."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import case, func, select
from sqlalchemy.sql.functions import coalesce

from ledger.decisions.context import local_date
from ledger.escrow import Escrow
from ledger.sheets import BankLine, BankStatement, Break, Profile
from projections.answers import NOW, Answer, Moment
from projections.contract_statement import contract_statement
from projections.database import Row, read_row, table_of
from projections.escrow_balance import EscrowBalance, escrow_balance
from projections.reading import Reader, Reading, matching


class StatementRow(Row, frozen=True):
    """One statement of the custodian bank. `lines` are new, `repeated` had come before."""

    institution_id: str
    statement_id: str
    number: int
    """Its place among the statements of the escrow."""
    format: str
    account_id: str
    from_on: date
    to_on: date
    opening_fen: int
    closing_fen: int
    credits_fen: int
    debits_fen: int
    lines: int
    repeated: int
    booked: int
    """Fewer than `lines` while its import is unfinished."""
    lines_sha256: str


class BankLineRow(Row, frozen=True):
    """One line of the bank's account, and the payments it is matched to; none where it opened a break."""

    institution_id: str
    line_key: str
    statement_id: str
    line: int
    booked_on: date
    signed_fen: int
    serial: str
    rule: str
    payments: tuple[str, ...]


class BreakRow(Row, frozen=True):
    """One difference between bank and ledger, or a payment nobody can place. Its age runs from `since_on`."""

    institution_id: str
    break_id: str
    district: str
    cause: Literal["in_transit", "unregistered_contract", "reversal", "bank_error", "unknown"]
    owner: Literal["bank", "institution", "regulator"]
    state: Literal["open", "matched", "corrected", "explained"]
    alarming: bool
    """Money differs and nobody knows why."""
    signed_fen: int
    drift_fen: int
    """By how much the bank's balance is above the ledger's for this reason, still."""
    since_on: date
    opened_on: date
    resolved_on: date | None
    statement_id: str
    line: int
    reference: str
    note: str
    resolution_note: str


bank_statement = table_of(
    "bank_statement", StatementRow, ["institution_id", "statement_id"], ["institution_id", "number", "statement_id"]
)
bank_line = table_of(
    "bank_line", BankLineRow, ["institution_id", "line_key"], ["institution_id", "statement_id", "line_key"]
)
reconciliation_break = table_of(
    "reconciliation_break",
    BreakRow,
    ["institution_id", "break_id"],
    ["state", "institution_id", "break_id"],
    ["district", "state", "institution_id", "break_id"],
)


def statement_rows(escrow: Escrow, sheet: BankStatement) -> Iterable[StatementRow]:
    """The row of a statement."""
    yield StatementRow(
        institution_id=escrow.header.institution_id,
        statement_id=sheet.statement_id,
        number=sheet.number,
        format=sheet.format,
        account_id=sheet.account_id,
        from_on=sheet.from_on,
        to_on=sheet.to_on,
        opening_fen=sheet.opening_fen,
        closing_fen=sheet.closing_fen,
        credits_fen=sheet.credits_fen,
        debits_fen=sheet.debits_fen,
        lines=sheet.lines,
        repeated=sheet.repeated,
        booked=sheet.booked,
        lines_sha256=sheet.lines_sha256,
    )


def bank_line_rows(escrow: Escrow, sheet: BankLine) -> Iterable[BankLineRow]:
    """The row of a line."""
    yield BankLineRow(
        institution_id=escrow.header.institution_id,
        line_key=sheet.line_key,
        statement_id=sheet.statement_id,
        line=sheet.line,
        booked_on=sheet.booked_on,
        signed_fen=sheet.signed_fen,
        serial=sheet.serial,
        rule=sheet.rule,
        payments=sheet.references,
    )


def break_rows(escrow: Escrow, sheet: Break) -> Iterable[BreakRow]:
    """The row of a break, open or resolved."""
    yield BreakRow(
        institution_id=escrow.header.institution_id,
        break_id=sheet.break_id,
        district=escrow.get(Profile, escrow.header.institution_id).district,
        cause=sheet.cause,
        owner=sheet.owner,
        state=sheet.resolution or "open",  # type: ignore[arg-type] # the words of the event
        alarming=sheet.unexplained,
        signed_fen=sheet.signed_fen,
        drift_fen=sheet.drift_fen,
        since_on=sheet.since_on,
        opened_on=local_date(sheet.opened_at),
        resolved_on=local_date(sheet.resolved_at) if sheet.resolution else None,
        statement_id=sheet.statement_id,
        line=sheet.line,
        reference=sheet.reference,
        note=sheet.note,
        resolution_note=sheet.resolution_note,
    )


class Reconciliation(Struct, frozen=True):
    """Bank and ledger side by side, fen. What differs and stands in no break is on its way."""

    institution_id: str
    through_on: date | None
    """The last day that statements cover; None before the first."""
    bank_fen: int | None
    custody_fen: int
    contracts_fen: int
    """Sum of the contracts' own accounts: unearned, earned and payable, less what the institution must put back."""
    other_fen: int
    """Custody that is no contract's: unapplied deposits, what is on its way, refunds of deposits."""
    drift_fen: int
    """By how much the bank is above the ledger, as far as breaks of bank lines say so, open or explained."""
    in_transit_fen: int | None
    """Recorded and not shown by the bank yet: custody + drift - bank."""
    alarming_fen: int
    """Drift of open breaks that nobody can explain: the alert."""
    open_breaks: int
    alarming_breaks: int


def get_reconciliation(reader: Reader, institution_id: str, moment: Moment = NOW) -> Answer[Reconciliation]:
    """The three-way reconciliation of one institution. Sums over its contracts, breaks and its last statement."""
    with reader.open(moment, institution_id) as reading:
        through_on, bank_fen = _bank(reading, institution_id)
        drift_fen, alarming_fen, open_breaks, alarming_breaks = _breaks(reading, institution_id)
        balance = reading.first(matching(escrow_balance, institution_id=institution_id))
        custody_fen = 0 if balance is None else read_row(EscrowBalance, balance).custody_cash_fen
        contracts_fen = _contracts_fen(reading, institution_id)
        return reading.answer(
            Reconciliation(
                institution_id=institution_id,
                through_on=through_on,
                bank_fen=bank_fen,
                custody_fen=custody_fen,
                contracts_fen=contracts_fen,
                other_fen=custody_fen - contracts_fen,
                drift_fen=drift_fen,
                in_transit_fen=None if bank_fen is None else custody_fen + drift_fen - bank_fen,
                alarming_fen=alarming_fen,
                open_breaks=open_breaks,
                alarming_breaks=alarming_breaks,
            )
        )


def _bank(reading: Reading, institution_id: str) -> tuple[date | None, int | None]:
    table = bank_statement.c
    query = select(bank_statement).where(table.institution_id == institution_id)
    found = reading.first(query.order_by(table.number.desc()).limit(1))
    last = None if found is None else read_row(StatementRow, found)
    return (None, None) if last is None else (last.to_on, last.closing_fen)


def _breaks(reading: Reading, institution_id: str) -> tuple[int, int, int, int]:
    table = reconciliation_break.c
    of_line, is_open = table.statement_id != "", table.state == "open"
    sums = (
        func.sum(case((of_line, table.drift_fen), else_=0)),
        func.sum(case((table.alarming, table.drift_fen), else_=0)),
        func.sum(case((is_open, 1), else_=0)),
        func.sum(case((table.alarming, 1), else_=0)),
    )
    query = select(*(coalesce(each, 0) for each in sums)).where(table.institution_id == institution_id)
    ((drift_fen, alarming_fen, open_breaks, alarming_breaks),) = reading.rows(query)
    return int(drift_fen), int(alarming_fen), int(open_breaks), int(alarming_breaks)


def _contracts_fen(reading: Reading, institution_id: str) -> int:
    table = contract_statement.c
    held = table.unearned_fen + table.earned_fen + table.refund_payable_fen - table.institution_receivable_fen
    query = select(coalesce(func.sum(held), 0)).where(table.institution_id == institution_id)
    return int(reading.rows(query)[0][0])


def list_statements(
    reader: Reader, institution_id: str, moment: Moment = NOW, *, after: str | None = None, limit: int = 100
) -> Answer[list[StatementRow]]:
    """Statements of one institution in the order they were taken in. An index range."""
    with reader.open(moment, institution_id) as reading:
        query = matching(bank_statement, institution_id=institution_id)
        return reading.page(StatementRow, query, [bank_statement.c.number], after, limit)


def list_bank_lines(
    reader: Reader,
    institution_id: str,
    moment: Moment = NOW,
    *,
    statement_id: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[BankLineRow]]:
    """Lines of the bank in order of their day and key. An index range."""
    with reader.open(moment, institution_id) as reading:
        query = matching(bank_line, institution_id=institution_id, statement_id=statement_id)
        return reading.page(BankLineRow, query, [bank_line.c.line_key], after, limit)


def list_breaks(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    institution_id: str | None = None,
    district: str | None = None,
    state: str | None = None,
    cause: str | None = None,
    owner: str | None = None,
    alarming: bool | None = None,
    since_before: date | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[BreakRow]]:
    """Breaks in order of institution and id; with `since_before`, those older than that day."""
    query = matching(
        reconciliation_break,
        institution_id=institution_id,
        district=district,
        state=state,
        cause=cause,
        owner=owner,
        alarming=alarming,
    )
    if since_before is not None:
        query = query.where(reconciliation_break.c.since_on < since_before)
    key = [reconciliation_break.c.institution_id, reconciliation_break.c.break_id]
    with reader.open(moment, institution_id) as reading:
        return reading.page(BreakRow, query, key, after, limit)
