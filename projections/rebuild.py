"""Rebuilding read models from the first event: into shadow tables, compared with the live ones, then in their place."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, or_, select

from ledger.collector import resting
from ledger.store.factory import open_engine
from ledger.store.tables import events
from projections.checkpoint import Parked, park, parked, positions, save_position
from projections.database import begin_writing
from projections.escrow_balance import BALANCES, add_events, sum_all
from projections.log import lane_heads, up_to
from projections.refold import Refold, Share, shares
from projections.reviews import review_next
from projections.runner import LOCK
from projections.shadow import Difference, Shadows, add_indexes, compare, create, drop, shadows, swap
from projections.state import folded_header, folded_sheet, institution_event
from projections.views import MODELS

EVENTS_EACH = {"postgresql": 100_000, "sqlite": 25_000}
"""Events in one unit of work, about: what progress is told in. On SQLite commands wait while one is done."""
SETTINGS = ("synchronous_commit = off", "jit = off", "work_mem = '64MB'", "enable_sort = off", "enable_seqscan = on")
"""A stream is read along its index, not sorted; sums need memory more than compiled expressions."""

Progress = Callable[[int, int], None]
"""Told events taken in so far, and events in all."""

VIEWS = tuple(str(model.table.name) for model in MODELS)
SUMS = "escrow_balance"
STATE = tuple(str(table.name) for table in (folded_header, folded_sheet, institution_event))
REBUILDABLE = (*VIEWS, SUMS)
"""Read models that can be rebuilt by name. All together also renew the state that the fold goes on from."""


class UnknownModel(LookupError):
    """There is no read model of this name to rebuild."""


class Report(Struct, frozen=True, kw_only=True):
    """What a rebuild did; `positions`, lane by lane, are where both sides of the comparison stand in the log."""

    models: tuple[str, ...]
    events: int
    positions: dict[int, int]
    parked: tuple[Parked, ...]
    differences: tuple[Difference, ...]
    swapped: bool


def rebuild(
    engine: Engine,
    models: Iterable[str] = REBUILDABLE,
    *,
    progress: Progress | None = None,
    workers: int = 1,
    accept_differences: bool = False,
    dry: bool = False,
) -> Report:
    """Rebuild these read models and put them in the place of the live ones, in one transaction.

    Where the rebuilt rows differ from the live ones at the same position, nothing is swapped unless
    `accept_differences` says so; with `dry` nothing is in any case. Catch-up goes on meanwhile, but for the last step.
    Where nothing was ever taken in, or more than the log holds (it was put back to an earlier moment), all models
    together are built to the end of the log, and there is nothing to compare with. `workers` processes fold on
    PostgreSQL; SQLite has one writer. Needs the right to make tables. Raises UnknownModel.
    """
    work = _Rebuild(engine, _chosen(models), progress or _silent)
    work.prepare()
    try:
        work.fill(workers)
        return work.finish(accept=accept_differences, dry=dry)
    finally:
        work.tidy()


def ahead(connection: Connection) -> bool:
    """Whether the read models have taken in more than the log holds: it was put back, and they were not."""
    heads = lane_heads(connection)
    return any(position > heads.get(lane, 0) for lane, position in positions(connection).items())


def rewind(engine: Engine) -> Report | None:
    """Build all read models again where they are ahead of the log; None where they are not."""
    with engine.connect() as connection:
        if not ahead(connection):
            return None
    return rebuild(engine)


def _silent(_done: int, _all: int) -> None:
    """Nobody watches."""


def _chosen(models: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(models)
    for name in chosen:
        if name not in REBUILDABLE:
            raise UnknownModel(name)
    return tuple(name for name in REBUILDABLE if name in chosen)


class _Rebuild:
    """One rebuild on its way."""

    def __init__(self, engine: Engine, models: tuple[str, ...], progress: Progress) -> None:
        self._engine = engine
        self._models = models
        self._progress = progress
        self._tables = shadows()
        views = [name for name in models if name in VIEWS]
        self._folds = {name: self._tables[name] for name in (*views, *STATE)} if views else {}
        self._sums = dict(BALANCES) if SUMS in models else {}
        self._whole = set(models) == set(REBUILDABLE)
        self._from_nothing = False
        self._positions: dict[int, int] = {}
        self._parked: dict[str, Parked] = {}
        self._events = 0

    @property
    def _swapped(self) -> tuple[str, ...]:
        """Names of the tables that take their place."""
        folded = [name for name in self._folds if name not in STATE or self._whole]
        return (*folded, *self._sums)

    def prepare(self) -> None:
        """Make the shadow tables, and choose the position to rebuild to."""
        with self._writing() as connection:
            create(connection, self._tables)
            self._positions = positions(connection)
            if self._whole and (not self._positions or ahead(connection)):
                self._from_nothing, self._positions = True, lane_heads(connection)

    def fill(self, workers: int) -> None:
        """Fold and sum everything up to the position."""
        if self._sums:
            with self._writing() as connection:
                sum_all(connection, up_to(self._positions), tables=self._tables)
        if self._folds:
            with self._engine.connect() as connection:
                work = shares(connection, EVENTS_EACH[connection.dialect.name])
            total = sum(share.events for share in work)
            for count, stopped in self._fold(work, workers):
                self._events += count
                self._parked |= {stream.institution_id: stream for stream in stopped}
                self._progress(self._events, total)
        with self._writing() as connection:
            add_indexes(connection, {name: self._tables[name] for name in self._swapped})

    def finish(self, *, accept: bool, dry: bool) -> Report:
        """Take in what has come meanwhile, compare, and swap, while nobody else catches up."""
        with self._writing(LOCK) as connection:
            while review_next(connection):
                pass
            if not self._from_nothing:
                self._follow(connection, positions(connection))
            differences = () if self._from_nothing else tuple(compare(connection, self._tables, self._swapped))
            swapped = not dry and (accept or not differences)
            if swapped:
                self._take_place(connection)
        return Report(
            models=self._models,
            events=self._events,
            positions=self._positions,
            parked=tuple(self._parked.values()),
            differences=differences,
            swapped=swapped,
        )

    def tidy(self) -> None:
        """Drop the shadow tables that did not take a place."""
        with self._writing() as connection:
            drop(connection, self._tables)

    @contextmanager
    def _writing(self, lock: str = "rebuild") -> Iterator[Connection]:
        with self._engine.connect() as connection:
            begin_writing(connection, lock)
            for setting in SETTINGS if connection.dialect.name == "postgresql" else ():
                connection.exec_driver_sql(f"set local {setting}")
            yield connection
            connection.commit()

    def _fold(self, work: list[Share], workers: int) -> Iterator[tuple[int, list[Parked]]]:
        if workers > 1 and self._engine.dialect.name == "postgresql":
            url = self._engine.url.render_as_string(hide_password=False)
            spawned = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
                jobs = [pool.submit(_fold_share, url, share, tuple(self._folds), self._positions) for share in work]
                for job in as_completed(jobs):
                    yield job.result()
        else:
            for share in work:
                with self._writing() as connection:
                    done = refolded(connection, share, self._folds, self._positions)
                yield done

    def _follow(self, connection: Connection, here: dict[int, int]) -> None:
        """Bring the shadow tables from where they were filled to where the live ones are now."""
        since = [(events.c.lane == lane) & (events.c.position > self._positions.get(lane, 0)) for lane in here]
        if here == self._positions or not since:
            return
        new = (or_(*since), up_to(here))
        if self._sums:
            add_events(connection, *new, tables=self._tables)
        if self._folds:
            for institution_id in connection.scalars(select(events.c.originator_id).where(*new).distinct()).all():
                for table in self._folds.values():
                    connection.execute(delete(table).where(table.c.institution_id == institution_id))
                self._parked.pop(institution_id, None)
                share = Share(institution_id, institution_id, 0)
                _, stopped = refolded(connection, share, self._folds, here)
                self._parked |= {stream.institution_id: stream for stream in stopped}
        self._positions = here

    def _take_place(self, connection: Connection) -> None:
        swap(connection, self._tables, self._swapped)
        if self._whole:
            connection.execute(delete(parked))
            for stream in self._parked.values():
                park(connection, stream)
        for lane, position in self._positions.items() if self._from_nothing else ():
            save_position(connection, lane, position)


def refolded(connection: Connection, share: Share, tables: Shadows, here: dict[int, int]) -> tuple[int, list[Parked]]:
    """Fold one share."""
    work = Refold(connection, tables, here)
    with resting():
        work.run(share)
    return work.events, work.parked


def _fold_share(url: str, share: Share, names: tuple[str, ...], here: dict[int, int]) -> tuple[int, list[Parked]]:
    """What one worker process does with one share."""
    tables = shadows()
    engine = _engine_of_this_process(url)
    with engine.connect() as connection, connection.begin():
        for setting in SETTINGS:
            connection.exec_driver_sql(f"set local {setting}")
        return refolded(connection, share, {name: tables[name] for name in names}, here)


_engine_of_this_process = cache(open_engine)
