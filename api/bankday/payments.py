"""What a payment file says: who pays whom how much, under which ids; account numbers are never part of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from api.bankday.numbers import FileId, Kind

MAX_REFERENCE: Final = 34
"""Characters that ISO 20022 has for the number or reference of an account."""


@dataclass(frozen=True, slots=True)
class Account:
    """A payee's account as a bank names it. It comes from where accounts are kept, and goes nowhere but into a file."""

    number: str = field(repr=False)
    holder: str = field(default="", repr=False)
    bank: str = ""
    """Clearing number or name of the bank, where known."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment: a line of a release, or an instruction of a refund. Fen."""

    number: int
    """Its place in the file, from 1."""
    payment_id: str
    contract_id: str | None
    refund_id: str | None
    amount_fen: int
    payee_ref: str

    @property
    def remittance(self) -> str:
        """What the payee reads: what is paid, by its id."""
        return f"REFUND {self.refund_id}" if self.refund_id else f"CONTRACT {self.contract_id}"


Resolver = Callable[[Payment], Account | None]
"""Finds the account that a payment goes to; None where it is named by the payee's reference."""


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """Payments out of one custody account that the bank gets together."""

    file_id: FileId
    institution_id: str
    name: str
    uscc: str
    custodian: str
    account_id: str
    at: int
    """Business time of the instructions, µs."""
    payments: tuple[Payment, ...]

    @property
    def kind(self) -> Kind:
        """Releases or refunds."""
        return self.file_id.kind

    @property
    def on(self) -> date:
        """The day of the run: the bank is asked to pay on it."""
        return self.file_id.on

    @property
    def total_fen(self) -> int:
        """What it sums to."""
        return sum(payment.amount_fen for payment in self.payments)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Money that does not go now, and why. `code` is that of a rule of the ledger, or one of `REASONS`."""

    contract_id: str | None
    refund_id: str | None
    amount_fen: int
    code: str

    @property
    def finding(self) -> bool:
        """Whether somebody has to act, so that it can go."""
        return self.code in FINDINGS


REASONS: Final = ("disputed", "owed_by_institution", "refund_requested", "not_in_step")
"""What keeps earned money by rule: a dispute, netting, a refund that will need it, the rhythm of the place."""
FINDINGS: Final = frozenset(
    {
        "account_too_long",
        "custody_short",
        "distribution_required",
        "distribution_still_open",
        "payee_returned",
        "payee_too_long",
        "payee_unknown",
        "rule_unknown",
    }
)
"""What keeps money although it is due: somebody has to act."""


def institution_ref(uscc: str) -> str:
    """How an institution's own settlement account is named: the custodian knows it from the supervision agreement."""
    return f"uscc.{uscc}"
