"""`ledger serve`, `worker`, `migrate`, `status`, `retry`, `rebuild`, `audit`, `openapi`: a ledger that runs."""

import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated

import uvicorn
from cyclopts import Parameter
from fastapi import FastAPI
from msgspec import to_builtins
from pydantic import SecretStr
from rich.text import Text
from sqlalchemy import func, make_url, select

from api.app import create_app, now
from api.logs import configure_logs
from api.notarizing import follower, following
from api.openapi.document import openapi_text
from api.security.guard import GuardedLedger
from api.settings import MIN_SECRET_BYTES, Settings, database_url
from api.terminal.environment import FINDING, OK, USAGE, Stop, check_url, load_settings, shown, the_ledger
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from api.worker import keep_up
from ledger.audit import AuditReport
from ledger.log.standing import standing
from ledger.store.epochs import current_epoch
from ledger.store.factory import open_engine
from ledger.store.tables import events, headers
from projections.answers import PROJECTION_VERSION
from projections.checkpoint import Parked
from projections.migrations import upgrade
from projections.rebuild import REBUILDABLE, Report, rebuild
from projections.runner import REMEDY, Runner
from projections.schema import audit_all

SHOW = Show()
MOST_LANES = 64


def serve(*, host: str | None = None, port: int | None = None) -> int:
    """Serve the API; host and port of the settings unless given here."""
    settings = load_settings()
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=changed)
    check_url(database_url(settings))
    with the_ledger(settings):
        pass
    app = create_app(settings)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    return OK


def worker() -> int:
    """Keep the read models up to date until interrupted."""
    settings = load_settings()
    configure_logs(settings)
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    with the_ledger(settings) as ledger:
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        err().print(f"更新查询 keeping up with {shown(database_url(settings))}", markup=False)
        notary = follower(settings, ledger.engine, now)
        with following(notary, settings.log_round_seconds):
            keep_up(Runner(ledger.engine), stop)
    return OK


def migrate(*, lanes: Annotated[int, Parameter(help="Lanes of the log; fixed when the ledger is made")] = 1) -> int:
    """Make the ledger's tables, or bring them up to date."""
    if not 1 <= lanes <= MOST_LANES:
        raise Stop(f"--lanes 须在 1 与 {MOST_LANES} 之间 lies between 1 and {MOST_LANES}", USAGE)
    url = database_url(load_settings())
    check_url(url, must_exist=False)
    _begin_for_the_owner_alone(url)
    engine = open_engine(url)
    try:
        upgrade(engine, lanes=lanes)
    finally:
        engine.dispose()
    err().print(f"账本已就绪 The ledger at {shown(url)} is ready", markup=False)
    return OK


def _begin_for_the_owner_alone(url: str) -> None:
    """A new SQLite file is its owner's, and its journals are: it holds password hashes and the sealed vault."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        os.close(os.open(parsed.database, os.O_WRONLY | os.O_CREAT, 0o600))


def status(*, show: Show = SHOW) -> int:
    """Where the log and the read models stand; 1 where an institution stands still or they lie too far behind."""
    settings = load_settings()
    with the_ledger(settings) as ledger:
        health, signed = Runner(ledger.engine).health(), standing(ledger.engine)
        with ledger.engine.connect() as connection:
            institutions = connection.scalar(select(func.count()).select_from(headers)) or 0
            held = connection.scalar(select(func.count()).select_from(events)) or 0
        facts = {
            "database_url": shown(database_url(settings)),
            "institutions": institutions,
            "events": held,
            "position": max(ledger.position(lane) for lane in range(ledger.lanes)),
            "lanes": ledger.lanes,
            "lag": health.lag,
            "incomplete": health.incomplete,
            "projection_version": PROJECTION_VERSION,
            "epoch": current_epoch(ledger.engine).name,
            "unsigned": signed.unsigned,
            "directory_size": signed.directory_size,
            "parked": [to_builtins(each) for each in health.parked],
        }
    if show.json:
        print_json(facts)
    elif not show.quiet:
        print_table([Column("项 item"), Column("值 value")], [(name, value or "0") for name, value in facts.items()])
    if not show.quiet:
        _say_remedy(health.parked)
    return OK if health.green and health.lag <= settings.ready_lag else FINDING


def retry(institution: str | None = None, /, *, show: Show = SHOW) -> int:
    """Take up again what stands still, of one institution or of all; 1 where something still does."""
    with the_ledger() as ledger:
        runner = Runner(ledger.engine)
        before = {each.institution_id for each in runner.health().parked}
        if institution is not None and ledger.head(institution) is None:
            raise Stop(f"没有机构 There is no institution {institution}", USAGE)
        left = [each for each in runner.retry_parked(institution) if institution in {None, each.institution_id}]
        runner.catch_up()
    tried = before if institution is None else before & {institution}
    taken_up = sorted(tried - {each.institution_id for each in left})
    if show.json:
        print_json({"taken_up": taken_up, "parked": [to_builtins(each) for each in left]})
    elif not show.quiet:
        out().print(f"已恢复 taken up {len(taken_up)} · 仍停下 still parked {len(left)}", markup=False)
        _show_parked(left)
    if left and not show.quiet:
        _say_remedy(left)
    return FINDING if left else OK


def _show_parked(parked: Iterable[Parked]) -> None:
    for stream in parked:
        out().print(
            f"停下 stands still: {stream.institution_id} at {stream.position}, {stream.error}: {stream.detail}",
            markup=False,
        )


def _say_remedy(parked: Sequence[Parked]) -> None:
    if parked:
        err().print(f"停下的流 what stands still: {REMEDY}", markup=False)


def rebuild_models(
    *models: Annotated[str, Parameter(help=f"Of {', '.join(REBUILDABLE)}; all when left out")],
    workers: Annotated[int, Parameter(help="Processes that fold, on PostgreSQL")] = 1,
    accept_differences: Annotated[bool, Parameter(negative="", help="Swap although the rows differ")] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Compare, and swap nothing")] = False,
    show: Show = SHOW,
) -> int:
    """Rebuild read models from the first event, compare, and put them in place; 1 where they differ."""
    if unknown := set(models) - set(REBUILDABLE):
        raise Stop(f"没有这个模型 There is no read model {', '.join(sorted(unknown))}", USAGE)
    if workers < 1:
        raise Stop("--workers 至少为 1 is at least 1", USAGE)
    with the_ledger() as ledger, progress("重建 rebuild", show) as watch:
        report = rebuild(
            ledger.engine,
            models or REBUILDABLE,
            progress=watch,
            workers=workers,
            accept_differences=accept_differences,
            dry=dry_run,
        )
    _show_rebuild(report, show)
    return FINDING if report.differences or report.parked else OK


def _show_rebuild(report: Report, show: Show) -> None:
    if show.json:
        print_json(report)
        return
    for each in report.differences:
        out().print(
            f"不一致 differs: {each.table}, {each.only_live} only live, {each.only_rebuilt} only rebuilt", markup=False
        )
    _show_parked(report.parked)
    if not show.quiet:
        state = "已切换 swapped" if report.swapped else "未切换 not swapped"
        out().print(f"{', '.join(report.models)}: {report.events:,} events, {state}", markup=False)


def audit_ledger(*institutions: Annotated[str, Parameter(help="All when left out")], show: Show = SHOW) -> int:
    """Read history from its first event and compare it with everything stored; 1 where something does not agree."""
    with the_ledger() as ledger:
        unknown = [each for each in institutions if ledger.head(each) is None]
        if unknown:
            raise Stop(f"没有机构 There is no institution {', '.join(unknown)}", USAGE)
        with ledger.engine.connect() as connection:
            total = connection.scalar(select(func.count()).select_from(events)) or 0
        with progress("审计 audit", show) as watch:
            read = 0

            def count(more: int) -> None:
                nonlocal read
                read += more
                watch(read, total)

            report = audit_all(ledger, institutions or None, count)
    _show_audit(report, show)
    return OK if report.passed else FINDING


def _show_audit(report: AuditReport, show: Show) -> None:
    if show.json:
        print_json({**to_builtins(report), "passed": report.passed})
        return
    for each in report.findings:
        where = (
            f"{each.institution_id or '–'} v{each.version}" if each.version is not None else each.institution_id or "–"
        )
        out().print(Text(f"{each.code}: {where}: {each.detail}"))
    if not show.quiet:
        verdict = "一致 everything agrees" if report.passed else "不一致 it does not agree"
        out().print(
            f"{verdict}: {report.institutions} institutions, {report.events:,} events, {report.sheets:,} sheets, "
            f"{report.commands:,} command keys, {schema_told(report)}, {len(report.findings)} findings",
            markup=False,
        )


def schema_told(report: AuditReport) -> str:
    """How much of the schema was compared, in words."""
    if report.schema_objects is None:
        return "schema not compared (this role may not make one beside it)"
    return f"{report.schema_objects:,} parts of the schema"


def openapi(*, output: Annotated[Path | None, Parameter(help="Write to this file")] = None) -> int:
    """Print the description of the API (OpenAPI 3.1). Needs no ledger."""
    with TemporaryDirectory() as folder:
        text = openapi_text(_empty_app(f"sqlite:///{folder}/ledger.sqlite"))
    if output is None:
        sys.stdout.buffer.write(text + b"\n")
    else:
        write_file(output, text + b"\n")
    return OK


def _empty_app(url: str) -> FastAPI:
    """The application on an empty ledger: its routes are made over one."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    settings = Settings(database_url=url, token_secret=SecretStr("0" * MIN_SECRET_BYTES), projector=False)
    ledger = GuardedLedger(url, now)
    app = create_app(settings, ledger)
    app.openapi()
    ledger.close()
    return app


def make_folder(path: Path) -> None:
    """Make a folder where there is none. Raises Stop where that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"无法写入 {path} cannot be written: {error.strerror}", USAGE) from None


def write_file(path: Path, content: bytes) -> None:
    """Write a file. Raises Stop where that cannot be done."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Stop(f"无法写入 {path} cannot be written: {error.strerror}", USAGE) from None
