"""Reads with a long history stored: point queries, and the table of all that is due: `python -m benchmarks.queries`."""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from random import Random

from sqlalchemy import Engine, case, func, select

from benchmarks.history import fill
from ledger.store.factory import open_engine
from ledger.store.tables import events
from projections.answers import Moment
from projections.contract_statement import find_contract_statement
from projections.entitlement import get_entitlement
from projections.escrow_balance import get_escrow_balance
from projections.explain import explain_balance
from projections.fund_history import list_fund_history
from projections.institution import find_institution
from projections.overview import get_overview, refund_all_due
from projections.reader import ReadModels
from projections.rebuild import rebuild
from projections.refunds_due import list_refunds_due, refund_due
from tests.conftest import migrate
from tests.postgres_server import DURABLE, running_server

ON = date(2026, 7, 1)
MOST_MS = 10.0
POINT = ("contract", "institution", "balance", "entitlement", "dues of a contract")
LIMITS = {"entitlement over its stream select": 5.0, "refund all due over one GROUP BY": 2.0}

Query = Callable[[], object]


def main() -> None:
    """Both databases, or one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options.add_argument("--schools", type=int, default=40)
    options.add_argument("--contracts", type=int, default=860, help="of each school; some 29 events each")
    options.add_argument("--count", type=int, default=400, help="how often each query is asked")
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
            stored = fill(engine, schools=chosen.schools, contracts=chosen.contracts)
            rebuild(engine)
            times = _ask(dict(_queries(engine, chosen.schools, chosen.contracts)), chosen.count)
            _report(f"queries with {stored:,} events stored, {database}", times, chosen.json)


def _queries(engine: Engine, schools: int, contracts: int) -> Iterator[tuple[str, Query]]:
    reader, random = ReadModels(engine), Random(7)

    def some() -> tuple[str, str]:
        school = random.randrange(schools)
        return f"school-{school:05d}", f"c-{school:05d}-{random.randrange(contracts):07d}"

    def select_stream() -> object:
        institution_id, contract_id = some()
        query = select(events.c.topic, events.c.state).where(events.c.originator_id == institution_id)
        with engine.connect() as connection:
            return connection.execute(query.where(events.c.contract_id == contract_id)).all()

    columns = refund_due.c
    late = case((columns.pay_by < ON, columns.open_fen), else_=0)
    amounts = (columns.due_fen, columns.agreed_fen, columns.in_transit_fen, columns.open_fen, columns.missing_fen)
    grouped = select(columns.institution_id, func.count(), *(func.sum(each) for each in (*amounts, late)))
    grouped = grouped.group_by(columns.institution_id)

    def group_by() -> object:
        with engine.connect() as connection:
            return connection.execute(grouped).all()

    earlier = Moment(as_of=date(2026, 3, 1))
    yield "contract", lambda: find_contract_statement(reader, *some())
    yield "institution", lambda: find_institution(reader, some()[0])
    yield "balance", lambda: get_escrow_balance(reader, some()[0])
    yield "entitlement", lambda: get_entitlement(reader, *some(), "family", ON)
    yield "dues of a contract", lambda: _dues(reader, *some())
    yield "contract's events, selected", select_stream
    yield "first page of a fund history", lambda: list_fund_history(reader, some()[0])
    yield "contract at another moment", lambda: find_contract_statement(reader, *some(), earlier)
    yield "balance at another moment", lambda: get_escrow_balance(reader, some()[0], earlier)
    yield "institution at another moment", lambda: find_institution(reader, some()[0], earlier)
    yield "explanation of a balance", lambda: explain_balance(reader, some()[0], "custody_cash")
    yield "refund all due, city", lambda: refund_all_due(reader, ON)
    yield "one GROUP BY over the same rows", group_by
    yield "overview of the city", lambda: get_overview(reader, ON)


def _dues(reader: ReadModels, institution_id: str, contract_id: str) -> object:
    return list_refunds_due(reader, institution_id=institution_id, contract_id=contract_id)


def _ask(queries: dict[str, Query], count: int) -> dict[str, list[float]]:
    """Every query in turn, so that all see the same machine; milliseconds, sorted."""
    times: dict[str, list[float]] = {name: [] for name in queries}
    for query in queries.values():
        query()
    for _ in range(count):
        for name, query in queries.items():
            started = time.perf_counter()
            query()
            times[name].append((time.perf_counter() - started) * 1e3)
    return {name: sorted(each) for name, each in times.items()}


def _report(title: str, times: dict[str, list[float]], output: Path | None) -> None:
    print(f"\n{title}, each asked {len(times['contract'])} times in turn")
    p50 = {name: statistics.median(each) for name, each in times.items()}
    p99 = {name: each[len(each) * 99 // 100] for name, each in times.items()}
    for name in times:
        verdict = "" if name not in POINT else "reached" if p99[name] < MOST_MS else "MISSED"
        print(f"  {name:<36} p50 {p50[name]:>8.2f} ms   p99 {p99[name]:>8.2f} ms   {verdict}")
    ratios = {
        "entitlement over its stream select": p50["entitlement"] / p50["contract's events, selected"],
        "refund all due over one GROUP BY": p50["refund all due, city"] / p50["one GROUP BY over the same rows"],
    }
    for name, value in ratios.items():
        verdict = "reached" if value <= LIMITS[name] else "MISSED"
        print(f"  {name:<60}{value:>8.2f}x   at most {LIMITS[name]:.2f}x   {verdict}")
    if output:
        with output.open("a") as file:
            file.write(json.dumps({"title": title, "p50_ms": p50, "p99_ms": p99, "ratios": ratios}) + "\n")


if __name__ == "__main__":
    main()
