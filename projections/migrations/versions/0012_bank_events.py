"""Indexes by which the bank's books and the seals find events without reading a whole stream."""

from alembic import op

revision = "0012"
down_revision = "0008"

DEPOSIT = {
    "sqlite": "json_extract(state, '$.event.deposit_id')",
    "postgresql": "(state::jsonb -> 'event' ->> 'deposit_id')",
}
RECEIVED = "'deposit_received.1'"
PAYMENTS = (
    "'deposit_reversed.1', 'refund_instructed.1', 'refund_settled.1', 'release_instructed.1', 'release_settled.1',"
    " 'risk_deposit_drawn.1', 'shortfall_repaid.1'"
)
STATEMENTS = "'custodian_changed.1', 'escrow_opened.1', 'statement_recorded.1'"


def upgrade() -> None:
    """Make the indexes; they are partial, so that most events cost nothing more."""
    deposit = DEPOSIT[op.get_bind().dialect.name]
    for name, columns, topics in (
        ("events_deposit", deposit, RECEIVED),
        ("events_payment", "effective_at", PAYMENTS),
        ("events_statement", "topic, originator_version", STATEMENTS),
    ):
        op.execute(f"create index {name} on events (originator_id, {columns}) where topic in ({topics})")


def downgrade() -> None:
    """Drop the indexes."""
    for name in ("events_statement", "events_payment", "events_deposit"):
        op.drop_index(name, "events")
