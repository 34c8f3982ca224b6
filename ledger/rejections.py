"""Why the ledger says no: the table of contents of rules. Each class is one rule, its code is API contract."""

import re
from dataclasses import dataclass, fields
from datetime import date
from typing import ClassVar


@dataclass(unsafe_hash=True)
class Rejection(Exception):
    """The ledger refused a command; nothing was recorded. Subclasses name the violated rule."""

    code: ClassVar[str] = "rejection"

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def details(self) -> dict[str, object]:
        """The typed fields of this rejection, for the problem that is shown."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


# ── who and when ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class RoleNotAllowed(Rejection):
    """This role may not ask this."""

    command: str
    role: str


@dataclass(unsafe_hash=True)
class SecondPersonRequired(Rejection):
    """What moves a whole institution is approved by somebody else than who asks."""

    approved_by: str


@dataclass(unsafe_hash=True)
class BusinessTimeInFuture(Rejection):
    """Nothing is recorded before it happened."""

    effective_on: date
    today: date


@dataclass(unsafe_hash=True)
class BusinessTimeBeforeOpening(Rejection):
    """The escrow did not exist then."""

    effective_on: date


@dataclass(unsafe_hash=True)
class DayIsSealed(Rejection):
    """A sealed day takes no more postings: post in an open day with the original date."""

    effective_on: date
    sealed_on: date


@dataclass(unsafe_hash=True)
class SealOutdated(Rejection):
    """What is sealed was computed from another version of the stream than the current one: compute it again."""

    computed_version: int
    current_version: int


@dataclass(unsafe_hash=True)
class DateInFuture(Rejection):
    """A date in the command lies after today."""

    field: str
    on: date
    today: date


@dataclass(unsafe_hash=True)
class DayNotOver(Rejection):
    """A day is ended or sealed once it is over in Beijing."""

    on: date


@dataclass(unsafe_hash=True)
class DatesOutOfOrder(Rejection):
    """One date must not lie before the other."""

    earlier: str
    later: str


@dataclass(unsafe_hash=True)
class DateBeyondCalendar(Rejection):
    """No Chinese calendar reaches this date."""

    on: date


@dataclass(unsafe_hash=True)
class LineRepeated(Rejection):
    """The same thing stands twice in one command."""

    what: str
    id: str


# ── escrow ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class EscrowNotOpen(Rejection):
    """There is no open escrow for this institution."""

    institution_id: str
    status: str


@dataclass(unsafe_hash=True)
class EscrowAlreadyOpen(Rejection):
    """One custody account per institution."""

    institution_id: str


@dataclass(unsafe_hash=True)
class UnknownSocialCreditCode(Rejection):
    """The check character of the social credit code is wrong."""

    uscc: str


@dataclass(unsafe_hash=True)
class RuleUnknown(Rejection):
    """The rule this needs was not found in any source: it is never guessed."""

    rule: str
    rule_set: str


@dataclass(unsafe_hash=True)
class EscrowIsFrozen(Rejection):
    """A frozen escrow releases nothing; it still refunds."""


@dataclass(unsafe_hash=True)
class EscrowNotFrozen(Rejection):
    """There is no freeze to lift."""


@dataclass(unsafe_hash=True)
class EscrowIsClosing(Rejection):
    """The institution has stopped: no new contracts, lessons or releases."""

    closure: str


@dataclass(unsafe_hash=True)
class EscrowNotClosing(Rejection):
    """This needs a declared closure."""


@dataclass(unsafe_hash=True)
class EscrowNotEmpty(Rejection):
    """An escrow closes only when every account is zero."""

    account: str
    amount_fen: int


@dataclass(unsafe_hash=True)
class ClosingBalanceDiffers(Rejection):
    """The closing balance of the old account must open the new one."""

    ledger_fen: int
    closing_balance_fen: int


@dataclass(unsafe_hash=True)
class PaymentsInTransit(Rejection):
    """Instructed payments have not come back from the bank yet."""

    in_transit_fen: int


@dataclass(unsafe_hash=True)
class AttachmentUnknown(Rejection):
    """No such open attachment."""

    attachment_id: str


@dataclass(unsafe_hash=True)
class AlreadyRecorded(Rejection):
    """This reference was recorded before."""

    what: str
    id: str


@dataclass(unsafe_hash=True)
class WrongAccount(Rejection):
    """The account is not this escrow's custody account."""

    account_id: str


# ── contracts ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class ContractUnknown(Rejection):
    """No such contract at this institution."""

    contract_id: str


@dataclass(unsafe_hash=True)
class ContractAlreadyRegistered(Rejection):
    """The contract number is taken."""

    contract_id: str


@dataclass(unsafe_hash=True)
class ContractHasEnded(Rejection):
    """The contract is over."""

    contract_id: str
    reason: str


@dataclass(unsafe_hash=True)
class ContractNotFinished(Rejection):
    """Something is left to teach or to pay."""

    contract_id: str
    unearned_fen: int
    refund_payable_fen: int


@dataclass(unsafe_hash=True)
class SpanAboveCap(Rejection):
    """The prepaid span is longer than the rule set allows."""

    span_until: date
    cap: str
    rule_set: str


@dataclass(unsafe_hash=True)
class BeyondLease(Rejection):
    """The prepaid course goes on after the lease of its premises, which the rule set does not allow."""

    ends_on: date
    lease_ends_on: date
    rule_set: str


@dataclass(unsafe_hash=True)
class AcrossSemesters(Rejection):
    """The prepaid course goes on after its semester, which the rule set does not allow."""

    ends_on: date
    semester_ends_on: date
    rule_set: str


@dataclass(unsafe_hash=True)
class HoursAboveCap(Rejection):
    """More class hours than one collection may cover, counted over the child's contracts here."""

    hours: str
    cap_hours: str
    rule_set: str


@dataclass(unsafe_hash=True)
class AmountAboveCap(Rejection):
    """More money than one collection may take, counted over the child's contracts here."""

    amount_fen: int
    cap_fen: int
    rule_set: str


@dataclass(unsafe_hash=True)
class CollectedTooEarly(Rejection):
    """Fees are not collected so long before the course starts."""

    starts_on: date
    earliest_on: date
    rule_set: str


@dataclass(unsafe_hash=True)
class TrainingLoanProhibited(Rejection):
    """Training loans are prohibited for school pupils (教监管函〔2021〕2号)."""

    rule_set: str


@dataclass(unsafe_hash=True)
class AmendmentBelowConsumed(Rejection):
    """A contract cannot shrink below what was already taught or claimed."""

    contract_id: str


@dataclass(unsafe_hash=True)
class NotEnoughHours(Rejection):
    """The contract has fewer class hours left."""

    contract_id: str
    left_hours: str
    asked_hours: str


@dataclass(unsafe_hash=True)
class SameContract(Rejection):
    """Lessons move to another contract."""

    contract_id: str


@dataclass(unsafe_hash=True)
class ContractNotPaid(Rejection):
    """Only paid contracts can be transferred."""

    contract_id: str
    price_fen: int
    paid_fen: int


@dataclass(unsafe_hash=True)
class SubjectIsForgotten(Rejection):
    """An id that was let go of never comes back."""

    subject_id: str


@dataclass(unsafe_hash=True)
class SubjectStillNeeded(Rejection):
    """Nobody is forgotten while money is held, due or on its way for them, or a contract runs."""

    contract_id: str
    reason: str


@dataclass(unsafe_hash=True)
class ForgettingOutdated(Rejection):
    """The stream moved on since the subject's contracts were looked up."""

    stream_version: int
    version: int


# ── deposits ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class DuplicateBankSerial(Rejection):
    """The bank's serial number of that account and day is already booked."""

    deposit_id: str


@dataclass(unsafe_hash=True)
class DepositUnknown(Rejection):
    """No such deposit."""

    deposit_id: str


@dataclass(unsafe_hash=True)
class DepositExceeded(Rejection):
    """More than what of the deposit is not yet applied."""

    deposit_id: str
    unapplied_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class PriceExceeded(Rejection):
    """A contract takes no more than its price."""

    contract_id: str
    outstanding_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class DepositAlreadyReversed(Rejection):
    """A deposit is reversed once."""

    deposit_id: str


@dataclass(unsafe_hash=True)
class RepaymentExceedsReceivable(Rejection):
    """More than the institution must put back for this contract."""

    contract_id: str
    receivable_fen: int
    asked_fen: int


# ── class consumption ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class LessonAlreadyClaimed(Rejection):
    """A lesson is claimed once."""

    contract_id: str
    lesson_id: str


@dataclass(unsafe_hash=True)
class LessonUnknown(Rejection):
    """No such lesson."""

    contract_id: str
    lesson_id: str


@dataclass(unsafe_hash=True)
class LessonNotOpen(Rejection):
    """The lesson is not in the state this needs."""

    contract_id: str
    lesson_id: str
    status: str


@dataclass(unsafe_hash=True)
class LessonOutsideContract(Rejection):
    """The lesson was taught before the contract was signed."""

    contract_id: str
    taught_on: date


@dataclass(unsafe_hash=True)
class LessonNotCovered(Rejection):
    """The lesson's value is more than the family's money still held for the contract."""

    contract_id: str
    lesson_id: str
    value_fen: int
    unearned_fen: int


@dataclass(unsafe_hash=True)
class GuardianNotNotified(Rejection):
    """No window runs before the guardian was told."""

    contract_id: str
    lesson_id: str


@dataclass(unsafe_hash=True)
class WindowStillOpen(Rejection):
    """The guardian may still answer."""

    contract_id: str
    lesson_id: str
    window_ends_on: date


@dataclass(unsafe_hash=True)
class WindowProvisional(Rejection):
    """The window ends in a year whose calendar was not published: silence confirms nothing on a guessed day."""

    contract_id: str
    lesson_id: str
    window_ends_on: date


@dataclass(unsafe_hash=True)
class DefaultConfirmationUnknown(Rejection):
    """Where no confirmation window is known for the place, nothing is confirmed by default."""

    rule_set: str


# ── releases ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class ReleaseExceedsEarned(Rejection):
    """A release never exceeds what is earned and undisputed."""

    contract_id: str
    releasable_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class ReleaseLineUnknown(Rejection):
    """No such open line of this release."""

    release_id: str
    contract_id: str


@dataclass(unsafe_hash=True)
class OrderNotCompleted(Rejection):
    """The rule set releases an order only after all its lessons, or in milestones."""

    contract_id: str
    releasable_fen: int
    asked_fen: int
    rule_set: str


@dataclass(unsafe_hash=True)
class CustodyShort(Rejection):
    """The money is not in custody: what is attached or already on its way cannot be paid again."""

    available_fen: int
    asked_fen: int


# ── refunds ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class RefundUnknown(Rejection):
    """No such refund."""

    refund_id: str


@dataclass(unsafe_hash=True)
class RefundAlreadyOpen(Rejection):
    """One open claim per contract: the second forum sees the first."""

    contract_id: str
    refund_id: str


@dataclass(unsafe_hash=True)
class RefundNotInState(Rejection):
    """The refund is not in the state this needs."""

    refund_id: str
    status: str


@dataclass(unsafe_hash=True)
class RefundBelowEntitlement(Rejection):
    """The family gets back all that is due."""

    refund_id: str
    entitled_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class RefundAbovePaid(Rejection):
    """Never more than what was paid."""

    contract_id: str
    refundable_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class NothingDue(Rejection):
    """Nothing is due under this cause."""

    contract_id: str


@dataclass(unsafe_hash=True)
class ReplyWindowUnknown(Rejection):
    """No reply window is known for the place: silence means nothing."""

    rule_set: str


@dataclass(unsafe_hash=True)
class ReplyWindowStillOpen(Rejection):
    """The institution may still answer."""

    refund_id: str
    reply_by: date


@dataclass(unsafe_hash=True)
class ReplyWindowOver(Rejection):
    """The institution may no longer refuse: by its silence it has agreed."""

    refund_id: str
    reply_by: date


@dataclass(unsafe_hash=True)
class InstructionExceedsRefund(Rejection):
    """More than what of the refund is agreed and open."""

    refund_id: str
    open_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class InstructionUnknown(Rejection):
    """No such open payment instruction."""

    refund_id: str
    instruction_id: str


@dataclass(unsafe_hash=True)
class PayeeUnknown(Rejection):
    """No original channel is known: a verified payee is needed."""

    refund_id: str


@dataclass(unsafe_hash=True)
class DeductionWithoutRefund(Rejection):
    """Deductions are made only where a refund is asked for."""

    contract_id: str


@dataclass(unsafe_hash=True)
class DeductionExceedsHeld(Rejection):
    """More than what is still held for the family."""

    contract_id: str
    unearned_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class AcknowledgementExceedsDue(Rejection):
    """More than what the family is still owed."""

    contract_id: str
    owed_fen: int
    asked_fen: int


# ── mediation ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class CaseUnknown(Rejection):
    """No such mediation case."""

    case_id: str


@dataclass(unsafe_hash=True)
class CaseAlreadyOpen(Rejection):
    """One forum at a time."""

    contract_id: str
    case_id: str


@dataclass(unsafe_hash=True)
class CaseNotInState(Rejection):
    """The case is not in the state this needs."""

    case_id: str
    status: str


@dataclass(unsafe_hash=True)
class MediationTimeRunning(Rejection):
    """The time for mediation has not run out."""

    case_id: str
    ends_on: date


@dataclass(unsafe_hash=True)
class MediationTimeOver(Rejection):
    """The time for mediation has run out: both parties must agree to go on."""

    case_id: str
    ends_on: date


@dataclass(unsafe_hash=True)
class SettlementIncomplete(Rejection):
    """The settlement lacks what its kind needs, or carries what it must not."""

    case_id: str
    missing: str


@dataclass(unsafe_hash=True)
class InstalmentsDiffer(Rejection):
    """Instalments sum to the settlement, in order of their dates."""

    case_id: str
    amount_fen: int
    sum_fen: int


@dataclass(unsafe_hash=True)
class SettlementNotOverdue(Rejection):
    """No instalment is overdue."""

    case_id: str


@dataclass(unsafe_hash=True)
class ConfirmationTooLate(Rejection):
    """Judicial confirmation is applied for within 30 days of the agreement's effect (CPL art. 205)."""

    case_id: str
    confirm_by: date


@dataclass(unsafe_hash=True)
class AwardUnknown(Rejection):
    """No such award on this contract."""

    award_id: str


# ── risk deposit and closure ────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class RiskDepositExceeded(Rejection):
    """More than the security that is there, or than what must be put back."""

    available_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class RiskDepositStillNeeded(Rejection):
    """Security is given back only when nothing is owed to families."""

    owed_fen: int


@dataclass(unsafe_hash=True)
class DistributionRequired(Rejection):
    """Custody is short: families are paid by an ordered distribution, not first come first served."""

    available_fen: int
    owed_fen: int


@dataclass(unsafe_hash=True)
class DistributionUnknown(Rejection):
    """No such open distribution."""

    distribution_id: str


@dataclass(unsafe_hash=True)
class DistributionStillOpen(Rejection):
    """The last distribution has not been completed."""

    distribution_id: str


@dataclass(unsafe_hash=True)
class PotExceedsCustody(Rejection):
    """The pot is larger than the money that can be paid."""

    available_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class ShareExceedsDue(Rejection):
    """No share is above what is due."""

    contract_id: str
    due_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class SharesExceedPot(Rejection):
    """Shares never sum to more than the pot."""

    distribution_id: str
    pot_fen: int
    asked_fen: int


@dataclass(unsafe_hash=True)
class DistributionDiffersFromList(Rejection):
    """The approved shares are not the ordered list."""

    distribution_id: str
    families: int
    approved: int


# ── bank's books ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(unsafe_hash=True)
class EmptyStatement(Rejection):
    """A statement without a line and without a date says nothing."""

    sha256: str


@dataclass(unsafe_hash=True)
class OtherCurrency(Rejection):
    """Custody is kept in yuan."""

    currency: str


@dataclass(unsafe_hash=True)
class DuplicateReference(Rejection):
    """The bank's serial number stands twice on one side of one day: one booking written twice, or a damaged file."""

    line: int
    serial: str


@dataclass(unsafe_hash=True)
class RunningBalanceBroken(Rejection):
    """The running balances do not lead from line to line: one is missing, doubled or changed."""

    line: int


@dataclass(unsafe_hash=True)
class BalancesMissing(Rejection):
    """The file states neither opening nor closing balance: state them from the bank's paper."""

    sha256: str


@dataclass(unsafe_hash=True)
class StatementTotalsDiffer(Rejection):
    """Opening + lines = closing does not hold, or a stated total is not the sum of the lines."""

    which: str
    """`opening_balance`, `closing_balance`, `credits`, `debits`."""
    computed_fen: int
    stated_fen: int


@dataclass(unsafe_hash=True)
class StatementNotContinuous(Rejection):
    """The statement does not begin where the last one ended: a day is missing, or was changed afterwards."""

    through_on: date | None
    expected_fen: int
    found_fen: int


@dataclass(unsafe_hash=True)
class RepeatedLineDiffers(Rejection):
    """The bank sends a booking again with another amount: which of its two words holds is for the bank to say."""

    line: int
    serial: str
    recorded_fen: int
    """Signed; as the earlier statement had it."""
    found_fen: int


@dataclass(unsafe_hash=True)
class OverlapAmbiguous(Rejection):
    """Equal lines of one day without serial number or balance: repeated or new cannot be told apart."""

    on: date


@dataclass(unsafe_hash=True)
class StatementIncomplete(Rejection):
    """Lines of the last statement are not booked yet: finish it first."""

    statement_id: str
    lines: int
    booked: int


@dataclass(unsafe_hash=True)
class StatementUnknown(Rejection):
    """No such open statement."""

    statement_id: str


@dataclass(unsafe_hash=True)
class StatementLineOutOfTurn(Rejection):
    """The lines of a statement are booked one after another, each once."""

    statement_id: str
    expected: int
    given: int


@dataclass(unsafe_hash=True)
class StatementLinesDiffer(Rejection):
    """The lines booked are not the lines of the statement."""

    statement_id: str


@dataclass(unsafe_hash=True)
class MatchedAmountDiffers(Rejection):
    """What a line is matched to does not sum to the line."""

    line_fen: int
    matched_fen: int


@dataclass(unsafe_hash=True)
class ReferenceUnknown(Rejection):
    """Nothing recorded that moved money in custody has this reference."""

    reference: str


@dataclass(unsafe_hash=True)
class ReferenceAlreadyMatched(Rejection):
    """One booking of the bank explains it already."""

    reference: str


@dataclass(unsafe_hash=True)
class BreakUnknown(Rejection):
    """No such open break."""

    break_id: str


REJECTIONS: dict[str, type[Rejection]] = {
    kind.code: kind
    for kind in globals().copy().values()
    if isinstance(kind, type) and issubclass(kind, Rejection) and kind is not Rejection
}
"""Every rule by its code."""
