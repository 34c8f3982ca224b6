"""One institution with many contracts, put into an empty ledger in bulk: events and rows as commands leave them.

Every fifth contract's money was released for lessons that were then reversed: custody is short by that much.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution import evolve
from ledger.identifiers import Role
from ledger.postings import AMOUNTS
from ledger.serialization import TOPICS, Envelope, encode, encode_envelope, link
from ledger.sheets import Header
from ledger.store.rows import encode_row
from ledger.store.tables import DERIVED_TEXTS

INSTITUTION = "school"
RULES = "CN-BJ/sport@2023-04-17#1"
SIGNED_ON, STARTS_ON, ENDS_ON = date(2026, 8, 20), date(2026, 9, 1), date(2026, 11, 15)
AT = 1_788_000_000_000_000
PRICE_FEN, HOURS = 360_000, 36
SHORT = 5
ROWS_AT_ONCE = 20_000
ENVELOPE = encode_envelope(
    Envelope(
        recorded_at=AT, actor="bench", role=Role.REGULATOR, command_id="bulk", command="open_escrow",
        request_hash="0" * 64, rules=RULES,
    )
)  # fmt: skip


def events(contracts: int) -> Iterator[e.Event]:
    """The history: opened, then each contract from its signature to its lessons."""
    yield e.EscrowOpened(
        effective_at=AT, name="晨光少年体育", uscc="91110108MA01A2B3CF", jurisdiction="CN-BJ", category="sport",
        district="海淀区", licensed=True, custodian="bank-a", account_id="6222000001", agreement_no="A-1",
    )  # fmt: skip
    for number in range(contracts):
        yield from _contract(number)


def _contract(number: int) -> Iterator[e.Event]:
    contract_id, deposit_id = f"c-{number:07d}", f"6222000001.20260901.{number}"
    taught = 1 + number % 30
    amount_fen = PRICE_FEN * taught // HOURS
    yield e.ContractRegistered(
        effective_at=AT, contract_id=contract_id, guardian_id=f"g-{number}", student_id=f"s-{number}", course="swim",
        subject="sport", signed_on=SIGNED_ON, starts_on=STARTS_ON, ends_on=ENDS_ON, price_fen=PRICE_FEN,
        paid_centihours=HOURS * 100, gift_centihours=0, rules=RULES, terms=e.Terms(),
    )  # fmt: skip
    yield e.DepositReceived(
        effective_at=AT, deposit_id=deposit_id, amount_fen=PRICE_FEN, account_id="6222000001", value_on=STARTS_ON,
        payer_ref=f"payer-{number}", funding="own",
    )  # fmt: skip
    yield e.DepositApplied(
        effective_at=AT, deposit_id=deposit_id, contract_id=contract_id, amount_fen=PRICE_FEN, basis="named"
    )
    yield e.ClassConsumptionClaimed(
        effective_at=AT, contract_id=contract_id, lesson_id="l-1", centihours=taught * 100, taught_on=STARTS_ON
    )
    yield e.ClassConsumptionConfirmed(
        effective_at=AT, contract_id=contract_id, lesson_id="l-1", centihours=taught * 100, amount_fen=amount_fen,
        by="guardian", rules=RULES,
    )  # fmt: skip
    yield e.ReleaseInstructed(effective_at=AT, release_id=f"r-{number}", contract_id=contract_id, amount_fen=amount_fen)
    yield e.ReleaseSettled(
        effective_at=AT, release_id=f"r-{number}", contract_id=contract_id, amount_fen=amount_fen, bank_serial="b"
    )
    if number % SHORT == 0:
        yield e.ClassConsumptionReversed(
            effective_at=AT, contract_id=contract_id, lesson_id="l-1", centihours=taught * 100, amount_fen=amount_fen,
            receivable_fen=amount_fen, reason="not taught",
        )  # fmt: skip


def fill(engine: Engine, contracts: int) -> int:
    """Put it into an empty ledger; how many events it has."""
    escrow = Escrow(Header(institution_id=INSTITUTION))
    rows: list[tuple[Any, ...]] = []
    head, version = "", 0
    with engine.begin() as connection:
        raw, dialect = connection.connection.driver_connection, engine.dialect.name
        for version, event in enumerate(events(contracts), 1):
            evolve(escrow, event)
            topic, state = TOPICS[type(event)], encode(ENVELOPE, event)
            head = link(head, topic, state)
            rows.append(_row(version, topic, state, head, event))
            if len(rows) == ROWS_AT_ONCE:
                _insert(raw, dialect, "events", EVENTS[dialect], rows)
                rows.clear()
        _insert(raw, dialect, "events", EVENTS[dialect], rows)
        escrow.header.version, escrow.header.head, escrow.header.recorded_at = version, head, AT
        header = [(INSTITUTION, version, 0, encode_row(escrow.header))]
        sheets = sorted((INSTITUTION, str(key), encode_row(sheet)) for key, sheet in escrow.sheets.items() if sheet)
        _settle(connection, header, sheets, [(INSTITUTION, "bulk", "0" * 64, 1, version)], version)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    return version


DERIVED = (*DERIVED_TEXTS, *AMOUNTS, "effective_at", "recorded_at")
STORED = ("position", "lane", "originator_id", "originator_version", "topic", "state", "hash")
EVENTS = {"sqlite": STORED, "postgresql": (*STORED, *DERIVED)}


def _row(version: int, topic: str, state: bytes, head: str, event: e.Event) -> tuple[Any, ...]:
    fields = event.__struct_fields__
    derived = ((getattr(event, name) or None) if name in fields else None for name in (*DERIVED_TEXTS, *AMOUNTS))
    return (version, 0, INSTITUTION, version, topic, state.decode(), head, *derived, event.effective_at, AT)


def _insert(raw: Any, dialect: str, table: str, names: tuple[str, ...], rows: Any) -> None:  # noqa: ANN401 - either driver
    columns = ", ".join(names)
    if dialect == "sqlite":
        marks = ", ".join("?" * len(names))
        raw.executemany(f"insert into {table} ({columns}) values ({marks})", (row[: len(names)] for row in rows))
        return
    with raw.cursor() as cursor, cursor.copy(f"copy {table} ({columns}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def _settle(connection: Any, header: Any, sheets: Any, commands: Any, version: int) -> None:  # noqa: ANN401 - either driver
    """Header, sheets and the command, the way the store writes them."""
    raw = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        _insert(raw, "sqlite", "headers", ("institution_id", "version", "previous", "state"), header)
        _insert(raw, "sqlite", "sheets", ("institution_id", "sheet_key", "state"), sheets)
    else:
        for first in range(0, len(sheets), ROWS_AT_ONCE):
            document = {"headers": header, "commands": [], "sheets": sheets[first : first + ROWS_AT_ONCE], "lanes": []}
            text_of = msgspec.json.encode(document | {"events": []}).decode()
            raw.execute("select settle(%s::jsonb, %s)", (text_of, len(header)))
            header = []
    names = ("institution_id", "command_id", "request_hash", "first_version", "last_version")
    _insert(raw, connection.dialect.name, "commands", names, commands)
    connection.execute(text("update lanes set head = :head"), {"head": version})
