"""The event store: events, lanes, headers, sheets, command keys; what guards them; who may write."""

from importlib.resources import files
from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, CheckConstraint, Column, Computed, Integer, Text, text
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

ACCOUNTS = (
    "custody_cash_fen",
    "risk_deposit_cash_fen",
    "institution_receivable_fen",
    "unapplied_fen",
    "unearned_fen",
    "earned_fen",
    "release_in_transit_fen",
    "refund_payable_fen",
    "refund_in_transit_fen",
    "risk_deposit_fen",
)
AMOUNTS = ("amount_fen", "unapplied_fen", "unearned_fen", "earned_fen", "payable_fen", "receivable_fen")
BY_CONTRACT = ("unearned_fen", "earned_fen", "refund_payable_fen", "institution_receivable_fen")
COVER = (
    "custody_cash_fen = unapplied_fen + unearned_fen + earned_fen + release_in_transit_fen"
    " + refund_payable_fen + refund_in_transit_fen - institution_receivable_fen"
)
WRITER = "ledger_writer"
"""Role of the application: reads everything here, writes through settle() alone."""


def upgrade() -> None:
    """Make the tables."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    stride = context.config.attributes.get("lanes", 1)
    if on_sqlite and stride != 1:
        raise ValueError("SQLite has one writer, so one lane")
    _create_events(on_sqlite=on_sqlite)
    _create_lanes(stride, on_sqlite=on_sqlite)
    _create_rows(on_sqlite=on_sqlite)
    if on_sqlite:
        _guard_sqlite()
    else:
        _guard_postgresql()
        op.execute(text(files("ledger.store").joinpath("settle.sql").read_text("utf-8").replace(":", r"\:")))
        _grant()


def downgrade() -> None:
    """Refuse: history is not dropped by a migration."""
    raise RuntimeError("the event store is not taken back by a migration")


def _create_events(*, on_sqlite: bool) -> None:
    def derived(name: str, kind: TypeEngine[Any], part: str = "event", *, nullable: bool = True) -> Column[Any]:
        computed = [Computed(f"json_extract(state, '$.{part}.{name}')", persisted=True)] if on_sqlite else []
        return Column(name, kind, *computed, nullable=nullable)

    op.create_table(
        "events",
        Column("position", _integer_key(on_sqlite=on_sqlite), primary_key=True, autoincrement=False),
        Column("lane", Integer, nullable=False),
        Column("originator_id", _id(on_sqlite=on_sqlite), nullable=False),
        Column("originator_version", BigInteger, nullable=False),
        Column("topic", _id(on_sqlite=on_sqlite), nullable=False),
        Column("state", Text, nullable=False),
        Column("hash", Text, nullable=False),
        derived("contract_id", _id(on_sqlite=on_sqlite)),
        derived("to_contract_id", _id(on_sqlite=on_sqlite)),
        *(derived(name, BigInteger()) for name in AMOUNTS),
        derived("effective_at", BigInteger(), nullable=False),
        derived("recorded_at", BigInteger(), "envelope", nullable=False),
    )
    op.create_index("events_stream", "events", ["originator_id", "originator_version"], unique=True)
    op.create_index("events_contract", "events", ["originator_id", "contract_id", "originator_version"])
    op.create_index(
        "events_to_contract",
        "events",
        ["originator_id", "to_contract_id", "originator_version"],
        postgresql_where=text("to_contract_id is not null"),
        sqlite_where=text("to_contract_id is not null"),
    )
    if not on_sqlite and context.config.attributes.get("lanes", 1) > 1:
        op.create_index("events_lane", "events", ["lane", "position"])


def _create_lanes(stride: int, *, on_sqlite: bool) -> None:
    lanes = op.create_table(
        "lanes",
        Column("lane", _integer_key(on_sqlite=on_sqlite), primary_key=True, autoincrement=False),
        Column("stride", Integer, nullable=False),
        Column("head", BigInteger, nullable=False),
        **_filled(50, on_sqlite=on_sqlite),
    )
    op.bulk_insert(lanes, [{"lane": i, "stride": stride, "head": i + 1 - stride} for i in range(stride)])


def _create_rows(*, on_sqlite: bool) -> None:
    def account(name: str) -> Column[Any]:
        computed = [Computed(f"coalesce(json_extract(state, '$.{name}'), 0)", persisted=True)] if on_sqlite else []
        return Column(name, BigInteger, *computed, nullable=False)

    def of_contract(name: str, expression: str) -> Column[Any]:
        only = f"case when sheet_key like 'contract:%' then {expression} end"
        return Column(name, BigInteger, *([Computed(only, persisted=True)] if on_sqlite else []))

    def number(name: str) -> str:
        return f"coalesce(json_extract(state, '$.{name}'), 0)"

    compact: dict[str, Any] = {"sqlite_with_rowid": False} if on_sqlite else {}
    op.create_table(
        "headers",
        Column("institution_id", _id(on_sqlite=on_sqlite), primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("previous", BigInteger, nullable=False),
        Column("state", Text, nullable=False),
        *(account(name) for name in ACCOUNTS),
        *(CheckConstraint(f"{name} >= 0", f"{name}_is_not_negative") for name in ACCOUNTS),
        CheckConstraint(COVER, "custody_covers_what_is_owed"),
        CheckConstraint("risk_deposit_cash_fen = risk_deposit_fen", "risk_deposit_is_backed"),
        CheckConstraint("previous >= 0 and version > previous", "versions_grow"),
        **_filled(80, on_sqlite=on_sqlite),
    )
    op.create_table(
        "sheets",
        Column("institution_id", _id(on_sqlite=on_sqlite), primary_key=True),
        Column("sheet_key", _id(on_sqlite=on_sqlite), primary_key=True),
        Column("state", Text, nullable=False),
        *(of_contract(name, number(name)) for name in BY_CONTRACT),
        of_contract("spent_centihours", f"{number('consumed_centihours')} + {number('claimed_centihours')}"),
        of_contract("units_centihours", f"{number('paid_centihours')} + {number('gift_centihours')}"),
        *(CheckConstraint(f"{name} >= 0", f"{name}_is_not_negative") for name in BY_CONTRACT),
        CheckConstraint("spent_centihours between 0 and units_centihours", "hours_are_within_the_contract"),
        **_filled(80, on_sqlite=on_sqlite),
    )
    op.create_table(
        "commands",
        Column("institution_id", _id(on_sqlite=on_sqlite), primary_key=True),
        Column("command_id", _id(on_sqlite=on_sqlite), primary_key=True),
        Column("request_hash", Text, nullable=False),
        Column("first_version", BigInteger, nullable=False),
        Column("last_version", BigInteger, nullable=False),
        CheckConstraint("last_version >= first_version and first_version > 0", "a_command_has_events"),
        **compact,
    )


def _id(*, on_sqlite: bool) -> Text:
    return Text() if on_sqlite else Text(collation="C")


def _filled(percent: int, *, on_sqlite: bool) -> dict[str, Any]:
    """Room in each page for the next version of its rows."""
    return {} if on_sqlite else {"postgresql_with": {"fillfactor": percent}}


def _integer_key(*, on_sqlite: bool) -> Integer:
    return Integer() if on_sqlite else BigInteger()


def _guard_sqlite() -> None:
    for table in ("events", "commands"):
        for deed in ("update", "delete"):
            op.execute(
                f"create trigger {table}_refuse_{deed} before {deed} on {table} "
                f"begin select raise(abort, '{table} are never changed'); end"
            )


def _guard_postgresql() -> None:
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as "
        "$$ begin raise insufficient_privilege using message = tg_table_name || ' are never changed'; end $$"
    )
    for table in ("events", "commands"):
        op.execute(
            f"create trigger {table}_are_never_changed before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )


def _grant() -> None:
    """Give the application's role what it needs; a server where we may not make roles gets them by hand."""
    op.execute(
        text(
            f"""
            do $$ begin
              if not exists (select from pg_roles where rolname = '{WRITER}') then create role {WRITER} nologin; end if;
            exception when duplicate_object or unique_violation then null;
              when insufficient_privilege then raise notice 'role {WRITER} was not made';
            end $$
            """
        )
    )
    op.execute(text(r"revoke all on function settle(jsonb, int) from public"))
    op.execute(
        text(
            f"""
            do $$ begin
              if exists (select from pg_roles where rolname = '{WRITER}') then
                grant select on events, lanes, headers, sheets, commands to {WRITER};
                grant execute on function settle(jsonb, int) to {WRITER};
              end if;
            end $$
            """
        )
    )
