"""The double-entry journal of one escrow or of all for beancount or hledger: the posting table, written out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Literal, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, Row, select, tuple_

from ledger import events as e
from ledger.decisions.context import local_date
from ledger.money import format_yuan
from ledger.postings import ACCOUNTS, POSTINGS, Movement, movements
from ledger.serialization import TOPICS, VERSIONS, Recorded
from ledger.store.tables import events, headers
from projections.answers import UnknownRow
from projections.log import event_in, lane_heads

Format = Literal["beancount", "hledger"]
CURRENCY = "CNY"
PAGE = 2000
"""Events read at a time: memory stays flat however long the log is."""

_ASSET = {account.name: account.asset for account in ACCOUNTS}
_BY_CONTRACT = {account.name: account.by_contract for account in ACCOUNTS}
_KINDS: tuple[type[e.Event], ...] = (e.EscrowOpened, e.ContractRegistered, *POSTINGS)
_ESCAPES = {"Q": "QQ", "_": "Qu", ".": "Qd"}


def component(identifier: str) -> str:
    """An id as a part of an account name; different ids stay different.

    Beancount takes letters, digits and hyphens, and a capital or a digit first. `Q` escapes: `QQ` is Q, `Qu` is `_`,
    `Qd` is `.`, and a leading `Qx` is nothing, before an id that begins with a small letter or a hyphen.
    """
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in identifier)
    return escaped if escaped[0].isupper() or escaped[0].isdigit() else f"Qx{escaped}"


def account_name(account: str, institution_id: str, contract_id: str | None = None) -> str:
    """`Assets:…` or `Liabilities:…`, the institution, the account, and the contract where it is kept by contract."""
    root = "Assets" if _ASSET[account] else "Liabilities"
    name = f"{root}:{component(institution_id)}:{account.title().replace('_', '')}"
    return f"{name}:{component(contract_id)}" if contract_id is not None and _BY_CONTRACT[account] else name


class Entry(NamedTuple):
    """One event that moves money."""

    on: date
    position: int
    topic: str
    hash: str
    legs: Sequence[tuple[str, int]]
    """Account → debit in fen, negative for a credit."""


class Dialect(Protocol):
    """How one program wants its journal written."""

    def head(self, title: str) -> str:
        """What stands at the top."""
        ...

    def account(self, name: str, on: date) -> str:
        """An account comes into use."""
        ...

    def entry(self, entry: Entry) -> str:
        """A transaction."""
        ...


class Beancount:
    """Beancount 3."""

    def head(self, title: str) -> str:
        """Options."""
        return f'option "title" "{title}"\noption "operating_currency" "{CURRENCY}"\n\n'

    def account(self, name: str, on: date) -> str:
        """An open directive; it admits one currency."""
        return f"{on} open {name} {CURRENCY}\n"

    def entry(self, entry: Entry) -> str:
        """A transaction with its place in the log as metadata."""
        lines = [f'{entry.on} * "{entry.topic.partition(".")[0]}"', f"  position: {entry.position}"]
        lines += [f'  event: "{entry.topic}"', f'  hash: "{entry.hash}"']
        return _block(lines, entry.legs, "  ")


class Hledger:
    """Hledger 1.25 and later."""

    def head(self, title: str) -> str:
        """A comment and the currency."""
        return f"; {title}\ncommodity 1000.00 {CURRENCY}\n\n"

    def account(self, name: str, on: date) -> str:  # noqa: ARG002 - hledger declares accounts without a date
        """An account directive."""
        return f"account {name}\n"

    def entry(self, entry: Entry) -> str:
        """A transaction with its place in the log as tags."""
        what = entry.topic.partition(".")[0]
        tags = f"position:{entry.position}, event:{entry.topic}, hash:{entry.hash}"
        return _block([f"{entry.on} * {what}  ; {tags}"], entry.legs, "    ")


def _block(lines: list[str], legs: Iterable[tuple[str, int]], indent: str) -> str:
    lines += [f"{indent}{account}  {format_yuan(debit_fen)} {CURRENCY}" for account, debit_fen in legs]
    return "\n".join(lines) + "\n\n"


DIALECTS: dict[Format, Dialect] = {"beancount": Beancount(), "hledger": Hledger()}


@contextmanager
def journal(engine: Engine, form: Format, institution_id: str | None = None) -> Iterator[Iterator[str]]:
    """The journal in pieces of text, from one state of the log; amounts in yuan, days are business days.

    Raises UnknownRow for an institution without an escrow.
    """
    with _snapshot(engine) as connection:
        if institution_id is not None and not _is_known(connection, institution_id):
            raise UnknownRow("institution", institution_id)
        yield _written(connection, DIALECTS[form], institution_id)


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection
        connection.rollback()


def _is_known(connection: Connection, institution_id: str) -> bool:
    known = select(headers.c.institution_id).where(headers.c.institution_id == institution_id)
    return connection.execute(known).first() is not None


def _written(connection: Connection, dialect: Dialect, institution_id: str | None) -> Iterator[str]:
    position = max(lane_heads(connection).values(), default=0)
    whose = institution_id or "all escrows"
    yield dialect.head(f"Escrow ledger, {whose}, position {position}")
    opened_on = date.min
    for row in _rows(connection, institution_id):
        event = event_in(row.topic, row.state)
        match event:
            case e.EscrowOpened():
                opened_on = local_date(event.effective_at)
                yield _accounts(dialect, row.originator_id, None, opened_on)
            case e.ContractRegistered():
                yield _accounts(dialect, row.originator_id, event.contract_id, opened_on)
            case _:
                legs = [_leg(row.originator_id, movement) for movement in movements(event)]
                on = local_date(event.effective_at)
                if not legs:
                    continue
                yield dialect.entry(Entry(on, row.position, row.topic, row.hash, legs))


def journal_of(recorded: Iterable[Recorded], form: Format, title: str) -> Iterator[str]:
    """The journal of these events alone, in pieces of text; every account they move is opened before the first."""
    dialect, opened = DIALECTS[form], set[str]()
    yield dialect.head(title)
    for one in recorded:
        legs = [_leg(one.institution_id, movement) for movement in movements(one.event)]
        on = local_date(one.event.effective_at)
        for name, _ in legs:
            if name not in opened:
                opened.add(name)
                yield dialect.account(name, date(1970, 1, 1))
        if legs:
            yield dialect.entry(Entry(on, one.position, one.topic, one.hash, legs))


def _accounts(dialect: Dialect, institution_id: str, contract_id: str | None, on: date) -> str:
    """What an escrow, or a contract of it, opens: from the day of the escrow, before which nothing is posted."""
    names = (
        account_name(account.name, institution_id, contract_id)
        for account in ACCOUNTS
        if contract_id is None or account.by_contract
    )
    return "".join(dialect.account(name, on) for name in names) + "\n"


def _leg(institution_id: str, movement: Movement) -> tuple[str, int]:
    return account_name(movement.account, institution_id, movement.contract_id), movement.debit_fen


def _rows(connection: Connection, institution_id: str | None) -> Iterator[Row[str, int, int, str, str, str]]:
    """Events that open accounts or move money, institution by institution, in the order of each stream."""
    columns = (events.c.originator_id, events.c.originator_version)
    query = (
        select(*columns, events.c.position, events.c.topic, events.c.state, events.c.hash)
        .where(events.c.topic.in_(_topics()))
        .order_by(*columns)
        .limit(PAGE)
    )
    if institution_id is not None:
        query = query.where(events.c.originator_id == institution_id)
    last: tuple[str, int] = ("", 0)
    while page := connection.execute(query.where(tuple_(*columns) > last)).all():
        yield from page
        last = (page[-1].originator_id, page[-1].originator_version)


def _topics() -> list[str]:
    """Stored names of every version of the events that matter here."""
    return [f"{TOPICS[kind].rpartition('.')[0]}.{n}" for kind in _KINDS for n in range(1, VERSIONS.get(kind, 1) + 1)]
