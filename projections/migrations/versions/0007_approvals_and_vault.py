"""Second persons, reads of personal data, and the vault: what was asked and read is never changed."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Integer, Text, UniqueConstraint, text

revision = "0007"
down_revision = "0006"

WRITER = "ledger_writer"
KEPT = ("approvals", "approval_decisions", "approval_outcomes", "access_log")
"""Only ever added to."""
GRANTS = {
    "select, insert": ", ".join(KEPT),
    "select, insert, update": "vault_keys, vault_subjects",
    "select, insert, update, delete": "vault_fields, vault_index",
}


def upgrade() -> None:
    """Make the tables."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    words = Text() if on_sqlite else Text(collation="C")
    compact: dict[str, Any] = {"sqlite_with_rowid": False} if on_sqlite else {}
    _create_approvals(words, compact)
    _create_access_log(words, on_sqlite=on_sqlite)
    _create_vault(words, compact)
    if on_sqlite:
        _guard_sqlite()
    else:
        _guard_postgresql()


def downgrade() -> None:
    """Refuse: what somebody approved or read is not taken back by a migration."""
    raise RuntimeError("approvals and reads are not taken back by a migration")


def _create_approvals(words: Text, compact: dict[str, Any]) -> None:
    op.create_table(
        "approvals",
        Column("approval_id", words, primary_key=True),
        Column("institution_id", words),
        Column("place", Text, nullable=False),
        Column("district", Text),
        Column("act", words, nullable=False),
        Column("body", Text, nullable=False),
        Column("body_sha256", words, nullable=False),
        Column("if_match", BigInteger),
        Column("proposed_by", words, nullable=False),
        Column("proposed_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("command_key", words, nullable=False),
        CheckConstraint("expires_at > proposed_at", "an_approval_has_time"),
        **compact,
    )
    op.create_index("approvals_of_institution", "approvals", ["institution_id", "approval_id"])
    op.create_index("approvals_by_key", "approvals", ["command_key", "institution_id"], unique=True)
    op.create_table(
        "approval_decisions",
        Column("approval_id", words, primary_key=True),
        Column("decision", Text, nullable=False),
        Column("decided_by", words, nullable=False),
        Column("scope", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("decided_at", BigInteger, nullable=False),
        CheckConstraint("decision in ('approved', 'rejected')", "a_decision_is_yes_or_no"),
        **compact,
    )
    op.create_table(
        "approval_outcomes",
        Column("approval_id", words, primary_key=True),
        Column("settled_at", BigInteger, nullable=False),
        Column("refused", Text),
        Column("first_version", BigInteger),
        Column("last_version", BigInteger),
        **compact,
    )


def _create_access_log(words: Text, *, on_sqlite: bool) -> None:
    counted: list[Any] = [Integer()] if on_sqlite else [BigInteger(), Identity()]
    op.create_table(
        "access_log",
        Column("number", *counted, primary_key=True),
        Column("read_at", BigInteger, nullable=False),
        Column("actor", words, nullable=False),
        Column("role", words, nullable=False),
        Column("what", words, nullable=False),
        Column("institution_id", words),
        Column("contract_id", words),
        Column("subject_id", words),
        Column("purpose", Text),
        Column("trace_id", Text, nullable=False),
        Column("place", Text),
        Column("district", Text),
    )
    for name in ("institution_id", "subject_id", "actor"):
        op.create_index(f"access_log_by_{name}", "access_log", [name, "number"])


def _create_vault(words: Text, compact: dict[str, Any]) -> None:
    op.create_table(
        "vault_keys",
        Column("name", words, primary_key=True),
        Column("wrapped_key", Text, nullable=False),
        Column("key_id", words, nullable=False),
        Column("made_at", BigInteger, nullable=False),
        **compact,
    )
    op.create_table(
        "vault_subjects",
        Column("subject_id", words, primary_key=True),
        Column("institution_id", words),
        Column("state", Text, nullable=False),
        Column("wrapped_key", Text),
        Column("key_id", words),
        Column("minted_by", words, nullable=False),
        Column("mint_key", words, nullable=False),
        Column("minted_at", BigInteger, nullable=False),
        Column("forgotten_at", BigInteger),
        UniqueConstraint("minted_by", "mint_key", name="vault_subjects_by_key"),
        CheckConstraint("state in ('kept', 'forgetting', 'forgotten')", "a_subject_is_kept_or_forgotten"),
        CheckConstraint("(state = 'forgotten') = (wrapped_key is null)", "what_is_forgotten_has_no_key"),
        CheckConstraint("(wrapped_key is null) = (key_id is null)", "a_wrapped_key_has_a_master"),
        CheckConstraint("(state = 'forgotten') = (forgotten_at is not null)", "forgetting_has_a_time"),
        **compact,
    )
    op.create_index("vault_subjects_by_master", "vault_subjects", ["key_id", "subject_id"])
    op.create_table(
        "vault_fields",
        Column("subject_id", words, primary_key=True),
        Column("field", words, primary_key=True),
        Column("ciphertext", Text, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        **compact,
    )
    op.create_table(
        "vault_index",
        Column("field", words, primary_key=True),
        Column("digest", words, primary_key=True),
        Column("subject_id", words, primary_key=True),
        **compact,
    )
    op.create_index("vault_index_by_subject", "vault_index", ["subject_id"])


def _guard_sqlite() -> None:
    for table in KEPT:
        for deed in ("update", "delete"):
            op.execute(
                f"create trigger {table}_refuse_{deed} before {deed} on {table} "
                f"begin select raise(abort, '{table} are never changed'); end"
            )
    op.execute(
        "create trigger vault_subjects_refuse_delete before delete on vault_subjects "
        "begin select raise(abort, 'vault_subjects are never deleted'); end"
    )
    op.execute(
        "create trigger vault_subjects_stay_forgotten before update on vault_subjects when old.state = 'forgotten' "
        "begin select raise(abort, 'a forgotten subject never comes back'); end"
    )


def _guard_postgresql() -> None:
    for table in KEPT:
        op.execute(
            f"create trigger {table}_are_never_changed before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    op.execute(
        "create trigger vault_subjects_are_never_deleted before delete or truncate on vault_subjects "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        "create trigger vault_subjects_stay_forgotten before update on vault_subjects "
        "for each row when (old.state = 'forgotten') execute function refuse_change()"
    )
    grants = " ".join(f"grant {deeds} on {tables} to {WRITER};" for deeds, tables in GRANTS.items())
    op.execute(
        text(f"do $$ begin if exists (select from pg_roles where rolname = '{WRITER}') then {grants} end if; end $$")
    )
