"""Rebuild rates beside what the database and the decoder alone can do, interleaved: `python -m benchmarks.rebuild`."""

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, cast, func, select

from benchmarks.history import fill
from benchmarks.measurement import Ratio, Run, Series, ratio
from ledger.postings import AMOUNTS
from ledger.serialization import decode
from ledger.store.factory import open_engine
from ledger.store.tables import events
from projections.balance_sums import day_number
from projections.escrow_balance import sum_all
from projections.log import lane_heads
from projections.rebuild import SETTINGS, STATE, VIEWS, refolded
from projections.refold import Share, shares
from projections.shadow import create, drop, shadows
from tests.conftest import migrate
from tests.postgres_server import DURABLE, running_server

SUMS_RATE = {"postgresql": 600_000, "sqlite": 250_000}
FOLD_RATE = 150_000
MEBIBYTE = 1024

Task = Callable[[Connection], None]


class Done(NamedTuple):
    """What one contender did in one round: events per second of the clock, and of the client's own processor."""

    wall: float
    core: float


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--schools", type=int, default=40)
    options.add_argument("--contracts", type=int, default=860, help="of each school; some 29 events each")
    options.add_argument("--json", type=Path, help="append the results here, one JSON object a line")
    chosen = options.parse_args()
    for database in chosen.database or ["postgresql", "sqlite"]:
        with ExitStack() as stack:
            if database == "sqlite":
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-bench-"))
                url = f"sqlite:///{folder}/ledger.sqlite"
            else:
                url = stack.enter_context(running_server(DURABLE)).url
            migrate(url)
            engine = open_engine(url)
            stack.callback(engine.dispose)
            count = fill(engine, schools=chosen.schools, contracts=chosen.contracts)
            _compare(database, engine, count, chosen.rounds, chosen.json)
            _memory(url, engine)


def _compare(database: str, engine: Engine, count: int, rounds: int, output: Path | None) -> None:
    contenders = dict(_contenders(engine))
    wall = {name: Series(name) for name in contenders}
    core: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, task in contenders.items():
            done = _timed(engine, task, count)
            wall[name].runs.append(Run(done.wall, 1e3 / done.wall, 1e3 / done.wall))
            core[name].append(done.core)
    names = list(contenders)
    ratios = [
        ratio("sums over typed INSERT…SELECT", wall["balances, by sums"], wall[names[0]], 0.50),
        ratio("all views over cursor + decode", wall["all views, by fold"], wall[names[2]], 0.80),
        Ratio("balances, events/s over the target", wall["balances, by sums"].rate / SUMS_RATE[database], 1.0),
        Ratio(
            "all views, events/s a core over the target", statistics.median(core["all views, by fold"]) / FOLD_RATE, 1.0
        ),
    ]
    _report(f"rebuild of {count:,} events on {database}", wall, core, ratios, output)


def _report(
    title: str, wall: dict[str, Series], core: dict[str, list[float]], ratios: list[Ratio], output: Path | None
) -> None:
    print(f"\n{title}, median of {len(next(iter(core.values())))} interleaved rounds")
    for name, series in wall.items():
        cores = statistics.median(core[name])
        print(f"  {name:<40}{series.rate:>12,.0f} events/s{cores:>14,.0f} events/s of the client's processor")
    for one in ratios:
        print(f"  {one.line()}")
    if output:
        rates = {name: {"wall": series.rate, "core": statistics.median(core[name])} for name, series in wall.items()}
        document = {"title": title, "rates": rates, "ratios": {one.name: asdict(one) for one in ratios}}
        with output.open("a") as file:
            file.write(json.dumps(document) + "\n")


def _contenders(engine: Engine) -> Iterator[tuple[str, Task]]:
    yield "typed INSERT…SELECT of the same sums", _typed_sums
    yield "balances, by sums", _sums
    yield "cursor + decode of whole events", _decoded
    with engine.connect() as connection:
        heads, work = lane_heads(connection), shares(connection, 100_000)
    yield "all views, by fold", _fold(work, heads, (*VIEWS, *STATE))
    for name in VIEWS:
        yield f"{name} alone", _fold(work, heads, (name, *STATE))


def _timed(engine: Engine, task: Task, count: int) -> Done:
    with engine.connect() as connection:
        with connection.begin():
            create(connection, shadows())
        with connection.begin():
            for setting in SETTINGS if engine.dialect.name == "postgresql" else ():
                connection.exec_driver_sql(f"set local {setting}")
            started, worked = time.perf_counter(), time.process_time()
            task(connection)
            took, used = time.perf_counter() - started, time.process_time() - worked
        with connection.begin():
            drop(connection, shadows())
    return Done(count / took, count / used)


def _typed_sums(connection: Connection) -> None:
    """The least such sums can cost: the same columns added up by the same keys, put into a table."""
    keys = (events.c.originator_id, events.c.topic, day_number(events.c.effective_at), day_number(events.c.recorded_at))
    labelled = [key.label(f"key{number}") for number, key in enumerate(keys)]
    query = select(*labelled, *(cast(func.sum(events.c[name]), BigInteger).label(name) for name in AMOUNTS))
    text = str(
        query.group_by(*(key.name for key in labelled)).compile(connection, compile_kwargs={"literal_binds": True})
    )
    connection.exec_driver_sql(f"create temporary table floor_sums as {text} limit 0".replace("%", "%%"))
    connection.exec_driver_sql(f"insert into floor_sums {text}".replace("%", "%%"))
    connection.exec_driver_sql("drop table floor_sums")


def _sums(connection: Connection) -> None:
    sum_all(connection, tables=shadows())


def _decoded(connection: Connection) -> None:
    """The least a fold can cost: every event read in stream order and decoded, envelope and all."""
    raw: Any = connection.connection.driver_connection
    named = {} if connection.dialect.name == "sqlite" else {"name": "decoded", "binary": True}
    cursor = raw.cursor(**named)
    cursor.execute("select topic, state from events order by originator_id, originator_version")
    while rows := cursor.fetchmany(2_000):
        for topic, state in rows:
            decode(topic, state)
    cursor.close()


def _fold(work: list[Share], heads: dict[int, int], names: tuple[str, ...]) -> Task:
    def task(connection: Connection) -> None:
        tables = shadows()
        for share in work:
            refolded(connection, share, {name: tables[name] for name in names}, heads)

    return task


def _memory(url: str, engine: Engine) -> None:
    """Peak memory of a process that folds a tenth of the log, and of one that folds all of it."""
    with engine.connect() as connection:
        work = shares(connection, 100_000)
    spawned = multiprocessing.get_context("spawn")
    for part in (work[: max(1, len(work) // 10)], work):
        with spawned.Pool(1) as pool:
            peak, count = pool.apply(_peak, (url, part))
        print(f"  fold of {count:>10,} events: {peak / MEBIBYTE:>6,.0f} MiB at most")


def _peak(url: str, work: list[Share]) -> tuple[int, int]:
    engine = open_engine(url)
    with engine.connect() as connection:
        heads = lane_heads(connection)
    _timed(engine, _fold(work, heads, (*VIEWS, *STATE)), 1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sum(share.events for share in work)


if __name__ == "__main__":
    main()
