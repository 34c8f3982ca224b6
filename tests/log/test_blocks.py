"""Proofs from blocks are the proofs from all leaves, and read one block and the end of a log that was read before."""

import pytest
from sqlalchemy import create_engine

from ledger.application import Ledger
from ledger.log import blocks as module
from ledger.log.blocks import Blocks
from ledger.log.checkpoints import open_checkpoint
from ledger.log.entries import entry_of
from ledger.log.merkle import consistency_path, consistency_proof, inclusion_path, inclusion_proof, leaf_hash, root_of
from ledger.log.merkle import verify_inclusion as leads_to
from ledger.log.proofs import parse_proof
from ledger.log.proving import directory_leaves, prove_checkpoint, prove_event, prove_growth
from ledger.log.records import reading
from ledger.log.standing import newest_directory
from tests.conftest import Clock
from tests.log.schools import KEY, checkpoint, city

LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)


def test_every_path_of_every_size_is_that_over_all_leaves() -> None:
    engine = create_engine("sqlite://")
    for size in range(1, len(LEAVES) + 1):
        tree = Blocks(engine, "I-1", size, lambda low, high: LEAVES[low:high])
        for index in range(size):
            assert inclusion_path(size, index, tree.root_between) == inclusion_proof(LEAVES[:size], index)
            assert tree.leaf(index) == LEAVES[index]
        for old in range(size + 1):
            assert consistency_path(size, old, tree.root_between) == consistency_proof(LEAVES[:size], old)


def test_the_second_proof_reads_one_block_and_the_end() -> None:
    engine, read = create_engine("sqlite://"), list[int]()

    def leaves(low: int, high: int) -> list[bytes]:
        read.append(high - low)
        return LEAVES[low:high]

    for expected in (70, 4 + 2):
        read.clear()
        tree = Blocks(engine, "I-1", 70, leaves)
        assert inclusion_path(70, 9, tree.root_between) == inclusion_proof(LEAVES, 9)
        assert sum(read) <= expected + 4
    read.clear()
    inclusion_path(70, 9, Blocks(engine, "I-2", 70, leaves).root_between)
    assert sum(read) >= 60, "another log is another log"


def test_what_is_kept_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    tree = Blocks(create_engine("sqlite://"), "I-1", 70, lambda low, high: LEAVES[low:high])
    assert tree.root_between(0, 70) == root_of(LEAVES)
    assert len(tree._roots) <= 3


def test_proofs_lead_to_what_was_signed_also_where_kept_roots_do_not(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    city(ledger, clock, schools=4)
    checkpoint(ledger, clock)
    for _ in range(2):
        for event in ledger.stream("school-1"):
            proof = parse_proof(prove_event(ledger.engine, "school-1", event.version))
            head = open_checkpoint(proof.checkpoint, KEY.public())
            leaf = leaf_hash(entry_of(event.topic, event.state))
            assert leads_to(leaf, proof.index, head.size, proof.path, head.root)
        assert len(ledger.stream("school-1")) > 8
        directory = open_checkpoint(newest_directory(ledger.engine), KEY.public())
        leaves = prove_growth(ledger.engine, 2, directory.size)
        assert directory.size > 4
        with reading(ledger.engine) as connection:
            every = directory_leaves(connection, 0, directory.size)
        assert leaves == consistency_proof(every, 2)
        proof = parse_proof(prove_checkpoint(ledger.engine, "school-1", head.size))
        assert leads_to(every[proof.index], proof.index, directory.size, proof.path, directory.root)
        roots = module._kept[ledger.engine]
        assert {log for log, _ in roots} == {"", "school-1"}
        roots.update(dict.fromkeys(roots, bytes(32)))
