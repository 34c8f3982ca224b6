"""`ledger demo`: a seeded city and the published cases, told through the public commands."""

import json as json_text
import sys
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.demo.database import DatabaseAway, LedgerNotEmpty, prepared
from api.demo.report import as_json, show
from api.demo.run import BEGINNING, ENDING, Run, run
from api.demo.telling import BEIJING, Tally
from api.settings import Settings

OK, USAGE, ENVIRONMENT = 0, 2, 3
SEED = 7
MOST = 100.0


def command(
    settings: Settings, *, scale: float = 1.0, seed: int = SEED, json: bool = False, quiet: bool = False
) -> tuple[int, Settings]:
    """Tell the story and print what is due; returns the exit code and the settings to serve the ledger with.

    0: told. 2: a scale out of range, or a ledger that is not empty. 3: the database is away.
    """
    out, err = Console(width=100), Console(stderr=True, width=100)
    if not 0 < scale <= MOST:
        err.print(f"--scale lies above 0 and is at most {MOST:g}, not {scale:g}")
        return USAGE, settings
    try:
        url = prepared(settings)
    except LedgerNotEmpty as refusal:
        err.print(str(refusal))
        return USAGE, settings
    except DatabaseAway as failure:
        err.print(f"the database cannot be opened: {failure}")
        return ENVIRONMENT, settings
    told = _told(err, url, scale, seed, watched=not (json or quiet))
    if json:
        sys.stdout.write(
            json_text.dumps(_summary(told, scale, seed) | as_json(told.findings), ensure_ascii=False) + "\n"
        )
    elif not quiet:
        show(out, told.findings)
        out.print(_sentence(told, scale, seed))
    if not json and settings.database_url is None:
        out.print(f"账本在 The ledger is at {url}", soft_wrap=True)
    return OK, settings.model_copy(update={"database_url": url})


def _told(console: Console, url: str, scale: float, seed: int, *, watched: bool) -> Run:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[on]} · {task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not (watched and console.is_terminal), transient=True) as progress:
        whole = (ENDING - BEGINNING).total_seconds()
        task = progress.add_task("讲述 telling", total=whole, on="", events=0)

        def watch(moment: datetime, tally: Tally) -> None:
            done = (moment - BEGINNING).total_seconds()
            progress.update(task, completed=done, on=moment.astimezone(BEIJING).date(), events=tally.events)

        return run(url, scale, seed, watch)


def _summary(told: Run, scale: float, seed: int) -> dict[str, object]:
    return {
        "scale": scale,
        "seed": seed,
        "institutions": told.tally.topics["escrow_opened"],
        "contracts": told.tally.topics["contract_registered"],
        "commands": told.tally.commands,
        "events": told.tally.events,
        "replayed": told.tally.replayed,
        "refused": dict(sorted(told.tally.refused.items())),
        "told_seconds": round(told.told_seconds, 3),
        "read_models_seconds": round(told.caught_up_seconds, 3),
        "events_per_second": told.events_per_second,
    }


def _sentence(told: Run, scale: float, seed: int) -> str:
    topics, tally = told.tally.topics, told.tally
    refused = ", ".join(f"{code} {number}" for code, number in sorted(tally.refused.items()))
    return (
        f"{topics['escrow_opened']} institutions ({len(told.findings.cases)} of them published cases), "
        f"{topics['contract_registered']:,} contracts, {tally.commands:,} commands, {tally.events:,} events "
        f"in {told.told_seconds:.1f} s ({told.events_per_second:,} events/s); read models in "
        f"{told.caught_up_seconds:.1f} s. Seed {seed}, scale {scale:g}.\n"
        f"Refused as they should be: {refused}; answered again under the same key: {tally.replayed}."
    )
