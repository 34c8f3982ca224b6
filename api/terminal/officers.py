"""Officers at the command line: each signs in by name and password, so that two persons are two persons."""

import getpass
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from pydantic import SecretStr

from api.app import create_app, now
from api.approvals.approval import Approval, State, find
from api.approvals.deciding import decide
from api.approvals.proposing import propose, proposed_under
from api.reads.scope import Scope
from api.runtime import Runtime
from api.security.attempts import AT_TERMINAL
from api.security.directory import Directory
from api.security.guard import GuardedLedger, MandatedOrder
from api.security.mandate import Mandate
from api.security.passwords import SignIn
from api.settings import database_url
from api.submission import order_of
from api.terminal.environment import ENVIRONMENT, OK, USAGE, Stop, check_url, load_settings, shown
from api.terminal.output import Show, out, print_json
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.serialization import request_hash
from ledger.store.failures import SchemaMissing

KEY_DIGITS = 40
DEAD: frozenset[State] = frozenset({"rejected", "expired", "refused"})
"""Nothing comes of such a proposal any more: what it asked for is proposed anew."""
_TOLD = {
    "pending": "待批准 waiting for a second person",
    "approved": "已批准,尚未入账 approved, not recorded yet",
    "recorded": "已批准并入账 approved and recorded before",
}
As = Annotated[str | None, Parameter(name="--as", help="The officer who asks; the password is asked for")]
Propose = Annotated[bool, Parameter(negative="", help="Leave it for a second person to approve")]
ApproveId = Annotated[str | None, Parameter(name="--approve", help="Approve this proposal, as another officer")]


@dataclass(frozen=True, slots=True)
class Desk:
    """A signed-in regulator and the program's runtime."""

    runtime: Runtime
    mandate: Mandate

    def propose(self, institution_id: str, command: Command, version: int | None = None) -> dict[str, Any]:
        """Keep a command for a second person; the approval as the API shows it. Raises Rejection, Problem.

        The same again is the same proposal, unless nothing can come of that any more.
        """
        self.require(institution_id)
        unnamed = order_of(self.mandate, institution_id, "", command, version, "")
        first = f"cli-{request_hash(unnamed)[:KEY_DIGITS]}"
        keys = chain([first], (f"{first}-{number}" for number in count(2)))
        orders = (order_of(self.mandate, institution_id, key, command, version, "") for key in keys)
        answer = propose(self.runtime, next(order for order in orders if not self._is_dead(order)))
        shown_as: dict[str, Any] = msgspec.json.decode(bytes(answer.body))
        return shown_as

    def look(self, approval_id: str, institution_id: str, *acts: str) -> Approval:
        """The proposal of an act about an institution. Raises Stop for one that does not exist for this officer."""
        with self.runtime.ledger.engine.connect() as connection:
            found = find(connection, approval_id, now())
        if found is None or found.shown.institution_id is None:
            raise Stop(f"没有提案 There is no proposal {approval_id}", USAGE)
        self.require(found.shown.institution_id)
        if found.shown.institution_id != institution_id:
            raise Stop(f"提案属于另一机构 Proposal {approval_id} is about another institution", USAGE)
        if found.shown.act not in acts:
            raise Stop(f"提案另有内容 Proposal {approval_id} asks for {found.shown.act}", USAGE)
        return found.shown

    def approve(self, proposal: Approval) -> None:
        """Approve it, or find that it is approved; what it asked for is recorded. Raises Rejection, Problem, Stop."""
        if proposal.state == "recorded":
            return
        decided = decide(self.runtime, proposal.approval_id, self.mandate, "approved", "")
        if decided.state != "recorded":
            raise Stop(f"未能执行 Proposal {decided.approval_id} is {decided.state}: {decided.refused or ''}", USAGE)

    def _is_dead(self, order: MandatedOrder) -> bool:
        known = proposed_under(self.runtime, order.institution_id, order.command_id)
        return known is not None and known.shown.state in DEAD

    def require(self, institution_id: str) -> None:
        """Raises Stop for an institution that does not exist for this officer."""
        self.runtime.runner.take_in()
        if Scope(self.runtime.reader, self.mandate).institution(institution_id) is None:
            raise Stop(f"没有机构 There is no institution {institution_id}", USAGE)


@contextmanager
def signed_in(name: str | None) -> Iterator[Desk]:
    """Sign a regulator in. Raises Stop, Problem: credentials_wrong."""
    if name is None:
        raise Stop("缺少 --as USER is needed: who asks (ledger user add)", USAGE)
    settings = load_settings()
    url = database_url(settings)
    check_url(url)
    try:
        ledger = GuardedLedger(url, now)
    except SchemaMissing:
        raise Stop(f"没有账本 There is no ledger at {shown(url)} yet: ledger migrate", ENVIRONMENT) from None
    try:
        secret = settings.token_secret or SecretStr(secrets.token_hex(32))  # no token is read or given out here
        runtime: Runtime = create_app(settings.model_copy(update={"token_secret": secret}), ledger).state.runtime
        SignIn(ledger.engine, now).check(name, _password(), AT_TERMINAL)
        standing = Directory(ledger.engine, now).subject(name)
        if standing is None or standing.ended or standing.mandate.role is not Role.REGULATOR:
            raise Stop(f"{name} 不是监管人员 is no regulator", USAGE)
        yield Desk(runtime, standing.mandate)
    finally:
        ledger.close()


def show_proposed(approval: dict[str, Any], show: Show) -> int:
    """Say how far a proposal is, and how it is approved."""
    if show.json:
        print_json(approval)
    else:
        out().print(f"{_TOLD[approval['state']]}: --approve {approval['approval_id']}", markup=False)
    return OK


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("密码 Password: ")
    return sys.stdin.readline().rstrip("\r\n")
