"""What an escrow remembers: its header and the sheets (contracts, lessons, deposits, refunds, cases …) beside it."""

from datetime import date
from typing import ClassVar, Literal

from msgspec import Struct

from ledger.events import Circumstances, Instalment, Terms
from ledger.identifiers import Category, Cause, SheetKey
from ledger.workdays import Deadline


class Header(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One row per institution: the accounts in fen and what every decision needs; never answers a query."""

    institution_id: str
    version: int = 0
    head: str = ""
    """Hash of the last event of the chain, hex."""
    recorded_at: int = 0
    """When the last event was recorded; never decreases."""

    custody_cash_fen: int = 0
    risk_deposit_cash_fen: int = 0
    institution_receivable_fen: int = 0
    unapplied_fen: int = 0
    unearned_fen: int = 0
    earned_fen: int = 0
    release_in_transit_fen: int = 0
    refund_payable_fen: int = 0
    refund_in_transit_fen: int = 0
    risk_deposit_fen: int = 0

    status: Literal["none", "open", "closing", "closed"] = "none"
    jurisdiction: str = ""
    category: Category = "non_academic"
    licensed: bool = False
    custodian: str = ""
    account_id: str = ""
    opened_at: int = 0
    frozen: bool = False
    frozen_at: int = 0
    """Start of the last freeze."""
    frozen_workdays: int = 0
    """Working days that ended freezes touched, over all time."""
    attached_fen: int = 0
    closure: Literal["orderly", "abnormal"] | None = None
    stopped_on: date | None = None
    priority_regime: str = ""
    successor_id: str = ""
    sealed_on: date | None = None
    """The last sealed business day."""
    loose_receivable_fen: int = 0
    """The part of `institution_receivable_fen` that no contract carries: a deposit taken back after it was refunded."""
    distribution_id: str = ""
    """The last distribution ordered; shares of it limit what may be paid."""
    reserved_fen: int = 0
    """Money in custody that is somebody's already and not on its way yet: shares, and refunds tied to no contract."""
    statement_id: str = ""
    """The last bank statement; the next one begins where it ends."""
    statements: int = 0
    """How many were taken in."""
    statement_account_id: str = ""
    bank_through_on: date | None = None
    bank_closing_fen: int = 0
    drift_fen: int = 0
    """By how much the bank's balance is above the ledger's, as far as breaks say why."""


class Sheet(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A keyed part of an escrow, loaded only when a command touches it."""

    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    """The fields that make up the key."""

    def key(self) -> SheetKey:
        """Address of this sheet inside its escrow."""
        return sheet_key(type(self), *[getattr(self, name) for name in self.names])


def sheet_key(kind: type[Sheet], *ids: str) -> SheetKey:
    """Address of the sheet of `kind` with these ids."""
    return SheetKey(f"{kind.kind}:{ids[0] if len(ids) == 1 else ':'.join(ids)}")


class Profile(Sheet, kw_only=True):
    """Who the institution is, as last recorded."""

    kind = "profile"
    names = ("institution_id",)

    institution_id: str
    name: str
    uscc: str
    district: str
    agreement_no: str = ""


class Contract(Sheet, kw_only=True):
    """One contract: what was signed, and where its money stands (fen) and its hours (hundredths)."""

    kind = "contract"
    names = ("contract_id",)

    contract_id: str
    guardian_id: str
    student_id: str
    course: str
    subject: str
    signed_on: date
    starts_on: date
    ends_on: date
    price_fen: int
    paid_centihours: int
    gift_centihours: int
    rules: str
    terms: Terms

    unearned_fen: int = 0
    earned_fen: int = 0
    refund_payable_fen: int = 0
    institution_receivable_fen: int = 0

    paid_fen: int = 0
    """Received for this contract, net of reversals and transfers."""
    beyond_fen: int = 0
    """What was promised back beyond the family's own money: taken from earned, or owed by the institution."""
    consumed_fen: int = 0
    refunded_fen: int = 0
    """Agreed, ordered or acknowledged so far."""
    deducted_fen: int = 0
    """Kept by the institution from what the family paid: evidenced items and what the formula left it."""
    remainder_fen: int = 0
    """The part of `deducted_fen` that the formula left: no deduction of its own when what is due is derived again."""
    gifts_kept_fen: int = 0
    """The part of `deducted_fen` that pays for gifts not returned."""
    released_fen: int = 0
    last_release_at: int = 0
    held_fen: int = 0
    """Earned money that an open dispute keeps from being released."""
    disputes: int = 0
    order_held: bool = False

    claimed_centihours: int = 0
    """Claimed, and neither confirmed nor reversed (contested claims included)."""
    consumed_centihours: int = 0
    disputed_centihours: int = 0
    """Confirmed lessons that the family contests."""
    stock: bool = False
    last_confirmed_at: int = 0
    epoch: int = 0
    """Amendments so far."""
    base_centihours: int = 0
    base_fen: int = 0
    """Consumption and its value at the last amendment: lessons before it keep their price."""

    first_paid_on: date | None = None
    refund_id: str = ""
    """The open refund, if any."""
    settlement_case_id: str = ""
    settlement_fen: int | None = None
    settlement_parts: int = 0
    settled_on: date | None = None
    refund_cause: Cause = "neither"
    """Cause of the last refund."""
    payer_ref: str = ""
    """The paying account: refunds go back to it."""
    case_id: str = ""
    """The open mediation case: one forum at a time."""
    asserted_fen: int = 0
    awarded_fen: int | None = None
    award_id: str = ""
    """The last award, whose amount `awarded_fen` is."""
    ended: str = ""

    @property
    def refund_ids(self) -> tuple[str, ...]:
        """Refunds that may be open: the last one, and the parts of the settlement."""
        parts = (f"{self.settlement_case_id}.{number}" for number in range(self.settlement_parts, 0, -1))
        return tuple(dict.fromkeys(ref for ref in (self.refund_id, *parts) if ref))

    @property
    def units(self) -> int:
        """All class hours bought or given, in hundredths."""
        return self.paid_centihours + self.gift_centihours


class Lesson(Sheet, kw_only=True):
    """One claimed lesson."""

    kind = "lesson"
    names = ("contract_id", "lesson_id")

    contract_id: str
    lesson_id: str
    centihours: int
    taught_on: date
    status: Literal["claimed", "confirmed", "disputed", "reversed"] = "claimed"
    confirmed: bool = False
    amount_fen: int = 0
    held_fen: int = 0
    epoch: int = 0
    """Amendments of the contract before this lesson was confirmed."""
    notified_on: date | None = None
    window_ends_on: date | None = None
    provisional: bool = False
    frozen_workdays: int = 0
    """What the header counted when the lesson was claimed."""
    decided: bool = False
    """A dispute about it was decided: there is no second one."""


class Deposit(Sheet, kw_only=True):
    """One credit on the custody account."""

    kind = "deposit"
    names = ("deposit_id",)

    deposit_id: str
    amount_fen: int
    account_id: str
    value_on: date
    payer_ref: str
    unapplied_fen: int = 0
    applied: tuple[tuple[str, int], ...] = ()
    refund_id: str = ""
    """The refund of what was tied to no contract."""
    reversed: bool = False
    banked_fen: int = 0
    """What of it the bank's statements have shown so far."""
    reversal_banked_fen: int = 0
    """What of its reversal they have shown."""


class ReleaseLine(Sheet, kw_only=True):
    """One contract's line of a release."""

    kind = "release"
    names = ("release_id", "contract_id")

    release_id: str
    contract_id: str
    amount_fen: int
    status: Literal["instructed", "settled", "returned"] = "instructed"
    banked_fen: int = 0
    """What of it the bank's statements have shown as paid so far."""


class Instruction(Struct, frozen=True, forbid_unknown_fields=True):
    """One payment order of a refund."""

    instruction_id: str
    amount_fen: int
    status: Literal["instructed", "settled", "returned"] = "instructed"
    banked_fen: int = 0
    """What of it the bank's statements have shown as paid so far."""


class Refund(Sheet, kw_only=True):
    """One refund of a contract, or of an unapplied deposit."""

    kind = "refund"
    names = ("refund_id",)

    refund_id: str
    contract_id: str | None = None
    deposit_id: str | None = None
    case_id: str | None = None
    cause: Cause = "neither"
    status: Literal["requested", "refused", "withdrawn", "superseded", "agreed", "paid"] = "requested"
    instalment: int | None = None
    entitled_fen: int = 0
    circumstances: Circumstances = Circumstances()
    claim_fen: int | None = None
    agreed_fen: int = 0
    instructed_fen: int = 0
    settled_fen: int = 0
    acknowledged_fen: int = 0
    requested_on: date | None = None
    reply_by: date | None = None
    clock: Deadline | None = None
    """The last day to pay."""
    payee_ref: str = ""
    allowed_fen: int | None = None
    """What distributions before the one in `share_of` let be paid; None when none limited this refund."""
    share_of: str = ""
    """The last distribution that has a share for this refund."""
    then_allowed_fen: int = 0
    """What may be paid in all once that distribution is complete."""
    instructions: tuple[Instruction, ...] = ()

    @property
    def open_fen(self) -> int:
        """Agreed and neither instructed, paid nor acknowledged."""
        return self.agreed_fen - self.instructed_fen - self.settled_fen - self.acknowledged_fen


class Case(Sheet, kw_only=True):
    """One mediation case."""

    kind = "case"
    names = ("case_id",)

    case_id: str
    contract_id: str
    cause: Cause
    stage: Literal["pre_filing", "in_suit_ordinary", "in_suit_summary"]
    referred_by: str = ""
    opened_on: date | None = None
    mediator: str = ""
    claim_fen: int = 0
    status: Literal[
        "opened",
        "in_mediation",
        "agreed",
        "performed",
        "breached",
        "confirmed",
        "failed",
        "withdrawn",
        "expired",
    ] = "opened"
    entitled_fen: int = 0
    ends_on: date | None = None
    kind_of_settlement: str = ""
    amount_fen: int = 0
    agreed_on: date | None = None
    confirm_by: date | None = None
    instalments: tuple[Instalment, ...] = ()
    performed: tuple[int, ...] = ()


class Collected(Struct, frozen=True, forbid_unknown_fields=True):
    """What one contract collects from a child, for the caps that hold across split contracts."""

    contract_id: str
    subject: str
    signed_on: date
    starts_on: date
    ends_on: date
    price_fen: int
    centihours: int


def collected(contract: Contract) -> Collected:
    """What a contract collects from its child."""
    return Collected(
        contract.contract_id,
        contract.subject,
        contract.signed_on,
        contract.starts_on,
        contract.ends_on,
        contract.price_fen,
        contract.paid_centihours,
    )


class Child(Sheet, kw_only=True):
    """The live contracts of one child at this institution."""

    kind = "child"
    names = ("student_id",)

    student_id: str
    contracts: tuple[Collected, ...] = ()


class Distribution(Sheet, kw_only=True):
    """One ordered distribution of a short pot."""

    kind = "distribution"
    names = ("distribution_id",)

    distribution_id: str
    pot_fen: int
    families: int
    list_sha256: str
    method: Literal["trace", "pool"] = "pool"
    cut_off_on: date | None = None
    """Claims verified until this day share; later ones wait for the next distribution."""
    approved: int = 0
    shared_fen: int = 0
    chain: str = ""
    """Hash over the shares approved so far; equals `list_sha256` when the list is complete."""
    pending_fen: int = 0
    """What its shares will keep in custody for families once it is complete."""
    completed: bool = False
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Whether its list is still being approved: none of its shares may be paid."""
        return not self.completed and not self.cancelled


class Attachment(Sheet, kw_only=True):
    """Money in custody that a third party attached."""

    kind = "attachment"
    names = ("attachment_id",)

    attachment_id: str
    amount_fen: int
    lifted: bool = False


class BankStatement(Sheet, kw_only=True):
    """One statement of the custodian bank, and how far its lines are booked."""

    kind = "statement"
    names = ("statement_id",)

    statement_id: str
    number: int
    """Its place among the statements of this escrow."""
    format: str
    account_id: str
    from_on: date
    to_on: date
    opening_fen: int
    closing_fen: int
    credits_fen: int
    debits_fen: int
    lines: int
    """New lines, each of which is to be booked once."""
    repeated: int
    """Lines that earlier statements had brought."""
    lines_sha256: str
    booked: int = 0
    chain: str = ""
    """Hash over the lines booked so far; equals `lines_sha256` when all are."""


class BankLine(Sheet, kw_only=True):
    """One line of the bank's account: booked once, in whatever files it comes."""

    kind = "bank_line"
    names = ("line_key",)

    line_key: str
    statement_id: str
    line: int
    booked_on: date
    signed_fen: int
    serial: str = ""
    references: tuple[str, ...] = ()
    """The payments it is matched to; none where it opened a break."""
    rule: str = ""


class Break(Sheet, kw_only=True):
    """A difference between bank and ledger, or a payment nobody can place."""

    kind = "break"
    names = ("break_id",)

    break_id: str
    cause: Literal["in_transit", "unregistered_contract", "reversal", "bank_error", "unknown"]
    owner: Literal["bank", "institution", "regulator"]
    signed_fen: int
    drift_fen: int
    since_on: date
    opened_at: int
    statement_id: str = ""
    line: int = 0
    reference: str = ""
    note: str = ""
    resolution: str = ""
    resolution_note: str = ""
    resolved_at: int = 0

    @property
    def unexplained(self) -> bool:
        """Whether this calls for an alert: money differs, and nobody knows why."""
        return not self.resolution and self.drift_fen != 0 and self.cause in {"reversal", "bank_error", "unknown"}


class Mark(Sheet, kw_only=True):
    """Remembers that a reference of this kind was used, so that it cannot be used twice."""

    kind = "mark"
    names = ("what", "reference")

    what: str
    reference: str
    amount_fen: int = 0
    banked_fen: int = 0
    """What of a payment the bank's statements have shown so far."""


SHEETS: dict[str, type[Sheet]] = {
    sheet.kind: sheet
    for sheet in (
        Profile,
        Contract,
        Lesson,
        Deposit,
        ReleaseLine,
        Refund,
        Case,
        Child,
        Distribution,
        Attachment,
        BankStatement,
        BankLine,
        Break,
        Mark,
    )
}
"""Sheet kind → its struct; the kind is the key up to its first colon."""
