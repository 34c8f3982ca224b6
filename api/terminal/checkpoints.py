"""`ledger checkpoint`: take in what was recorded, sign what has grown, have it cosigned; and the key to sign with."""

import os
from http.client import HTTPException
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy import Engine

from api.app import now
from api.cosigning import WitnessRefused, ask_witness
from api.notarizing import log_key
from api.settings import SettingMissing, Settings
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE, Stop, load_settings, the_ledger
from api.terminal.output import Show, out, print_json
from api.witnesses import WitnessAddress, parse_witnesses
from ledger.log.cosigning import WitnessAhead
from ledger.log.keys import MalformedKey, PrivateKey
from ledger.log.notary import Notary, StreamBroken
from ledger.log.notes import MalformedNote, NotSigned
from ledger.log.proving import NotYetSigned

SHOW = Show()
app = App(name="checkpoint", help="Sign what was recorded, and have it cosigned.")

LOST = (
    "这本账比见证方看到的短或不同：是否恢复过备份？ This history is not the one the witness saw. If a backup was "
    "restored: tell the witness what happened and show it the epochs (ledger status); it keeps its last checkpoint as "
    "evidence and begins anew with: ledger-witness restart ORIGIN --reason … If none was restored: stop, somebody "
    "changed the ledger (ledger verify)."
)
AGAIN = "稍后再试 ask again later"


@app.command(name="new-key")
def new_key(
    file: Path, *, name: Annotated[str | None, Parameter(help="What the ledger is called; LEDGER_LOG_NAME")] = None
) -> int:
    """Make a key into a new file that only its owner reads; prints the verifier key to publish."""
    called = name or load_settings().log_name
    if called is None:
        raise Stop("--name 或 or LEDGER_LOG_NAME: 账本的名称 what the ledger is called (ledger.example)", USAGE)
    try:
        made = PrivateKey.generate(called)
    except MalformedKey as error:
        raise Stop(str(error), USAGE) from None
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(made.text() + "\n")
    except OSError as error:
        raise Stop(f"无法写入 {file} cannot be written: {error.strerror}", USAGE) from None
    out().print(made.public().text(), markup=False)
    return OK


@app.default
def checkpoint(
    *,
    witness: Annotated[
        list[str] | None,
        Parameter(help="A URL of LEDGER_WITNESSES, or 'URL VERIFIER-KEY'; all when left out"),
    ] = None,
    show: Show = SHOW,
) -> int:
    """Take in what was recorded, sign it, ask the witnesses; 1 where one saw another history, 3 where one is away."""
    settings = load_settings()
    key, witnesses = signing_key(settings), _chosen(settings, witness)
    with the_ledger(settings) as ledger:
        try:
            done = Notary(ledger.engine, key, now).run()
        except StreamBroken as broken:
            raise Stop(
                f"账已被改动，不再签名 Nothing more is signed, the store was changed: {broken}", FINDING
            ) from None
        answers = [_asked(ledger.engine, each) for each in witnesses]
    if show.json:
        told = [{"witness": name, "outcome": outcome, "detail": detail} for name, outcome, detail in answers]
        print_json({"events": done.events, "checkpoints": done.checkpoints,
                    "directory_size": done.directory_size, "witnesses": told})  # fmt: skip
    elif not show.quiet:
        out().print(
            f"已签名 signed: {done.events:,} events taken in, {done.checkpoints} checkpoints, "
            f"directory of {done.directory_size:,} entries",
            markup=False,
        )
    outcomes = {outcome for _, outcome, _ in answers}
    for name, outcome, detail in answers if not show.json else ():
        if outcome != "cosigned" or not show.quiet:
            out().print(f"{name}: {outcome}: {detail}", markup=False)
    if "refused" in outcomes and not show.json:
        out().print(LOST, markup=False)
    return FINDING if "refused" in outcomes else ENVIRONMENT if "away" in outcomes else OK


def signing_key(settings: Settings) -> PrivateKey:
    """The key that signs. Raises SettingMissing, LogKeyUnusable."""
    key = log_key(settings)
    if key is None:
        raise SettingMissing("LEDGER_LOG_KEY", "a file made by `ledger checkpoint new-key FILE`")
    return key


def _chosen(settings: Settings, wanted: list[str] | None) -> tuple[WitnessAddress, ...]:
    known = parse_witnesses(settings.witnesses or "")
    if wanted is None:
        return known
    chosen: list[WitnessAddress] = []
    for text in wanted:
        try:
            chosen += parse_witnesses(text) if " " in text else [next(each for each in known if each.url == text)]
        except StopIteration:
            raise Stop(f"{text} 不在 is not in LEDGER_WITNESSES: --witness 'URL VERIFIER-KEY'", USAGE) from None
        except ValueError as error:
            raise Stop(f"--witness: {error}", USAGE) from None
    return tuple(chosen)


def _asked(engine: Engine, witness: WitnessAddress) -> tuple[str, str, str]:
    """Name, outcome (cosigned, refused, away), and what was said."""
    name = witness.key.name
    try:
        at = ask_witness(engine, witness.url, witness.key)
    except NotYetSigned:
        return name, "away", "还没有检查点 there is no checkpoint yet"
    except (WitnessRefused, WitnessAhead, NotSigned, MalformedNote) as refusal:
        return name, "refused", str(refusal)
    except (OSError, HTTPException) as failure:
        return name, "away", f"{type(failure).__name__}, {AGAIN}"
    return name, "cosigned", f"at {at} (POSIX seconds)"
