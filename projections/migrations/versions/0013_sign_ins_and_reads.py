"""Where a user's password was tried, which part of a feed somebody read, nodes of the logs."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, text

revision = "0013"
down_revision = "0012"

WRITER = "ledger_writer"
SEALED_ON = {
    "sqlite": "json_extract(state, '$.event.business_on')",
    "postgresql": "(state::jsonb -> 'event' ->> 'business_on')",
}
READ = ("first_shown", "last_shown")


def upgrade() -> None:
    """Make the tables and the index, and two columns of the log of reads."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    words = Text() if on_sqlite else Text(collation="C")
    compact: dict[str, Any] = {"sqlite_with_rowid": False} if on_sqlite else {}
    op.create_table(
        "access_attempts",
        Column("subject", words, primary_key=True),
        Column("address", words, primary_key=True),
        Column("failures", Integer, nullable=False),
        Column("locked_until_at", BigInteger, nullable=False),
        Column("succeeded_at", BigInteger),
        **compact,
    )
    op.create_table(
        "log_nodes",
        Column("log", words, primary_key=True),
        Column("level", Integer, primary_key=True, autoincrement=False),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("root", Text, nullable=False),
        **compact,
    )
    _keep_seals(words, compact)
    for name in READ:
        op.add_column("access_log", Column(name, BigInteger))
    if on_sqlite:
        return
    grant = (
        f"grant select, insert, update, delete on access_attempts to {WRITER};"
        f" grant select, insert on log_nodes, log_seal_blocks to {WRITER};"
        f" grant select, insert, update on log_seal_lines to {WRITER};"
    )
    op.execute(
        text(f"do $$ begin if exists (select from pg_roles where rolname = '{WRITER}') then {grant} end if; end $$")
    )


def _keep_seals(words: Text, compact: dict[str, Any]) -> None:
    op.create_table(
        "log_seal_lines",
        Column("institution_id", words, primary_key=True),
        Column("key", words, primary_key=True),
        Column("since_version", BigInteger, primary_key=True, autoincrement=False),
        Column("until_version", BigInteger),
        Column("line", Text, nullable=False),
        **compact,
    )
    op.execute("create index log_seal_lines_now on log_seal_lines (institution_id, key) where until_version is null")
    op.create_table(
        "log_seal_blocks",
        Column("institution_id", words, primary_key=True),
        Column("stream_version", BigInteger, primary_key=True, autoincrement=False),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("first_key", words, nullable=False),
        Column("root", Text, nullable=False),
        **compact,
    )
    day = SEALED_ON[op.get_bind().dialect.name]
    op.execute(f"create index events_seal on events (originator_id, {day}) where topic in ('day_sealed.1')")


def downgrade() -> None:
    """Refuse: what somebody read is not taken back by a migration."""
    raise RuntimeError("reads are not taken back by a migration")
