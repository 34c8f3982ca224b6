"""`ledger verify`, `export bundle`, `verify-bundle`, `receipt`: what was signed against what is here, and proofs."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import to_builtins
from rich.text import Text
from sqlalchemy import func, select

from api.notarizing import log_key
from api.settings import SettingMissing, Settings
from api.terminal.checkpoints import signing_key
from api.terminal.environment import FINDING, OK, USAGE, Stop, load_settings, the_ledger
from api.terminal.operations import make_folder, schema_told, write_file
from api.terminal.output import Show, err, out, print_json, progress
from ledger.application import Ledger
from ledger.audit import AuditReport
from ledger.events import DaySealed
from ledger.log.bundle import NothingSigned, NotInDirectory, write_bundle
from ledger.log.inspection import LogReport, inspect_log
from ledger.log.keys import MalformedKey, PublicKey, parse_public_key
from ledger.log.proving import NotSealed, NotYetSigned, StatementProof, prove_event, prove_statement
from ledger.serialization import decode
from ledger.store.tables import events
from projections.schema import audit_all
from verifier import verify as verifier

SHOW = Show()
KeyTexts = Annotated[
    list[str] | None,
    Parameter(name="--key", help="Verifier keys of the ledger, former ones too; else LEDGER_LOG_KEY"),
]
Held = Annotated[
    list[Path] | None, Parameter(name="--known", help="Checkpoints kept elsewhere: notes, proofs, bundles")
]
EXITS = {verifier.VERIFIED: OK, verifier.DIFFERS: FINDING, verifier.USAGE: USAGE, verifier.NOTHING: FINDING}


def verify(
    *,
    key: KeyTexts = None,
    known: Held = None,
    signed_only: Annotated[bool, Parameter(negative="", help="Leave the comparison with the rows out")] = False,
    show: Show = SHOW,
) -> int:
    """Hold the live ledger against every checkpoint that was signed, and its rows against its events.

    1 where something does not agree, or nothing signed was inspected.
    """
    settings = load_settings()
    keys = public_keys(settings, key)
    try:
        notes = verifier.held_notes(str(each) for each in known or ())
    except (OSError, ValueError) as error:
        raise Stop(f"--known: {error}", USAGE) from None
    with the_ledger(settings) as ledger, progress("验证 verify", show) as watch:
        total, read = _events(ledger) * (1 if signed_only else 2), 0

        def count(more: int) -> None:
            nonlocal read
            read += more
            watch(read, total)

        log = inspect_log(ledger.engine, keys, notes, count)
        rows = None if signed_only else audit_all(ledger, None, count)
    passed = log.passed and (rows is None or rows.passed)
    if show.json:
        print_json({"log": to_builtins(log), "rows": None if rows is None else to_builtins(rows), "passed": passed})
    else:
        show_checked(log, rows, passed=passed, quiet=show.quiet)
    return OK if passed else FINDING


def show_checked(log: LogReport | None, rows: AuditReport | None, *, passed: bool, quiet: bool) -> None:
    """Print what was inspected and every finding."""
    for each in log.findings if log is not None else ():
        out().print(Text(f"{each.code}: {each.institution_id or '–'}: {each.detail}"))
    for found in rows.findings if rows is not None else ():
        out().print(Text(f"{found.code}: {found.institution_id or '–'}: {found.detail}"))
    if quiet:
        return
    out().print("一致 everything agrees" if passed else "不一致 it does not agree", markup=False)
    if log is not None:
        out().print(
            f"log: {log.institutions} institutions, {log.events:,} events ({log.unsigned_events:,} not signed yet), "
            f"{log.checkpoints:,} checkpoints, directory of {log.directory_size:,}, {log.held} held from elsewhere",
            markup=False,
        )
    if rows is not None:
        out().print(
            f"rows: {rows.events:,} events, {rows.sheets:,} sheets, {rows.commands:,} command keys, "
            f"{schema_told(rows)}",
            markup=False,
        )


def public_keys(settings: Settings, given: Sequence[str] | None) -> list[PublicKey]:
    """The keys to check signatures with: those given, else that of the settings. Raises Stop, SettingMissing."""
    if not given:
        own = log_key(settings)
        if own is None:
            raise SettingMissing("LEDGER_LOG_KEY", "or give --key with the verifier key of the ledger")
        return [own.public()]
    try:
        return [parse_public_key(each) for each in given]
    except MalformedKey as error:
        raise Stop(f"--key: {error}", USAGE) from None


def _events(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(events)) or 0


def bundle(
    file: Path,
    *,
    institution: Annotated[list[str] | None, Parameter(help="Of these alone; of all when left out")] = None,
    show: Show = SHOW,
) -> int:
    """The audit bundle: everything signed, in one file that `ledger verify-bundle` and verify.py check offline."""
    settings = load_settings()
    key = signing_key(settings)
    with the_ledger(settings) as ledger, progress("导出 export", show) as watch:
        total, read = _events(ledger), 0

        def count(more: int) -> None:
            nonlocal read
            read += more
            watch(read, total)

        try:
            summary = write_bundle(ledger.engine, file, key, institution, count)
        except NothingSigned:
            raise Stop("还没有签名 Nothing is signed yet: ledger checkpoint", USAGE) from None
        except NotInDirectory as unknown:
            raise Stop(f"没有签名的机构 No checkpoint of an institution {unknown}", USAGE) from None
        except OSError as error:
            raise Stop(f"无法写入 {file} cannot be written: {error.strerror}", USAGE) from None
    if show.json:
        print_json({**to_builtins(summary), "key": key.public().text()})
    elif not show.quiet:
        out().print(f"{file}: {summary.institutions} institutions, {summary.events:,} events", markup=False)
        out().print(how_to_verify(file, key.public()), markup=False)
    return OK


def how_to_verify(file: Path, key: PublicKey) -> str:
    """The command with which anybody checks a bundle, without this program."""
    return f"python verifier/verify.py bundle {file} --key '{key.text()}'"


def verify_bundle(
    file: Path,
    *,
    key: KeyTexts = None,
    witness: Annotated[list[str] | None, Parameter(help="Verifier key of a witness that must have cosigned")] = None,
    known: Held = None,
    json: Annotated[bool, Parameter(negative="", help="The report as JSON")] = False,
) -> int:
    """Check a bundle with the verifier that shares nothing with the ledger; 1 where it is not verified."""
    keys = key or [each.text() for each in public_keys(load_settings(), None)]
    arguments = ["bundle", str(file), *(["--json"] if json else [])]
    for name, values in (("--key", keys), ("--witness", witness or ()), ("--held", known or ())):
        for each in values:
            arguments += [name, str(each)]
    return EXITS[verifier.main(arguments)]


def receipt(
    institution: str,
    version: int | None = None,
    /,
    *,
    contract: Annotated[str | None, Parameter(help="The family's figure under a sealed day")] = None,
    on: Annotated[date | None, Parameter(help="That day; the newest seal when left out")] = None,
    folder: Annotated[Path, Parameter(help="Where the files go")] = Path(),
) -> int:
    """Write the proof of one event (with its exact stored text), or of one family's figure; to be checked offline."""
    if (version is None) == (contract is None) or (version is not None and version < 1):
        raise Stop("给出事件版本或 --contract Give the version of an event, or --contract", USAGE)
    settings = load_settings()
    (key,) = public_keys(settings, None)
    make_folder(folder)
    with the_ledger(settings) as ledger:
        try:
            if version is not None:
                _event_files(ledger, institution, version, folder, key)
            else:
                proof = prove_statement(ledger.engine, institution, f"contract {contract}", on)
                path = folder / f"{institution}.{contract}.statement-proof"
                write_file(path, proof.encode())
                out().print(f"python verifier/verify.py statement {path} --key '{key.text()}'", markup=False)
                err().print(_sealed(proof), markup=False)
        except NotYetSigned as unsigned:
            raise Stop(f"尚无检查点 No checkpoint covers {unsigned} yet: ledger checkpoint", USAGE) from None
        except NotSealed as unsealed:
            raise Stop(f"没有封账凭证 No seal carries {unsealed}", USAGE) from None
    return OK


def _sealed(proof: StatementProof) -> str:
    """What the figure is of: a seal that was made late carries what was recorded until then."""
    _, seal = decode(proof.topic, proof.state.encode())
    assert isinstance(seal, DaySealed), "a statement is proven under a seal"
    upto = seal.stream_version
    return f"{seal.business_on} 封账时的数额 as recorded up to event {upto} when the day was sealed"


def _event_files(ledger: Ledger, institution: str, version: int, folder: Path, key: PublicKey) -> None:
    found = ledger.stream(institution, version - 1, 1)
    if not found:
        raise Stop(f"没有事件 There is no event {institution}/{version}", USAGE)
    proof, text = folder / f"{institution}.{version}.tlog-proof", folder / f"{institution}.{version}.json"
    write_file(proof, prove_event(ledger.engine, institution, version).encode())
    write_file(text, found[0].state)
    command = f"python verifier/verify.py proof {proof} --key '{key.text()}' --topic {found[0].topic} --state {text}"
    out().print(command, markup=False)
