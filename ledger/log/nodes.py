"""Roots of complete subtrees, stored as a log grows: a proof reads some of them and a few leaves, whatever the size."""

from collections.abc import Callable, Iterable
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from ledger.log.merkle import Frontier, node_hash, root_of
from ledger.log.tables import frontiers, nodes

LEVEL: Final = 8
"""Subtrees of 2 ** LEVEL leaves and more are stored: some two rows for every 256 entries."""

ReadLeaves = Callable[[int, int], list[bytes]]
"""Leaf hashes from index `low` up to before `high`, from the stored bytes."""
Node = tuple[str, int, int, bytes]
"""Log, level, number at that level from the left, root."""


def append(frontier: Frontier, log: str, leaf: bytes) -> list[Node]:
    """Add one leaf hash; the nodes to store that it completes."""
    if (frontier.size + 1) % (1 << LEVEL):
        frontier.append(leaf)
        return []
    return [(log, level, number, root) for level, number, root in frontier.complete(leaf, LEVEL)]


def keep(connection: Connection, completed: Iterable[Node]) -> None:
    """Store nodes, in the transaction that moves the frontier; one that is there stays."""
    rows = [
        {"log": log, "level": level, "number": number, "root": root.hex()} for log, level, number, root in completed
    ]
    if rows:
        put = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(put(nodes).on_conflict_do_nothing(), rows)


def bare_logs(connection: Connection) -> list[tuple[str, int]]:
    """Logs and their sizes that grew before nodes were stored, or have lost them."""
    c, first = frontiers.c, select(nodes.c.log).where(nodes.c.level == LEVEL, nodes.c.number == 0)
    query = select(c.institution_id, c.size).where(c.size >= 1 << LEVEL, c.institution_id.not_in(first))
    return [(log, size) for log, size in connection.execute(query.order_by(c.institution_id))]


def nodes_of(log: str, size: int, read: ReadLeaves) -> list[Node]:
    """Every node of a log of this size, from its leaves."""
    frontier, step, found = Frontier(), 1 << LEVEL, list[Node]()
    for low in range(0, size - size % step, step):
        for leaf in read(low, low + step):
            found += append(frontier, log, leaf)
    return found


class Tree:
    """One log of `size` entries, as proofs ask for it: stored nodes where there are, leaves where there are none."""

    def __init__(self, connection: Connection, log: str, size: int, read: ReadLeaves) -> None:
        self._connection = connection
        self._log = log
        self._size = size
        self._read = read
        self._believed = True
        self._blocks: dict[int, list[bytes]] = {}

    def leaf(self, index: int) -> bytes:
        """The hash of one leaf."""
        return self._block(index >> LEVEL)[index % (1 << LEVEL)]

    def root_between(self, low: int, high: int) -> bytes:
        """The root over the leaves from `low` to before `high`, a subtree of the log's tree."""
        if high - low < 1 << LEVEL:
            start = low - low % (1 << LEVEL)
            return root_of(self._block(low >> LEVEL)[low - start : high - start])
        roots, start = list[bytes](), low
        for level in range((high - low).bit_length() - 1, LEVEL - 1, -1):
            if (high - low) >> level & 1:
                roots.append(self._complete(level, start >> level))
                start += 1 << level
        root = self.root_between(start, high) if start < high else roots.pop()
        for each in reversed(roots):
            root = node_hash(each, root)
        return root

    def forget(self) -> None:
        """What is stored of this tree does not lead to what was signed: believe the leaves alone."""
        self._believed = False

    def _complete(self, level: int, number: int) -> bytes:
        c = nodes.c
        query = select(c.root).where(c.log == self._log, c.level == level, c.number == number)
        stored = self._connection.scalar(query) if self._believed else None
        if stored is not None:
            return bytes.fromhex(stored)
        if level == LEVEL:
            return root_of(self._read(number << LEVEL, (number + 1) << LEVEL))
        return node_hash(self._complete(level - 1, 2 * number), self._complete(level - 1, 2 * number + 1))

    def _block(self, number: int) -> list[bytes]:
        if number not in self._blocks:
            start = number << LEVEL
            self._blocks[number] = self._read(start, min(start + (1 << LEVEL), self._size))
        return self._blocks[number]
