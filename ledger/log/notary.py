"""The notary: takes what was recorded into each institution's tree, and signs checkpoints of what has grown."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Event as Signal
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from ledger.log import nodes
from ledger.log.checkpoints import Checkpoint, sign_checkpoint
from ledger.log.entries import directory_entry, directory_origin, entry_of, log_origin
from ledger.log.keys import PrivateKey
from ledger.log.merkle import HASH_BYTES, Frontier, leaf_hash
from ledger.log.proving import directory_leaves, event_leaves
from ledger.log.records import BATCH, one_moment, reading
from ledger.log.tables import checkpoints, cursors, directory, frontiers
from ledger.store.failures import StoreUnavailable
from ledger.store.tables import events, lanes

DIRECTORY = ""
"""The directory's place among the frontiers; no institution has an empty id."""
RACES = 20
"""A notary that loses so many rounds in a row is not racing: something is wrong with the tables."""


class StreamBroken(Exception):
    """The next event of a stream is not the one that must come: somebody changed the store. Nothing more is signed."""


class Overtaken(Exception):
    """Another notary was first; what it wrote is read again in the next round."""


class Round(Struct, frozen=True):
    """What one round did: events taken in, checkpoints signed, and the size of the directory after it."""

    events: int
    checkpoints: int
    directory_size: int


class Notary:
    """One per ledger at a time; a second one does no harm. `clock` gives µs since the epoch, UTC."""

    def __init__(self, engine: Engine, key: PrivateKey, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock
        self._frontiers: dict[str, Frontier] = {}
        self._positions: dict[int, int] = {}
        self._lost = 0
        self._filled = False

    def run(self) -> Round:
        """Take in everything that is recorded by now and sign what has grown.

        Raises StreamBroken where the store was changed, StoreUnavailable.
        """
        try:
            if not self._filled:
                self._fill_nodes()
            done = self._sign(sum(self._take_lane(lane) for lane in self._lanes()))
        except (Overtaken, IntegrityError) as race:
            self._forget()
            self._lost += 1
            if self._lost > RACES:
                raise StreamBroken("the tables of the log contradict each other") from race
            return Round(0, 0, self._size_of_directory())
        except (OperationalError, InterfaceError) as error:
            self._forget()
            raise StoreUnavailable(str(error.orig)) from error
        self._lost = 0
        return done

    def follow(self, stop: Signal, pause_seconds: float, on_round: Callable[[Round], None] | None = None) -> None:
        """Run again and again until told to stop; a database that is away is asked again after the pause."""
        while not stop.is_set():
            try:
                done = self.run()
                if on_round is not None:
                    on_round(done)
            except StoreUnavailable:
                pass
            stop.wait(pause_seconds)

    def _lanes(self) -> list[int]:
        with reading(self._engine) as connection:
            return list(connection.scalars(select(lanes.c.lane).order_by(lanes.c.lane)))

    def _size_of_directory(self) -> int:
        with reading(self._engine) as connection:
            size = connection.scalar(select(frontiers.c.size).where(frontiers.c.institution_id == DIRECTORY))
            return size or 0

    def _fill_nodes(self) -> None:
        """Store the nodes of logs that grew before there were any: once for each notary, and mostly nothing."""
        with reading(self._engine) as connection:
            for log, size in nodes.bare_logs(connection):
                read = partial(event_leaves, connection, log) if log else partial(directory_leaves, connection)
                found = nodes.nodes_of(log, size, read)
                with self._engine.begin() as writing:
                    nodes.keep(writing, found)
        self._filled = True

    def _take_lane(self, lane: int) -> int:
        taken, count = 0, BATCH
        while count == BATCH:
            count = self._take_batch(lane)
            taken += count
        return taken

    def _take_batch(self, lane: int) -> int:
        c = events.c
        with one_moment(self._engine) as connection:
            stored = connection.scalar(select(cursors.c.position).where(cursors.c.lane == lane))
            if self._positions.get(lane) != stored:  # another notary was here
                self._frontiers.clear()
            query = select(c.position, c.originator_id, c.originator_version, c.topic, c.state)
            query = query.where(c.lane == lane, c.position > (stored or 0)).order_by(c.position).limit(BATCH)
            rows = connection.execute(query).all()
            grown = {row[1] for row in rows}
            fresh = self._load(connection, grown)
        if not rows:
            return 0
        completed: list[nodes.Node] = []
        for _, institution_id, version, topic, state in rows:
            frontier = self._frontiers[institution_id]
            if version != frontier.size + 1:
                self._forget()
                raise StreamBroken(f"{institution_id}: version {version} follows {frontier.size}")
            completed += nodes.append(frontier, institution_id, leaf_hash(entry_of(topic, state.encode())))
        with self._engine.begin() as connection:
            self._move_cursor(connection, lane, stored, rows[-1][0])
            self._keep(connection, grown, fresh)
            nodes.keep(connection, completed)
        self._positions[lane] = rows[-1][0]
        return len(rows)

    def _forget(self) -> None:
        self._frontiers.clear()
        self._positions.clear()

    def _load(self, connection: Connection, institutions: Iterable[str]) -> set[str]:
        """Bring the frontiers of these into memory; those that are not stored yet are returned."""
        missing = {each for each in institutions if each not in self._frontiers}
        fresh = set(missing)
        for institution_id, size, peaks, _ in _stored_frontiers(connection, sorted(missing)):
            self._frontiers[institution_id] = _decode(size, peaks)
            fresh.discard(institution_id)
        for institution_id in fresh:
            self._frontiers[institution_id] = Frontier()
        return fresh

    def _move_cursor(self, connection: Connection, lane: int, stored: int | None, position: int) -> None:
        if stored is None:
            connection.execute(insert(cursors).values(lane=lane, position=position))
            return
        moved = update(cursors).where(cursors.c.lane == lane, cursors.c.position == stored)
        if connection.execute(moved.values(position=position)).rowcount != 1:
            raise Overtaken

    def _keep(self, connection: Connection, grown: Iterable[str], fresh: set[str]) -> None:
        new: list[dict[str, Any]] = []
        old: list[dict[str, Any]] = []
        for institution_id in sorted(grown):
            frontier = self._frontiers[institution_id]
            row = {"key": institution_id, "size": frontier.size, "peaks": b"".join(frontier.peaks).hex()}
            (new if institution_id in fresh else old).append(row)
        if new:
            rows = [{"institution_id": row.pop("key"), **row, "signed_size": 0} for row in new]
            connection.execute(insert(frontiers), rows)
        _update_frontiers(connection, old)

    def _sign(self, taken: int) -> Round:
        c = frontiers.c
        with reading(self._engine) as connection:
            grown = connection.execute(
                select(c.institution_id, c.size, c.peaks)
                .where(c.institution_id != DIRECTORY, c.signed_size < c.size)
                .order_by(c.institution_id)
            ).all()
            self._frontiers.pop(DIRECTORY, None)
            fresh = bool(self._load(connection, [DIRECTORY]))
        top = self._frontiers[DIRECTORY]
        if not grown:
            return Round(taken, 0, top.size)
        before, completed = top.size, list[nodes.Node]()
        rows = [
            self._checkpoint(top, institution_id, _decode(size, peaks), completed)
            for institution_id, size, peaks in grown
        ]
        with self._engine.begin() as connection:
            self._keep_directory(connection, top, before, fresh=fresh)
            nodes.keep(connection, completed)
            connection.execute(insert(checkpoints), rows)
            _mark_signed(connection, rows)
        return Round(taken, len(rows), top.size)

    def _checkpoint(
        self, top: Frontier, institution_id: str, frontier: Frontier, completed: list[nodes.Node]
    ) -> dict[str, Any]:
        root = frontier.root()
        origin = log_origin(self._key.name, institution_id)
        completed += nodes.append(top, DIRECTORY, leaf_hash(directory_entry(institution_id, frontier.size, root)))
        return {
            "number": top.size,
            "institution_id": institution_id,
            "size": frontier.size,
            "root": root.hex(),
            "note": sign_checkpoint(Checkpoint(origin, frontier.size, root), self._key),
        }

    def _keep_directory(self, connection: Connection, top: Frontier, before: int, *, fresh: bool) -> None:
        row = {"size": top.size, "peaks": b"".join(top.peaks).hex(), "signed_size": top.size}
        if fresh:
            connection.execute(insert(frontiers).values(institution_id=DIRECTORY, **row))
        else:
            mine = update(frontiers).where(frontiers.c.institution_id == DIRECTORY, frontiers.c.size == before)
            if connection.execute(mine.values(**row)).rowcount != 1:
                raise Overtaken
        root = top.root()
        note = sign_checkpoint(Checkpoint(directory_origin(self._key.name), top.size, root), self._key)
        connection.execute(insert(directory).values(size=top.size, root=root.hex(), note=note, made_at=self._clock()))


def _decode(size: int, peaks: str) -> Frontier:
    try:
        raw = bytes.fromhex(peaks)
        return Frontier(size, [raw[i : i + HASH_BYTES] for i in range(0, len(raw), HASH_BYTES)])
    except ValueError as error:
        raise StreamBroken(f"the kept edge of a tree is none: {error}") from error


def _stored_frontiers(connection: Connection, institutions: Sequence[str]) -> Iterable[Any]:
    c = frontiers.c
    for start in range(0, len(institutions), 500):
        chunk = institutions[start : start + 500]
        yield from connection.execute(
            select(c.institution_id, c.size, c.peaks, c.signed_size).where(c.institution_id.in_(chunk))
        ).all()


def _update_frontiers(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        marks = "update log_frontiers set size = :size, peaks = :peaks where institution_id = :key"
        connection.execute(text(marks), rows)


def _mark_signed(connection: Connection, rows: list[dict[str, Any]]) -> None:
    marks = "update log_frontiers set signed_size = :size where institution_id = :key and signed_size < :size"
    connection.execute(text(marks), [{"size": row["size"], "key": row["institution_id"]} for row in rows])
