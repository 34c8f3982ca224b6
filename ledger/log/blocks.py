"""Roots of complete blocks of a log: they never change, so a proof reads one block and the end, not all there was."""

from collections.abc import Callable
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from ledger.log.merkle import root_of

BLOCK: Final = 1_024
"""Leaves of a block; a power of two, so that blocks are subtrees."""
MOST_KEPT: Final = 200_000
"""Roots kept in a process: of two hundred million entries; beyond that they are read again."""

ReadLeaves = Callable[[int, int], list[bytes]]
"""Leaf hashes from index `low` up to before `high`, from the stored bytes."""

_kept: WeakKeyDictionary[Engine, dict[tuple[str, int], bytes]] = WeakKeyDictionary()
_lock = Lock()


class Blocks:
    """One log of `size` entries, as proofs ask for it; the first in a process reads it once."""

    def __init__(self, engine: Engine, log: str, size: int, read: ReadLeaves) -> None:
        with _lock:
            self._roots = _kept.setdefault(engine, {})
        self._log = log
        self._size = size
        self._read = read
        self._leaves: tuple[int, list[bytes]] = (-1, [])

    def leaf(self, index: int) -> bytes:
        """The hash of one leaf."""
        return self._block(index // BLOCK)[index % BLOCK]

    def root_between(self, low: int, high: int) -> bytes:
        """The root over the leaves from `low` to before `high`, a subtree of the log's tree."""
        if high - low <= BLOCK:
            start = low - low % BLOCK
            return root_of(self._block(low // BLOCK)[low - start : high - start])
        roots = [self._root(number) for number in range(low // BLOCK, high // BLOCK)]
        if high % BLOCK:
            roots.append(root_of(self._block(high // BLOCK)[: high % BLOCK]))
        return root_of(roots)

    def forget(self) -> None:
        """What is kept of this log is not what is stored: read it again."""
        for key in [each for each in list(self._roots) if each[0] == self._log]:
            self._roots.pop(key, None)
        self._leaves = (-1, [])

    def _root(self, number: int) -> bytes:
        key = (self._log, number)
        found = self._roots.get(key)
        if found is None:
            found = root_of(self._block(number))
            if len(self._roots) >= MOST_KEPT:
                self._roots.clear()
            self._roots[key] = found
        return found

    def _block(self, number: int) -> list[bytes]:
        if self._leaves[0] != number:
            start = number * BLOCK
            self._leaves = (number, self._read(start, min(start + BLOCK, self._size)))
        return self._leaves[1]
