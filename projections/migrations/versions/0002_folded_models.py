"""The read models that are views of the fold: institutions, contracts, dues, deadlines, cases."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, Text, text

revision = "0002"
down_revision = "0001"

WRITER = "ledger_writer"
READ_MODELS = (
    "contract_statement",
    "deadline",
    "institution",
    "mediation_case",
    "refund_due",
)


def upgrade() -> None:
    """Make the tables."""
    _create_contract_statement()
    _create_deadline()
    _create_institution()
    _create_mediation_case()
    _create_refund_due()
    if op.get_bind().dialect.name == "postgresql":
        _grant()


def downgrade() -> None:
    """Drop the tables: everything in them is folded from the events again."""
    for name in reversed(READ_MODELS):
        op.drop_table(name)


def _id() -> Text:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_contract_statement() -> None:
    op.create_table(
        "contract_statement",
        Column("institution_id", _id(), primary_key=True),
        Column("contract_id", _id(), primary_key=True),
        Column("guardian_id", _id(), nullable=False),
        Column("student_id", _id(), nullable=False),
        Column("course", _id(), nullable=False),
        Column("subject", _id(), nullable=False),
        Column("status", _id(), nullable=False),
        Column("ended", _id(), nullable=False),
        Column("signed_on", Date, nullable=False),
        Column("starts_on", Date, nullable=False),
        Column("ends_on", Date, nullable=False),
        Column("rules", _id(), nullable=False),
        Column("stock", Boolean, nullable=False),
        Column("price_fen", BigInteger, nullable=False),
        Column("paid_fen", BigInteger, nullable=False),
        Column("consumed_fen", BigInteger, nullable=False),
        Column("refunded_fen", BigInteger, nullable=False),
        Column("deducted_fen", BigInteger, nullable=False),
        Column("released_fen", BigInteger, nullable=False),
        Column("held_fen", BigInteger, nullable=False),
        Column("unearned_fen", BigInteger, nullable=False),
        Column("earned_fen", BigInteger, nullable=False),
        Column("refund_payable_fen", BigInteger, nullable=False),
        Column("institution_receivable_fen", BigInteger, nullable=False),
        Column("asserted_fen", BigInteger, nullable=False),
        Column("settlement_fen", BigInteger),
        Column("awarded_fen", BigInteger),
        Column("paid_centihours", BigInteger, nullable=False),
        Column("gift_centihours", BigInteger, nullable=False),
        Column("claimed_centihours", BigInteger, nullable=False),
        Column("consumed_centihours", BigInteger, nullable=False),
        Column("disputed_centihours", BigInteger, nullable=False),
        Column("left_centihours", BigInteger, nullable=False),
        Column("disputes", BigInteger, nullable=False),
        Column("refund_id", _id(), nullable=False),
        Column("case_id", _id(), nullable=False),
        Column("first_paid_on", Date),
    )
    op.create_index("contract_statement_by_contract_id", "contract_statement", ["contract_id"])
    op.create_index("contract_statement_by_guardian_id", "contract_statement", ["guardian_id"])
    op.create_index("contract_statement_by_student_id", "contract_statement", ["student_id"])


def _create_deadline() -> None:
    op.create_table(
        "deadline",
        Column("institution_id", _id(), primary_key=True),
        Column("subject", _id(), primary_key=True),
        Column("kind", _id(), primary_key=True),
        Column("district", _id(), nullable=False),
        Column("contract_id", _id()),
        Column("subject_id", _id(), nullable=False),
        Column("due_on", Date, nullable=False),
        Column("provisional", Boolean, nullable=False),
        Column("state", _id(), nullable=False),
        Column("amount_fen", BigInteger),
    )
    op.create_index("deadline_by_district_due_on", "deadline", ["district", "due_on"])
    op.create_index(
        "deadline_by_due_on_institution_id_subject_kind", "deadline", ["due_on", "institution_id", "subject", "kind"]
    )
    op.create_index("deadline_by_institution_id_due_on", "deadline", ["institution_id", "due_on"])


def _create_institution() -> None:
    op.create_table(
        "institution",
        Column("institution_id", _id(), primary_key=True),
        Column("name", _id(), nullable=False),
        Column("uscc", _id(), nullable=False),
        Column("district", _id(), nullable=False),
        Column("jurisdiction", _id(), nullable=False),
        Column("category", _id(), nullable=False),
        Column("licensed", Boolean, nullable=False),
        Column("custodian", _id(), nullable=False),
        Column("account_id", _id(), nullable=False),
        Column("agreement_no", _id(), nullable=False),
        Column("status", _id(), nullable=False),
        Column("closure", _id()),
        Column("stopped_on", Date),
        Column("priority_regime", _id(), nullable=False),
        Column("frozen", Boolean, nullable=False),
        Column("attached_fen", BigInteger, nullable=False),
        Column("successor_id", _id(), nullable=False),
        Column("sealed_on", Date),
        Column("distribution_id", _id(), nullable=False),
    )
    op.create_index("institution_by_district_institution_id", "institution", ["district", "institution_id"])
    op.create_index("institution_by_uscc", "institution", ["uscc"])


def _create_mediation_case() -> None:
    op.create_table(
        "mediation_case",
        Column("institution_id", _id(), primary_key=True),
        Column("case_id", _id(), primary_key=True),
        Column("district", _id(), nullable=False),
        Column("contract_id", _id(), nullable=False),
        Column("guardian_id", _id(), nullable=False),
        Column("status", _id(), nullable=False),
        Column("stage", _id(), nullable=False),
        Column("referred_by", _id(), nullable=False),
        Column("cause", _id(), nullable=False),
        Column("mediator", _id(), nullable=False),
        Column("opened_on", Date),
        Column("ends_on", Date),
        Column("provisional", Boolean, nullable=False),
        Column("claim_fen", BigInteger, nullable=False),
        Column("entitled_fen", BigInteger, nullable=False),
        Column("settlement", _id(), nullable=False),
        Column("amount_fen", BigInteger, nullable=False),
        Column("to_contract_id", _id(), nullable=False),
        Column("agreed_on", Date),
        Column("confirm_by", Date),
        Column("confirmation", _id(), nullable=False),
        Column("ruling_no", _id(), nullable=False),
        Column("instalments", Text, nullable=False),
        Column("performed", Text, nullable=False),
        Column("performed_fen", BigInteger, nullable=False),
        Column("next_instalment_on", Date),
        Column("reason", _id(), nullable=False),
    )
    op.create_index("mediation_case_by_case_id", "mediation_case", ["case_id"])
    op.create_index("mediation_case_by_institution_id_contract_id", "mediation_case", ["institution_id", "contract_id"])
    op.create_index("mediation_case_by_mediator", "mediation_case", ["mediator"])
    op.create_index(
        "mediation_case_by_status_institution_id_case_id", "mediation_case", ["status", "institution_id", "case_id"]
    )


def _create_refund_due() -> None:
    op.create_table(
        "refund_due",
        Column("institution_id", _id(), primary_key=True),
        Column("subject", _id(), primary_key=True),
        Column("district", _id(), nullable=False),
        Column("contract_id", _id()),
        Column("refund_id", _id()),
        Column("deposit_id", _id()),
        Column("guardian_id", _id()),
        Column("state", _id(), nullable=False),
        Column("cause", _id(), nullable=False),
        Column("due_fen", BigInteger),
        Column("agreed_fen", BigInteger, nullable=False),
        Column("in_transit_fen", BigInteger, nullable=False),
        Column("paid_fen", BigInteger, nullable=False),
        Column("open_fen", BigInteger),
        Column("by_family_fen", BigInteger),
        Column("covered_fen", BigInteger),
        Column("missing_fen", BigInteger),
        Column("payer", _id()),
        Column("method", _id(), nullable=False),
        Column("ground", _id(), nullable=False),
        Column("rules", _id(), nullable=False),
        Column("basis", _id(), nullable=False),
        Column("since_on", Date, nullable=False),
        Column("reply_by", Date),
        Column("pay_by", Date),
        Column("calendar", _id(), nullable=False),
        Column("provisional", Boolean, nullable=False),
        Column("allowed_fen", BigInteger),
    )
    op.create_index(
        "refund_due_by_district_institution_id_subject", "refund_due", ["district", "institution_id", "subject"]
    )
    op.create_index("refund_due_by_guardian_id", "refund_due", ["guardian_id"])
    op.create_index("refund_due_by_institution_id_contract_id", "refund_due", ["institution_id", "contract_id"])
    op.create_index("refund_due_by_pay_by", "refund_due", ["pay_by"])


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
