"""What may have happened: the table of contents of history."""

from datetime import date
from typing import Literal

from msgspec import Struct

from ledger.identifiers import Category, Cause

Fen = int
Centihours = int
Instant = int
"""Microseconds since the epoch, UTC."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One business fact on an institution's stream.

    `effective_at` is the business time of the fact (instant, UTC microseconds); when it was recorded, by whom and
    under which command stands in the envelope. Amounts are integer fen, class hours integer hundredths.
    An event that moves money names one contract at most, and its legs stand in `ledger.postings`.
    """

    effective_at: Instant


# ── escrow ──────────────────────────────────────────────────────────────────────────────────────────────────


class EscrowOpened(Event, frozen=True, kw_only=True):
    """An institution's prepaid fees come under supervision at a custodian bank."""

    name: str
    uscc: str
    jurisdiction: str
    category: Category
    district: str
    licensed: bool
    custodian: str
    account_id: str
    agreement_no: str


class CustodianChanged(Event, frozen=True, kw_only=True):
    """Custody moved to another bank; the closing balance of the old account opens the new one."""

    custodian: str
    account_id: str
    agreement_no: str
    carried_fen: Fen


class EscrowFrozen(Event, frozen=True, kw_only=True):
    """Releases to the institution are stopped; refunds to families go on."""

    authority: Literal["regulator", "court"]
    order_no: str
    reason: str


class EscrowUnfrozen(Event, frozen=True, kw_only=True):
    """Releases may go on."""

    order_no: str
    reason: str
    approved_by: str
    stopped_workdays: int = 0
    """Working days touched by the freeze: no confirmation window ran on them."""


class AttachmentRecorded(Event, frozen=True, kw_only=True):
    """A third party (court, tax office) attached money in the custody account: cover drops by the amount."""

    attachment_id: str
    authority: str
    order_no: str
    amount_fen: Fen


class AttachmentLifted(Event, frozen=True, kw_only=True):
    """An attachment ended."""

    attachment_id: str
    order_no: str
    amount_fen: Fen


class InstitutionRenamed(Event, frozen=True, kw_only=True):
    """Name, social credit code or licence changed; history keeps what was used then."""

    name: str
    uscc: str
    licensed: bool


class InstitutionSucceeded(Event, frozen=True, kw_only=True):
    """Another institution took over the obligations (merger, split, change of sponsor)."""

    successor_id: str
    ground: str


class ClosureDeclared(Event, frozen=True, kw_only=True):
    """The institution stops: every open contract becomes due under the institution's cause."""

    kind: Literal["orderly", "abnormal"]
    stopped_on: date
    reason: str
    priority_regime: str
    declared_by: str
    approved_by: str


class EscrowClosed(Event, frozen=True, kw_only=True):
    """Every fen has been released or refunded and the account is closed."""


class DaySealed(Event, frozen=True, kw_only=True):
    """A business day takes no more postings; later corrections stand in an open day."""

    business_on: date
    stream_version: int
    """The last event that the sealed figures contain."""
    balances_root: str
    """Root of the hash tree over the balance of each account, hex."""
    statements: int | None = None
    statements_root: str | None = None
    """How many contracts and deposits were sealed, and the root over their statements, where they were computed."""


# ── contracts ───────────────────────────────────────────────────────────────────────────────────────────────


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """A refund step of the signed contract: once more than so many hours are used, this part of the fee comes back."""

    used_over_centihours: Centihours
    refund_percent: int


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the signed contract says beyond price and hours (GF-2021-2604: the blanks the parties fill)."""

    list_unit_price_fen: Fen | None = None
    list_price_disclosed: bool = False
    bonus_fen: Fen = 0
    full_refund_days_before_start: int | None = None
    full_refund_days_after_start: int | None = None
    refund_due_workdays: int | None = None
    tiers: tuple[Tier, ...] = ()
    unlimited_pass: bool = False
    prior_same_service: bool | None = None
    training_loan: bool = False
    lease_ends_on: date | None = None
    semester_ends_on: date | None = None


class ContractRegistered(Event, frozen=True, kw_only=True):
    """A guardian signed for a course; the terms are data."""

    contract_id: str
    guardian_id: str
    student_id: str
    course: str
    subject: str
    signed_on: date
    starts_on: date
    ends_on: date
    price_fen: Fen
    paid_centihours: Centihours
    gift_centihours: Centihours
    rules: str
    terms: Terms
    stock: bool = False
    """True for fees collected before supervision began and not yet taught."""


class ContractAmended(Event, frozen=True, kw_only=True):
    """New price, hours or end from here on; lessons already consumed keep their price."""

    contract_id: str
    price_fen: Fen
    paid_centihours: Centihours
    gift_centihours: Centihours
    ends_on: date
    reason: str


class LessonsTransferred(Event, frozen=True, kw_only=True):
    """Unconsumed lessons moved to another contract of the same institution, value conserved."""

    contract_id: str
    to_contract_id: str
    centihours: Centihours
    amount_fen: Fen
    reason: str


class ContractEnded(Event, frozen=True, kw_only=True):
    """Nothing is left to teach or to refund under this contract."""

    contract_id: str
    reason: Literal["completed", "refunded", "transferred", "settled", "unpaid"]


class SubjectForgotten(Event, frozen=True, kw_only=True):
    """This institution holds nothing of a family member any more and lets go of the data; the id never comes back."""

    subject_id: str
    contract_ids: tuple[str, ...] = ()
    """The contracts here that named the subject, as guardian or student."""


# ── deposits ────────────────────────────────────────────────────────────────────────────────────────────────


class DepositReceived(Event, frozen=True, kw_only=True):
    """The custodian bank credited money; until applied it is refundable in full and never releasable."""

    deposit_id: str
    amount_fen: Fen
    account_id: str
    value_on: date
    payer_ref: str
    funding: Literal["own", "training_loan"]
    remittance: str = ""


class DepositApplied(Event, frozen=True, kw_only=True):
    """Money of a deposit was tied to a contract, on a recorded basis."""

    deposit_id: str
    contract_id: str
    amount_fen: Fen
    basis: str


class DepositReversed(Event, frozen=True, kw_only=True):
    """The bank took money back (冲正, chargeback): one event per contract it had reached, one for the rest."""

    deposit_id: str
    reversal_id: str
    contract_id: str | None = None
    amount_fen: Fen
    unapplied_fen: Fen = 0
    unearned_fen: Fen = 0
    payable_fen: Fen = 0
    receivable_fen: Fen = 0
    reason: Literal["bank_reversal", "chargeback"]


class OffPlatformPaymentAsserted(Event, frozen=True, kw_only=True):
    """A family says it paid outside custody: shown, never counted as cover."""

    contract_id: str
    claim_id: str
    amount_fen: Fen
    evidence: str


class ShortfallRepaid(Event, frozen=True, kw_only=True):
    """The institution put money back into custody (over-release, chargeback after consumption or after a refund)."""

    deposit_id: str
    contract_id: str | None = None
    amount_fen: Fen
    account_id: str


# ── class consumption ───────────────────────────────────────────────────────────────────────────────────────


class ClassConsumptionClaimed(Event, frozen=True, kw_only=True):
    """The institution says a lesson was taught; the confirmation window, where one is known, runs from the notice."""

    contract_id: str
    lesson_id: str
    centihours: Centihours
    taught_on: date
    notified_on: date | None = None
    window_ends_on: date | None = None
    calendar: str | None = None
    provisional: bool = False


class ClassConsumptionConfirmed(Event, frozen=True, kw_only=True):
    """A lesson counts as taught: its value is earned."""

    contract_id: str
    lesson_id: str
    centihours: Centihours
    amount_fen: Fen
    by: Literal["guardian", "default", "regulator"]
    rules: str


class ClassConsumptionDisputed(Event, frozen=True, kw_only=True):
    """The family contests a lesson; it, or the whole order where the rules say so, is held until decided."""

    contract_id: str
    lesson_id: str
    scope: Literal["lesson", "order"]
    reason: str
    earned_held_fen: Fen
    """What of the contract's earned money may not be released while the dispute is open."""


class ClassConsumptionUpheld(Event, frozen=True, kw_only=True):
    """A dispute about a confirmed lesson was decided for the institution."""

    contract_id: str
    lesson_id: str
    reason: str


class ClassConsumptionReversed(Event, frozen=True, kw_only=True):
    """A lesson does not count: claimed wrongly, withdrawn, or decided for the family."""

    contract_id: str
    lesson_id: str
    centihours: Centihours
    amount_fen: Fen
    earned_fen: Fen = 0
    receivable_fen: Fen = 0
    reason: str


# ── releases ────────────────────────────────────────────────────────────────────────────────────────────────


class ReleaseInstructed(Event, frozen=True, kw_only=True):
    """The bank is told to pay earned money of one contract to the institution; a release is many such lines."""

    release_id: str
    contract_id: str
    amount_fen: Fen


class ReleaseSettled(Event, frozen=True, kw_only=True):
    """The bank paid a release line."""

    release_id: str
    contract_id: str
    amount_fen: Fen
    bank_serial: str


class ReleaseReturned(Event, frozen=True, kw_only=True):
    """A release line came back; the money is earned and unreleased again."""

    release_id: str
    contract_id: str
    amount_fen: Fen
    reason: str


# ── refunds ─────────────────────────────────────────────────────────────────────────────────────────────────


class Circumstances(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a refund under the family's cause may turn on, as the mediator or the officer found it."""

    market_unit_price_fen: Fen | None = None
    list_price_unreasonable: bool = False
    contract_unit_price_fen: Fen | None = None
    progress_percent: int | None = None


class RefundRequested(Event, frozen=True, kw_only=True):
    """A family asks for its money: what is due is derived now, and the clocks start."""

    refund_id: str
    contract_id: str
    cause: Cause
    requested_on: date
    entitled_fen: Fen
    method: str
    ground: str
    rules: str
    circumstances: Circumstances = Circumstances()
    claim_fen: Fen | None = None
    reply_by: date | None = None
    pay_by: date
    calendar: str
    provisional: bool = False


class RefundAgreement(Event, frozen=True, kw_only=True):
    """What approval, deemed agreement and order have in common: where the amount is taken from, and the clock."""

    refund_id: str
    contract_id: str | None = None
    deposit_id: str | None = None
    case_id: str | None = None
    instalment: int | None = None
    cause: Cause
    amount_fen: Fen
    unapplied_fen: Fen = 0
    unearned_fen: Fen = 0
    earned_fen: Fen = 0
    receivable_fen: Fen = 0
    pay_by: date
    calendar: str
    provisional: bool = False
    basis: str
    method: str = ""
    """How the amount was computed, and on which legal ground, where a formula was."""
    ground: str = ""
    rules: str


class RefundApproved(RefundAgreement, frozen=True, kw_only=True):
    """The institution agreed, or the parties settled."""


class RefundDeemedAgreed(RefundAgreement, frozen=True, kw_only=True):
    """The institution stayed silent past the reply window of the rule set."""


class RefundOrdered(RefundAgreement, frozen=True, kw_only=True):
    """The regulator, a court or an award ordered the refund."""


class RefundRefused(Event, frozen=True, kw_only=True):
    """The institution said no; the claim stays and may go to mediation or the regulator."""

    refund_id: str
    contract_id: str
    reason: str


class RefundWithdrawn(Event, frozen=True, kw_only=True):
    """The family took its request back; lessons go on."""

    refund_id: str
    contract_id: str
    reason: str


class RefundInstructed(Event, frozen=True, kw_only=True):
    """The bank is told to pay a family, by the original channel or to a verified substitute."""

    refund_id: str
    contract_id: str | None = None
    instruction_id: str
    amount_fen: Fen
    payee_ref: str


class RefundSettled(Event, frozen=True, kw_only=True):
    """The bank paid the family."""

    refund_id: str
    contract_id: str | None = None
    instruction_id: str
    amount_fen: Fen
    bank_serial: str


class RefundReturned(Event, frozen=True, kw_only=True):
    """The payment came back (退票): the debt is open again and the clock keeps running against the payer."""

    refund_id: str
    contract_id: str | None = None
    instruction_id: str
    amount_fen: Fen
    reason: str


class PayeeSubstituted(Event, frozen=True, kw_only=True):
    """The original channel is closed; another account of the payer was verified."""

    refund_id: str
    contract_id: str | None = None
    payee_ref: str
    evidence: str


class DeductionRetained(Event, frozen=True, kw_only=True):
    """The institution keeps an evidenced part (materials handed over, agreed items, what the formula leaves it)."""

    contract_id: str
    deduction_id: str
    kind: str
    amount_fen: Fen
    evidence: str


class OffPlatformRefundAcknowledged(Event, frozen=True, kw_only=True):
    """The family confirms cash it got outside custody: the debt falls, the custody money stays for the institution."""

    contract_id: str
    refund_id: str | None = None
    amount_fen: Fen
    unearned_fen: Fen = 0
    payable_fen: Fen = 0
    evidence: str


# ── mediation ───────────────────────────────────────────────────────────────────────────────────────────────


class MediationOpened(Event, frozen=True, kw_only=True):
    """A case was opened at a pre-litigation mediation centre; asking interrupts limitation (时效规定 art. 12)."""

    case_id: str
    contract_id: str
    stage: Literal["pre_filing", "in_suit_ordinary", "in_suit_summary"]
    referred_by: Literal["family", "regulator", "court"]
    cause: Cause
    claim_fen: Fen
    entitled_fen: Fen
    opened_on: date


class MediationAccepted(Event, frozen=True, kw_only=True):
    """The mediator signed for the file: the clock starts (特邀调解规定 art. 27)."""

    case_id: str
    contract_id: str
    mediator: str
    ends_on: date
    calendar: str
    provisional: bool = False


class MediationExtended(Event, frozen=True, kw_only=True):
    """Both parties agreed to go on longer."""

    case_id: str
    contract_id: str
    ends_on: date


class Instalment(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a settlement."""

    number: int
    due_on: date
    amount_fen: Fen


class SettlementAgreed(Event, frozen=True, kw_only=True):
    """Both sides signed: from here the settlement replaces the formula."""

    case_id: str
    contract_id: str
    kind: Literal["amount", "instalments", "lessons", "transfer"]
    amount_fen: Fen
    instalments: tuple[Instalment, ...] = ()
    to_contract_id: str | None = None
    agreed_on: date
    confirm_by: date
    calendar: str


class InstalmentPerformed(Event, frozen=True, kw_only=True):
    """One instalment of a settlement reached the family."""

    case_id: str
    contract_id: str
    number: int
    amount_fen: Fen


class SettlementBreached(Event, frozen=True, kw_only=True):
    """An instalment was not paid in time."""

    case_id: str
    contract_id: str
    reason: str


class MediationFailed(Event, frozen=True, kw_only=True):
    """No agreement: the court files or resumes."""

    case_id: str
    contract_id: str
    reason: str


class MediationWithdrawn(Event, frozen=True, kw_only=True):
    """The applicant withdrew or stayed away."""

    case_id: str
    contract_id: str
    reason: str


class MediationExpired(Event, frozen=True, kw_only=True):
    """The time ran out without agreement."""

    case_id: str
    contract_id: str


class JudicialConfirmationRecorded(Event, frozen=True, kw_only=True):
    """A court confirmed, or refused to confirm, the settlement (CPL arts. 205-206)."""

    case_id: str
    contract_id: str
    outcome: Literal["confirmed", "refused"]
    ruling_no: str


class AwardRecorded(Event, frozen=True, kw_only=True):
    """A court or arbitral body awarded an amount: kept beside the formula figure, never computed."""

    case_id: str | None = None
    contract_id: str
    award_id: str
    forum: str
    amount_fen: Fen
    formula_fen: Fen | None = None
    """None where the recorded facts do not determine a figure."""
    reason: str


# ── risk deposit ────────────────────────────────────────────────────────────────────────────────────────────


class RiskDepositPlaced(Event, frozen=True, kw_only=True):
    """The institution placed security, kept apart from custody."""

    amount_fen: Fen
    bank_serial: str


class RiskDepositDrawn(Event, frozen=True, kw_only=True):
    """Security moved into custody to cover what the institution must put back for families."""

    contract_id: str
    amount_fen: Fen
    order_no: str
    draw_id: str = ""
    """Names the movement for the bank's line; empty in events from before draws had names."""


class RiskDepositReturned(Event, frozen=True, kw_only=True):
    """Security went back to the institution."""

    amount_fen: Fen
    bank_serial: str


# ── closure ─────────────────────────────────────────────────────────────────────────────────────────────────


class DistributionOrdered(Event, frozen=True, kw_only=True):
    """The regulator decided how a short pot is shared among families."""

    distribution_id: str
    method: Literal["trace", "pool"]
    pot: str
    pot_fen: Fen
    due_fen: Fen
    families: int
    cut_off_on: date
    priority_regime: str
    list_sha256: str
    ordered_by: str
    approved_by: str


class DistributionShareApproved(Event, frozen=True, kw_only=True):
    """One family's share: this much of its refund may be paid once the whole list is complete."""

    distribution_id: str
    contract_id: str
    refund_id: str
    due_fen: Fen
    share_fen: Fen


class DistributionCompleted(Event, frozen=True, kw_only=True):
    """Every share of a distribution has been approved; shares sum to what was shared, and may be paid from now on."""

    distribution_id: str
    shared_fen: Fen
    families: int


class DistributionCancelled(Event, frozen=True, kw_only=True):
    """A distribution was given up before its list was complete: none of its shares counts."""

    distribution_id: str
    reason: str
    cancelled_by: str
    approved_by: str


# ── bank's books ────────────────────────────────────────────────────────────────────────────────────────────


class StatementRecorded(Event, frozen=True, kw_only=True):
    """The custodian bank's statement was taken in: where it begins and ends; its lines follow, each an event."""

    statement_id: str
    """SHA-256 of the file; `-2` and on for further statements in it."""
    format: str
    account_id: str
    from_on: date
    to_on: date
    opening_fen: Fen
    closing_fen: Fen
    credits_fen: Fen
    debits_fen: Fen
    lines: int
    repeated: int = 0
    """Lines that an earlier statement had brought already: they are not booked again."""
    repeated_fen: Fen = 0
    lines_sha256: str
    """Chained over the new lines in order: h = sha256(h + "line_key:signed_fen\\n"), from "" on."""


class BankShare(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a bank line and the recorded payment it is: credits positive, debits negative."""

    reference: str
    """`deposit:ID`, `reversal:DEPOSIT`, `repayment:ID`, `release:ID:CONTRACT` or `refund:ID:INSTRUCTION`."""
    signed_fen: Fen


class StatementLineMatched(Event, frozen=True, kw_only=True):
    """A line of the bank's statement is explained by payments of the ledger."""

    statement_id: str
    line: int
    line_key: str
    booked_on: date
    value_on: date
    signed_fen: Fen
    serial: str = ""
    shares: tuple[BankShare, ...]
    rule: str
    """The matching rule that found it, or `officer`."""


class ReconciliationBreakOpened(Event, frozen=True, kw_only=True):
    """Bank and ledger differ, or a payment names what nobody registered: somebody has to look."""

    break_id: str
    """The key of the bank line, or `item-…` for a payment that the bank does not show."""
    kind: Literal["in_transit", "unregistered_contract", "reversal", "bank_error", "unknown"]
    owner: Literal["bank", "institution", "regulator"]
    statement_id: str = ""
    line: int = 0
    reference: str = ""
    signed_fen: Fen
    drift_fen: Fen
    """By how much the bank's balance is above the ledger's for this reason."""
    since_on: date
    note: str = ""


class ReconciliationBreakResolved(Event, frozen=True, kw_only=True):
    """A break is closed: matched, corrected by the bank, or explained (then the difference stays, known)."""

    break_id: str
    resolution: Literal["matched", "corrected", "explained"]
    shares: tuple[BankShare, ...] = ()
    drift_fen: Fen = 0
    """What of its drift is gone."""
    note: str = ""


class ReleaseSettlementReversed(Event, frozen=True, kw_only=True):
    """A release line that the bank had paid came back: it is on its way again, until its return is recorded."""

    release_id: str
    contract_id: str
    amount_fen: Fen
    bank_serial: str


class RefundSettlementReversed(Event, frozen=True, kw_only=True):
    """A refund that the bank had paid came back (退票): it is on its way again, until its return is recorded."""

    refund_id: str
    contract_id: str | None = None
    instruction_id: str
    amount_fen: Fen
    bank_serial: str


Happening = (
    EscrowOpened | CustodianChanged | EscrowFrozen | EscrowUnfrozen | AttachmentRecorded | AttachmentLifted
    | InstitutionRenamed | InstitutionSucceeded | ClosureDeclared | EscrowClosed | DaySealed
    | ContractRegistered | ContractAmended | LessonsTransferred | ContractEnded | SubjectForgotten
    | DepositReceived | DepositApplied | DepositReversed | OffPlatformPaymentAsserted | ShortfallRepaid
    | ClassConsumptionClaimed | ClassConsumptionConfirmed | ClassConsumptionDisputed | ClassConsumptionUpheld
    | ClassConsumptionReversed | ReleaseInstructed | ReleaseSettled | ReleaseReturned
    | RefundRequested | RefundApproved | RefundDeemedAgreed | RefundOrdered | RefundRefused | RefundWithdrawn
    | RefundInstructed | RefundSettled | RefundReturned | PayeeSubstituted
    | DeductionRetained | OffPlatformRefundAcknowledged
    | MediationOpened | MediationAccepted | MediationExtended | SettlementAgreed | InstalmentPerformed
    | SettlementBreached | MediationFailed | MediationWithdrawn | MediationExpired | JudicialConfirmationRecorded
    | AwardRecorded | RiskDepositPlaced | RiskDepositDrawn | RiskDepositReturned
    | DistributionOrdered | DistributionShareApproved | DistributionCompleted | DistributionCancelled
    | StatementRecorded | StatementLineMatched | ReconciliationBreakOpened | ReconciliationBreakResolved
    | ReleaseSettlementReversed | RefundSettlementReversed
)  # fmt: skip
"""Every event there is; `evolve` and every projection match over it exhaustively."""
