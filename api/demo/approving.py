"""Two officers over the desk of approvals: one proposes, the other approves, and only then it is recorded."""

from collections.abc import Callable
from hashlib import sha256

from pydantic import SecretStr

from api.approvals.approval import Approval
from api.approvals.deciding import decide
from api.approvals.proposing import PLACEHOLDER, keep, with_approver
from api.runtime import Runtime
from api.security.doors import open_doors
from api.security.guard import GuardedLedger
from api.security.mandate import Mandate
from api.settings import MIN_SECRET_BYTES, Settings
from api.submission import order_of
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.serialization import request_hash
from projections.reader import ReadModels
from projections.runner import Runner

KEY_DIGITS, ID_DIGITS = 40, 32


class Approvals:
    """The desk of approvals of a demo. `first` proposes, `second` approves; nobody else is there."""

    def __init__(self, ledger: GuardedLedger, clock: Callable[[], int], first: str, second: str) -> None:
        settings = Settings.model_construct(token_secret=SecretStr("-" * MIN_SECRET_BYTES))  # no token is made with it
        doors = open_doors(settings, ledger.engine, clock)
        models, runner = ReadModels(ledger.engine), Runner(ledger.engine)
        self._runtime = Runtime(settings, clock, ledger, doors.tokens, models, runner, doors.signatures, doors.grants)
        self._first, self._second = (Mandate(name, Role.REGULATOR, jurisdiction="CN") for name in (first, second))

    def by_two(self, institution_id: str, command: Command) -> Approval:
        """Propose and approve; the approval as it then stands. Raises Rejection, Problem.

        Its id, random elsewhere, follows here from what is asked: the same seed gives the same hashes.
        """
        key = f"demo-{sha256(command.model_dump_json().encode()).hexdigest()[:KEY_DIGITS]}"
        order = order_of(self._first, institution_id, key, command, None, "")
        asked = request_hash(order)
        self._runtime.ledger.preview(with_approver(order, PLACEHOLDER))
        proposal = {
            "approval_id": f"a{sha256(f'{institution_id} {asked}'.encode()).hexdigest()[:ID_DIGITS]}",
            "institution_id": institution_id,
            "act": command.name,
            "body": command.model_dump_json(by_alias=True, exclude_unset=True),
            "body_sha256": asked,
            "if_match": None,
            "command_key": order.command_id,
        }
        keep(self._runtime, self._first, proposal)
        done = decide(self._runtime, proposal["approval_id"] or "", self._second, "approved", "")
        assert done.state == "recorded", f"{command.name} is {done.state}: {done.refused}"
        return done
