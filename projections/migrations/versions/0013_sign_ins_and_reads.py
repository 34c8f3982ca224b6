"""From where a user's password was tried, and from where it was right; which part of a feed somebody read."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, text

revision = "0013"
down_revision = "0012"

WRITER = "ledger_writer"
READ = ("first_shown", "last_shown")


def upgrade() -> None:
    """Make the table, and two columns of the log of reads."""
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
    for name in READ:
        op.add_column("access_log", Column(name, BigInteger))
    if on_sqlite:
        return
    grant = f"grant select, insert, update, delete on access_attempts to {WRITER};"
    op.execute(
        text(f"do $$ begin if exists (select from pg_roles where rolname = '{WRITER}') then {grant} end if; end $$")
    )


def downgrade() -> None:
    """Refuse: what somebody read is not taken back by a migration."""
    raise RuntimeError("reads are not taken back by a migration")
