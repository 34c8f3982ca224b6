"""An institution in a story: who acts for it and around it, its orders, and the books it keeps from the answers."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from ledger import events as e
from ledger.answers import Receipt
from ledger.commands import Command
from ledger.identifiers import Category, Role
from ledger.orders import Order, Source
from ledger.postings import movements


@dataclass
class ContractBook:
    """What a school knows of one contract, fen and hundredths of an hour."""

    accounts: Counter[str] = field(default_factory=Counter)
    """Account → debits less credits, from the posting table."""
    held_fen: Counter[str] = field(default_factory=Counter)
    """Lesson in dispute → earned money it keeps."""
    open_lessons: dict[str, int] = field(default_factory=dict)
    """Lessons claimed and not decided → hundredths of an hour."""
    confirmed: list[str] = field(default_factory=list)
    """Lessons confirmed, in that order."""
    consumed_centihours: int = 0
    units: int = 0
    refund_id: str = ""
    refunded: bool = False
    case_id: str = ""
    ended: bool = False
    last_confirmed_at: int = 0

    @property
    def unearned_fen(self) -> int:
        """The family's money that is still held."""
        return -self.accounts["unearned"]

    @property
    def releasable_fen(self) -> int:
        """Earned, undisputed and not needed to make good what the institution owes."""
        owed_fen = self.accounts["institution_receivable"]
        return max(0, -self.accounts["earned"] - self.held_fen.total() - owed_fen)

    @property
    def left_centihours(self) -> int:
        """Hours neither consumed nor claimed."""
        return self.units - self.consumed_centihours - sum(self.open_lessons.values())

    @property
    def teachable(self) -> bool:
        """Whether lessons can be claimed: paid, running, no refund asked for."""
        left = self.unearned_fen > 0 and self.left_centihours > 0
        return left and not (self.refund_id or self.refunded or self.case_id or self.ended)

    @property
    def finished(self) -> bool:
        """Whether every lesson is consumed and nothing is open."""
        taught = self.units > 0 and self.consumed_centihours == self.units
        return taught and not (self.open_lessons or self.held_fen or self.refund_id or self.unearned_fen)


def account_number(custodian: str, institution_id: str) -> str:
    """The number of a custody account that belongs to nobody."""
    return f"0200{int(sha256(f'{custodian}.{institution_id}'.encode()).hexdigest(), 16) % 10**15:015d}"


@dataclass
class School:
    """One institution and the people around it."""

    institution_id: str
    name: str
    uscc: str
    jurisdiction: str
    category: Category
    district: str
    licensed: bool = True
    custodian: str = "bank-jingcheng"
    account_id: str = ""
    shut: bool = False
    """Whether it has stopped teaching; ask `has_stopped()`."""
    contracts: defaultdict[str, ContractBook] = field(default_factory=lambda: defaultdict(ContractBook))
    accounts: Counter[str] = field(default_factory=Counter)
    """Account → debits less credits."""
    frozen: bool = False
    _numbers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.account_id = self.account_id or account_number(self.custodian, self.institution_id)

    def has_stopped(self) -> bool:
        """Whether it has stopped teaching."""
        return self.shut

    @property
    def cash_fen(self) -> int:
        """Money in custody."""
        return self.accounts["custody_cash"]

    @property
    def payable_fen(self) -> int:
        """Money in custody that is not on its way out."""
        return self.cash_fen + self.accounts["release_in_transit"] + self.accounts["refund_in_transit"]

    @property
    def security_fen(self) -> int:
        """Risk deposit that is there."""
        return self.accounts["risk_deposit_cash"]

    def number(self, kind: str) -> str:
        """The next running number of a kind of reference."""
        self._numbers[kind] += 1
        return f"{kind}{self._numbers[kind]:05d}"

    def ask(
        self,
        role: Role,
        kind: type[Command],
        fields: Mapping[str, object],
        *,
        actor: str = "",
        key: str = "",
        guardian_id: str | None = None,
        source: Source | None = None,
    ) -> Order:
        """An order of somebody in this role, with the command's fields as the API takes them."""
        return Order(
            institution_id=self.institution_id,
            command_id=key or self.number("k"),
            command=kind.model_validate(fields),
            actor=actor or self._actor(role),
            role=role,
            guardian_id=guardian_id,
            source=source,
        )

    def _actor(self, role: Role) -> str:
        match role:
            case Role.BANK:
                return self.custodian
            case Role.INSTITUTION:
                return f"school-{self.institution_id}"
            case Role.REGULATOR:
                return "officer-lin"
            case Role.MEDIATOR:
                return "mediator-han"
            case Role.GUARDIAN:
                return "parent-app"
            case Role.AUDITOR:
                return "auditor-sun"

    def bank(self, kind: type[Command], /, **fields: object) -> Order:
        """An order of the custodian bank."""
        return self.ask(Role.BANK, kind, fields)

    def resent(self, kind: type[Command], key: str, fields: Mapping[str, object]) -> Order:
        """The bank's order once more, under the key it had."""
        return self.ask(Role.BANK, kind, fields, key=key)

    def office(self, kind: type[Command], /, **fields: object) -> Order:
        """An order of the institution itself."""
        return self.ask(Role.INSTITUTION, kind, fields)

    def guardian(self, guardian_id: str, kind: type[Command], /, **fields: object) -> Order:
        """An order of one guardian, through the parent app."""
        return self.ask(Role.GUARDIAN, kind, fields, guardian_id=guardian_id)

    def officer(self, kind: type[Command], /, **fields: object) -> Order:
        """An order of the regulator."""
        return self.ask(Role.REGULATOR, kind, fields)

    def mediator(self, kind: type[Command], /, **fields: object) -> Order:
        """An order of the mediation centre."""
        return self.ask(Role.MEDIATOR, kind, fields)

    def hear(self, receipt: Receipt) -> None:
        """Bring the books up to date from an answer."""
        if receipt.replayed:
            return
        for recorded in receipt.events:
            self._post(recorded.event)
            self._note(recorded.event)

    def _post(self, event: e.Event) -> None:
        for movement in movements(event):
            self.accounts[movement.account] += movement.debit_fen
            if movement.contract_id is not None:
                self.contracts[movement.contract_id].accounts[movement.account] += movement.debit_fen

    def _note(self, event: e.Event) -> None:
        match event:
            case e.EscrowFrozen():
                self.frozen = True
            case e.EscrowUnfrozen():
                self.frozen = False
            case e.ClosureDeclared():
                self.shut = True
            case e.CustodianChanged():
                self.custodian, self.account_id = event.custodian, event.account_id
            case e.ContractRegistered() | e.ContractAmended():
                self.contracts[event.contract_id].units = event.paid_centihours + event.gift_centihours
            case e.LessonsTransferred():
                self.contracts[event.contract_id].units -= event.centihours
                self.contracts[event.to_contract_id].units += event.centihours
            case e.ContractEnded():
                self.contracts[event.contract_id].ended = True
            case _:
                self._note_lesson(event)
                self._note_refund(event)

    def _note_lesson(self, event: e.Event) -> None:
        match event:
            case e.ClassConsumptionClaimed():
                self.contracts[event.contract_id].open_lessons[event.lesson_id] = event.centihours
            case e.ClassConsumptionConfirmed():
                book = self.contracts[event.contract_id]
                book.open_lessons.pop(event.lesson_id, None)
                book.held_fen.pop(event.lesson_id, None)
                book.confirmed.append(event.lesson_id)
                book.consumed_centihours += event.centihours
                book.last_confirmed_at = event.effective_at
            case e.ClassConsumptionDisputed():
                self.contracts[event.contract_id].held_fen[event.lesson_id] += event.earned_held_fen
            case e.ClassConsumptionUpheld():
                self.contracts[event.contract_id].held_fen.pop(event.lesson_id, None)
            case e.ClassConsumptionReversed():
                book = self.contracts[event.contract_id]
                book.held_fen.pop(event.lesson_id, None)
                if book.open_lessons.pop(event.lesson_id, None) is None:
                    book.confirmed.remove(event.lesson_id)
                    book.consumed_centihours -= event.centihours
            case _:
                pass

    def _note_refund(self, event: e.Event) -> None:
        match event:
            case e.RefundRequested():
                self.contracts[event.contract_id].refund_id = event.refund_id
            case e.RefundApproved() | e.RefundDeemedAgreed() | e.RefundOrdered():
                if event.contract_id is not None:
                    self.contracts[event.contract_id].refunded = True
            case e.RefundWithdrawn():
                self.contracts[event.contract_id].refund_id = ""
            case e.RefundSettled():
                if event.contract_id is not None:
                    self.contracts[event.contract_id].refund_id = ""
            case e.MediationOpened():
                self.contracts[event.contract_id].case_id = event.case_id
            case e.MediationFailed() | e.MediationWithdrawn() | e.MediationExpired() | e.SettlementAgreed():
                self.contracts[event.contract_id].case_id = ""
            case _:
                pass
