"""Proofs from stored nodes are the proofs from all leaves, and cost the same however long a log is, in any process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, delete, event, select, text, update

from ledger.application import Ledger
from ledger.log import nodes
from ledger.log.checkpoints import open_checkpoint
from ledger.log.entries import entry_of
from ledger.log.merkle import (
    Frontier,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from ledger.log.merkle import verify_inclusion as leads_to
from ledger.log.proofs import parse_proof
from ledger.log.proving import directory_leaves, prove_checkpoint, prove_event, prove_growth
from ledger.log.records import reading
from ledger.log.standing import newest_directory
from ledger.log.tables import nodes as stored
from ledger.store.factory import open_engine
from tests.conftest import Clock
from tests.log.schools import KEY, checkpoint, city

LEAVES = [leaf_hash(str(number).encode()) for number in range(150)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "LEVEL", 2)


@pytest.fixture
def connection(sqlite_url: str) -> Iterator[Connection]:
    engine = open_engine(sqlite_url)
    with engine.connect() as found:
        yield found
    engine.dispose()


def grown(connection: Connection, size: int, log: str = "I-1") -> Frontier:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        nodes.keep(connection, nodes.append(frontier, log, leaf))
    return frontier


class Counting:
    """Reads leaves, and counts them."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, low: int, high: int) -> list[bytes]:
        self.read += high - low
        return LEAVES[low:high]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def watch(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", watch)
    yield seen
    event.remove(engine, "before_cursor_execute", watch)


def test_a_tree_that_tells_what_it_completes_is_the_same_tree() -> None:
    for least in (1, 2, 3):
        plain, telling = Frontier(), Frontier()
        for number, leaf in enumerate(LEAVES, 1):
            plain.append(leaf)
            for level, place, root in telling.complete(leaf, least):
                assert level >= least
                assert root == root_of(LEAVES[place << level : (place + 1) << level])
                assert (place + 1) << level == number
            assert telling.peaks == plain.peaks


def test_every_path_of_every_size_is_that_over_all_leaves(connection: Connection) -> None:
    grown(connection, len(LEAVES))
    for size in (*range(1, 40), 63, 64, 65, 127, 128, 129, 150):
        tree = nodes.Tree(connection, "I-1", size, lambda low, high: LEAVES[low:high])
        for index in range(size):
            assert inclusion_path(size, index, tree.root_between) == inclusion_proof(LEAVES[:size], index)
            assert tree.leaf(index) == LEAVES[index]
        for old in range(size + 1):
            assert consistency_path(size, old, tree.root_between) == consistency_proof(LEAVES[:size], old)


@pytest.mark.parametrize("size", [20, 64, 150])
def test_a_proof_reads_its_own_leaves_and_the_end_however_long_the_log(connection: Connection, size: int) -> None:
    grown(connection, size)
    for index in range(size):
        read = Counting()
        tree = nodes.Tree(connection, "I-1", size, read)
        with statements(connection.engine) as seen:
            inclusion_path(size, index, tree.root_between)
        assert read.read < 2 * 4, "two blocks of four"
        assert len(seen) <= 2 * size.bit_length()
    read = Counting()
    inclusion_path(size, 9, nodes.Tree(connection, "I-2", size, read).root_between)
    assert read.read > size // 2, "another log is another log, and one without nodes is read"


def test_nodes_that_are_missing_are_made_from_leaves(connection: Connection) -> None:
    grown(connection, 150)
    for where in (stored.c.number % 2 == 0, stored.c.level == 2, stored.c.level > 0):
        connection.execute(delete(stored).where(where))
        tree = nodes.Tree(connection, "I-1", 150, lambda low, high: LEAVES[low:high])
        for index in range(150):
            assert inclusion_path(150, index, tree.root_between) == inclusion_proof(LEAVES, index)


def kept(ledger: Ledger) -> set[tuple[object, ...]]:
    with ledger.engine.connect() as connection:
        return {tuple(row) for row in connection.execute(select(stored))}


def test_the_notary_stores_the_nodes_of_every_log_and_of_the_directory(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock)
    found = kept(ledger)
    assert {log for log, *_ in found} > {"", "school-1"}
    for log, level, number, root in found:
        assert isinstance(level, int)
        assert isinstance(number, int)
        low, high = number << level, (number + 1) << level
        with reading(ledger.engine) as connection:
            if log == "":
                leaves = directory_leaves(connection, low, high)
            else:
                leaves = [leaf_hash(entry_of(each.topic, each.state)) for each in ledger.stream(str(log))[low:high]]
        assert root == root_of(leaves).hex()


def test_a_notary_fills_in_what_grew_before_there_were_nodes(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock)
    before = kept(ledger)
    with ledger.engine.begin() as connection:
        connection.execute(delete(stored))
    checkpoint(ledger, clock)
    assert kept(ledger) == before


@pytest.mark.parametrize("spoil", [lambda: update(stored).values(root="00" * 32), lambda: delete(stored)])
def test_proofs_lead_to_what_was_signed_also_where_stored_nodes_do_not(
    ledger: Ledger, clock: Clock, spoil: Callable[[], object]
) -> None:
    city(ledger, clock, schools=4)
    checkpoint(ledger, clock)
    for _ in range(2):
        for each in ledger.stream("school-1"):
            proof = parse_proof(prove_event(ledger.engine, "school-1", each.version))
            head = open_checkpoint(proof.checkpoint, KEY.public())
            leaf = leaf_hash(entry_of(each.topic, each.state))
            assert leads_to(leaf, proof.index, head.size, proof.path, head.root)
        assert len(ledger.stream("school-1")) > 8
        directory = open_checkpoint(newest_directory(ledger.engine), KEY.public())
        growth = prove_growth(ledger.engine, 2, directory.size)
        assert directory.size > 4
        with reading(ledger.engine) as connection:
            every = directory_leaves(connection, 0, directory.size)
        assert growth == consistency_proof(every, 2)
        proof = parse_proof(prove_checkpoint(ledger.engine, "school-1", head.size))
        assert leads_to(every[proof.index], proof.index, directory.size, proof.path, directory.root)
        with ledger.engine.begin() as connection:
            connection.execute(spoil())  # type: ignore[call-overload] # either statement


def test_the_program_may_add_nodes_and_not_change_them(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with engine.connect() as connection:
        connection.execute(text("set role ledger_writer"))
        nodes.keep(connection, [("I-1", 2, 0, bytes(32))])
        rights = text("select has_table_privilege('log_nodes', :what)")
        assert not connection.scalar(rights, {"what": "update"})
        assert not connection.scalar(rights, {"what": "delete"})
    engine.dispose()
