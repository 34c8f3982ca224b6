"""Hash trees of RFC 6962 and RFC 9162 over SHA-256: growing, proving and verifying, without any storage."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
RootBetween = Callable[[int, int], bytes]
"""The root over the leaves from an index to before another, where they are a subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry of a log (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: roots of its perfect subtrees, largest first; O(log n) however it grows."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in self.peaks):
            raise ValueError(f"{len(self.peaks)} peaks are not the frontier of {size} leaves")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, size = self.peaks, self.size
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def complete(self, leaf: bytes, least: int) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash; the subtrees of 2 ** least leaves and more that it completes: level, number, root.

        The number counts subtrees of that level from the left, from 0. `least` is 1 or more.
        """
        peaks, size, level = self.peaks, self.size, 0
        self.size += 1
        found = []
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
            level += 1
            if level >= least:
                found.append((level, (self.size >> level) - 1, leaf))
        peaks.append(leaf)
        return found

    def root(self) -> bytes:
        """The root over all leaves so far; the hash of nothing for an empty tree."""
        if not self.peaks:
            return sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path of leaf `index` (from 0) to the root over `leaves`, from its sibling upwards (RFC 9162, 2.1.3.1).

    Raises IndexError where there is no such leaf.
    """
    return inclusion_path(len(leaves), index, lambda low, high: root_of(leaves[low:high]))


def inclusion_path(size: int, index: int, root_between: RootBetween) -> list[bytes]:
    """The same over whatever knows the roots of the subtrees. Raises IndexError."""
    if not 0 <= index < size:
        raise IndexError(index)
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root_between(middle, high))
            high = middle
        else:
            path.append(root_between(low, middle))
            low = middle
    return path[::-1]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """That the tree over `leaves` continues the tree of its first `old_size` leaves (RFC 9162, 2.1.4.1).

    Empty where one of them is empty or both are the same. Raises IndexError where the old tree is the larger one.
    """
    return consistency_path(len(leaves), old_size, lambda low, high: root_of(leaves[low:high]))


def consistency_path(size: int, old_size: int, root_between: RootBetween) -> list[bytes]:
    """The same over whatever knows the roots of the subtrees. Raises IndexError."""
    if not 0 <= old_size <= size:
        raise IndexError(old_size)
    proof: list[bytes] = []
    low, high, whole = 0, size, True
    if old_size in (0, high):
        return proof
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(root_between(middle, high))
            high = middle
        else:
            proof.append(root_between(low, middle))
            low, whole = middle, False
    if not whole:
        proof.append(root_between(low, high))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from `leaf` at `index` to the root of a tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves continues the tree of `old_size` leaves (RFC 9162, 2.1.4.2).

    Every tree continues the empty one; there the proof is empty and proves nothing.
    """
    if old_size == 0:
        return not proof and old_root == sha256(b"").digest()
    if old_size == size:
        return not proof and old_root == root
    if not 0 < old_size < size or not proof:
        return False
    steps = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_found = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_found, found = node_hash(step, old_found), node_hash(step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root
