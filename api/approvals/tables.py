"""The tables of approvals: what was proposed, what the second person said, what came of it. Only ever added to."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("institution_id", Text),
    Column("place", Text, nullable=False),
    Column("district", Text),
    Column("act", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("if_match", BigInteger),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("command_key", Text, nullable=False),
)
"""`act` names a command or an act on the registry; `place` is where the proposer is an officer."""

decisions = Table(
    "approval_decisions",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("decision", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
)
"""One row per approval, so that whoever comes first decides."""

outcomes = Table(
    "approval_outcomes",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("settled_at", BigInteger, nullable=False),
    Column("refused", Text),
    Column("first_version", BigInteger),
    Column("last_version", BigInteger),
)
"""What became of an approved proposal: the versions of its events, or the code of the rule that refused it."""


def insert_once(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Add a row unless its key is taken; whether it was added."""
    made: Any = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    return bool(connection.execute(made.values(**row).on_conflict_do_nothing()).rowcount)
