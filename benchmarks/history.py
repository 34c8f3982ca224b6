"""A long plausible history put into an empty log in bulk: what a city's schools leave, valid for every fold."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from heapq import merge
from itertools import count
from operator import itemgetter
from random import Random
from typing import Any

from sqlalchemy import Engine, text

from ledger import events as e
from ledger.identifiers import Role
from ledger.postings import AMOUNTS
from ledger.serialization import TOPICS, Envelope, encode, encode_envelope, link
from ledger.store.tables import DERIVED_TEXTS

OPENED_ON = date(2025, 9, 1)
RULES = "CN/non_academic@2025-01-01#1"
PRICE_FEN, LESSONS = 300_000, 30
TAUGHT = 12
CLOSES = 3
SCHOOLS_A_CLOSURE = 20
"""One school in twenty stops at the end, as in the demo city."""
DAY_US = 86_400_000_000
START_AT = 1_756_690_000_000_000
ROWS_AT_ONCE = 20_000

Dated = tuple[int, int, int, e.Event]
"""Day, institution, running number, event."""


def _school(number: int, contracts: int, days: int) -> Iterator[Dated]:
    """One school's events by day; every contract starts on some day and runs for six weeks."""
    random, running = Random(number), count()
    opened = e.EscrowOpened(
        effective_at=START_AT, name=f"学校{number}", uscc="91110108MA01AB3C4K", jurisdiction="CN",
        category="non_academic", district=f"区{number % 16}", licensed=True, custodian="bank-a",
        account_id=f"acc-{number}", agreement_no="A-1",
    )  # fmt: skip
    yield 0, number, next(running), opened
    lives = (_contract(number, each, random.randrange(max(1, days - 50)), random) for each in range(contracts))
    for day, event in sorted((item for life in lives for item in life), key=itemgetter(0)):
        yield day, number, next(running), event
    if number % SCHOOLS_A_CLOSURE == CLOSES:
        stopped = e.ClosureDeclared(
            effective_at=START_AT + days * DAY_US, kind="abnormal", stopped_on=OPENED_ON + timedelta(days=days),
            reason="doors shut", priority_regime="licensed_school", declared_by="r-1", approved_by="r-2",
        )  # fmt: skip
        yield days, number, next(running), stopped


def _contract(school: int, number: int, day: int, random: Random) -> Iterator[tuple[int, e.Event]]:
    def at(later: int) -> int:
        return START_AT + (day + later) * DAY_US

    def on(later: int) -> date:
        return OPENED_ON + timedelta(days=day + later)

    contract_id, deposit_id = f"c-{school:05d}-{number:07d}", f"acc-{school}.{day}.{number}"
    yield day, e.ContractRegistered(
        effective_at=at(0), contract_id=contract_id, guardian_id=f"g-{school}-{number}",
        student_id=f"s-{school}-{number}", course="piano", subject="music", signed_on=on(0), starts_on=on(1),
        ends_on=on(60), price_fen=PRICE_FEN, paid_centihours=LESSONS * 100, gift_centihours=0, rules=RULES,
        terms=e.Terms(),
    )  # fmt: skip
    yield day, e.DepositReceived(
        effective_at=at(0), deposit_id=deposit_id, amount_fen=PRICE_FEN, account_id=f"acc-{school}", value_on=on(0),
        payer_ref=f"p-{number}", funding="own",
    )  # fmt: skip
    yield (
        day,
        e.DepositApplied(
            effective_at=at(0), deposit_id=deposit_id, contract_id=contract_id, amount_fen=PRICE_FEN, basis="named"
        ),
    )
    lesson_fen = PRICE_FEN // LESSONS
    for lesson in range(TAUGHT):
        later = 1 + lesson * 3
        yield day + later, e.ClassConsumptionClaimed(
            effective_at=at(later), contract_id=contract_id, lesson_id=f"l-{lesson}", centihours=100,
            taught_on=on(later), notified_on=on(later), window_ends_on=on(later + 7), calendar="CN-2006-2026.1",
        )  # fmt: skip
        if lesson < TAUGHT - 1 or random.random() > 0.1:
            yield day + later + 1, e.ClassConsumptionConfirmed(
                effective_at=at(later + 1), contract_id=contract_id, lesson_id=f"l-{lesson}", centihours=100,
                amount_fen=lesson_fen, by="guardian", rules=RULES,
            )  # fmt: skip
    released_fen = lesson_fen * (TAUGHT - 1)
    yield (
        day + 40,
        e.ReleaseInstructed(
            effective_at=at(40), release_id=f"r-{day}", contract_id=contract_id, amount_fen=released_fen
        ),
    )
    yield (
        day + 41,
        e.ReleaseSettled(
            effective_at=at(41),
            release_id=f"r-{day}",
            contract_id=contract_id,
            amount_fen=released_fen,
            bank_serial="b",
        ),
    )
    if random.random() < 0.08:
        yield from _refund(contract_id, f"f-{school}-{number}", day + 42, PRICE_FEN - lesson_fen * TAUGHT, random)


def _refund(contract_id: str, refund_id: str, day: int, fen: int, random: Random) -> Iterator[tuple[int, e.Event]]:
    at, on = START_AT + day * DAY_US, OPENED_ON + timedelta(days=day)
    yield day, e.RefundRequested(
        effective_at=at, refund_id=refund_id, contract_id=contract_id, cause="family", requested_on=on,
        entitled_fen=fen, method="paid_average", ground="Civil Code", rules=RULES, pay_by=on + timedelta(days=15),
        calendar="CN-2006-2026.1",
    )  # fmt: skip
    if random.random() < 0.3:
        return
    yield day + 1, e.RefundApproved(
        effective_at=at, refund_id=refund_id, contract_id=contract_id, cause="family", amount_fen=fen,
        unearned_fen=fen, pay_by=on + timedelta(days=15), calendar="CN-2006-2026.1", basis="approved", rules=RULES,
    )  # fmt: skip
    yield day + 2, e.RefundInstructed(
        effective_at=at, refund_id=refund_id, contract_id=contract_id, instruction_id="i1", amount_fen=fen,
        payee_ref="p",
    )  # fmt: skip
    if random.random() < 0.8:
        yield day + 3, e.RefundSettled(
            effective_at=at, refund_id=refund_id, contract_id=contract_id, instruction_id="i1", amount_fen=fen,
            bank_serial="b",
        )  # fmt: skip


def fill(engine: Engine, *, schools: int, contracts: int, days: int = 300) -> int:
    """Put a history of `schools` schools with `contracts` contracts each into an empty log; how many events it has."""
    heads: dict[int, tuple[int, str]] = {}
    dated = merge(*(_school(number, contracts, days) for number in range(schools)), key=itemgetter(0, 1, 2))
    rows: list[tuple[Any, ...]] = []
    position = 0
    with engine.begin() as connection:
        for position, (day, school, _, event) in enumerate(dated, 1):
            rows.append(_row(position, day, school, event, heads))
            if len(rows) == ROWS_AT_ONCE:
                _insert(connection.connection.driver_connection, engine.dialect.name, rows)
                rows.clear()
        _insert(connection.connection.driver_connection, engine.dialect.name, rows)
        connection.execute(text("update lanes set head = :head"), {"head": position})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze" if engine.dialect.name == "sqlite" else "vacuum analyze events"))
    return position


def _row(position: int, day: int, school: int, event: e.Event, heads: dict[int, tuple[int, str]]) -> tuple[Any, ...]:
    version, head = heads.get(school, (0, ""))
    recorded_at = START_AT + day * DAY_US + 3_600_000_000
    envelope = encode_envelope(
        Envelope(
            recorded_at=recorded_at, actor="institution-1", role=Role.INSTITUTION, command_id=f"k-{position}",
            command="confirm_lessons", request_hash="0" * 64, rules=RULES,
        )
    )  # fmt: skip
    topic, state = TOPICS[type(event)], encode(envelope, event)
    heads[school] = (version + 1, link(head, topic, state))
    fields = event.__struct_fields__
    return (
        position, 0, f"school-{school:05d}", version + 1, topic, state.decode(), heads[school][1],
        *((getattr(event, name) or None) if name in fields else None for name in (*DERIVED_TEXTS, *AMOUNTS)),
        event.effective_at, recorded_at,
    )  # fmt: skip


BASE = "position, lane, originator_id, originator_version, topic, state, hash"
DERIVED = ", ".join((*DERIVED_TEXTS, *AMOUNTS, "effective_at", "recorded_at"))


def _insert(raw: Any, dialect: str, rows: Iterable[tuple[Any, ...]]) -> None:  # noqa: ANN401 - either driver
    if dialect == "sqlite":
        raw.executemany(f"insert into events ({BASE}) values (?, ?, ?, ?, ?, ?, ?)", (row[:7] for row in rows))
        return
    with raw.cursor() as cursor, cursor.copy(f"copy events ({BASE}, {DERIVED}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


if __name__ == "__main__":
    print(json.dumps({"events_per_contract": sum(1 for _ in _contract(0, 0, 0, Random(0)))}))
