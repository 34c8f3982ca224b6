"""Which approvals exist for an officer: those of the institutions and the places that the mandate covers."""

from api.approvals.approval import Kept
from api.reads.scope import Scope
from api.security.mandate import Mandate


def exists_for(found: Kept, scope: Scope, caller: Mandate) -> bool:
    """Whether an approval exists for an officer."""
    if found.shown.institution_id is not None:
        return scope.institution(found.shown.institution_id) is not None
    return caller.covers_place(found.place, found.district or "")
