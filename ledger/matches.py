"""What lines of the bank would become: the answer of a matching, before anything is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from ledger import commands as c
from ledger.matching import Cause, Owner
from ledger.statements import StatementLine

Kind = Literal["matched", "returned", "deposit", "reversed", "break"]
Outcome = c.Matched | c.Returned | c.Deposited | c.Reversed | c.Unexplained


class Planned(Struct, frozen=True, kw_only=True, gc=False):
    """What one line would become, and the rule that says so. Small: a file has many."""

    line: StatementLine
    rule: str
    kind: Kind
    shares: tuple[tuple[str, int], ...] = ()
    """Payments and their parts, fen, of what is `matched` or `returned`."""
    contract_id: str | None = None
    unregistered: str = ""
    deposit_id: str = ""
    cause: Cause = "unknown"
    owner: Owner = "regulator"
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """The outcome that is asked of the ledger."""
        match self.kind:
            case "matched":
                return c.Matched(shares=self._listed())
            case "returned":
                return c.Returned(shares=self._listed())
            case "deposit":
                return c.Deposited(
                    payer_ref=self.line.counterparty or f"line.{self.line.key}",
                    remittance=self.line.masked_text[:140],
                    contract_id=self.contract_id,
                    unregistered=self.unregistered,
                )
            case "reversed":
                return c.Reversed(deposit_id=self.deposit_id)
            case "break":
                return c.Unexplained(cause=self.cause, owner=self.owner, note=self.note)

    def _listed(self) -> list[c.BankShareLine]:
        return [c.BankShareLine(reference=reference, signed_fen=fen) for reference, fen in self.shares]


@dataclass(frozen=True, slots=True)
class Matching:
    """Every line once, in the order in which they are to be booked."""

    planned: Sequence[Planned]

    def count(self, kind: Kind) -> int:
        """How many lines become this."""
        return sum(each.kind == kind for each in self.planned)
