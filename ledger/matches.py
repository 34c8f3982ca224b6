"""What lines of the bank would become: the answer of a matching, before anything is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from msgspec import Struct

from ledger import commands as c
from ledger.matching import Cause, Owner
from ledger.statements import StatementLine

Kind = Literal["matched", "returned", "deposit", "reversed", "break"]
Outcome = c.Matched | c.Returned | c.Deposited | c.Reversed | c.Unexplained


NO_LINE = StatementLine(line=0, booked_on=date.min, value_on=date.min, amount_fen=0)
"""Stands where the line is not known yet."""


class Planned(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What one line would become, and the rule that says so. Small: a file has many."""

    rule: str
    kind: Kind
    line: StatementLine = NO_LINE
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
        return _OUTCOMES[self.kind].model_validate(self.facts())

    def booked(self) -> dict[str, object]:
        """The line as a command wants it, not validated yet."""
        line = self.line
        return {
            "line": line.line,
            "line_key": line.key,
            "booked_on": line.booked_on,
            "value_on": line.value_on,
            "signed_fen": line.amount_fen,
            "serial": line.serial[:64],
            "rule": self.rule,
            "outcome": self.facts(),
        }

    def facts(self) -> dict[str, object]:
        """The outcome, not validated yet."""
        match self.kind:
            case "matched" | "returned":
                shares = [{"reference": reference, "signed_fen": fen} for reference, fen in self.shares]
                return {"kind": self.kind, "shares": shares}
            case "deposit":
                return {
                    "kind": "deposit",
                    "payer_ref": self.line.counterparty or f"line.{self.line.key}",
                    "remittance": self.line.masked_text[:140],
                    "contract_id": self.contract_id,
                    "unregistered": self.unregistered,
                }
            case "reversed":
                return {"kind": "reversed", "deposit_id": self.deposit_id}
            case "break":
                return {"kind": "break", "cause": self.cause, "owner": self.owner, "note": self.note}


_OUTCOMES: dict[Kind, type[Outcome]] = {
    "matched": c.Matched,
    "returned": c.Returned,
    "deposit": c.Deposited,
    "reversed": c.Reversed,
    "break": c.Unexplained,
}


@dataclass(frozen=True, slots=True)
class Matching:
    """Every line once, in the order in which they are to be booked."""

    planned: Sequence[Planned]

    def count(self, kind: Kind) -> int:
        """How many lines become this."""
        return sum(each.kind == kind for each in self.planned)
