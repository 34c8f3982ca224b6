"""Previewing a statement: what would be matched, opened and refused, before anything is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from api.bankfiles.books import read_books
from api.bankfiles.spool import DISK
from ledger import rejections as no
from ledger.application import Ledger
from ledger.bankbooks import Books
from ledger.identity import identified
from ledger.matches import Matching
from ledger.matching import Rules
from ledger.overlap import fresh_lines, unknown
from ledger.reconciliation import match
from ledger.statements import CURRENCY, Statement, StatementLine, balanced, chain_of, chronological


@dataclass(frozen=True, slots=True)
class Stated:
    """What the caller knows beyond the file."""

    opening_fen: int | None = None
    closing_fen: int | None = None
    account_checked: bool = False
    """The caller says that the file is of this escrow's account, whatever it writes."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do. `statement` has its balances and its lines in the order of booking."""

    institution_id: str
    account_id: str
    statement: Statement
    fresh: Sequence[StatementLine]
    """The lines that no earlier statement brought."""
    matching: Matching
    """What those of them become that are not booked yet."""
    lines_sha256: str
    repeated: int
    """Lines that earlier statements had brought."""
    repeated_fen: int
    booked: int
    """New lines that are booked already: the import goes on after them."""
    known: bool
    """The statement itself is recorded already, or brings nothing new."""


STATED = Stated()


def preview_statement(
    ledger: Ledger,
    institution_id: str,
    statement: Statement,
    stated: Stated = STATED,
    rules: Rules | None = None,
) -> Preview:
    """What committing this statement would do now; records nothing.

    Raises WrongAccount, what `balanced` and `fresh_lines` raise, StatementIncomplete while another one is unfinished.
    """
    return plan(institution_id, read_books(ledger, institution_id, statement, rules), statement, stated, rules)


def plan(
    institution_id: str,
    books: Books,
    statement: Statement,
    stated: Stated = STATED,
    rules: Rules | None = None,
) -> Preview:
    """The preview against given books; pure."""
    if not books.account_id:
        raise no.EscrowNotOpen(institution_id, "none")
    if not stated.account_checked and not same_account(statement.account, books.account_id):
        raise no.WrongAccount(statement.account)
    if statement.notification:
        return _notified(institution_id, books, statement, rules)
    whole = balanced(statement, stated.opening_fen, stated.closing_fen)
    ordered = _with_lines(whole, chronological(whole.lines, keeper=DISK))
    taken = books.taken(statement.statement_id)
    if taken is None:
        _check_finished(books)
    ended = taken is not None and taken.booked == taken.lines
    fresh = [] if ended else fresh_lines(ordered, books, keeper=DISK)
    repeated = len(ordered.lines) - len(fresh)
    booked = 0 if taken is None or ended else taken.booked
    return Preview(
        institution_id=institution_id,
        account_id=books.account_id,
        statement=ordered,
        fresh=fresh,
        matching=match(rest_of(fresh, booked), books, rules, keeper=DISK),
        lines_sha256=chain_of(fresh),
        repeated=repeated,
        repeated_fen=ordered.net_fen - sum(line.amount_fen for line in fresh) if repeated else 0,
        booked=booked,
        known=taken is not None or (bool(repeated) and not fresh),
    )


def _notified(institution_id: str, books: Books, notification: Statement, rules: Rules | None) -> Preview:
    """A notification brings payments ahead of the evening's statement; it has no balances to be continuous with."""
    if notification.currency != CURRENCY:
        raise no.OtherCurrency(notification.currency)
    lines = identified(chronological(notification.lines, keeper=DISK), books.account_id, keeper=DISK)
    known, _ = books.known_keys(notification.statement_id)
    fresh = DISK.keep(StatementLine, unknown(lines, known))
    return Preview(
        institution_id=institution_id,
        account_id=books.account_id,
        statement=_with_lines(notification, lines),
        fresh=fresh,
        matching=match(fresh, books, rules, keeper=DISK),
        lines_sha256="",
        repeated=len(lines) - len(fresh),
        repeated_fen=0,
        booked=0,
        known=not fresh,
    )


def rest_of(fresh: Sequence[StatementLine], booked: int) -> Sequence[StatementLine]:
    """The new lines after so many."""
    return DISK.keep(StatementLine, islice(fresh, booked, None)) if booked else fresh


def same_account(written: str, account_id: str) -> bool:
    """Whether a file's account, perhaps masked or not stated at all, can be this one."""
    written = "".join(written.split())
    if not written or written == account_id:
        return not written or written == account_id
    head, star, tail = written.partition("*")
    tail = tail.lstrip("*")
    return bool(star) and account_id.startswith(head) and account_id.endswith(tail) and bool(head or tail)


def _with_lines(statement: Statement, lines: Sequence[StatementLine]) -> Statement:
    return Statement(
        sha256=statement.sha256,
        format=statement.format,
        currency=statement.currency,
        lines=lines,
        account=statement.account,
        number=statement.number,
        opening_fen=statement.opening_fen,
        closing_fen=statement.closing_fen,
        from_on=statement.from_on,
        to_on=statement.to_on,
        credits_fen=statement.credits_fen,
        debits_fen=statement.debits_fen,
        notification=statement.notification,
        left_out=statement.left_out,
    )


def _check_finished(books: Books) -> None:
    if (unfinished := books.unfinished()) is not None:
        statement_id, taken = unfinished
        raise no.StatementIncomplete(statement_id, taken.lines, taken.booked)
