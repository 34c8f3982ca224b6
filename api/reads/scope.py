"""What exists for a caller: escrows by their keeping, and for guardians only their own contracts."""

from msgspec import Struct

from api.problems.mapping import escrow_unknown
from api.security.mandate import Keeping, Mandate
from ledger.identifiers import Role
from projections.institution import Institution, find_institution
from projections.reading import Reader


class Scope:
    """Looks each institution up once."""

    def __init__(self, reader: Reader, caller: Mandate) -> None:
        self._reader = reader
        self._caller = caller
        self._found: dict[str, Institution | None] = {}

    def institution(self, institution_id: str) -> Institution | None:
        """The institution as it is now, where it exists for the caller."""
        if institution_id not in self._found:
            self._found[institution_id] = find_institution(self._reader, institution_id).data
        found = self._found[institution_id]
        return found if found is not None and self._caller.covers(keeping_of(found)) else None

    def require(self, institution_id: str) -> Institution:
        """The institution. Raises Problem: escrow_unknown, whether it does not exist or is not the caller's."""
        found = self.institution(institution_id)
        if found is None:
            raise escrow_unknown(institution_id)
        return found

    def sees(self, row: Struct) -> bool:
        """Whether a row exists for the caller; a row that names no institution belongs to one that was required."""
        institution_id = getattr(row, "institution_id", None)
        if institution_id is not None and self.institution(institution_id) is None:
            return False
        return self._caller.role is not Role.GUARDIAN or getattr(row, "guardian_id", None) == self._caller.guardian_id


def keeping_of(found: Institution) -> Keeping:
    """What decides who may see an institution."""
    return Keeping(found.institution_id, found.custodian, found.jurisdiction, found.district)
