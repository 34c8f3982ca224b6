"""The books that statements are held against, as stored: what is open around the days of a statement, by index."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, select, text

from api.bankfiles.payments import Payments
from api.bankfiles.shelf import Shelf
from api.bankfiles.spool import Amounts
from ledger import events as e
from ledger.application import Ledger
from ledger.bankbooks import HORIZON, Item, Reach, Taken, Waiting
from ledger.log.openings import quoted, sheets_between, topics_of
from ledger.log.records import one_moment
from ledger.matching import Rules, shipped_rules
from ledger.serialization import decode
from ledger.sheets import BankLine, BankStatement, Contract, Deposit, Header, sheet_key
from ledger.statements import Statement, day_digits
from ledger.store.rows import decode_header
from ledger.store.tables import headers

OF_STATEMENTS = topics_of(e.CustodianChanged, e.EscrowOpened, e.StatementRecorded)
"""Events of the index `events_statement`."""
_EARLIEST, _LATEST = date(1900, 1, 1), date(9000, 1, 1)
"""Whatever a file says, there are days before and after."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an institution's statements stand, from its header and a few events."""

    header: Header
    accounts: Sequence[str]
    """Every custody account there was."""
    since_on: date | None
    """The first day that any statement covered."""
    last: BankStatement | None
    before: Reach

    @property
    def unfinished(self) -> tuple[str, Taken] | None:
        """The last statement, while its lines are not all booked: the next one waits for it."""
        if self.last is None or self.last.booked == self.last.lines:
            return None
        return self.last.statement_id, Taken(self.last.lines, self.last.booked)


def standing(connection: Connection, institution_id: str) -> Standing:
    """Header, accounts, first and last statement: a few rows, however many statements there were."""
    state = connection.scalar(select(headers.c.state).where(headers.c.institution_id == institution_id))
    header = Header(institution_id=institution_id) if state is None else decode_header(state)
    opened = _events(connection, institution_id, topics_of(e.CustodianChanged, e.EscrowOpened), "limit 1000")
    accounts = [each.account_id for each in opened if isinstance(each, e.CustodianChanged | e.EscrowOpened)]
    recorded = topics_of(e.StatementRecorded)
    first = _events(connection, institution_id, recorded, "limit 1")[:1]
    latest = _events(connection, institution_id, recorded, "desc limit 2")[-2:]
    payments, key = Payments(connection, institution_id, accounts), sheet_key(BankStatement, header.statement_id)
    last = payments.sheets([key]).get(key)
    return Standing(
        header=header,
        accounts=list(dict.fromkeys(accounts)),
        since_on=next((each.from_on for each in first if isinstance(each, e.StatementRecorded)), None),
        last=last if isinstance(last, BankStatement) else None,
        before=next((_reach(each) for each in latest[:-1] if isinstance(each, e.StatementRecorded)), Reach()),
    )


def _reach(statement: e.StatementRecorded) -> Reach:
    return Reach(statement.account_id, statement.closing_fen, statement.to_on)


def _events(connection: Connection, institution_id: str, topics: Sequence[str], which: str) -> list[e.Event]:
    """Events of these names, so many of each, in order. One name at a time: each is a range of the index."""
    query = text(
        "select originator_version, topic, state from events where originator_id = :institution_id"  # noqa: S608 - names of ours
        f" and topic in ({quoted(OF_STATEMENTS)}) and topic = :topic order by originator_version {which}"
    )
    rows = [
        row
        for topic in topics
        for row in connection.execute(query, {"institution_id": institution_id, "topic": topic}).all()
    ]
    return [decode(topic, state)[1] for _, topic, state in sorted(map(tuple, rows))]


def read_books(ledger: Ledger, institution_id: str, statement: Statement, rules: Rules | None = None) -> "StoredBooks":
    """What a statement is held against: payments and lines around its days, on disk; as of one moment."""
    near = timedelta(days=max((rule.days for rule in (rules or shipped_rules()).rules), default=0))
    first, last = days_of(statement)
    with one_moment(ledger.engine) as connection:
        stands = standing(connection, institution_id)
        payments = Payments(connection, institution_id, stands.accounts)
        around = payments.between(first - near, last + near)
        return StoredBooks(
            ledger=ledger,
            stands=stands,
            shelf=Shelf(item for item in around if item.left_fen and item.on >= (stands.since_on or date.min)),
            line_keys=_line_keys(connection, stands.header, statement, first, last),
        )


def days_of(statement: Statement) -> tuple[date, date]:
    """First and last booking day of the lines; some day of long ago where there are none."""
    first, last = _LATEST, _EARLIEST
    for line in statement.lines:
        first, last = min(first, line.booked_on), max(last, line.booked_on)
    return (max(first, _EARLIEST), min(last, _LATEST)) if first <= last else (_EARLIEST, _EARLIEST)


def _line_keys(connection: Connection, header: Header, statement: Statement, first: date, last: date) -> Amounts:
    oldest = day_digits(header.bank_through_on - HORIZON) if header.bank_through_on else ""
    sheets = sheets_between(
        connection,
        header.institution_id,
        f"bank_line:{day_digits(first)}",
        f"bank_line:{day_digits(last + timedelta(days=1))}",
    )
    return Amounts(
        (sheet.line_key, sheet.signed_fen)
        for sheet in sheets
        if isinstance(sheet, BankLine)
        and sheet.statement_id != statement.statement_id
        and (sheet.line_key >= oldest or sheet.statement_id == header.statement_id)
    )


@dataclass
class StoredBooks:
    """`Books` as one look at the database showed them; what single lines ask is read when they ask."""

    ledger: Ledger
    stands: Standing
    shelf: Shelf
    """Payments around the days of the file that the bank has not shown."""
    line_keys: Amounts
    """Lines of its days that other statements brought, within the horizon."""

    @property
    def account_id(self) -> str:
        """The custody account; empty where no escrow was opened."""
        return self.stands.header.account_id

    @property
    def reach(self) -> Reach:
        """How far statements go."""
        return reach_of(self.stands.header)

    def waiting(self) -> Waiting:
        """Payments the bank has not shown in full, as they are before a matching."""
        return self.shelf.afresh()

    def known(self, references: Iterable[str]) -> set[str]:
        """Which of these deposits and reversals are recorded."""
        wanted = {reference: sheet_key(Deposit, reference.partition(":")[2]) for reference in references}
        reversals = {key for reference, key in wanted.items() if reference.startswith("reversal:")}
        with one_moment(self.ledger.engine) as connection:
            payments = self._payments(connection)
            there, sheets = set(payments.existing(wanted.values())), payments.sheets(reversals)
        back = {key for key, sheet in sheets.items() if isinstance(sheet, Deposit) and sheet.reversed}
        return {
            reference
            for reference, key in wanted.items()
            if key in (back if reference.startswith("reversal:") else there)
        }

    def shown_like(self, kinds: Collection[str], signed_fens: Collection[int]) -> list[Item]:
        """Payments of these kinds and amounts that the bank has shown lately and that did not come back."""
        if not signed_fens or self.stands.header.bank_through_on is None:
            return []
        first, fens = self.stands.header.bank_through_on - HORIZON, sorted({abs(fen) for fen in signed_fens})
        with one_moment(self.ledger.engine) as connection:
            payments = self._payments(connection)
            items = payments.deposits(first, date.max) if "deposit" in kinds else payments.others(first, date.max, fens)
            return [
                item for item in items if item.kind in kinds and item.signed_fen in signed_fens and not item.left_fen
            ]

    def registered(self, contract_ids: Iterable[str]) -> set[str]:
        """Which of these are contracts."""
        keys = {sheet_key(Contract, contract_id): contract_id for contract_id in contract_ids}
        with one_moment(self.ledger.engine) as connection:
            return {keys[key] for key in self._payments(connection).existing(keys)}  # type: ignore[index] # its own keys

    def taken(self, statement_id: str) -> Taken | None:
        """How far a statement is booked; None where it was never taken in."""
        key = sheet_key(BankStatement, statement_id)
        with one_moment(self.ledger.engine) as connection:
            sheet = self._payments(connection).sheets([key]).get(key)
        return Taken(sheet.lines, sheet.booked) if isinstance(sheet, BankStatement) else None

    def unfinished(self) -> tuple[str, Taken] | None:
        """The last statement, while its lines are not all booked: the next one waits for it."""
        return self.stands.unfinished

    def known_keys(self, statement_id: str) -> tuple[Amounts, Reach]:
        """Lines that other statements brought, and how far those go: what this statement is continued from."""
        return self.line_keys, self.stands.before if statement_id == self.stands.header.statement_id else self.reach

    def _payments(self, connection: Connection) -> Payments:
        return Payments(connection, self.stands.header.institution_id, self.stands.accounts)


def reach_of(header: Header) -> Reach:
    """How far the statements go, by the header."""
    if not header.statement_id:
        return Reach()
    return Reach(header.statement_account_id, header.bank_closing_fen, header.bank_through_on)
