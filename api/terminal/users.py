"""`ledger user`: people with a password here, or known to the outside provider."""

import getpass
import sys
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy import select

from api.app import now
from api.public import rfc3339
from api.security.passwords import UnfitPassword, change_password, register_user
from api.security.registry import Deed, end_subject, writing
from api.security.tables import subjects
from api.terminal.environment import OK, USAGE, Stop, the_ledger
from api.terminal.output import Column, Show, print_json, print_table
from api.terminal.tokens import SCOPE_HELP, at_terminal, mandate_from
from ledger.identifiers import Role

app = App(name="user", help="People who sign in, and what they may touch.")
SHOW = Show()
Name = Annotated[str, Parameter(help="1 to 56 letters, digits, - or _; never given twice")]
COLUMNS = ("user", "role", "scope", "outside_sub", "registered_at", "disabled_at")


@app.command
def add(
    name: Name,
    *,
    role: Annotated[Role, Parameter(help="In which role")],
    scope: Annotated[list[str], Parameter(help=SCOPE_HELP)],
    outside: Annotated[str | None, Parameter(help="`sub` at the outside provider; no password then")] = None,
) -> int:
    """Add a user. The password is asked for, or read from the first line of standard input."""
    mandate = mandate_from(name, role, scope)
    password = _password() if outside is None else None
    with the_ledger() as ledger, writing(ledger.engine) as connection:
        try:
            register_user(connection, mandate, password, Deed(at_terminal(), now()), outside)
        except UnfitPassword as error:
            raise Stop(f"密码不合要求 {error}", USAGE) from None
    return OK


@app.command
def password(name: Name) -> int:
    """Give a user another password, and lift a lock."""
    chosen = _password()
    with the_ledger() as ledger, writing(ledger.engine) as connection:
        try:
            change_password(connection, name, chosen, Deed(at_terminal(), now()))
        except UnfitPassword as error:
            raise Stop(f"密码不合要求 {error}", USAGE) from None
    return OK


@app.command
def disable(name: Name) -> int:
    """Let a user in no more; tokens given out before end with it."""
    with the_ledger() as ledger, writing(ledger.engine) as connection:
        end_subject(connection, name, Deed(at_terminal(), now()))
    return OK


@app.command(name="list")
def list_users(*, show: Show = SHOW) -> int:
    """Every user there ever was."""
    with the_ledger() as ledger, ledger.engine.connect() as connection:
        rows = connection.execute(
            select(subjects).where(subjects.c.kind == "user").order_by(subjects.c.subject)
        ).mappings()
        found = [{**row, "user": row["subject"], "disabled_at": row["ended_at"]} for row in rows]
    shown = [{name: _shown(name, each[name]) for name in COLUMNS} for each in found]
    if show.json:
        print_json(shown)
    elif not show.quiet:
        print_table([Column(name) for name in COLUMNS], [tuple(each.values()) for each in shown])
    return OK


def _shown(name: str, value: object) -> object:
    return rfc3339(value) if name.endswith("_at") and isinstance(value, int) else value


def _password() -> str:
    """A password from the terminal, or from the first line of standard input where there is none."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    chosen = getpass.getpass("密码 Password: ")
    if getpass.getpass("再输一次 Again: ") != chosen:
        raise Stop("两次输入不同 They are not the same", USAGE)
    return chosen
