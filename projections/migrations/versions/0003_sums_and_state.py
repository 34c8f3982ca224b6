"""The balances, the checkpoint, and the state that the fold goes on from."""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, Text, text

revision = "0003"
down_revision = "0002"

WRITER = "ledger_writer"
READ_MODELS = (
    "checkpoint",
    "escrow_balance",
    "escrow_balance_day",
    "folded_header",
    "folded_sheet",
    "institution_event",
    "parked",
    "review",
)


def upgrade() -> None:
    """Make the tables."""
    _create_checkpoint()
    _create_escrow_balance()
    _create_escrow_balance_day()
    _create_folded_header()
    _create_folded_sheet()
    _create_institution_event()
    _create_parked()
    _create_review()
    if op.get_bind().dialect.name == "postgresql":
        _grant()


def downgrade() -> None:
    """Drop the tables: everything in them is folded from the events again."""
    for name in reversed(READ_MODELS):
        op.drop_table(name)


def _id() -> Text:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_checkpoint() -> None:
    op.create_table(
        "checkpoint",
        Column("lane", BigInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, nullable=False),
    )


def _create_escrow_balance() -> None:
    op.create_table(
        "escrow_balance",
        Column("institution_id", _id(), primary_key=True),
        Column("last_version", BigInteger, nullable=False),
        Column("custody_cash_fen", BigInteger, nullable=False),
        Column("risk_deposit_cash_fen", BigInteger, nullable=False),
        Column("institution_receivable_fen", BigInteger, nullable=False),
        Column("unapplied_fen", BigInteger, nullable=False),
        Column("unearned_fen", BigInteger, nullable=False),
        Column("earned_fen", BigInteger, nullable=False),
        Column("release_in_transit_fen", BigInteger, nullable=False),
        Column("refund_payable_fen", BigInteger, nullable=False),
        Column("refund_in_transit_fen", BigInteger, nullable=False),
        Column("risk_deposit_fen", BigInteger, nullable=False),
    )


def _create_escrow_balance_day() -> None:
    op.create_table(
        "escrow_balance_day",
        Column("institution_id", _id(), primary_key=True),
        Column("recorded_on", Date, primary_key=True),
        Column("effective_on", Date, primary_key=True),
        Column("last_version", BigInteger, nullable=False),
        Column("custody_cash_fen", BigInteger, nullable=False),
        Column("risk_deposit_cash_fen", BigInteger, nullable=False),
        Column("institution_receivable_fen", BigInteger, nullable=False),
        Column("unapplied_fen", BigInteger, nullable=False),
        Column("unearned_fen", BigInteger, nullable=False),
        Column("earned_fen", BigInteger, nullable=False),
        Column("release_in_transit_fen", BigInteger, nullable=False),
        Column("refund_payable_fen", BigInteger, nullable=False),
        Column("refund_in_transit_fen", BigInteger, nullable=False),
        Column("risk_deposit_fen", BigInteger, nullable=False),
    )


def _create_folded_header() -> None:
    op.create_table(
        "folded_header",
        Column("institution_id", _id(), primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("state", _id(), nullable=False),
    )


def _create_folded_sheet() -> None:
    op.create_table(
        "folded_sheet",
        Column("institution_id", _id(), primary_key=True),
        Column("sheet_key", _id(), primary_key=True),
        Column("state", _id(), nullable=False),
    )


def _create_institution_event() -> None:
    op.create_table(
        "institution_event",
        Column("institution_id", _id(), primary_key=True),
        Column("version", BigInteger, primary_key=True, autoincrement=False),
    )


def _create_parked() -> None:
    op.create_table(
        "parked",
        Column("institution_id", _id(), primary_key=True),
        Column("position", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("topic", _id(), nullable=False),
        Column("error", _id(), nullable=False),
        Column("detail", _id(), nullable=False),
    )


def _create_review() -> None:
    op.create_table(
        "review",
        Column("institution_id", _id(), primary_key=True),
        Column("after", _id(), nullable=False),
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
