"""The bank's books as read models: statements, their lines, breaks."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, Text, text

revision = "0005"
down_revision = "0004"

WRITER = "ledger_writer"
READ_MODELS = ("bank_line", "bank_statement", "reconciliation_break")


def upgrade() -> None:
    """Make the tables."""
    _create_bank_statement()
    _create_bank_line()
    _create_reconciliation_break()
    if op.get_bind().dialect.name == "postgresql":
        _grant()


def downgrade() -> None:
    """Drop the tables: everything in them is folded from the events again."""
    for name in reversed(READ_MODELS):
        op.drop_table(name)


def _id() -> Text:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_bank_statement() -> None:
    op.create_table(
        "bank_statement",
        Column("institution_id", _id(), primary_key=True),
        Column("statement_id", _id(), primary_key=True),
        Column("number", BigInteger, nullable=False),
        Column("format", _id(), nullable=False),
        Column("account_id", _id(), nullable=False),
        Column("from_on", Date, nullable=False),
        Column("to_on", Date, nullable=False),
        Column("opening_fen", BigInteger, nullable=False),
        Column("closing_fen", BigInteger, nullable=False),
        Column("credits_fen", BigInteger, nullable=False),
        Column("debits_fen", BigInteger, nullable=False),
        Column("lines", BigInteger, nullable=False),
        Column("repeated", BigInteger, nullable=False),
        Column("booked", BigInteger, nullable=False),
        Column("lines_sha256", _id(), nullable=False),
    )
    op.create_index(
        "bank_statement_by_institution_id_number_statement_id",
        "bank_statement",
        ["institution_id", "number", "statement_id"],
    )


def _create_bank_line() -> None:
    op.create_table(
        "bank_line",
        Column("institution_id", _id(), primary_key=True),
        Column("line_key", _id(), primary_key=True),
        Column("statement_id", _id(), nullable=False),
        Column("line", BigInteger, nullable=False),
        Column("booked_on", Date, nullable=False),
        Column("signed_fen", BigInteger, nullable=False),
        Column("serial", _id(), nullable=False),
        Column("rule", _id(), nullable=False),
        Column("payments", Text, nullable=False),
    )
    op.create_index(
        "bank_line_by_institution_id_statement_id_line_key",
        "bank_line",
        ["institution_id", "statement_id", "line_key"],
    )


def _create_reconciliation_break() -> None:
    op.create_table(
        "reconciliation_break",
        Column("institution_id", _id(), primary_key=True),
        Column("break_id", _id(), primary_key=True),
        Column("district", _id(), nullable=False),
        Column("cause", _id(), nullable=False),
        Column("owner", _id(), nullable=False),
        Column("state", _id(), nullable=False),
        Column("alarming", Boolean, nullable=False),
        Column("signed_fen", BigInteger, nullable=False),
        Column("drift_fen", BigInteger, nullable=False),
        Column("since_on", Date, nullable=False),
        Column("opened_on", Date, nullable=False),
        Column("resolved_on", Date),
        Column("statement_id", _id(), nullable=False),
        Column("line", BigInteger, nullable=False),
        Column("reference", _id(), nullable=False),
        Column("note", _id(), nullable=False),
        Column("resolution_note", _id(), nullable=False),
    )
    op.create_index(
        "reconciliation_break_by_district_state_institution_id_break_id",
        "reconciliation_break",
        ["district", "state", "institution_id", "break_id"],
    )
    op.create_index(
        "reconciliation_break_by_state_institution_id_break_id",
        "reconciliation_break",
        ["state", "institution_id", "break_id"],
    )


def _grant() -> None:
    """The application's role writes the read models itself."""
    op.execute(
        text(
            f"""
            do $$ begin
              if exists (select from pg_roles where rolname = '{WRITER}') then
                grant select, insert, update, delete on {", ".join(READ_MODELS)} to {WRITER};
              end if;
            end $$
            """
        )
    )
