"""`ledger key`: keys of clients, from the file that stays with its owner to the end of the registered key."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cyclopts import App, Parameter
from sqlalchemy import Connection, select

from api.app import now
from api.problems import Problem
from api.public import rfc3339
from api.security.keys import PublicKey, UnreadableKey, WeakKey, public_key_of, read_public_key, write_private_key
from api.security.registry import Deed, expire_key, register_client, register_key, revoke_key, writing
from api.security.tables import keys, subjects
from api.terminal.environment import OK, USAGE, Stop, the_ledger
from api.terminal.output import Column, Show, print_json, print_table
from api.terminal.tokens import SCOPE_HELP, at_terminal, mandate_from
from ledger.identifiers import Role

app = App(name="key", help="Keys with which clients sign what they record.")
SHOW = Show()
DAY_US = 24 * 60 * 60 * 1_000_000
MOST_DAYS = 3_660
ClientName = Annotated[str, Parameter(help="Whose key: 1 to 56 letters, digits, - or _")]
PublicName = Annotated[str, Parameter(help="The public key: a JWK or PEM file, or its 32 bytes in base64url")]
COLUMNS = ("client", "role", "scope", "key_id", "state", "not_before_at", "expires_at", "revoked_at", "registered_by")


@app.command
def new(file: Annotated[Path, Parameter(help="Where the private key goes; it must not exist yet")]) -> int:
    """Make a key: the private half into a file of its owner (mode 0600), the public half printed as a JWK."""
    private = Ed25519PrivateKey.generate()
    try:
        write_private_key(file, private)
    except FileExistsError:
        raise Stop(f"文件已存在 {file} exists, and no key is overwritten", USAGE) from None
    except OSError as error:
        raise Stop(f"无法写入 {file} cannot be written: {error.strerror}", USAGE) from None
    sys.stdout.write(json.dumps(public_key_of(private).jwk()) + "\n")
    return OK


@app.command
def register(
    *,
    client: ClientName,
    public: PublicName,
    role: Annotated[Role | None, Parameter(help="Of a client that is not known yet")] = None,
    scope: Annotated[list[str] | None, Parameter(help=SCOPE_HELP)] = None,
    expires_days: Annotated[int | None, Parameter(help="After so many days, at least 1, it signs no more")] = None,
) -> int:
    """Register a client's public key, and with --role and --scope the client itself; prints the key's id."""
    key, mandate = _public(public), None if role is None else mandate_from(client, role, scope or [])
    lifetime = None if expires_days is None else _days("--expires-days", expires_days, 1)
    with _registry() as (connection, deed):
        if mandate is not None:
            register_client(connection, mandate, deed)
        expires_at = None if lifetime is None else deed.at + lifetime
        key_id = register_key(connection, client, key, deed, expires_at=expires_at)
    sys.stdout.write(key_id + "\n")
    return OK


@app.command
def rotate(
    *,
    client: ClientName,
    public: PublicName,
    overlap_days: Annotated[int, Parameter(help="For so long the older keys still sign")] = 7,
) -> int:
    """Register a client's next key, and let the older ones end after an overlap; prints the new key's id."""
    key, overlap = _public(public), _days("--overlap-days", overlap_days, 0)
    with _registry() as (connection, deed):
        until = deed.at + overlap
        older = connection.execute(
            select(keys.c.key_id, keys.c.expires_at).where(keys.c.subject == client, keys.c.revoked_at.is_(None))
        ).all()
        key_id = register_key(connection, client, key, deed)
        for row in older:
            if row.expires_at is None or row.expires_at > until:
                expire_key(connection, row.key_id, deed, until)
    sys.stdout.write(key_id + "\n")
    return OK


@app.command
def revoke(key_id: Annotated[str, Parameter(help="Its id, from `ledger key list`")]) -> int:
    """End a key at once. What it signed stays verifiable."""
    with _registry() as (connection, deed):
        revoke_key(connection, key_id, deed)
    return OK


@app.command(name="list")
def list_keys(*, client: Annotated[str | None, Parameter(help="Only this client's")] = None, show: Show = SHOW) -> int:
    """Every key that was ever registered, and its state."""
    with the_ledger() as ledger, ledger.engine.connect() as connection:
        query = select(keys, subjects.c.role, subjects.c.scope, subjects.c.ended_at).join(
            subjects, subjects.c.subject == keys.c.subject
        )
        if client is not None:
            query = query.where(keys.c.subject == client)
        rows = connection.execute(query.order_by(keys.c.subject, keys.c.registered_at)).mappings().all()
    at = now()
    found = [{**row, "client": row["subject"], "state": _state(dict(row), at)} for row in rows]
    shown = [{name: _shown(name, each[name]) for name in COLUMNS} for each in found]
    if show.json:
        print_json(shown)
    elif not show.quiet:
        print_table([Column(name) for name in COLUMNS], [tuple(each.values()) for each in shown])
    return OK


@contextmanager
def _registry() -> Iterator[tuple[Connection, Deed]]:
    """A transaction on the registry, in the name of who sits at the terminal."""
    with the_ledger() as ledger, writing(ledger.engine) as connection:
        yield connection, Deed(at_terminal(), now())


def _public(given: str) -> PublicKey:
    """The key in a file, or given as it is. Raises Stop; Problem key_weak."""
    path = Path(given)
    try:
        return read_public_key(path.read_text() if path.is_file() else given)
    except WeakKey:
        raise Problem("key_weak") from None
    except OSError as error:
        raise Stop(f"读不到文件 {given} cannot be read: {error.strerror}", USAGE) from None
    except (UnreadableKey, UnicodeDecodeError):
        if not path.is_file():
            raise Stop(f"没有文件，也不是公钥 There is no file {given}, and it is no public key", USAGE) from None
        raise Stop(f"文件不是 Ed25519 公钥（JWK 或 PEM） {given} is no Ed25519 public key: JWK or PEM", USAGE) from None


def _days(option: str, days: int, least: int) -> int:
    """Days of an option in µs. Raises Stop."""
    if not least <= days <= MOST_DAYS:
        raise Stop(f"{option} 须在 {least} 与 {MOST_DAYS} 之间 lies between {least} and {MOST_DAYS}", USAGE)
    return days * DAY_US


def _state(row: dict[str, int | None], at: int) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    if row["ended_at"] is not None:
        return "ended"
    if row["expires_at"] is not None and row["expires_at"] <= at:
        return "expired"
    return "registered" if (row["not_before_at"] or 0) <= at else "not yet"


def _shown(name: str, value: object) -> object:
    return rfc3339(value) if name.endswith("_at") and isinstance(value, int) else value
