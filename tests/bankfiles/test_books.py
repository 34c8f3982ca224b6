"""Stored books tell what a fold of the whole stream tells: the same plans for the same lines, after any history."""

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy.event import listen, remove

from api.bankfiles.books import OF_STATEMENTS, StoredBooks, read_books
from api.bankfiles.commit import commit_statement
from api.bankfiles.payments import DATING
from api.bankfiles.preview import plan
from api.bankfiles.reconcile import reconcile
from ledger import commands as c
from ledger.application import Ledger, open_ledger
from ledger.bankbooks import Books, Item
from ledger.decisions.context import local_date
from ledger.identifiers import Role
from ledger.identity import identified
from ledger.log.openings import RECEIVED
from ledger.log.proving import sealing
from ledger.orders import Order
from ledger.overlap import fresh_lines
from ledger.reconciliation import match
from ledger.rejections import Rejection
from ledger.statements import Statement, StatementLine
from tests import examples as x
from tests.bankfiles.bank import BANK
from tests.books import Folded
from tests.conftest import Clock

ACCOUNT = "6222000001"
FENS = (50_00, 100_00, 150_00, 300_00)
ROLES = (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.REGULATOR)


class School:
    """A school to which random things happen; what the ledger refuses did not happen."""

    def __init__(self, ledger: Ledger, clock: Clock, seed: int) -> None:
        self.ledger, self.clock, self.random, self.name = ledger, clock, Random(seed), f"school-{seed}"
        self.serials = ["none"]
        self.words = ["学费", "C-1", "合同C-1", "合同C-7", "退票", "冲正"]
        self.deposits: list[str] = []
        self.number = 0
        self.ask(x.opening(account_id=ACCOUNT))
        for name in ("C-1", "C-2", "C-3"):
            self.ask(x.contract(name, student_id=f"child-{name}", guardian_id=f"guardian-{name}"))

    @property
    def today(self) -> date:
        return local_date(self.clock())

    def ask(self, *commands: c.Command) -> None:
        """Commands by the first role that may."""
        for command in commands:
            role = next(each for each in ROLES if each in command.by)
            self.number += 1
            self.ledger.submit_all([Order(self.name, f"k{self.number}", command, f"{role}-1", role)])

    def happen(self) -> None:
        """Something that may concern the bank."""
        self.random.choice([self.deposit, self.deposit, self.release, self.refund, self.reverse, self.statement])()

    def deposit(self) -> None:
        serial, contract_id = f"S{self.number}", self.random.choice([None, "C-1", "C-2"])
        fen, payer = self.random.choice(FENS), self.random.choice(["p.1", "p.2"])
        paid = x.deposit(serial, fen, contract_id, value_on=self.today, payer_ref=payer, account_id=ACCOUNT)
        self.ask(paid)
        self.serials.append(serial)
        self.deposits.append(paid.deposit_id)
        self.words.append(paid.deposit_id)

    def release(self) -> None:
        name, contract_id = f"R{self.number}", self.random.choice(["C-1", "C-2"])
        self.ask(x.deposit(f"{name}-money", 150_00, contract_id, value_on=self.today, account_id=ACCOUNT))
        self.ask(*x.taught(f"l{name}", contract_id=contract_id))
        self.ask(x.release(self.random.choice(FENS[:2]), contract_id, name))
        self.words.append(name)
        if self.random.random() < 0.5:
            self.ask(c.SettleRelease(release_id=name, contract_ids=[contract_id], bank_serial=f"B{name}"))
            self.serials.append(f"B{name}")

    def refund(self) -> None:
        if self.deposits:
            name = f"F{self.number}"
            back = c.RefundDeposit(refund_id=name, deposit_id=self.random.choice(self.deposits))
            self.ask(back, x.instruct(name, f"I{name}"))
            self.words.append(f"I{name}")
            if self.random.random() < 0.5:
                self.ask(c.SettleRefund(refund_id=name, instruction_id=f"I{name}", bank_serial=f"B{name}"))

    def reverse(self) -> None:
        if self.deposits:
            deposit_id = self.deposits[self.random.randrange(-1, 0)]
            self.ask(c.ReverseDeposit(deposit_id=deposit_id, reversal_id=f"V{self.number}", reason="bank_reversal"))

    def line(self, number: int) -> StatementLine:
        """One line of the bank, of these days, that may fit or not."""
        choose, on = self.random.choice, self.today - timedelta(days=self.random.randrange(4))
        return StatementLine(
            line=number,
            booked_on=on,
            value_on=on,
            amount_fen=choose((1, -1)) * choose(FENS),
            serial=choose(("", f"N{self.number}-{number}", *self.serials[-6:])),
            counterparty=choose(("", "p.1", "p.2")),
            text=" ".join(choose(self.words[-12:] + self.words[:6]) for _ in range(2)),
            reversal=self.random.random() < 0.2,
        )

    def lines(self) -> list[StatementLine]:
        some = {
            (line.booked_on, line.serial or n, line.amount_fen > 0): line
            for n, line in enumerate(map(self.line, range(8)))
        }
        return sorted(some.values(), key=lambda line: line.booked_on)

    def file(self, lines: Iterable[StatementLine]) -> Statement:
        self.number += 1
        folded, listed = self.folded(), list(lines)
        return Statement(
            sha256=f"{self.number:064x}",
            format="generic",
            currency="CNY",
            lines=listed,
            opening_fen=folded.reach.closing_fen,
            closing_fen=folded.reach.closing_fen + sum(line.amount_fen for line in listed),
            from_on=min((line.booked_on for line in listed), default=self.today),
        )

    def statement(self) -> None:
        """A statement, mostly taken in to its end."""
        statement = self.file(self.lines())
        books = read_books(self.ledger, self.name, statement)
        try:
            commit_statement(self.ledger, plan(self.name, books, statement), BANK)
        except Rejection:
            return

    def folded(self) -> Folded:
        return Folded().take_all(recorded.event for recorded in self.ledger.stream(self.name))


def told(statement: Statement, books: Books) -> object:
    """What the statement brings, or why it is refused."""
    try:
        return list(fresh_lines(statement, books))
    except Rejection as refused:
        return refused.code, refused.details()


def open_items(folded: Folded, first: date, last: date) -> set[tuple[str, int, date, str, str, str]]:
    return {facts(item) for item in folded.open_items() if first <= item.on <= last}


def facts(item: Item) -> tuple[str, int, date, str, str, str]:
    return item.reference, item.left_fen, item.on, item.serial, item.payer_ref, item.contract_id


def stored_items(books: StoredBooks) -> set[tuple[str, int, date, str, str, str]]:
    return {facts(item) for item in books.shelf}


@pytest.mark.parametrize("seed", range(12))
def test_stored_books_tell_what_a_fold_of_everything_tells(ledger: Ledger, clock: Clock, seed: int) -> None:
    school = School(ledger, clock, seed)
    shown = 0
    for _ in range(30):
        clock.advance(days=school.random.choice((0, 0, 1, 2)), seconds=1)
        school.happen()
        if school.random.random() < 0.4:
            lines = school.lines()
            statement = school.file(lines)
            folded, stored = school.folded(), read_books(ledger, school.name, statement)
            assert told(statement, stored) == told(statement, folded)
            first, last = min(line.booked_on for line in lines), max(line.booked_on for line in lines)
            near = timedelta(days=31)
            assert stored_items(stored) == open_items(folded, first - near, last + near)
            keyed = identified(lines, ACCOUNT)
            plans = match(keyed, stored).planned
            assert plans == match(keyed, folded).planned
            shown += sum(each.kind != "break" for each in plans)
    assert shown
    waiting = [item for item in school.folded().open_items() if item.moved]
    day = reconcile(ledger, school.name, BANK, dry_run=True)
    if day.through_on is not None:
        assert day.in_transit_fen == sum(item.left_fen for item in waiting)
        shown_on = day.through_on - timedelta(days=1)
        assert day.overdue == sum(item.on <= shown_on for item in waiting)


def made_as(ledger: Ledger, index: str) -> str:
    """The statement that made an index."""
    query = {
        "sqlite": f"select sql from sqlite_master where name = '{index}'",
        "postgresql": f"select indexdef from pg_indexes where indexname = '{index}'",
    }[ledger.engine.dialect.name]
    with ledger.engine.connect() as connection:
        return str(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize(
    ("index", "topics"), [("events_deposit", RECEIVED), ("events_payment", DATING)], ids=["deposit", "payment"]
)
def test_an_index_holds_every_event_that_is_looked_up_in_it(
    ledger: Ledger, index: str, topics: tuple[str, ...]
) -> None:
    told_by = made_as(ledger, index)
    assert all(f"'{topic}'" in told_by for topic in topics)


@pytest.mark.parametrize("topic", OF_STATEMENTS)
def test_the_index_of_statements_holds_them_and_the_accounts(topic: str, ledger: Ledger) -> None:
    assert f"'{topic}'" in made_as(ledger, "events_statement")


def test_no_look_at_the_books_goes_through_a_whole_stream(sqlite_url: str, clock: Clock) -> None:
    ledger = open_ledger(sqlite_url, clock)
    school = School(ledger, clock, 1)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, query: str, values: object, *_: object) -> None:
        asked.append((query, values))

    for _ in range(20):
        school.happen()
    listen(ledger.engine, "before_cursor_execute", note)
    read_books(ledger, school.name, school.file(school.lines()))
    reconcile(ledger, school.name, BANK, dry_run=True)
    sealing(ledger.engine, school.name, school.today)
    remove(ledger.engine, "before_cursor_execute", note)
    looks = [each for each in asked if "from events" in each[0] and "originator_version >" not in each[0]]
    with ledger.engine.connect() as connection:
        plans = [
            str(row[3])
            for query, values in looks
            for row in connection.exec_driver_sql(f"explain query plan {query}", values)
        ]
    ledger.close()
    assert any("events_statement (originator_id=? AND topic=?)" in plan for plan in plans)
    assert any("events_payment (originator_id=? AND effective_at>?" in plan for plan in plans)
    assert any("events_contract (originator_id=? AND contract_id=?)" in plan for plan in plans)
    assert any("events_deposit (originator_id=? AND <expr>=?)" in plan for plan in plans)
    assert not any("SCAN" in plan or "events_stream" in plan for plan in plans)
