"""The lines that seals commit to, kept as they change: a family's path reads its block and the roots of the others."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Engine, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger.log.merkle import inclusion_path, leaf_hash, root_of
from ledger.log.records import reading
from ledger.log.tables import seal_blocks, seal_lines

BLOCK: Final = 256
"""Lines of a block; a power of two, so that blocks are subtrees."""


class SealedLine(Struct, frozen=True):
    """One line under a sealed root, and the path to it."""

    line: bytes
    index: int
    path: tuple[bytes, ...]


def key_of(line: bytes) -> str:
    """What a line is about: `contract <id>` or `deposit <id>`; lines in order of their bytes are in order of it."""
    kind, name, _ = line.split(b" ", 2)
    return f"{kind.decode()} {name.decode()}"


def keep_lines(engine: Engine, institution_id: str, version: int, lines: Sequence[bytes]) -> None:
    """Keep the sorted lines as of a version: those that changed since they were kept last, and the roots of blocks.

    Nothing is believed that does not lead to what was sealed, so that it does no harm if two do this at once.
    """
    c, now = seal_lines.c, {key_of(line): line.decode() for line in lines}
    current = select(c.key, c.line).where(c.institution_id == institution_id, c.until_version.is_(None))
    with reading(engine) as connection:
        kept = select(func.max(seal_blocks.c.stream_version)).where(seal_blocks.c.institution_id == institution_id)
        if version < (connection.scalar(kept) or 0):
            return  # somebody keeps later ones meanwhile, and what is sealed as of this version is outdated
        before = {key: line for key, line in connection.execute(current)}  # noqa: C416 - rows are no plain tuples
    over = sorted(key for key, line in before.items() if now.get(key) != line)
    fresh = sorted(key for key, line in now.items() if before.get(key) != line)
    row = {"institution_id": institution_id, "since_version": version}
    with engine.begin() as connection:
        put = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        if over:
            mine = (c.institution_id == institution_id) & (c.key == bindparam("ended")) & c.until_version.is_(None)
            ended = update(seal_lines).where(mine).values(until_version=version)
            connection.execute(ended, [{"ended": key} for key in over])
        if fresh:
            rows = [{**row, "key": key, "line": now[key]} for key in fresh]
            connection.execute(put(seal_lines).on_conflict_do_nothing(), rows)
        if blocks := _blocks(institution_id, version, lines):
            connection.execute(put(seal_blocks).on_conflict_do_nothing(), blocks)


def _blocks(institution_id: str, version: int, lines: Sequence[bytes]) -> list[dict[str, object]]:
    return [
        {
            "institution_id": institution_id,
            "stream_version": version,
            "number": start // BLOCK,
            "first_key": key_of(lines[start]),
            "root": root_of(map(leaf_hash, lines[start : start + BLOCK])).hex(),
        }
        for start in range(0, len(lines), BLOCK)
    ]


def find_line(
    connection: Connection, institution_id: str, version: int, size: int, root: str, key: str
) -> SealedLine | None:
    """The line of a key under the root over `size` lines that was sealed as of a version.

    None where what is kept does not lead to the root. Raises KeyError where it does, and has no such line.
    """
    b = seal_blocks.c
    query = select(b.first_key, b.root).where(b.institution_id == institution_id, b.stream_version == version)
    kept = connection.execute(query.order_by(b.number)).all()
    roots = [bytes.fromhex(each.root) for each in kept]
    if not roots or root_of(roots).hex() != root or len(roots) != -(-size // BLOCK):
        return None
    firsts = [each.first_key for each in kept]
    number = max(0, bisect_right(firsts, key) - 1)
    lines = _lines(connection, institution_id, version, firsts[number : number + 2])
    leaves = [leaf_hash(line) for line in lines]
    if root_of(leaves) != roots[number]:
        return None
    place = next((place for place, line in enumerate(lines) if key_of(line) == key), None)
    if place is None:
        every = _lines(connection, institution_id, version, [""])
        if root_of(map(leaf_hash, every)).hex() == root and key not in map(key_of, every):
            raise KeyError(key)
        return None
    start = number * BLOCK

    def root_between(low: int, high: int) -> bytes:
        if start <= low and high <= start + len(leaves):
            return root_of(leaves[low - start : high - start])
        return root_of(roots[low // BLOCK : -(-high // BLOCK)])

    return SealedLine(lines[place], start + place, tuple(inclusion_path(size, start + place, root_between)))


def _lines(connection: Connection, institution_id: str, version: int, firsts: Sequence[str]) -> list[bytes]:
    """The lines from one key up to before another, as of a version."""
    c = seal_lines.c
    query = select(c.line).where(c.institution_id == institution_id, c.key >= firsts[0], c.since_version <= version)
    query = query.where(c.until_version.is_(None) | (c.until_version > version))
    if len(firsts) > 1:
        query = query.where(c.key < firsts[1])
    return [line.encode() for line in connection.scalars(query.order_by(c.key))]
