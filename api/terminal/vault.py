"""`ledger vault`: master keys, rotation, reading one person, forgetting, and forgetting again after a restore."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from api.app import now
from api.security.access_log import About, AccessLog
from api.security.mandate import Mandate
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE, Stop, load_settings, the_ledger, the_masters
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from api.vault.forgetting import MakeOrder, Tools, forget, read_erasures, reconcile, remembered_again
from api.vault.masters import UnreadableMasterKeys, VaultDamaged, VaultLocked, new_master_key
from api.vault.person import FIELDS, mask
from api.vault.rotation import rotate
from api.vault.vault import Vault
from ledger.commands import ForgetSubject
from ledger.identifiers import Role
from ledger.orders import Order
from projections.reader import ReadModels
from projections.runner import Runner

SHOW = Show()
app = App(name="vault", help="Personal data: master keys, rotation, forgetting (docs/privacy.md).")
Actor = Annotated[str, Parameter(help="Who does it, for the records")]


@app.command
def new_key(key_id: Annotated[str, Parameter(help="1 to 32 letters, digits, - or _, for example 2026a")], /) -> int:
    """Print a fresh master key for LEDGER_VAULT_KEY; put it before the old ones, then rotate. It is stored nowhere."""
    try:
        sys.stdout.write(new_master_key(key_id) + "\n")
    except UnreadableMasterKeys as error:
        raise Stop(f"密钥编号有误 {error}", USAGE) from None
    return OK


@app.command
def status(*, show: Show = SHOW) -> int:
    """How many people are kept, under which master keys.

    1 where a master key is not at hand, or where somebody who was forgotten is remembered again (after a restore).
    """
    with _tools() as tools:
        tools.runner.catch_up()
        back = remembered_again(tools, read_erasures(tools.erasures))
        states, by_master = tools.vault.counts()
        missing = sorted(set(by_master) - set(tools.vault.masters.ids))
        facts = {
            "current": tools.vault.masters.current,
            "at_hand": list(tools.vault.masters.ids),
            "missing": missing,
            "keys_by_master": by_master,
            **{f"people_{state}": states.get(state, 0) for state in ("kept", "forgetting", "forgotten")},
            "remembered_again": back,
        }
    if show.json:
        print_json(facts)
    elif not show.quiet:
        print_table(
            [Column("项 item"), Column("值 value")], [(name, str(value) or "–") for name, value in facts.items()]
        )
    return FINDING if missing or back else OK


@app.command(name="rotate")
def rotate_keys(*, show: Show = SHOW) -> int:
    """Wrap every data key with the first master key; while the vault is in use, and again where it stopped."""
    with _tools() as tools, progress("换钥 rotate", show) as watch:
        done = rotate(tools.vault, watch)
    if not show.quiet:
        err().print(f"已换 {done} 把 keys wrapped anew", markup=False)
    return OK


@app.command
def reveal(
    subject: str,
    /,
    *,
    purpose: Annotated[str, Parameter(help="Why; it is written into the log of reads")],
    actor: Actor = "terminal",
    masked: Annotated[bool, Parameter(negative="", help="Only what recognises somebody")] = False,
    show: Show = SHOW,
) -> int:
    """Print what is kept of one person; the log of reads says who looked and why."""
    with _tools() as tools:
        known = tools.vault.find(subject)
        if known is None:
            raise Stop("没有此人 There is nobody with this id", USAGE)
        person = tools.vault.read(subject)
        about = About(what="ledger vault reveal", institution_id=known.institution_id, subject_id=subject)
        reader = Mandate(actor, Role.REGULATOR)
        AccessLog(tools.ledger.engine, now).note(reader, [about], purpose=purpose[:200])
        rows = [(name, text) for name in FIELDS if (text := getattr(person, name)) is not None]
        shown = [(name, mask(name, text) if masked else text) for name, text in rows]
    if show.json:
        print_json(dict(shown))
    else:
        print_table([Column("项 field"), Column("内容 content")], shown)
    return OK


@app.command(name="forget")
def forget_person(subject: str, /, *, actor: Actor = "terminal", show: Show = SHOW) -> int:
    """Destroy a person's key and data, everywhere and for ever; refused while anything is held or due."""
    with _tools() as tools:
        try:
            institutions = forget(tools, subject, _orders(actor), actor)
        except LookupError:
            raise Stop("没有此人 There is nobody with this id", USAGE) from None
    if show.json:
        print_json({"subject_id": subject, "institutions": institutions})
    elif not show.quiet:
        out().print(f"已遗忘 forgotten: {subject} · {', '.join(institutions) or '–'}", markup=False)
    return OK


@app.command(name="reconcile")
def reconcile_vault(
    *,
    erased: Annotated[
        Path | None, Parameter(help="List of who was forgotten; LEDGER_VAULT_ERASURES if left out")
    ] = None,
    actor: Actor = "terminal",
    show: Show = SHOW,
) -> int:
    """Destroy again whatever log and list say is forgotten: after every restore; 1 where something does not agree."""
    with _tools() as tools:
        path = erased or tools.erasures
        if path is not None and not path.is_file():
            raise Stop(f"没有文件 There is no file {path}", USAGE if erased else ENVIRONMENT)
        report = reconcile(tools, [] if path is None else read_erasures(path), _orders(actor))
    if show.json:
        print_json(report)
        return FINDING if report.findings else OK
    for finding in report.findings:
        out().print(finding, markup=False)
    if not show.quiet:
        out().print(
            f"核对 {report.looked_at} 人 people looked at, 再销毁 {report.destroyed} destroyed again, "
            f"补记 {report.recorded} recorded again",
            markup=False,
        )
    return FINDING if report.findings else OK


@contextmanager
def _tools() -> Iterator[Tools]:
    """What the commands work with. Raises Stop where master keys cannot be read or are not at hand."""
    settings = load_settings()
    masters = the_masters(settings)
    with the_ledger(settings) as ledger:
        vault = Vault(ledger.engine, masters, now)
        try:
            yield Tools(ledger, ReadModels(ledger.engine), Runner(ledger.engine), vault, settings.vault_erasures)
        except VaultLocked as locked:
            raise Stop(f"主密钥未配置 The master key {locked.key_id or ''} is not set", ENVIRONMENT) from None
        except VaultDamaged:
            raise Stop("内容无法解开 What is stored does not open under this master key", FINDING) from None


def _orders(actor: str) -> MakeOrder:
    def order(institution_id: str, key: str, command: ForgetSubject) -> Order:
        return Order(institution_id, key, command, actor, Role.REGULATOR)

    return order
