"""`ledger backup` and `ledger restore`: a file that is checked when it is written, and again when it is needed."""

import sqlite3
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import to_builtins

from api.app import now
from api.backup import restoring
from api.backup.archive import BackupDamaged
from api.backup.postgresql import ProgramFailed
from api.backup.restoring import NotRestored, Restored, TargetNotEmpty
from api.backup.sqlite import CopyBroken
from api.backup.writing import backup as back_up
from api.notarizing import log_key
from api.settings import Settings, database_url
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE, Stop, check_url, load_settings, shown, the_ledger
from api.terminal.output import Show, err, out, print_json, progress
from api.terminal.proofs import KeyTexts, public_keys, show_checked
from api.vault.forgetting import Tools, read_erasures, remembered_again
from api.vault.masters import Masters
from api.vault.vault import Vault
from ledger.log.keys import PublicKey
from projections.reader import ReadModels
from projections.runner import Runner

SHOW = Show()
RECONCILE = "ledger vault reconcile"
NEXT = (
    "接着 next: 见证方须知情 tell the witnesses (ledger checkpoint says what they saw); "
    "读者会被请回 readers of the feed are asked to rewind by themselves; "
    "备份之后的遗忘须重做 forget again: ledger vault reconcile --erased FILE; "
    "备份之后的密钥吊销须重做 revoke again what was revoked after the backup (docs/backup.md)"
)


def backup(
    target: Annotated[Path, Parameter(help="A new file, or a folder in which one is named for the moment")],
    *,
    show: Show = SHOW,
) -> int:
    """Back the ledger up while it runs. No key is in the file."""
    settings = load_settings()
    began = time.perf_counter()
    with the_ledger(settings) as ledger, progress("备份 backup", show) as watch:
        try:
            path, manifest = back_up(ledger.engine, target, now, settings.postgres_programs, watch)
        except (ProgramFailed, CopyBroken, BackupDamaged, sqlite3.Error) as failure:
            raise Stop(f"未能备份 No backup: {failure}", ENVIRONMENT) from None
        except OSError as error:
            raise Stop(f"无法写入 {target} cannot be written: {error.strerror}", USAGE) from None
    seconds = round(time.perf_counter() - began, 3)
    if show.json:
        print_json({"file": str(path), "bytes": path.stat().st_size, "seconds": seconds, **to_builtins(manifest)})
    elif not show.quiet:
        facts = manifest.facts
        out().print(
            f"{path}: {facts.institutions} institutions, {facts.events:,} events, {path.stat().st_size:,} bytes, "
            f"written and read back in {seconds} s",
            markup=False,
        )
    return OK


def restore(
    file: Annotated[Path | None, Parameter(help="The backup file; into the empty LEDGER_DATABASE_URL")] = None,
    *,
    recovered: Annotated[
        bool, Parameter(negative="", help="The database was brought back by other means: check it, open a new epoch")
    ] = False,
    key: KeyTexts = None,
    show: Show = SHOW,
) -> int:
    """Restore a backup into an empty database, check all of it, and open a new epoch; 1 where it does not agree."""
    if (file is None) != recovered:
        raise Stop("给出备份文件，或 --recovered Give the backup file, or --recovered", USAGE)
    settings = load_settings()
    url, keys = database_url(settings), _keys(settings, key)
    check_url(url, must_exist=recovered)
    began = time.perf_counter()
    try:
        done = _done(settings, file, url, keys, show)
    except NotRestored as broken:
        show_checked(broken.checked.log, broken.checked.audit, passed=False, quiet=show.quiet)
        raise Stop(f"恢复的账不一致，不得启用 {broken}: do not serve it", FINDING) from None
    except (BackupDamaged, CopyBroken) as damage:
        raise Stop(f"备份不可用 {damage}", FINDING) from None
    except TargetNotEmpty as refusal:
        raise Stop(f"不覆盖 Nothing is overwritten: {refusal}", USAGE) from None
    except (ProgramFailed, sqlite3.Error) as failure:
        raise Stop(f"未能恢复 Not restored: {failure}", ENVIRONMENT) from None
    except OSError as error:
        raise Stop(f"未能恢复 Not restored: {error.filename or ''} {error.strerror}", ENVIRONMENT) from None
    _tell(done, url, round(time.perf_counter() - began, 3), show)
    return _check_forgotten(settings, show)


def _check_forgotten(settings: Settings, show: Show) -> int:
    """Whether people whom log or list says were forgotten came back with the backup; 1 where they did."""
    with the_ledger(settings) as ledger:
        vault = Vault(ledger.engine, Masters({}), now)
        tools = Tools(ledger, ReadModels(ledger.engine), Runner(ledger.engine), vault, settings.vault_erasures)
        back = remembered_again(tools, read_erasures(settings.vault_erasures))
    if back:
        err().print(f"被遗忘者又被记住 forgotten people remembered again: {len(back)}: {RECONCILE}", markup=False)
    elif settings.vault_erasures is None and not show.quiet:
        err().print(f"未给出遗忘名单 LEDGER_VAULT_ERASURES is not set: {RECONCILE} --erased FILE", markup=False)
    return FINDING if back else OK


def _done(settings: Settings, file: Path | None, url: str, keys: list[PublicKey], show: Show) -> Restored:
    if file is None:
        return restoring.recovered(url, now, keys)
    with progress("恢复 restore", show) as watch:
        return restoring.restore(file, url, now, keys, settings.postgres_programs, watch)


def _keys(settings: Settings, given: list[str] | None) -> list[PublicKey]:
    """Without any key the chain and the rows are still checked, signatures are not."""
    own = log_key(settings)
    return public_keys(settings, given) if given or own else []


def _tell(done: Restored, url: str, seconds: float, show: Show) -> None:
    checked = done.checked
    if show.json:
        print_json(
            {
                "epoch": done.epoch.name,
                "heads": done.epoch.heads,
                "made_at": None if done.manifest is None else done.manifest.made_at,
                "events": checked.audit.events,
                "signed_events": None if checked.log is None else checked.log.events - checked.log.unsigned_events,
                "read_models_rebuilt": done.rewound,
                "seconds": seconds,
            }
        )
    elif not show.quiet:
        show_checked(checked.log, checked.audit, passed=True, quiet=False)
        out().print(f"已恢复 restored {shown(url)}: epoch {done.epoch.name}, {seconds} s", markup=False)
        if checked.log is None and done.epoch.directory_size:
            err().print("签名未核对 signatures were not checked: --key, or LEDGER_LOG_KEY", markup=False)
        err().print(NEXT, markup=False)
