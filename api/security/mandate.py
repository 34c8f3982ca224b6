"""What a caller may touch: a role and the objects it is for."""

from dataclasses import dataclass
from typing import Final

from ledger.identifiers import Role

OFFICERS: Final = frozenset({Role.MEDIATOR, Role.REGULATOR, Role.AUDITOR})
"""Roles that are for a place."""
MUST_SIGN: Final = frozenset({Role.BANK})
"""Roles whose recording requests are refused without a signature."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where an escrow is kept and by whom it is supervised: what decides who may see it."""

    institution_id: str
    custodian: str
    jurisdiction: str
    district: str


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who calls, in which role, for which objects. What is not named is not allowed."""

    subject: str
    role: Role
    custodians: frozenset[str] = frozenset()
    """A bank's: it sees the escrows kept with them."""
    institutions: frozenset[str] = frozenset()
    """An institution's own ids."""
    guardian_id: str | None = None
    """A guardian sees the contracts signed under this id."""
    jurisdiction: str | None = None
    """An officer's place, with everything below it: CN-BJ covers CN-BJ-HD."""
    district: str | None = None
    """The officer's district, where the mandate is narrower than the jurisdiction."""

    def covers_place(self, jurisdiction: str, district: str) -> bool:
        """Whether an officer is for this place."""
        if self.role not in OFFICERS or self.jurisdiction is None:
            return False
        inside = jurisdiction == self.jurisdiction or jurisdiction.startswith(f"{self.jurisdiction}-")
        return inside and self.district in {None, district}

    def covers(self, keeping: Keeping) -> bool:
        """Whether this escrow exists for the caller. A guardian may name any; only its own contracts exist there."""
        match self.role:
            case Role.BANK:
                return keeping.custodian in self.custodians
            case Role.INSTITUTION:
                return keeping.institution_id in self.institutions
            case Role.GUARDIAN:
                return self.guardian_id is not None
            case Role.MEDIATOR | Role.REGULATOR | Role.AUDITOR:
                return self.covers_place(keeping.jurisdiction, keeping.district)
