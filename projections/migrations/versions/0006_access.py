"""Who may come in: subjects, keys, passwords, nonces; and every change of them, kept for ever."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Integer, Text, text

revision = "0006"
down_revision = "0005"

WRITER = "ledger_writer"
KEPT = ("access_subjects", "access_keys")
"""Rows that are ended or revoked, never deleted."""
GRANTS = {
    "select, insert, update": "access_subjects, access_keys, access_passwords",
    "select, insert": "access_changes",
    "select, insert, delete": "access_nonces",
}


def upgrade() -> None:
    """Make the tables."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _create(on_sqlite=on_sqlite)
    if on_sqlite:
        _guard_sqlite()
    else:
        _guard_postgresql()


def downgrade() -> None:
    """Refuse: who was known when is not taken back by a migration."""
    raise RuntimeError("registered keys are not taken back by a migration")


def _create(*, on_sqlite: bool) -> None:
    words = Text() if on_sqlite else Text(collation="C")
    compact: dict[str, Any] = {"sqlite_with_rowid": False} if on_sqlite else {}
    op.create_table(
        "access_subjects",
        Column("subject", words, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("outside_sub", words),
        Column("registered_at", BigInteger, nullable=False),
        Column("registered_by", Text, nullable=False),
        Column("ended_at", BigInteger),
        Column("ended_by", Text),
        CheckConstraint("kind in ('client', 'user', 'bearer')", "a_subject_is_a_machine_or_a_person"),
        CheckConstraint("(ended_at is null) = (ended_by is null)", "an_end_has_an_author"),
    )
    op.create_index("access_subjects_outside", "access_subjects", ["outside_sub"], unique=True)
    op.create_table(
        "access_keys",
        Column("key_id", words, primary_key=True),
        Column("subject", words, nullable=False),
        Column("public_key", Text, nullable=False),
        Column("registered_at", BigInteger, nullable=False),
        Column("registered_by", Text, nullable=False),
        Column("not_before_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger),
        Column("revoked_at", BigInteger),
        Column("revoked_by", Text),
        CheckConstraint("(revoked_at is null) = (revoked_by is null)", "a_revocation_has_an_author"),
    )
    op.create_index("access_keys_of_subject", "access_keys", ["subject"])
    op.create_table(
        "access_passwords",
        Column("subject", words, primary_key=True),
        Column("hash", Text, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("locked_until_at", BigInteger, nullable=False),
    )
    counted: list[Any] = [Integer()] if on_sqlite else [BigInteger(), Identity()]
    op.create_table(
        "access_changes",
        Column("number", *counted, primary_key=True),
        Column("made_at", BigInteger, nullable=False),
        Column("made_by", Text, nullable=False),
        Column("deed", Text, nullable=False),
        Column("subject", words, nullable=False),
        Column("key_id", words),
        Column("detail", Text),
    )
    op.create_table(
        "access_nonces",
        Column("holder", words, primary_key=True),
        Column("nonce", words, primary_key=True),
        Column("until_at", BigInteger, nullable=False),
        **compact,
    )
    op.create_index("access_nonces_until", "access_nonces", ["until_at"])


def _guard_sqlite() -> None:
    for table in KEPT:
        op.execute(
            f"create trigger {table}_refuse_delete before delete on {table} "
            f"begin select raise(abort, '{table} are never deleted'); end"
        )
    for deed in ("update", "delete"):
        op.execute(
            f"create trigger access_changes_refuse_{deed} before {deed} on access_changes "
            "begin select raise(abort, 'access_changes are never changed'); end"
        )
    op.execute(
        "create trigger access_keys_stay before update of key_id, subject, public_key on access_keys "
        "begin select raise(abort, 'access_keys are never changed'); end"
    )


def _guard_postgresql() -> None:
    for table in KEPT:
        op.execute(
            f"create trigger {table}_are_never_deleted before delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    op.execute(
        "create trigger access_changes_are_never_changed before update or delete or truncate on access_changes "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        "create trigger access_keys_stay before update of key_id, subject, public_key on access_keys "
        "for each statement execute function refuse_change()"
    )
    grants = " ".join(f"grant {deeds} on {tables} to {WRITER};" for deeds, tables in GRANTS.items())
    op.execute(
        text(f"do $$ begin if exists (select from pg_roles where rolname = '{WRITER}') then {grants} end if; end $$")
    )
