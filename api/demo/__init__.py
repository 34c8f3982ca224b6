"""`ledger demo`: a seeded city and the published cases, told through the public commands."""

import json as json_text
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from msgspec import to_builtins
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.app import now
from api.demo.bankreport import show_bank_day, show_closure
from api.demo.database import DatabaseAway, LedgerNotEmpty, folder_of, prepared, shown
from api.demo.office import party_key, vault_key
from api.demo.report import WIDTH, as_json, show
from api.demo.run import BEGINNING, ENDING, Run, run
from api.demo.sealing import NAME, Signed, sign
from api.demo.serving import serve as serve_ledger
from api.demo.telling import BEIJING, Tally
from api.notarizing import log_key
from api.settings import Settings, master_keys
from api.vault.masters import Masters, read_masters
from ledger.log.keys import PrivateKey

OK, USAGE, ENVIRONMENT = 0, 2, 3
SEED = 7
MOST = 100.0


def command(
    settings: Settings,
    *,
    scale: float = 1.0,
    seed: int = SEED,
    serve: bool = True,
    json: bool = False,
    quiet: bool = False,
    bundle: Path | None = None,
) -> int:
    """Tell the story, print what is due, and serve the ledger unless told not to; returns the exit code.

    0: done. 2: a scale out of range, or a ledger that is not empty. 3: the database cannot be opened.
    """
    out, err = Console(width=WIDTH, soft_wrap=False), Console(stderr=True, width=WIDTH)
    if not 0 < scale <= MOST:
        err.print(f"--scale lies above 0 and is at most {MOST:g}, not {scale:g}")
        return USAGE
    try:
        url = prepared(settings)
    except LedgerNotEmpty as refusal:
        err.print(str(refusal))
        return USAGE
    except DatabaseAway as failure:
        err.print(f"the database cannot be opened: {failure}", markup=False)
        return ENVIRONMENT
    key = log_key(settings) or PrivateKey.generate(settings.log_name or NAME)
    keys = Keys.of(settings, seed)
    telling = Telling(url, scale, seed, folder_of(url), keys)
    told = _told(err, telling, watched=not (json or quiet))
    try:
        signed = sign(url, key, now, bundle)
    except OSError as error:
        err.print(f"the bundle cannot be written: {error.strerror}", markup=False)
        return USAGE
    if json:
        summary = _summary(told, telling) | as_json(told.findings) | {"signed": to_builtins(signed)}
        sys.stdout.write(json_text.dumps(summary, ensure_ascii=False) + "\n")
    elif not quiet:
        show_closure(out, told.closed)
        show_bank_day(out, told.bank_day)
        show(out, told.findings)
        out.print(_sentence(told, scale, seed))
    if not json:
        out.print(f"账本在 The ledger is at {shown(url)}", soft_wrap=True, highlight=False)
        out.print(f"文件在 Its files are in {telling.folder}{keys.told}", soft_wrap=True, highlight=False)
    if not (json or quiet):
        out.print(_how_to_check(signed), soft_wrap=True, highlight=False, markup=False)
    if serve:
        with key_file(settings, key) as path:
            facts = {"database_url": url, "log_key": path, "log_name": key.name} | keys.settings
            served = settings.model_copy(update=facts)
            serve_ledger(served, err if json else out)
    return OK


@dataclass(frozen=True)
class Keys:
    """Keys of payers' tokens and of the vault: those of the settings, else some that follow from the seed."""

    party: SecretStr
    masters: Masters
    settings: dict[str, SecretStr]
    """What the settings lack, by its name there: no secrets, and told."""

    @classmethod
    def of(cls, settings: Settings, seed: int) -> Self:
        """Raises UnreadableMasterKeys, OSError."""
        given, made = master_keys(settings), dict[str, SecretStr]()
        if settings.party_key is None:
            made["party_key"] = SecretStr(party_key(seed))
        if not given.ids:
            made["vault_key"] = SecretStr(vault_key(seed))
        masters = given if given.ids else read_masters(vault_key(seed))
        return cls(settings.party_key or made["party_key"], masters, made)

    @property
    def told(self) -> str:
        """The keys that somebody needs who goes on in another program."""
        named = [f"LEDGER_{name.upper()}={key.get_secret_value()}" for name, key in self.settings.items()]
        return f"  ({' '.join(named)})" if named else ""


def _how_to_check(signed: Signed) -> str:
    said = f"已签名 Signed: {signed.directory_size} checkpoints, by a key that anybody can check with:\n  {signed.key}"
    if signed.bundle is None:
        return f"{said}\n  (--bundle FILE writes all of it into one file; verifier/verify.py alone checks it)"
    return f"{said}\n  python verifier/verify.py bundle {signed.bundle} --key '{signed.key}'"


@contextmanager
def key_file(settings: Settings, key: PrivateKey) -> Iterator[Path]:
    """The file of the key: that of the settings, or one that is gone when the run ends."""
    if settings.log_key is not None:
        yield settings.log_key
        return
    with TemporaryDirectory(prefix="ledger-demo-") as folder:
        path = Path(folder) / "log.key"
        path.touch(mode=0o600)
        path.write_text(f"{key.text()}\n", "utf-8")
        yield path


@dataclass(frozen=True)
class Telling:
    """What is told, where to, and with which keys."""

    url: str
    scale: float
    seed: int
    folder: Path
    keys: Keys


def _told(console: Console, telling: Telling, *, watched: bool) -> Run:
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

        party = telling.keys.party.get_secret_value()
        return run(telling.url, telling.scale, telling.seed, watch, telling.folder, party, telling.keys.masters)


def _summary(told: Run, telling: Telling) -> dict[str, object]:
    return {
        "database_url": shown(telling.url),
        "folder": str(telling.folder),
        "scale": telling.scale,
        "seed": telling.seed,
        "institutions": told.tally.topics["escrow_opened"],
        "contracts": told.tally.topics["contract_registered"],
        "commands": told.tally.commands,
        "events": told.tally.events,
        "replayed": told.tally.replayed,
        "refused": dict(sorted(told.tally.refused.items())),
        "told_seconds": round(told.told_seconds, 3),
        "bank_day_seconds": round(told.bank_day_seconds, 3),
        "read_models_seconds": round(told.caught_up_seconds, 3),
        "events_per_second": told.events_per_second,
        "closure": to_builtins(told.closed),
        "bank_day": to_builtins(told.bank_day),
    }


def _sentence(told: Run, scale: float, seed: int) -> str:
    topics, tally = told.tally.topics, told.tally
    refused = ", ".join(f"{code} {number}" for code, number in sorted(tally.refused.items()))
    return (
        f"{topics['escrow_opened']} institutions ({len(told.findings.cases)} of them published cases), "
        f"{topics['contract_registered']:,} contracts, {tally.commands:,} commands, {tally.events:,} events "
        f"in {told.told_seconds + told.bank_day_seconds:.1f} s ({told.events_per_second:,} events/s), "
        f"{told.bank_day_seconds:.1f} s of them the bank day; read models in {told.caught_up_seconds:.1f} s. "
        f"Seed {seed}, scale {scale:g}.\n"
        f"Refused as they should be: {refused}; answered again under the same key: {tally.replayed}."
    )
