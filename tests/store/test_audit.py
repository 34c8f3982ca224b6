"""The audit finds every kind of damage, and nothing in a sound ledger."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from ledger.application import Ledger
from ledger.audit import AuditReport, audit
from tests.conftest import Clock
from tests.store.savings import decide, evolve, pay


@pytest.fixture
def ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    ledger = opened(clock, decide)
    for number in range(3):
        ledger.submit(pay("a", times=2, command_id=f"a{number}"))
        ledger.submit(pay("b", amount_fen=number + 1))
    return ledger


def inspect(ledger: Ledger, *institutions: str) -> AuditReport:
    return audit(ledger, institutions or None, evolve=evolve)


def test_a_sound_ledger_passes_and_says_what_was_inspected(ledger: Ledger) -> None:
    read: list[int] = []
    report = audit(ledger, progress=read.append, evolve=evolve)
    assert report.findings == []
    assert report.passed
    assert (report.institutions, report.events, report.sheets, report.commands) == (2, 9, 9, 6)
    assert sum(read) == 9
    assert inspect(ledger, "b").events == 3


def test_an_audit_that_inspected_nothing_does_not_pass(ledger: Ledger) -> None:
    report = inspect(ledger, "nobody")
    assert not report.passed
    assert [finding.code for finding in report.findings] == ["header_missing", "nothing_inspected"]


DAMAGE = {
    "chain_broken": [
        "update events set state = replace(state, '\"payer\"', '\"thief\"') where position = 4",
        "update events set hash = replace(hash, substr(hash, 1, 1), 'x') where position = 1",
        "update events set state = state || ' ' where position = 9",
    ],
    "unreadable_event": [
        "update events set topic = 'deposit_received.9' where position = 2",
        "update events set state = replace(state, '\"payer_ref\"', '\"payee_ref\"') where position = 2",
    ],
    "version_gap": [
        "delete from events where position = 2",
        "update events set originator_version = 99 where position = 7",
    ],
    "position_gap": [
        "delete from events where position = 9",
        "update events set position = 100 where position = 9",
        "update lanes set head = head + 1",
        "delete from events",
    ],
    "wrong_lane": ["update events set lane = 1 where position = 2"],
    "command_differs": [
        "update commands set request_hash = 'x' where command_id = 'a1'",
        "update commands set last_version = 3 where command_id = 'a1'",
        "update commands set command_id = 'other' where command_id = 'a1'",
        "delete from commands where command_id = 'a1'",
        "insert into commands values ('a', 'more', 'h', 1, 1)",
    ],
    "command_without_events": ["insert into commands values ('a', 'more', 'h', 7, 7)"],
    "header_missing": ["delete from headers where institution_id = 'b'"],
    "header_without_events": ["update headers set institution_id = 'c' where institution_id = 'b'"],
    "header_differs": ["update headers set version = 7 where institution_id = 'a'"],
    "sheet_missing": ["delete from sheets where sheet_key = (select min(sheet_key) from sheets)"],
    "sheet_without_events": [
        "update sheets set sheet_key = 'deposit:ghost' where sheet_key = (select min(sheet_key) from sheets)",
        "update sheets set institution_id = 'c' where institution_id = 'b'",
    ],
    "sheet_differs": ["update sheets set state = replace(state, ':100', ':101') where institution_id = 'a'"],
}


@pytest.mark.parametrize(("code", "damage"), [(code, one) for code, many in DAMAGE.items() for one in many])
def test_damage_is_found(ledger: Ledger, code: str, damage: str) -> None:
    vandalise(ledger, damage)
    report = inspect(ledger)
    assert not report.passed
    assert code in {finding.code for finding in report.findings}


def test_a_derived_column_that_lies_is_found(ledger: Ledger) -> None:
    if ledger.engine.dialect.name == "sqlite":
        vandalise(ledger, "update events set originator_version = 'first' where position = 1")
        assert "unreadable_row" in {finding.code for finding in inspect(ledger).findings}
        with pytest.raises(Exception, match="generated column"):
            vandalise(ledger, "update events set amount_fen = 7 where position = 1")
        return
    for column in (
        "amount_fen = 7",
        "contract_id = 'x'",
        "effective_at = 1",
        "recorded_at = recorded_at + 1",
    ):
        vandalise(ledger, f"update events set {column} where position = 1")
        assert [finding.code for finding in inspect(ledger).findings] == ["derived_column_differs"]
        vandalise(ledger, "update events set amount_fen = 100, contract_id = null where position = 1")
        vandalise(
            ledger,
            "update events set effective_at = (state::jsonb->'event'->>'effective_at')::bigint,"
            " recorded_at = (state::jsonb->'envelope'->>'recorded_at')::bigint where position = 1",
        )


def test_a_stored_row_that_the_rules_would_not_fold_to_is_found(ledger: Ledger) -> None:
    def twisted(escrow: object, event: object) -> None:
        evolve(escrow, event)  # type: ignore[arg-type]
        escrow.header.attached_fen += 1  # type: ignore[attr-defined]

    codes = {finding.code for finding in audit(ledger, evolve=twisted).findings}
    assert codes == {"header_differs"}


def test_history_that_does_not_fold_is_a_finding_and_not_a_crash(ledger: Ledger) -> None:
    def broken(_escrow: object, _event: object) -> None:
        raise ValueError("no such thing")

    codes = {finding.code for finding in audit(ledger, evolve=broken).findings}
    assert codes == {"history_does_not_fold"}


def vandalise(ledger: Ledger, statement: str) -> None:
    """What somebody with full rights over the database could do."""
    with ledger.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for table in ("events", "commands"):
                for deed in ("update", "delete"):
                    connection.execute(text(f"drop trigger if exists {table}_refuse_{deed}"))
        else:
            connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(statement.replace(":10", r"\:10")))
