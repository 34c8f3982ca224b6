"""Who may read what the vault keeps: an institution its families, officers those of their place, people themselves."""

from api.reads.scope import Scope
from api.runtime import Runtime
from api.security.mandate import Mandate
from api.vault.contracts import statements_of
from api.vault.vault import Kept
from ledger.identifiers import Role


def may_read(runtime: Runtime, caller: Mandate, subject_id: str, known: Kept | None) -> bool:
    """Whether a person exists for the caller. An institution sees whom it entered, not whose id it got to know."""
    home = None if known is None else known.institution_id
    match caller.role:
        case Role.INSTITUTION:
            return home is not None and home in caller.institutions
        case Role.GUARDIAN:
            own = caller.guardian_id == subject_id
            return own or any(
                each.guardian_id == caller.guardian_id for each in statements_of(runtime.reader, subject_id)
            )
        case Role.REGULATOR | Role.MEDIATOR:
            scope = Scope(runtime.reader, caller)
            named = {each.institution_id for each in statements_of(runtime.reader, subject_id)}
            return any(scope.institution(each) is not None for each in named | ({home} if home else set()))
        case Role.BANK | Role.AUDITOR:
            return False


def has_contract(runtime: Runtime, caller: Mandate, subject_id: str) -> str | None:
    """An institution of the caller with a contract that names the person."""
    named = {each.institution_id for each in statements_of(runtime.reader, subject_id)}
    return min(named & caller.institutions, default=None)
