"""Random histories of one or several institutions, made by asking the ledger for random things."""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from ledger import commands as c
from ledger.application import Ledger
from ledger.escrow import Escrow
from ledger.evolution import evolve
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.sheets import Case, Contract, Deposit, Header, Lesson, Refund, ReleaseLine, Sheet
from tests.conftest import Clock
from tests.projections import bank_asks

DISTRICTS = ("海淀区", "朝阳区")
PLACES = (("CN", "non_academic"), ("CN-TJ", "non_academic"), ("CN-BJ", "sport"), ("CN-AH-WH", "non_academic"))
USCC = "91110108MA01AB3C4K"

T = TypeVar("T", bound=Sheet)
Ask = Callable[["History"], c.Command | None]


class History:
    """Asks one institution for random things and follows what comes of it in an escrow of its own."""

    def __init__(self, ledger: Ledger, clock: Clock, institution_id: str, seed: int) -> None:
        self.ledger, self.clock, self.institution_id = ledger, clock, institution_id
        self.random = random.Random(f"{seed}-{institution_id}")
        self.escrow = Escrow(Header(institution_id=institution_id))
        self.number = 0
        self.bank_lines: dict[str, list[tuple[str, int]]] = {}
        """Statement → key and amount of its lines, fen."""

    @property
    def today(self) -> date:
        """The local date."""
        return (self.clock.now + timedelta(hours=8)).date()

    def id(self, prefix: str) -> str:
        """A new id."""
        self.number += 1
        return f"{prefix}{self.number}"

    def any(self, kind: type[T], *states: str) -> T | None:
        """A random sheet of a kind, in one of these states where any are named."""
        found = [
            sheet
            for _, sheet in sorted(self.escrow.sheets.items())
            if isinstance(sheet, kind) and (not states or getattr(sheet, "status", "") in states)
        ]
        return self.random.choice(found) if found else None

    def submit(self, command: c.Command) -> bool:
        """Ask; whether the ledger said yes."""
        role = self.random.choice(sorted(type(command).by))
        order = Order(self.institution_id, self.id("k"), command, actor=f"{role}-1", role=Role(role))
        try:
            receipt = self.ledger.submit(order)
        except Rejection:
            return False
        for recorded in receipt.events:
            evolve(self.escrow, recorded.event)
        return True

    def open(self) -> None:
        """The escrow is opened."""
        place, category = self.random.choice(PLACES)
        self.submit(
            c.OpenEscrow.model_validate(
                {
                    "institution_name": f"学校 {self.institution_id}", "uscc": USCC, "jurisdiction": place,
                    "category": category, "district": self.random.choice(DISTRICTS), "licensed": True,
                    "custodian": "bank-a", "account_id": "acc-1", "agreement_no": "A-1",
                }
            )
        )  # fmt: skip

    def step(self) -> None:
        """One random thing, perhaps after some time; now and then dated back."""
        if self.random.random() < 0.3:
            self.clock.advance(hours=self.random.choice((1, 5, 30, 200)))
        asks, weights = zip(*ASKS, strict=True)
        command = self.random.choices(asks, weights)[0](self)
        if command is None:
            return
        if self.random.random() < 0.1:
            command = command.model_copy(
                update={"effective_at": self.clock.now - timedelta(hours=self.random.choice((1, 30, 300)))}
            )
        self.submit(command)


def _register(history: History) -> c.Command:
    hours, starts_on = history.random.choice((10, 20)), history.today + timedelta(days=history.random.randint(0, 20))
    family = history.random.randint(1, 5)
    return c.RegisterContract.model_validate(
        {
            "contract_id": history.id("c"), "guardian_id": f"g{family}", "student_id": f"s{history.number}",
            "course": "piano", "subject": "music", "signed_on": history.today, "starts_on": starts_on,
            "ends_on": starts_on + timedelta(days=60), "price_fen": history.random.randint(1_000_00, 4_000_00),
            "paid_hours": str(hours), "gift_hours": history.random.choice(("0", "2")),
        }
    )  # fmt: skip


def _deposit(history: History) -> c.Command:
    contract = history.any(Contract)
    left = contract.price_fen - contract.paid_fen if contract else 1_000_00
    amount = max(1, history.random.choice((left, left // 2, left + 100_00)))
    named = contract.contract_id if contract and history.random.random() < 0.8 else None
    return c.RecordDeposit.model_validate(
        {
            "bank_serial": history.id("b"), "account_id": "acc-1", "value_on": history.today, "amount_fen": amount,
            "payer_ref": "p1", "contract_id": named,
        }
    )  # fmt: skip


def _apply(history: History) -> c.Command | None:
    deposit, contract = history.any(Deposit), history.any(Contract)
    if not deposit or not contract or not deposit.unapplied_fen:
        return None
    share = c.Share(contract_id=contract.contract_id, amount_fen=max(1, deposit.unapplied_fen // 2))
    return c.ApplyDeposit(deposit_id=deposit.deposit_id, shares=[share], basis="letter")


def _reverse_deposit(history: History) -> c.Command | None:
    deposit = history.any(Deposit)
    if not deposit:
        return None
    return c.ReverseDeposit(deposit_id=deposit.deposit_id, reversal_id=history.id("v"), reason="chargeback")


def _claim(history: History) -> c.Command | None:
    lines = [
        {
            "contract_id": contract.contract_id, "lesson_id": history.id("l"), "taught_on": history.today,
            "hours": history.random.choice(("1", "1.5")), "notified_on": history.today,
        }
        for _ in range(history.random.randint(1, 4))
        if (contract := history.any(Contract))
    ]  # fmt: skip
    return c.ClaimLessons.model_validate({"lessons": lines}) if lines else None


def _lessons(history: History, *states: str) -> list[c.LessonRef]:
    found = {(each.contract_id, each.lesson_id) for _ in range(4) if (each := history.any(Lesson, *states))}
    return [c.LessonRef(contract_id=contract, lesson_id=lesson) for contract, lesson in sorted(found)]


def _confirm(history: History) -> c.Command | None:
    lessons = _lessons(history, "claimed")
    return c.ConfirmLessons(lessons=lessons) if lessons else None


def _confirm_by_default(history: History) -> c.Command | None:
    lessons = _lessons(history, "claimed")[:1]
    return c.ConfirmLessonsByDefault(lessons=lessons) if lessons else None


def _of_lesson(command: type[c.Command], *states: str, **fields: Sequence[str]) -> Ask:
    def ask(history: History) -> c.Command | None:
        lesson = history.any(Lesson, *states)
        if lesson is None:
            return None
        chosen = {name: history.random.choice(values) for name, values in fields.items()}
        ids = {"contract_id": lesson.contract_id, "lesson_id": lesson.lesson_id}
        return command.model_validate({"reason": "because"} | ids | chosen)

    return ask


def _release(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if not contract or not contract.earned_fen:
        return None
    line = c.ReleaseOrderLine(contract_id=contract.contract_id, amount_fen=contract.earned_fen)
    return c.InstructRelease(release_id=history.id("r"), lines=[line])


def _of_release(command: type[c.Command], **fields: str) -> Ask:
    def ask(history: History) -> c.Command | None:
        line = history.any(ReleaseLine, "instructed")
        if line is None:
            return None
        ids = {"release_id": line.release_id, "contract_ids": [line.contract_id]}
        return command.model_validate(ids | fields)

    return ask


def _request(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if contract is None:
        return None
    return c.RequestRefund.model_validate(
        {
            "refund_id": history.id("f"), "contract_id": contract.contract_id, "requested_on": history.today,
            "cause": history.random.choice(("institution", "family", "neither", "mutual")),
            "claim_fen": history.random.choice((None, 50_00)),
        }
    )  # fmt: skip


def _of_refund(command: type[c.Command], *states: str, new: Sequence[str] = (), **fields: str) -> Ask:
    def ask(history: History) -> c.Command | None:
        refund = history.any(Refund, *states)
        if refund is None:
            return None
        made = {name: history.id("n") for name in new}
        return command.model_validate({"refund_id": refund.refund_id} | made | fields)

    return ask


def _order(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if contract is None:
        return None
    refund_id = contract.refund_id or history.id("f")
    return c.OrderRefund(refund_id=refund_id, contract_id=contract.contract_id, cause="institution", basis="order")


def _refund_deposit(history: History) -> c.Command | None:
    deposit = history.any(Deposit)
    return c.RefundDeposit(refund_id=history.id("f"), deposit_id=deposit.deposit_id) if deposit else None


def _instruction(command: type[c.Command], **fields: str) -> Ask:
    def ask(history: History) -> c.Command | None:
        refund = history.any(Refund, "agreed")
        if refund is None or not refund.instructions:
            return None
        ids = {"refund_id": refund.refund_id, "instruction_id": refund.instructions[-1].instruction_id}
        return command.model_validate(ids | fields)

    return ask


def _mediation(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if contract is None:
        return None
    return c.OpenMediation.model_validate(
        {
            "case_id": history.id("m"), "contract_id": contract.contract_id, "referred_by": "family",
            "cause": "family", "claim_fen": 500_00,
        }
    )  # fmt: skip


def _of_case(command: type[c.Command], *states: str, **fields: object) -> Ask:
    def ask(history: History) -> c.Command | None:
        case = history.any(Case, *states)
        if case is None:
            return None
        made = {name: value(history) if callable(value) else value for name, value in fields.items()}
        return command.model_validate({"case_id": case.case_id} | made)

    return ask


def _instalments(history: History) -> list[dict[str, Any]]:
    return [{"due_on": history.today + timedelta(days=days), "amount_fen": 40_00} for days in (10, 30)]


def _today(history: History) -> date:
    return history.today


def _transfer(history: History) -> c.Command | None:
    giver, taker = history.any(Contract), history.any(Contract)
    if not giver or not taker:
        return None
    return c.TransferLessons.model_validate(
        {
            "contract_id": giver.contract_id, "to_contract_id": taker.contract_id, "hours": "1", "reason": "moved",
            "consent": "yes", "receiver_consent": "yes",
        }
    )  # fmt: skip


def _amend(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if contract is None:
        return None
    hours = contract.paid_centihours // 100 - history.random.choice((0, 1))
    return c.AmendContract.model_validate(
        {
            "contract_id": contract.contract_id, "price_fen": contract.price_fen, "paid_hours": str(max(1, hours)),
            "ends_on": contract.ends_on, "reason": "fewer", "consent": "yes",
        }
    )  # fmt: skip


def _award(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if contract is None:
        return None
    return c.RecordAward.model_validate(
        {
            "contract_id": contract.contract_id, "award_id": history.id("w"), "cause": "institution",
            "forum": "court", "amount_fen": history.random.choice((0, 100_00)), "reason": "judgment",
        }
    )  # fmt: skip


def _acknowledge(history: History) -> c.Command | None:
    refund = history.any(Refund, "agreed")
    if refund is None or refund.contract_id is None or not refund.open_fen:
        return None
    return c.AcknowledgeOffPlatformRefund(
        contract_id=refund.contract_id, refund_id=refund.refund_id, amount_fen=refund.open_fen, evidence="receipt"
    )


def _about(command: type[c.Command], **fields: object) -> Ask:
    def ask(history: History) -> c.Command:
        made = {name: value(history) if callable(value) else value for name, value in fields.items()}
        return command.model_validate(made)

    return ask


def _close(history: History) -> c.Command | None:
    if history.random.random() > 0.1 or history.number < 300:
        return None
    return c.DeclareClosure(kind="abnormal", stopped_on=history.today, reason="gone", approved_by="regulator-2")


def _closure_refund(history: History) -> c.Command | None:
    contract = history.any(Contract)
    if history.escrow.header.closure is None or contract is None:
        return None
    return c.OrderClosureRefunds(refunds=[c.ClosureRefund(contract_id=contract.contract_id, refund_id=history.id("f"))])


ASKS: tuple[tuple[Ask, int], ...] = (
    (_register, 8), (_deposit, 10), (_apply, 3), (_reverse_deposit, 1), (_claim, 14), (_confirm, 14),
    (_confirm_by_default, 2), (_of_lesson(c.DisputeLesson, "claimed", "confirmed"), 4),
    (_of_lesson(c.DecideDispute, "disputed", outcome=("upheld", "reversed")), 4),
    (_of_lesson(c.ReverseLesson, "claimed", "confirmed"), 2), (_release, 5),
    (_of_release(c.SettleRelease, bank_serial="x"), 4), (_of_release(c.ReturnRelease, reason="closed"), 1),
    (_request, 5), (_of_refund(c.ApproveRefund, "requested", "refused"), 3),
    (_of_refund(c.RefuseRefund, "requested", reason="no"), 2),
    (_of_refund(c.WithdrawRefund, "requested", "refused", reason="no"), 1),
    (_of_refund(c.InstructRefund, "agreed", new=["instruction_id"]), 5),
    (_of_refund(c.SubstitutePayee, "agreed", payee_ref="p2", evidence="letter"), 1), (_order, 1),
    (_refund_deposit, 2), (_instruction(c.SettleRefund, bank_serial="y"), 4),
    (_instruction(c.ReturnRefund, reason="closed"), 1), (_acknowledge, 1), (_mediation, 3),
    (_of_case(c.AcceptMediation, "opened", accepted_on=_today), 4),
    (_of_case(c.AgreeSettlement, "in_mediation", kind="instalments", agreed_on=_today, amount_fen=80_00,
              instalments=_instalments), 3),
    (_of_case(c.FailMediation, "opened", "in_mediation", reason="no"), 1),
    (_of_case(c.ExpireMediation, "in_mediation"), 1), (_of_case(c.BreachSettlement, "agreed", reason="late"), 1),
    (_of_case(c.RecordJudicialConfirmation, "agreed", outcome="confirmed", ruling_no="R1", applied_on=_today), 1),
    (_transfer, 2), (_amend, 2), (_award, 1),
    (_about(c.FreezeEscrow, authority="court", order_no="F", reason="alarm"), 1),
    (_about(c.UnfreezeEscrow, order_no="F", reason="over", approved_by="regulator-2"), 4),
    (_about(c.PlaceRiskDeposit, amount_fen=100_00, bank_serial=lambda history: history.id("q")), 1),
    (_about(c.RecordAttachment, attachment_id=lambda history: history.id("t"), authority="court", order_no="A",
            amount_fen=10_00), 1),
    (_about(c.RenameInstitution, institution_name="新名", uscc=USCC, licensed=False), 1), (_close, 1),
    (_closure_refund, 3), (bank_asks.statement, 3), (bank_asks.line, 6), (bank_asks.open_break, 1),
    (bank_asks.resolve_break, 1),
)  # fmt: skip


def tell(ledger: Ledger, clock: Clock, *, seed: int, steps: int, institutions: int = 2) -> list[History]:
    """Random histories of some institutions, mixed."""
    histories = [History(ledger, clock, f"school-{number}", seed) for number in range(institutions)]
    for history in histories:
        history.open()
    go_on(histories, seed=seed, steps=steps)
    return histories


def go_on(histories: Sequence[History], *, seed: int, steps: int) -> None:
    """More of the same."""
    whose = random.Random(seed)
    for _ in range(steps):
        whose.choice(histories).step()
