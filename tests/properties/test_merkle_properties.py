"""Trees of any size: the same roots and proofs as pymerkle, every true proof passes, every changed one fails."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion

from ledger.log import merkle

ENTRIES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def theirs(entries: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


def flipped(hashes: list[bytes], at: int) -> list[bytes]:
    return [*hashes[:at], bytes([hashes[at][0] ^ 1]) + hashes[at][1:], *hashes[at + 1 :]]


@given(ENTRIES)
def test_roots_equal_those_of_pymerkle(entries: list[bytes]) -> None:
    tree, frontier = theirs(entries), merkle.Frontier()
    for size, entry in enumerate(entries, 1):
        frontier.append(merkle.leaf_hash(entry))
        assert frontier.root() == tree.get_root(size)


@given(ENTRIES, st.data())
def test_their_tree_and_ours_accept_each_other_s_inclusion(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    path = merkle.inclusion_proof(leaves, index)
    root = theirs(entries).get_root(len(entries))
    assert merkle.verify_inclusion(leaves[index], index, len(leaves), path, root)


@settings(max_examples=200)
@given(ENTRIES, st.data())
def test_a_changed_inclusion_proof_never_passes(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    leaves = [merkle.leaf_hash(b"%d" % i + entry) for i, entry in enumerate(entries)]
    root, path, size = merkle.root_of(leaves), merkle.inclusion_proof(leaves, index), len(leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else size
    assert not merkle.verify_inclusion(leaves[index], other, size, path, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"never appended"), index, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*path, root], root)
    if path:
        assert not merkle.verify_inclusion(leaves[index], index, size, path[:-1], root)
        at = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify_inclusion(leaves[index], index, size, flipped(path, at), root)


@settings(max_examples=200)
@given(ENTRIES, st.data())
def test_every_tree_continues_its_past_and_no_other(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(b"%d" % i + entry) for i, entry in enumerate(entries)]
    size = len(leaves)
    old = data.draw(st.integers(0, size))
    root, old_root = merkle.root_of(leaves), merkle.root_of(leaves[:old])
    proof = merkle.consistency_proof(leaves, old)
    assert merkle.verify_consistency(old, size, old_root, root, proof)
    if old > 0:
        changed = data.draw(st.integers(0, old - 1))
        forged = merkle.root_of([*leaves[:changed], merkle.leaf_hash(b"forged"), *leaves[changed + 1 : old]])
        assert not merkle.verify_consistency(old, size, forged, root, proof)
        assert not merkle.verify_consistency(old, size, old_root, root, [*proof, root])
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify_consistency(old, size, old_root, root, flipped(proof, at))
        assert not merkle.verify_consistency(old, size, old_root, root, proof[:-1])


@given(ENTRIES, st.data())
def test_a_frontier_goes_on_where_it_was_put_away(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    pause = data.draw(st.integers(0, len(leaves)))
    first = merkle.Frontier()
    for leaf in leaves[:pause]:
        first.append(leaf)
    second = merkle.Frontier(first.size, first.peaks)
    for leaf in leaves[pause:]:
        second.append(leaf)
    assert second.root() == merkle.root_of(leaves)
    assert len(second.peaks) == len(leaves).bit_count()


@given(ENTRIES, st.data())
def test_pymerkle_accepts_its_own_proofs_for_the_same_roots(entries: list[bytes], data: st.DataObject) -> None:
    """A check on the comparison itself: both sides speak of the same leaf and the same tree."""
    tree = theirs(entries)
    index = data.draw(st.integers(1, len(entries)))
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    verify_inclusion(leaves[index - 1], merkle.root_of(leaves), tree.prove_inclusion(index, len(entries)))
    verify_consistency(
        merkle.root_of(leaves[:index]), merkle.root_of(leaves), tree.prove_consistency(index, len(entries))
    )
    try:
        verify_inclusion(merkle.leaf_hash(b"?" * 41), merkle.root_of(leaves), tree.prove_inclusion(index, len(entries)))
    except InvalidProof:
        return
    raise AssertionError("a leaf that is not there was proven")
