"""The store's tables, as the migrations create them; used for queries."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

from ledger.postings import ACCOUNTS, AMOUNTS

metadata = MetaData()

DERIVED_TEXTS = ("contract_id", "to_contract_id")
DERIVED_INSTANTS = ("effective_at", "recorded_at")
DERIVED = (*DERIVED_TEXTS, *AMOUNTS, *DERIVED_INSTANTS)
"""Columns of `events` that the database derives from the hashed text."""

ACCOUNT_COLUMNS = tuple(f"{account.name}_fen" for account in ACCOUNTS)
"""Columns of `headers` that the database derives from the header's text, for its CHECKs."""

CHECKED = ("unearned_fen", "earned_fen", "refund_payable_fen", "institution_receivable_fen")
"""Columns of `sheets` that the database derives from a contract's text, for its CHECKs; null for other sheets."""

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("lane", Integer, nullable=False),
    Column("originator_id", Text, nullable=False),
    Column("originator_version", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("hash", Text, nullable=False),
    *(Column(name, Text) for name in DERIVED_TEXTS),
    *(Column(name, BigInteger) for name in AMOUNTS),
    *(Column(name, BigInteger, nullable=False) for name in DERIVED_INSTANTS),
)
Index("events_stream", events.c.originator_id, events.c.originator_version, unique=True)
Index("events_contract", events.c.originator_id, events.c.contract_id, events.c.originator_version)
Index("events_to_contract", events.c.originator_id, events.c.to_contract_id, events.c.originator_version)

lanes = Table(
    "lanes",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("stride", Integer, nullable=False),
    Column("head", BigInteger, nullable=False),
)
"""Positions of lane i of n are i+1, i+1+n, i+1+2n … without a gap, in commit order; `head` is the last one given."""

headers = Table(
    "headers",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("previous", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ACCOUNT_COLUMNS),
)

sheets = Table(
    "sheets",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("sheet_key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    *(Column(name, BigInteger) for name in CHECKED),
    Column("spent_centihours", BigInteger),
    Column("units_centihours", BigInteger),
)

commands = Table(
    "commands",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("first_version", BigInteger, nullable=False),
    Column("last_version", BigInteger, nullable=False),
)
"""Every key that was ever accepted, kept for ever; the reply is the events of its versions."""
