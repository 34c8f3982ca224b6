"""`ledger token`: bearer tokens for the six roles, and their end."""

import getpass
import sys
from typing import Annotated

from cyclopts import App, Parameter

from api.app import now
from api.security.directory import Directory
from api.security.mandate import Mandate
from api.security.registry import revoke_bearer, writing
from api.security.scopes import SUBJECT, UnfitMandate, mandate_of
from api.security.tokens import LONGEST_SECONDS, Tokens
from api.settings import Settings, token_secret
from api.terminal.environment import OK, USAGE, Stop, load_settings, the_ledger
from ledger.identifiers import Role

app = App(name="token", help="Bearer tokens for the six roles.")
MOST_HOURS = LONGEST_SECONDS // 3600
MANY = frozenset({"custodians", "institutions"})
SCOPE_HELP = (
    "For what: custodians=ID,ID (bank), institutions=ID,ID, guardian_id=ID, or jurisdiction=CN-BJ and "
    "district=NAME (mediator, regulator, auditor)"
)


@app.command
def issue(
    *,
    subject: Annotated[str, Parameter(help="Who the bearer is: a registered client or user")],
    hours: Annotated[int, Parameter(help=f"How long it holds, {MOST_HOURS} at most")] = 1,
    unregistered: Annotated[bool, Parameter(negative="", help="The name stands in this token alone")] = False,
    role: Annotated[Role | None, Parameter(help="In which role, where unregistered")] = None,
    scope: Annotated[list[str] | None, Parameter(help=SCOPE_HELP)] = None,
) -> int:
    """Print a token, signed by the key that LEDGER_TOKEN_SECRET makes; a registered subject may what the registry says.

    With --unregistered it is for a name that nobody registered, with the role and scope given here: for trying things
    out. Such a token ends by its time, or by `ledger token revoke`.
    """
    if not 1 <= hours <= MOST_HOURS:
        raise Stop(f"--hours 须在 1 与 {MOST_HOURS} 之间 lies between 1 and {MOST_HOURS}", USAGE)
    settings = load_settings()
    tokens = Tokens(token_secret(settings), settings.token_issuer, now)
    if unregistered:
        if role is None or scope is None:
            raise Stop("--unregistered 需要 needs --role, --scope", USAGE)
        token = tokens.issue(mandate_from(subject, role, scope), hours * 3600)
    else:
        if role is not None or scope is not None:
            raise Stop("角色与范围以登记为准 Role and scope are those of the registry, or --unregistered", USAGE)
        _require_registered(settings, subject)
        token = tokens.issue_for(subject, hours * 3600)
    sys.stdout.write(token + "\n")
    return OK


def _require_registered(settings: Settings, subject: str) -> None:
    """Raises Stop for a name that nobody registered, and for one that has ended."""
    with the_ledger(settings) as ledger:
        standing = Directory(ledger.engine, now).subject(subject)
    if standing is None or standing.ended:
        raise Stop(f"未登记或已停用 {subject[:56]} is not registered, or was ended: ledger key, ledger user", USAGE)


@app.command
def revoke(
    subject: Annotated[str, Parameter(help="Who is let in no more: a client, a user, or a name in tokens")],
) -> int:
    """End every token of a subject, now and for ever; its keys and password end with it."""
    with the_ledger() as ledger, writing(ledger.engine) as connection:
        revoke_bearer(connection, subject, at_terminal(), now())
    return OK


def at_terminal() -> str:
    """Who changes the registry here: the account on this machine."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (OSError, KeyError):
        return "terminal"


def mandate_from(subject: str, role: Role, scope: list[str]) -> Mandate:
    """The mandate in the options of a command. Raises Stop."""
    if not SUBJECT.fullmatch(subject):
        raise Stop(f"名称为 1 至 56 位字母、数字、- 或 _ a name is 1 to 56 letters, digits, - or _: {subject}", USAGE)
    named: dict[str, str | list[str]] = {}
    for each in scope:
        name, equals, value = each.partition("=")
        if not equals or not value or name in named:
            raise Stop(f"--scope {each}: 写作 NAME=VALUE each once, as NAME=VALUE", USAGE)
        named[name] = value.split(",") if name in MANY else value
    try:
        return mandate_of(subject, role, named)
    except UnfitMandate as error:
        raise Stop(f"--scope: {error}", USAGE) from None
