"""The notary signs what the stored bytes say, goes on where it stopped, and stops where the store was changed."""

import os
from collections.abc import Iterator
from threading import Event as Signal

import pytest
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ledger.application import Ledger, open_ledger
from ledger.log.checkpoints import open_checkpoint
from ledger.log.entries import directory_entry, directory_origin, entry_of, log_origin, receipt_of
from ledger.log.merkle import leaf_hash, root_of
from ledger.log.notary import Notary, Round, StreamBroken
from ledger.log.tables import checkpoints, directory, frontiers, metadata
from tests import examples as x
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.log.schools import KEY, checkpoint, city, notary, open_school, tell


def leaves(ledger: Ledger, institution_id: str) -> list[bytes]:
    return [leaf_hash(entry_of(event.topic, event.state)) for event in ledger.stream(institution_id)]


def heads(ledger: Ledger) -> list[tuple[int, str, int, str, str]]:
    c = checkpoints.c
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(c.number, c.institution_id, c.size, c.root, c.note).order_by(c.number))
        return [tuple(row) for row in rows]


def test_an_empty_ledger_has_nothing_to_sign(ledger: Ledger, clock: Clock) -> None:
    assert checkpoint(ledger, clock) == Round(0, 0, 0)
    assert heads(ledger) == []


def test_every_checkpoint_is_the_root_over_the_stored_bytes(ledger: Ledger, clock: Clock) -> None:
    names = city(ledger, clock)
    rows = heads(ledger)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert {row[1] for row in rows} == set(names)
    for _, institution_id, size, root, note in rows:
        signed = open_checkpoint(note, KEY.public())
        assert signed.origin == log_origin("ledger.example", institution_id)
        assert (signed.size, signed.root.hex()) == (size, root)
        assert signed.root == root_of(leaves(ledger, institution_id)[:size])


def test_the_directory_is_the_log_of_every_checkpoint(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock)
    entries = [leaf_hash(directory_entry(row[1], row[2], bytes.fromhex(row[3]))) for row in heads(ledger)]
    with ledger.engine.connect() as connection:
        signed = connection.execute(select(directory.c.size, directory.c.note).order_by(directory.c.size)).all()
    assert len(signed) > 3
    for size, note in signed:
        head = open_checkpoint(note, KEY.public())
        assert head.origin == directory_origin("ledger.example")
        assert (head.size, head.root) == (size, root_of(entries[:size]))
    assert signed[-1][0] == len(entries)


def test_a_round_without_news_signs_nothing(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock, schools=1)
    before = heads(ledger)
    assert checkpoint(ledger, clock) == Round(0, 0, len(before))
    assert heads(ledger) == before


def test_a_new_notary_goes_on_where_the_last_one_stopped(ledger: Ledger, clock: Clock) -> None:
    for number in range(1, 8):
        open_school(ledger, f"school-{number % 3}-{number}", families=number)
        assert checkpoint(ledger, clock).events == len(ledger.stream(f"school-{number % 3}-{number}"))
    one = notary(ledger, clock)
    for number in range(4):
        tell(ledger, "school-1-1", x.deposit(f"more-{number}", 100, None))
        assert one.run().events == 1
    assert heads(ledger)[-1][3] == root_of(leaves(ledger, "school-1-1")).hex()


def test_two_notaries_sign_one_history(ledger: Ledger, clock: Clock) -> None:
    one, other = notary(ledger, clock), notary(ledger, clock)
    open_school(ledger, "school-1")
    for number in range(6):
        tell(ledger, "school-1", x.deposit(f"more-{number}", 100, None))
        (one if number % 2 else other).run()
    sizes = [row[2] for row in heads(ledger)]
    assert sizes == sorted(set(sizes))
    assert heads(ledger)[-1][3] == root_of(leaves(ledger, "school-1")).hex()


def test_the_notary_follows_until_it_is_told_to_stop(ledger: Ledger, clock: Clock) -> None:
    stop, rounds = Signal(), list[Round]()

    def watch(done: Round) -> None:
        rounds.append(done)
        open_school(ledger, f"school-{len(rounds)}", families=1)
        if len(rounds) == 3:
            stop.set()

    notary(ledger, clock).follow(stop, 0.0, watch)
    assert [done.checkpoints for done in rounds] == [0, 1, 1]


@pytest.fixture
def changed(sqlite_url: str, clock: Clock) -> Iterator[Ledger]:
    """A ledger in a file whose guards somebody took away."""
    ledger = open_ledger(sqlite_url, clock)
    city(ledger, clock, schools=1)
    with ledger.engine.begin() as connection:
        connection.execute(text("drop trigger events_refuse_delete"))
        connection.execute(text("drop trigger events_refuse_update"))
    yield ledger
    ledger.close()


def test_a_notary_does_not_sign_over_a_gap(changed: Ledger, clock: Clock) -> None:
    tell(changed, "school-1", x.deposit("x", 1, None), x.deposit("y", 1, None))
    with changed.engine.begin() as connection:
        last = "(select max(originator_version) from events)"
        connection.execute(text(f"delete from events where originator_version = {last} - 1"))
    before = heads(changed)
    with pytest.raises(StreamBroken, match="school-1"):
        checkpoint(changed, clock)
    assert heads(changed) == before


def test_tables_that_contradict_each_other_are_not_signed_over(changed: Ledger, clock: Clock) -> None:
    with changed.engine.begin() as connection:
        connection.execute(frontiers.update().where(frontiers.c.institution_id == "").values(size=1, peaks="00" * 32))
    tell(changed, "school-1", x.deposit("x", 1, None))
    one = Notary(changed.engine, KEY, clock)
    with pytest.raises(StreamBroken, match="contradict"):  # noqa: PT012 - it may lose some races first
        for _ in range(50):
            one.run()


@pytest.mark.parametrize("table", ["log_checkpoints", "log_directory"])
@pytest.mark.parametrize("deed", ["update {} set root = 'x'", "delete from {}"])
def test_what_was_signed_is_never_changed(ledger: Ledger, clock: Clock, table: str, deed: str) -> None:
    city(ledger, clock, schools=1)
    with pytest.raises(DBAPIError, match="never changed"), ledger.engine.begin() as connection:
        connection.execute(text(deed.format(table)))


def test_the_database_has_the_columns_that_queries_expect(ledger: Ledger) -> None:
    found = inspect(ledger.engine)
    for table in metadata.tables.values():
        assert {column["name"] for column in found.get_columns(table.name)} == {c.name for c in table.columns}
        assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == {c.name for c in table.primary_key}


def test_a_receipt_names_the_leaf(ledger: Ledger) -> None:
    open_school(ledger, "school-1")
    event = ledger.stream("school-1")[4]
    receipt = receipt_of("ledger.example", "school-1", event.version, event.topic, event.state)
    assert (receipt.event_id, receipt.leaf_index) == ("school-1/5", 4)
    assert receipt.origin == "ledger.example/institution/school-1"
    assert bytes.fromhex(receipt.leaf_hash) == leaves(ledger, "school-1")[4]


@pytest.fixture
def as_writer(postgres_url: str) -> Iterator[str]:
    """The same database for a login that is nothing but a member of the application's role."""
    admin, login = create_engine(postgres_url), f"notary_login_{os.getpid()}"
    with admin.begin() as connection:
        connection.execute(text(f"create role {login} login in role ledger_writer"))
    yield make_url(postgres_url).set(username=login).render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text(f"drop role {login}"))
    admin.dispose()


def test_the_application_s_role_signs_and_takes_nothing_back(as_writer: str, clock: Clock) -> None:
    ledger = open_ledger(as_writer, clock)
    city(ledger, clock, schools=1)
    assert len(heads(ledger)) == 2
    for statement in ("delete from log_checkpoints", "update log_directory set root = ''", "truncate log_frontiers"):
        with pytest.raises(DBAPIError, match="permission denied"), ledger.engine.begin() as connection:
            connection.execute(text(statement))
    ledger.close()


def test_institutions_of_several_lanes_are_signed(
    postgres_databases: PostgresDatabases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.log.notary.BATCH", 7)
    url = postgres_databases.create(empty=True)
    migrate(url, lanes=3)
    ledger = open_ledger(url, clock)
    one = notary(ledger, clock)
    for number in range(6):
        open_school(ledger, f"school-{number}", families=2)
        one.run()
    assert {ledger.lane_of(row[1]) for row in heads(ledger)} == {0, 1, 2}
    for _, institution_id, size, root, _ in heads(ledger):
        assert root == root_of(leaves(ledger, institution_id)[:size]).hex()
    ledger.close()
    postgres_databases.drop(url)
