"""What an end of day finds and somebody has to look at; many of a kind are one finding."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, TypeAlias

FindingKind: TypeAlias = Literal[
    "left_open",
    "refund_overdue",
    "instalment_overdue",
    "custody_short",
    "custody_attached",
    "bank_differs",
    "breaks_alarming",
    "statement_missing",
]
SAMPLE: Final = 20


@dataclass(slots=True)
class Finding:
    """Some things of one kind at one institution.

    left_open: a clock ended and the ledger refused what follows (`code`). refund_overdue, instalment_overdue: the last
    day to pay is over. custody_short: the institution must put money back; custody_attached: a third party attached
    families' money. bank_differs: bank and ledger differ and no break says why; breaks_alarming: breaks that nobody can
    explain; statement_missing: no statement reaches the day.
    """

    kind: FindingKind
    count: int = 1
    amount_fen: int | None = None
    code: str = ""
    since_on: date | None = None
    sample: list[str] = field(default_factory=list)
    """Ids of some of them, at most 20."""

    def add(self, subject: str) -> None:
        """One more."""
        self.count += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(subject)
