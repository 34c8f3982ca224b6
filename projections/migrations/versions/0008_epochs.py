"""Epochs of a ledger that was restored, and the lease of the one notary that follows the log."""

import secrets

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Text, text

revision = "0008"
down_revision = "0007"

WRITER = "ledger_writer"


def upgrade() -> None:
    """Make the tables; the first epoch begins with the ledger."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    epochs = op.create_table(
        "epochs",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("id", Text, nullable=False),
        Column("began_at", BigInteger, nullable=False),
        Column("reason", Text, nullable=False),
        Column("heads", Text, nullable=False),
        Column("directory_size", BigInteger, nullable=False),
        CheckConstraint("number > 0", "epochs_are_counted_from_one"),
    )
    first = {"number": 1, "id": secrets.token_hex(8), "began_at": 0, "reason": "made", "heads": "{}"}
    op.bulk_insert(epochs, [{**first, "directory_size": 0}])
    lease = op.create_table(
        "log_lease",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("holder", Text, nullable=False),
        Column("until", BigInteger, nullable=False),
        CheckConstraint("number = 1", "there_is_one_lease"),
    )
    op.bulk_insert(lease, [{"number": 1, "holder": "", "until": 0}])
    if on_sqlite:
        for deed in ("update", "delete"):
            op.execute(
                f"create trigger epochs_refuse_{deed} before {deed} on epochs "
                "begin select raise(abort, 'epochs are never changed'); end"
            )
        return
    op.execute(
        "create trigger epochs_are_never_changed before update or delete or truncate on epochs "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        text(
            f"""
            do $$ begin
              if exists (select from pg_roles where rolname = '{WRITER}') then
                grant select on epochs to {WRITER};
                grant select, update on log_lease to {WRITER};
              end if;
            end $$
            """
        )
    )


def downgrade() -> None:
    """Refuse: that a ledger was restored is not forgotten by a migration."""
    raise RuntimeError("epochs are not taken back by a migration")
