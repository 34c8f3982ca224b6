"""Proofs: checkpoints and cosignatures, never changed; the growing edges of the trees."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Text, UniqueConstraint, text

revision = "0004"
down_revision = "0003"

WRITER = "ledger_writer"
KEPT = ("log_checkpoints", "log_directory", "log_cosignatures")
MOVED = ("log_frontiers", "log_cursors")


def upgrade() -> None:
    """Make the tables."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _create(on_sqlite=on_sqlite)
    if on_sqlite:
        for table in KEPT:
            for deed in ("update", "delete"):
                op.execute(
                    f"create trigger {table}_refuse_{deed} before {deed} on {table} "
                    f"begin select raise(abort, '{table} are never changed'); end"
                )
        return
    for table in KEPT:
        op.execute(
            f"create trigger {table}_are_never_changed before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    op.execute(
        text(
            f"""
            do $$ begin
              if exists (select from pg_roles where rolname = '{WRITER}') then
                grant select, insert on {", ".join(KEPT)} to {WRITER};
                grant select, insert, update on {", ".join(MOVED)} to {WRITER};
              end if;
            end $$
            """
        )
    )


def downgrade() -> None:
    """Refuse: what was signed is not taken back by a migration."""
    raise RuntimeError("signed checkpoints are not taken back by a migration")


def _create(*, on_sqlite: bool) -> None:
    words = Text() if on_sqlite else Text(collation="C")
    compact: dict[str, Any] = {"sqlite_with_rowid": False} if on_sqlite else {}
    op.create_table(
        "log_checkpoints",
        Column("number", Integer if on_sqlite else BigInteger, primary_key=True, autoincrement=False),
        Column("institution_id", words, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("root", Text, nullable=False),
        Column("note", Text, nullable=False),
        UniqueConstraint("institution_id", "size", name="log_checkpoints_of_institution"),
        CheckConstraint("number > 0 and size > 0", "a_checkpoint_has_entries"),
    )
    op.create_table(
        "log_directory",
        Column("size", Integer if on_sqlite else BigInteger, primary_key=True, autoincrement=False),
        Column("root", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("made_at", BigInteger, nullable=False),
    )
    op.create_table(
        "log_cosignatures",
        Column("origin", words, primary_key=True),
        Column("size", BigInteger, primary_key=True, autoincrement=False),
        Column("line", words, primary_key=True),
        **compact,
    )
    op.create_table(
        "log_frontiers",
        Column("institution_id", words, primary_key=True),
        Column("size", BigInteger, nullable=False),
        Column("peaks", Text, nullable=False),
        Column("signed_size", BigInteger, nullable=False),
        **compact,
    )
    op.create_table(
        "log_cursors",
        Column("lane", Integer, primary_key=True, autoincrement=False),
        Column("position", BigInteger, nullable=False),
    )
