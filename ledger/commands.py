"""What may be asked: the table of contents of writes. These models are also the request bodies of the API."""

import re
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Protocol, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ledger.hours import format_hours, parse_hours
from ledger.identifiers import Category, Cause, Id, Role, SheetKey
from ledger.sheets import (
    BankLine,
    BankStatement,
    Break,
    Case,
    Contract,
    Deposit,
    Distribution,
    Lesson,
    Mark,
    Refund,
    ReleaseLine,
    sheet_key,
)
from ledger.statements import day_digits, item_break_id, ledger_serial

MAX_FEN = 10**15
MAX_COUNT = 10**15
MAX_LINES = 1000

Fen = Annotated[int, Field(ge=1, le=MAX_FEN)]
"""A positive amount in fen; never a float, never a string."""
FenOrZero = Annotated[int, Field(ge=0, le=MAX_FEN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Free text on one line. No personal data belongs here."""
AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,54}$")]
"""Short enough for a deposit id: account, day and serial."""
CaseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,120}$")]
"""Short enough for the ids of its instalments."""
Evidence = Text
"""Where the proof lies: a document number or a hash."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 hash, lower-case hex."""


def _hours(value: object) -> int:
    if not isinstance(value, str):
        message = 'class hours are decimal strings such as "17.5"'
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a field error
    return parse_hours(value)


Hours = Annotated[
    int,
    BeforeValidator(_hours),
    Field(ge=1, le=10**7),
    PlainSerializer(format_hours, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(?!0+(\.0{1,2})?$)[0-9]{1,5}(\.[0-9]{1,2})?$", "examples": ["17.5"]}
    ),
]
"""A decimal string of class hours above zero at the edge, hundredths inside."""
HoursOrZero = Annotated[
    int,
    BeforeValidator(_hours),
    Field(ge=0, le=10**7),
    PlainSerializer(format_hours, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,5}(\.[0-9]{1,2})?$", "examples": ["0"]}),
]

BANK, INSTITUTION, GUARDIAN = Role.BANK, Role.INSTITUTION, Role.GUARDIAN
MEDIATOR, REGULATOR = Role.MEDIATOR, Role.REGULATOR


class Line(BaseModel):
    """A part of a command."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class Command(Line):
    """Something asked of one escrow. Strict: unknown fields and lossy values are refused."""

    name: ClassVar[str] = ""
    by: ClassVar[frozenset[Role]] = frozenset()
    """Roles that may ask."""

    effective_at: AwareDatetime | None = None
    """Business time; the moment of recording when left out."""

    def __init_subclass__(cls, *, by: Iterable[Role] = (), **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[arg-type] # pydantic's own keywords pass through
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.by = frozenset(by)

    def touches(self) -> Iterable[SheetKey]:
        """Sheets this command is known to need; what else turns out to be needed is read in a second round."""
        return ()


# ── escrow ──────────────────────────────────────────────────────────────────────────────────────────────────


class OpenEscrow(Command, by=[REGULATOR]):
    """Put an institution's prepaid fees under supervision at a custodian bank."""

    institution_name: Text
    uscc: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NP-RT-UW-Y]{18}$")]
    """Unified social credit code (GB 32100), with its check character."""
    jurisdiction: Annotated[str, StringConstraints(pattern=r"^CN(-[A-Z]{2}){0,2}$")]
    category: Category
    district: Text
    licensed: bool
    """Holds a school licence under 民促法: decides the order of payment in a closure (art. 59)."""
    custodian: Id
    account_id: AccountId
    agreement_no: Text


class ChangeCustodian(Command, by=[REGULATOR]):
    """Move custody to another bank; the closing balance of the old account must be the ledger's."""

    custodian: Id
    account_id: AccountId
    agreement_no: Text
    closing_balance_fen: FenOrZero


class FreezeEscrow(Command, by=[REGULATOR]):
    """Stop releases to the institution; refunds go on."""

    authority: Literal["regulator", "court"]
    order_no: Text
    reason: Text


class UnfreezeEscrow(Command, by=[REGULATOR]):
    """Let releases go on; a second person approves."""

    order_no: Text
    reason: Text
    approved_by: Id | None = None
    """The second person. A proposal may name who is asked; else it is whoever approves."""


class RecordAttachment(Command, by=[REGULATOR, BANK]):
    """Record that a third party attached money in custody."""

    attachment_id: Id
    authority: Text
    order_no: Text
    amount_fen: Fen


class LiftAttachment(Command, by=[REGULATOR, BANK]):
    """Record that an attachment ended."""

    attachment_id: Id
    order_no: Text


class RenameInstitution(Command, by=[REGULATOR]):
    """Record a new name, social credit code or licence."""

    institution_name: Text
    uscc: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NP-RT-UW-Y]{18}$")]
    licensed: bool


class RecordSuccession(Command, by=[REGULATOR]):
    """Record that another institution took over the obligations."""

    successor_id: Id
    ground: Text


class DeclareClosure(Command, by=[REGULATOR]):
    """Declare that the institution stops; a second person approves. Every open contract becomes due."""

    kind: Literal["orderly", "abnormal"]
    stopped_on: date
    reason: Text
    approved_by: Id | None = None
    """The second person. A proposal may name who is asked; else it is whoever approves."""


class CloseEscrow(Command, by=[REGULATOR]):
    """Close an escrow in which nothing is left."""


class SealedStatements(Line):
    """The root over what each family has in custody, as computed from the stream up to one version."""

    stream_version: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    statements: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    root: Sha256


class SealDay(Command, by=[REGULATOR]):
    """Seal a business day: it takes no more postings."""

    business_on: date
    sealed: SealedStatements | None = None
    """Lets each family prove its figure without showing another's."""


# ── contracts ───────────────────────────────────────────────────────────────────────────────────────────────


class TierLine(Line):
    """A refund step of the signed contract."""

    used_over_centihours: HoursOrZero = Field(alias="used_over_hours")
    refund_percent: Annotated[int, Field(ge=0, le=100)]


CONTRADICTIONS = frozenset(
    {"list_price_not_stated", "pass_measured_by_hours", "tiers_begin_together", "correction_not_named"}
)
"""How fields of one body may contradict each other; said in the reader's language at the edge."""


def _contradiction(
    code: Literal["list_price_not_stated", "pass_measured_by_hours", "tiers_begin_together", "correction_not_named"],
) -> PydanticCustomError:
    return PydanticCustomError(code, code)


class ContractTerms(Line):
    """What the signed contract says beyond price and hours (GF-2021-2604: blanks the parties fill)."""

    list_unit_price_fen: Fen | None = None
    list_price_disclosed: bool = False
    bonus_fen: FenOrZero = 0
    full_refund_days_before_start: Annotated[int, Field(ge=0, le=366)] | None = None
    full_refund_days_after_start: Annotated[int, Field(ge=0, le=366)] | None = None
    refund_due_workdays: Annotated[int, Field(ge=1, le=366)] | None = None
    tiers: Annotated[list[TierLine], Field(max_length=20)] = []
    unlimited_pass: bool = False
    prior_same_service: bool | None = None
    """Whether the child had the same service before signing (bars the seven-day right of 法释〔2025〕4号 art. 14)."""
    training_loan: bool = False
    lease_ends_on: date | None = None
    """Last day of the lease of the premises, where the contract states it (北京市单用途预付卡管理条例 art. 13)."""
    semester_ends_on: date | None = None
    """Last day of the semester the course belongs to, where the contract states it."""

    @model_validator(mode="after")
    def _can_be_computed(self) -> Self:
        """Terms from which no refund could ever be computed are refused when they are typed in."""
        if self.list_price_disclosed and self.list_unit_price_fen is None:
            raise _contradiction("list_price_not_stated")
        if self.unlimited_pass and (self.bonus_fen or self.tiers):
            raise _contradiction("pass_measured_by_hours")
        if len({tier.used_over_centihours for tier in self.tiers}) < len(self.tiers):
            raise _contradiction("tiers_begin_together")
        return self


class RegisterContract(Command, by=[INSTITUTION, REGULATOR]):
    """Register a signed contract; the caps of the rule set hold across all contracts of the child here."""

    contract_id: Id
    guardian_id: Id
    student_id: Id
    course: Text
    subject: Text
    signed_on: date
    starts_on: date
    ends_on: date
    price_fen: Fen
    paid_centihours: Hours = Field(alias="paid_hours")
    gift_centihours: HoursOrZero = Field(alias="gift_hours", default=0)
    terms: ContractTerms = ContractTerms()
    stock: bool = False
    """Collected before supervision began and not yet taught: the caps of the day do not apply."""

    def touches(self) -> Iterable[SheetKey]:
        """The contract, which must be new, the child's other contracts, and whether either of the two was forgotten."""
        yield sheet_key(Contract, self.contract_id)
        yield SheetKey(f"child:{self.student_id}")
        yield sheet_key(Mark, "forgotten", self.guardian_id)
        yield sheet_key(Mark, "forgotten", self.student_id)


class AmendContract(Command, by=[INSTITUTION, REGULATOR]):
    """Change price, hours or end with the guardian's consent; lessons already consumed keep their price."""

    contract_id: Id
    price_fen: Fen
    paid_centihours: Hours = Field(alias="paid_hours")
    gift_centihours: HoursOrZero = Field(alias="gift_hours", default=0)
    ends_on: date
    reason: Text
    consent: Evidence
    """The guardian's consent: a one-sided change is a breach (法释〔2025〕4号 art. 12)."""


class TransferLessons(Command, by=[INSTITUTION, REGULATOR]):
    """Move unconsumed lessons to another contract of this institution, with the consent of both families."""

    contract_id: Id
    to_contract_id: Id
    centihours: Hours = Field(alias="hours")
    reason: Text
    consent: Evidence
    receiver_consent: Evidence


class EndContract(Command, by=[INSTITUTION, REGULATOR]):
    """Close a contract under which nothing is left to teach or to pay."""

    contract_id: Id

    def touches(self) -> Iterable[SheetKey]:
        """The contract."""
        return (sheet_key(Contract, self.contract_id),)


class ForgetSubject(Command, by=[INSTITUTION, REGULATOR]):
    """Let go of a family member's data: nothing is held, due or on its way here, and the id never comes back."""

    subject_id: Id
    """A guardian or a student."""
    stream_version: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    """The version of the stream up to which the contracts were looked up."""
    contract_ids: Annotated[list[Id], Field(max_length=MAX_LINES)]
    """Every contract here that names the subject."""

    def touches(self) -> Iterable[SheetKey]:
        """The mark, which must be new, and the contracts."""
        yield sheet_key(Mark, "forgotten", self.subject_id)
        yield from (sheet_key(Contract, contract_id) for contract_id in self.contract_ids)


# ── deposits ────────────────────────────────────────────────────────────────────────────────────────────────


class RecordDeposit(Command, by=[BANK]):
    """Record a credit on the custody account; with a contract number it is applied to it at once."""

    bank_serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    account_id: Id
    value_on: date
    amount_fen: Fen
    payer_ref: Id
    """Token of the paying account: refunds go back to it."""
    funding: Literal["own", "training_loan"] = "own"
    remittance: Annotated[str, StringConstraints(max_length=140, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    contract_id: Id | None = None

    @cached_property
    def deposit_id(self) -> str:
        """A credit is one (account, value date, serial): the same three are the same money."""
        return f"{self.account_id}.{day_digits(self.value_on)}.{self.bank_serial}"

    def touches(self) -> Iterable[SheetKey]:
        """The deposit, which must be new, and the contract it names."""
        yield sheet_key(Deposit, self.deposit_id)
        yield sheet_key(Mark, "repayment", self.deposit_id)
        if self.contract_id:
            yield sheet_key(Contract, self.contract_id)


class Share(Line):
    """A part of a deposit for one contract."""

    contract_id: Id
    amount_fen: Fen


class ApplyDeposit(Command, by=[BANK, INSTITUTION, REGULATOR]):
    """Tie unapplied money to contracts (siblings: the split is recorded and refunds follow it)."""

    deposit_id: Id
    shares: Annotated[list[Share], Field(min_length=1, max_length=MAX_LINES)]
    basis: Text

    def touches(self) -> Iterable[SheetKey]:
        """The deposit and the contracts."""
        yield sheet_key(Deposit, self.deposit_id)
        yield from (sheet_key(Contract, share.contract_id) for share in self.shares)


class ReverseDeposit(Command, by=[BANK]):
    """Record that the bank took a deposit back (冲正, chargeback)."""

    deposit_id: Id
    reversal_id: Id
    reason: Literal["bank_reversal", "chargeback"]


class AssertOffPlatformPayment(Command, by=[GUARDIAN, MEDIATOR, REGULATOR]):
    """Register a payment the family made outside custody: a claim, never cover."""

    contract_id: Id
    claim_id: Id
    amount_fen: Fen
    evidence: Evidence


class RecordShortfallRepayment(Command, by=[BANK]):
    """Record money the institution put back into custody for one contract."""

    bank_serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    account_id: Id
    value_on: date
    contract_id: Id | None = None
    """None for a deposit that was refunded before the bank took it back."""
    amount_fen: Fen

    @property
    def deposit_id(self) -> str:
        """The same three are the same money, however it is booked."""
        return f"{self.account_id}.{day_digits(self.value_on)}.{self.bank_serial}"


# ── class consumption ───────────────────────────────────────────────────────────────────────────────────────


class ClaimedLesson(Line):
    """One lesson of one contract, as the institution says it was taught."""

    contract_id: Id
    lesson_id: Id
    centihours: Hours = Field(alias="hours")
    taught_on: date
    notified_on: date | None = None
    """When the guardian was told. Without notice no window runs, nor does it before the claim was recorded."""


class LessonRef(Line):
    """One claimed lesson."""

    contract_id: Id
    lesson_id: Id


class _OfLesson(Protocol):
    contract_id: str
    lesson_id: str


def _lesson_sheets(lessons: Iterable[_OfLesson]) -> Iterable[SheetKey]:
    for lesson in lessons:
        yield sheet_key(Contract, lesson.contract_id)
        yield sheet_key(Lesson, lesson.contract_id, lesson.lesson_id)


class ClaimLessons(Command, by=[INSTITUTION]):
    """Claim lessons as taught: a class session is one command with a line per child."""

    lessons: Annotated[list[ClaimedLesson], Field(min_length=1, max_length=MAX_LINES)]

    def touches(self) -> Iterable[SheetKey]:
        """The contracts and the lessons."""
        return _lesson_sheets(self.lessons)


class ConfirmLessons(Command, by=[GUARDIAN, REGULATOR]):
    """Confirm claimed lessons, all or none."""

    lessons: Annotated[list[LessonRef], Field(min_length=1, max_length=MAX_LINES)]

    def touches(self) -> Iterable[SheetKey]:
        """The contracts and the lessons."""
        return _lesson_sheets(self.lessons)


class ConfirmLessonsByDefault(Command, by=[INSTITUTION, REGULATOR]):
    """Confirm lessons whose window ended in silence, where the rule set allows it."""

    lessons: Annotated[list[LessonRef], Field(min_length=1, max_length=MAX_LINES)]

    def touches(self) -> Iterable[SheetKey]:
        """The contracts and the lessons."""
        return _lesson_sheets(self.lessons)


class DisputeLesson(Command, by=[GUARDIAN, MEDIATOR, REGULATOR]):
    """Contest a lesson, claimed or confirmed: its clock stops and its money is held."""

    contract_id: Id
    lesson_id: Id
    reason: Text

    def touches(self) -> Iterable[SheetKey]:
        """The contract and the lesson."""
        return _lesson_sheets([self])


class DecideDispute(Command, by=[REGULATOR]):
    """Decide a dispute, once."""

    contract_id: Id
    lesson_id: Id
    outcome: Literal["upheld", "reversed"]
    """`upheld`: the lesson counts; `reversed`: it does not."""
    reason: Text

    def touches(self) -> Iterable[SheetKey]:
        """The contract and the lesson."""
        return _lesson_sheets([self])


class ReverseLesson(Command, by=[INSTITUTION, REGULATOR]):
    """Take back a lesson that was claimed or confirmed wrongly."""

    contract_id: Id
    lesson_id: Id
    reason: Text

    def touches(self) -> Iterable[SheetKey]:
        """The contract and the lesson."""
        return _lesson_sheets([self])


# ── releases ────────────────────────────────────────────────────────────────────────────────────────────────


class ReleaseOrderLine(Line):
    """One contract's part of a release."""

    contract_id: Id
    amount_fen: Fen


class InstructRelease(Command, by=[INSTITUTION, REGULATOR]):
    """Instruct the bank to pay earned, undisputed money to the institution."""

    release_id: Id
    lines: Annotated[list[ReleaseOrderLine], Field(min_length=1, max_length=MAX_LINES)]

    def touches(self) -> Iterable[SheetKey]:
        """The contracts, and the release lines, which must be new."""
        for line in self.lines:
            yield sheet_key(Contract, line.contract_id)
            yield sheet_key(ReleaseLine, self.release_id, line.contract_id)


def _release_sheets(release_id: str, contract_ids: Iterable[str]) -> Iterable[SheetKey]:
    for contract_id in contract_ids:
        yield sheet_key(Contract, contract_id)
        yield sheet_key(ReleaseLine, release_id, contract_id)


class SettleRelease(Command, by=[BANK]):
    """Record that the bank paid these lines of a release."""

    release_id: Id
    contract_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_LINES)]
    bank_serial: Id

    def touches(self) -> Iterable[SheetKey]:
        """The contracts and the release lines."""
        return _release_sheets(self.release_id, self.contract_ids)


class ReturnRelease(Command, by=[BANK]):
    """Record that these lines of a release came back."""

    release_id: Id
    contract_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_LINES)]
    reason: Text

    def touches(self) -> Iterable[SheetKey]:
        """The contracts and the release lines."""
        return _release_sheets(self.release_id, self.contract_ids)


# ── refunds ─────────────────────────────────────────────────────────────────────────────────────────────────


class Circumstances(Line):
    """What a refund under the family's cause may turn on, found by the mediator or the officer."""

    market_unit_price_fen: Fen | None = None
    list_price_unreasonable: bool = False
    contract_unit_price_fen: Fen | None = None
    progress_percent: Annotated[int, Field(ge=0, le=100)] | None = None


class RequestRefund(Command, by=[GUARDIAN, MEDIATOR, REGULATOR]):
    """Ask for a refund: what is due is derived and the clocks start."""

    refund_id: Id
    contract_id: Id
    cause: Cause
    requested_on: date
    claim_fen: Fen | None = None
    circumstances: Circumstances = Circumstances()


class ApproveRefund(Command, by=[INSTITUTION]):
    """Agree to a requested refund; never less than the family is entitled to, more where the parties agree."""

    refund_id: Id
    amount_fen: FenOrZero | None = None


class DeemRefundAgreed(Command, by=[REGULATOR]):
    """Record that the institution stayed silent past the reply window."""

    refund_id: Id


class RefuseRefund(Command, by=[INSTITUTION]):
    """Say no to a requested refund; the claim stays."""

    refund_id: Id
    reason: Text


class WithdrawRefund(Command, by=[GUARDIAN]):
    """Take a request back that has not been agreed; lessons go on."""

    refund_id: Id
    reason: Text


class OrderRefund(Command, by=[REGULATOR]):
    """Order a refund: what is due under the cause, or the amount of a recorded award."""

    refund_id: Id
    contract_id: Id
    cause: Cause
    basis: Text
    award_id: Id | None = None
    circumstances: Circumstances = Circumstances()


class RefundDeposit(Command, by=[BANK, REGULATOR]):
    """Give back what of a deposit is not tied to any contract."""

    refund_id: Id
    deposit_id: Id


class InstructRefund(Command, by=[INSTITUTION, REGULATOR, BANK]):
    """Instruct the bank to pay an agreed refund, whole or in part, to the original channel."""

    refund_id: Id
    instruction_id: Id
    amount_fen: Fen | None = None

    def touches(self) -> Iterable[SheetKey]:
        """The refund."""
        return (sheet_key(Refund, self.refund_id),)


class SettleRefund(Command, by=[BANK]):
    """Record that the bank paid a refund instruction."""

    refund_id: Id
    instruction_id: Id
    bank_serial: Id

    def touches(self) -> Iterable[SheetKey]:
        """The refund."""
        return (sheet_key(Refund, self.refund_id),)


class ReturnRefund(Command, by=[BANK]):
    """Record that a refund payment came back (退票)."""

    refund_id: Id
    instruction_id: Id
    reason: Text

    def touches(self) -> Iterable[SheetKey]:
        """The refund."""
        return (sheet_key(Refund, self.refund_id),)


class SubstitutePayee(Command, by=[REGULATOR, BANK]):
    """Record another verified account of the payer."""

    refund_id: Id
    payee_ref: Id
    evidence: Evidence


class RetainDeduction(Command, by=[MEDIATOR, REGULATOR]):
    """Let the institution keep one evidenced item of a contract whose refund is asked for."""

    contract_id: Id
    deduction_id: Id
    kind: Literal["materials", "agreed_item", "gift"]
    amount_fen: Fen
    evidence: Evidence


class AcknowledgeOffPlatformRefund(Command, by=[GUARDIAN]):
    """Confirm a refund received outside custody: only the family's word counts."""

    contract_id: Id
    refund_id: Id | None = None
    amount_fen: Fen
    evidence: Evidence


# ── mediation ───────────────────────────────────────────────────────────────────────────────────────────────


class OpenMediation(Command, by=[GUARDIAN, MEDIATOR, REGULATOR]):
    """Open a mediation case on a contract; one forum at a time."""

    case_id: CaseId
    contract_id: Id
    stage: Literal["pre_filing", "in_suit_ordinary", "in_suit_summary"] = "pre_filing"
    referred_by: Literal["family", "regulator", "court"]
    cause: Cause
    claim_fen: Fen
    circumstances: Circumstances = Circumstances()


class _OfCase(Command):
    case_id: Id

    def touches(self) -> Iterable[SheetKey]:
        """The case."""
        return (sheet_key(Case, self.case_id),)


class AcceptMediation(_OfCase, by=[MEDIATOR]):
    """Sign for the file: the clock starts."""

    accepted_on: date


class ExtendMediation(_OfCase, by=[MEDIATOR]):
    """Go on longer because both parties agree."""

    ends_on: date
    consent: Evidence


class InstalmentLine(Line):
    """One part of a settlement."""

    due_on: date
    amount_fen: Fen


class AgreeSettlement(_OfCase, by=[MEDIATOR]):
    """Record what both sides signed: money at once or in instalments, lessons to go on, or a transfer."""

    kind: Literal["amount", "instalments", "lessons", "transfer"]
    agreed_on: date
    amount_fen: FenOrZero = 0
    instalments: Annotated[list[InstalmentLine], Field(max_length=60)] = []
    to_contract_id: Id | None = None


class BreachSettlement(_OfCase, by=[MEDIATOR, REGULATOR]):
    """Record that an instalment is overdue and unpaid: the formula is open again."""

    reason: Text


class FailMediation(_OfCase, by=[MEDIATOR]):
    """Record that there is no agreement."""

    reason: Text


class WithdrawMediation(_OfCase, by=[GUARDIAN, MEDIATOR]):
    """Record that the applicant withdrew."""

    reason: Text


class ExpireMediation(_OfCase, by=[MEDIATOR, REGULATOR]):
    """Record that the time ran out."""


class RecordJudicialConfirmation(_OfCase, by=[MEDIATOR, REGULATOR]):
    """Record the court's ruling on the settlement."""

    outcome: Literal["confirmed", "refused"]
    ruling_no: Text
    applied_on: date
    """When both parties asked the court together."""


class RecordAward(Command, by=[MEDIATOR, REGULATOR]):
    """Record what a court or arbitral body awarded, beside the formula figure."""

    contract_id: Id
    award_id: Id
    cause: Cause
    forum: Text
    amount_fen: FenOrZero
    reason: Text
    case_id: Id | None = None


# ── risk deposit ────────────────────────────────────────────────────────────────────────────────────────────


class PlaceRiskDeposit(Command, by=[BANK]):
    """Record security placed by the institution."""

    amount_fen: Fen
    bank_serial: Id


class DrawRiskDeposit(Command, by=[REGULATOR]):
    """Draw on the security for what the institution must put back for a contract."""

    contract_id: Id
    amount_fen: Fen
    order_no: Text
    draw_id: Id | None = None
    """Names the movement: the bank writes it on its line, and the statement finds it. The command's key if left out."""


class ReturnRiskDeposit(Command, by=[BANK]):
    """Record security given back, once nothing is owed."""

    amount_fen: Fen
    bank_serial: Id


# ── closure ─────────────────────────────────────────────────────────────────────────────────────────────────


class ClosureRefund(Line):
    """One contract of a closed institution and the id of its refund."""

    contract_id: Id
    refund_id: Id


class OrderClosureRefunds(Command, by=[REGULATOR]):
    """Order the refund of open contracts of a closing institution, in chunks."""

    refunds: Annotated[list[ClosureRefund], Field(min_length=1, max_length=500)]

    def touches(self) -> Iterable[SheetKey]:
        """The contracts, and the refunds, which must be new."""
        for line in self.refunds:
            yield sheet_key(Contract, line.contract_id)
            yield sheet_key(Refund, line.refund_id)


class OrderDistribution(Command, by=[REGULATOR]):
    """Decide how a short pot is shared; a second person approves."""

    distribution_id: Id
    method: Literal["trace", "pool"]
    pot: Literal["custody", "risk_deposit", "other"] = "custody"
    pot_fen: Fen
    due_fen: Fen
    families: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    cut_off_on: date
    list_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Chained over the list in order: h = sha256(h + "contract_id:refund_id:due_fen:share_fen\\n"), from "" on."""
    approved_by: Id | None = None
    """The second person. A proposal may name who is asked; else it is whoever approves."""


class ShareLine(Line):
    """One family's share."""

    contract_id: Id
    refund_id: Id
    share_fen: FenOrZero


class ApproveShares(Command, by=[REGULATOR]):
    """Approve shares of an ordered distribution, in list order, in chunks."""

    distribution_id: Id
    shares: Annotated[list[ShareLine], Field(min_length=1, max_length=500)]

    def touches(self) -> Iterable[SheetKey]:
        """The distribution and the refunds."""
        yield sheet_key(Distribution, self.distribution_id)
        for share in self.shares:
            yield sheet_key(Refund, share.refund_id)


class CompleteDistribution(Command, by=[REGULATOR]):
    """Record that the whole ordered list has been approved: from now on its shares may be paid."""

    distribution_id: Id

    def touches(self) -> Iterable[SheetKey]:
        """The distribution."""
        yield sheet_key(Distribution, self.distribution_id)


class CancelDistribution(Command, by=[REGULATOR]):
    """Give up a distribution whose list is not complete; a second person approves. Nothing was paid from it."""

    distribution_id: Id
    reason: Text
    approved_by: Id | None = None
    """The second person. A proposal may name who is asked; else it is whoever approves."""

    def touches(self) -> Iterable[SheetKey]:
        """The distribution."""
        yield sheet_key(Distribution, self.distribution_id)


# ── bank's books ────────────────────────────────────────────────────────────────────────────────────────────

SignedFen = Annotated[int, Field(ge=-MAX_FEN, le=MAX_FEN)]
"""Fen as the bank books them: credits positive, debits negative."""
LineKey = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}\.[0-9a-f]{24}$")]
StatementId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}(-[0-9]{1,4})?$")]
Reference = Annotated[
    str,
    StringConstraints(
        pattern=r"^((deposit|reversal|repayment|draw):[A-Za-z0-9_.-]{1,128}"
        r"|(release|refund):[A-Za-z0-9_.-]{1,128}:[A-Za-z0-9_.-]{1,128})$"
    ),
]
"""A payment: `deposit:ID`, `reversal:DEPOSIT`, `repayment:ID`, `release:ID:CONTRACT`, `refund:ID:INSTRUCTION`."""


def _payment_sheets(reference: str) -> Iterable[SheetKey]:
    kind, first, *rest = reference.split(":")
    yield sheet_key(Break, item_break_id(reference))
    if kind in {"deposit", "reversal"}:
        yield sheet_key(Deposit, first)
    elif kind in {"repayment", "draw"}:
        yield sheet_key(Mark, kind, first)
    elif kind == "refund":
        yield sheet_key(Refund, first)
    elif kind == "release":
        yield sheet_key(ReleaseLine, first, rest[0])
        yield sheet_key(Contract, rest[0])


class RecordStatement(Command, by=[BANK, REGULATOR]):
    """Take in a statement of the custodian bank; its lines are booked one by one after it."""

    statement_id: StatementId
    """SHA-256 of the file; `-2` and on for further statements in it."""
    format: Id
    account_id: Id
    from_on: date
    to_on: date
    opening_fen: SignedFen
    closing_fen: SignedFen
    credits_fen: FenOrZero
    debits_fen: FenOrZero
    lines: Annotated[int, Field(ge=0, le=10**6)]
    repeated: Annotated[int, Field(ge=0, le=10**6)] = 0
    repeated_fen: SignedFen = 0
    lines_sha256: Sha256 | Literal[""]
    """Chained over the new lines in order: h = sha256(h + "line_key:signed_fen\\n"), from "" on."""

    def touches(self) -> Iterable[SheetKey]:
        """The statement, which must be new."""
        return (sheet_key(BankStatement, self.statement_id),)


class BankShareLine(Line):
    """A part of a bank line and the payment it is."""

    reference: Reference
    signed_fen: SignedFen


class Matched(Line):
    """The line is payments that are recorded or instructed; what was only instructed is settled by it."""

    kind: Literal["matched"] = "matched"
    shares: Annotated[list[BankShareLine], Field(min_length=1, max_length=MAX_LINES)]


class Returned(Line):
    """The line is payments that came back (退票): the debt is open again."""

    kind: Literal["returned"] = "returned"
    shares: Annotated[list[BankShareLine], Field(min_length=1, max_length=MAX_LINES)]


class Deposited(Line):
    """The line is a deposit that only the bank knew: it becomes one, applied where it names a contract it fits."""

    kind: Literal["deposit"] = "deposit"
    payer_ref: Id
    remittance: Annotated[str, StringConstraints(max_length=140, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    contract_id: Id | None = None
    unregistered: Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """What looks like a contract number and is none that is registered."""


class Reversed(Line):
    """The line takes a deposit back (冲正, chargeback)."""

    kind: Literal["reversed"] = "reversed"
    deposit_id: Id
    reason: Literal["bank_reversal", "chargeback"] = "bank_reversal"


class Unexplained(Line):
    """Nothing recorded explains the line: a break is opened."""

    kind: Literal["break"] = "break"
    cause: Literal["in_transit", "unregistered_contract", "reversal", "bank_error", "unknown"] = "unknown"
    owner: Literal["bank", "institution", "regulator"] = "regulator"
    note: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class BookedLine(Line):
    """One line of the bank and what it is."""

    line: Annotated[int, Field(ge=0, le=10**7)]
    """Line of the file."""
    line_key: LineKey
    booked_on: date
    value_on: date
    signed_fen: SignedFen
    serial: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    rule: Id
    """The matching rule that found it."""
    outcome: Annotated[Matched | Returned | Deposited | Reversed | Unexplained, Field(discriminator="kind")]

    @property
    def bank_serial(self) -> str:
        """The bank's serial number as the ledger writes it."""
        return ledger_serial(self.serial, self.line_key)

    def deposit_id(self, account_id: str) -> str:
        """The deposit that this line is, if it is one: what the bank would have posted it as."""
        return f"{account_id}.{day_digits(self.value_on)}.{self.bank_serial}"

    def sheets(self, account_id: str) -> Iterable[SheetKey]:
        """The line, which must be new, and what it is matched to or becomes."""
        yield sheet_key(BankLine, self.line_key)
        outcome = self.outcome
        if isinstance(outcome, Deposited):
            deposit_id = self.deposit_id(account_id)
            yield sheet_key(Deposit, deposit_id)
            yield sheet_key(Mark, "repayment", deposit_id)
            if outcome.contract_id is not None:
                yield sheet_key(Contract, outcome.contract_id)
        elif isinstance(outcome, Reversed):
            yield sheet_key(Deposit, outcome.deposit_id)
        elif isinstance(outcome, Matched | Returned):
            for share in outcome.shares:
                yield from _payment_sheets(share.reference)


class BookStatementLine(Command, BookedLine, by=[BANK, REGULATOR]):
    """Book one line of a recorded statement, in turn: what it is matched to, what it becomes, or the break it opens."""

    statement_id: StatementId
    number: Annotated[int, Field(ge=1, le=10**6)]
    """Its turn among the new lines of the statement, from 1."""
    account_id: Id

    def touches(self) -> Iterable[SheetKey]:
        """The statement and what the line touches."""
        yield sheet_key(BankStatement, self.statement_id)
        yield from self.sheets(self.account_id)


class BookStatementLines(Command, by=[BANK, REGULATOR]):
    """Book several lines of a recorded statement in turn: all of them or none."""

    statement_id: StatementId
    number: Annotated[int, Field(ge=1, le=10**6)]
    """The turn of the first among the new lines of the statement, from 1; the others follow it."""
    account_id: Id
    lines: Annotated[list[BookedLine], Field(min_length=1, max_length=MAX_LINES)]

    def touches(self) -> Iterable[SheetKey]:
        """The statement and what the lines touch."""
        yield sheet_key(BankStatement, self.statement_id)
        for line in self.lines:
            yield from line.sheets(self.account_id)


class OpenBreak(Command, by=[BANK, REGULATOR]):
    """Note that the bank's statements do not show a recorded payment (yet)."""

    reference: Reference
    note: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class ResolveBreak(Command, by=[BANK, REGULATOR]):
    """Close a break: matched to payments recorded since, corrected by an opposite bank line, or explained."""

    break_id: Id
    resolution: Literal["matched", "corrected", "explained"]
    shares: Annotated[list[BankShareLine], Field(max_length=MAX_LINES)] = []
    """For `matched`: the payments; they sum to the line."""
    corrected_by: Id | None = None
    """For `corrected`: the break of the opposite line; both are closed."""
    note: Text

    @model_validator(mode="after")
    def _names_what_corrects(self) -> Self:
        if self.resolution == "corrected" and self.corrected_by is None:
            raise _contradiction("correction_not_named")
        return self


COMMANDS: dict[str, type[Command]] = {
    kind.name: kind
    for kind in globals().copy().values()
    if isinstance(kind, type) and issubclass(kind, Command) and kind.by
}
"""Every command by its name."""
