"""`ledger token`: bearer tokens for the six roles."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from api.app import now
from api.security.mandate import Mandate
from api.security.tokens import Tokens, UnfitMandate, mandate_of
from api.settings import token_secret
from api.terminal.environment import OK, USAGE, Stop, load_settings
from ledger.identifiers import Role

app = App(name="token", help="Bearer tokens for the six roles.")
MOST_HOURS = 24 * 366
MANY = frozenset({"custodians", "institutions"})


@app.command
def issue(
    *,
    role: Annotated[Role, Parameter(help="In which role the bearer acts")],
    subject: Annotated[str, Parameter(help="Who the bearer is: 1 to 56 letters, digits, - or _")],
    scope: Annotated[
        list[str],
        Parameter(
            help="For what: custodians=ID,ID (bank), institutions=ID,ID, guardian_id=ID, or jurisdiction=CN-BJ and "
            "district=NAME (mediator, regulator, auditor)"
        ),
    ],
    hours: Annotated[int, Parameter(help="How long it holds")] = 12,
) -> int:
    """Print a token, signed with LEDGER_TOKEN_SECRET."""
    if not 1 <= hours <= MOST_HOURS:
        raise Stop(f"--hours 须在 1 与 {MOST_HOURS} 之间 lies between 1 and {MOST_HOURS}", USAGE)
    settings = load_settings()
    tokens = Tokens(token_secret(settings), settings.token_issuer, now)
    sys.stdout.write(tokens.issue(_mandate(subject, role, scope), hours * 3600) + "\n")
    return OK


def _mandate(subject: str, role: Role, scope: list[str]) -> Mandate:
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
