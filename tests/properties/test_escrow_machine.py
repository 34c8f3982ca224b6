"""A school's life at random, told to the ledger and to an independent account: both must agree after every step."""

import hashlib
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from ledger import commands as c
from ledger.identifiers import Role
from ledger.sheets import Refund
from tests import examples as x
from tests.properties.comparison import TODAY, Comparison, Draw
from tests.strategies import amounts, hours, judgements, lengths, mostly, names, numbers, prices, replies


class EscrowMachine(Comparison):
    """Everything that may happen to the money of four contracts."""

    # -- contracts and money in

    @precondition(lambda self: self.count % 8 == 7)
    @rule(name=names, price=prices, paid_hours=hours)
    def register(self, name: str, price: int, paid_hours: int) -> None:
        self.sign(name, price, paid_hours, 0)

    def has(self, name: str) -> bool:
        return name in self.account.families

    @precondition(lambda self: self.count % 2 == 0)
    @rule(number=numbers, fen=amounts, name=st.none() | names, whole=mostly)
    def pay(self, number: int, fen: int, name: str | None, whole: bool) -> None:  # noqa: FBT001 - drawn
        if whole and name is not None and self.has(name):
            fen = max(1, self.account.families[name].price - self.account.families[name].paid)
        serial = f"s{number}-{name}" if number == 0 else self.name("s")
        self.tell(x.deposit(serial, fen, name), self.account.pay(serial, fen, name))

    @precondition(lambda self: self.account.loose)
    @rule(data=st.data(), name=names, fen=amounts)
    def apply(self, data: Draw, name: str, fen: int) -> None:
        if self.has(name) and self.account.deposits:
            serial = self.pick(data, self.account.deposits, lambda each: bool(self.account.deposits[each]["loose"]))
            share = c.Share(contract_id=name, amount_fen=fen)
            command = c.ApplyDeposit(deposit_id=x.deposit_id(serial), shares=[share], basis="basis")
            self.tell(command, self.account.apply(serial, name, fen))

    @precondition(lambda self: self.count % 4 == 0)
    @rule(data=st.data())
    def take_back(self, data: Draw) -> None:
        if self.account.deposits:
            serial = self.pick(data, self.account.deposits, lambda each: not self.account.deposits[each]["gone"])
            self.tell(x.reverse_deposit(serial), self.account.take_back(serial))

    @precondition(lambda self: self.account.loose)
    @rule(data=st.data())
    def give_back_loose(self, data: Draw) -> None:
        if self.account.deposits:
            claim_id = self.name("loose")
            serial = self.pick(data, self.account.deposits, lambda each: bool(self.account.deposits[each]["loose"]))
            command = c.RefundDeposit(refund_id=claim_id, deposit_id=x.deposit_id(serial))
            self.tell(command, self.account.give_back_loose(serial, claim_id))

    @precondition(lambda self: self.school.escrow.header.institution_receivable_fen or self.count % 16 == 0)
    @rule(name=st.none() | names, fen=amounts, all_of_it=mostly)
    def put_back(self, name: str | None, fen: int, all_of_it: bool) -> None:  # noqa: FBT001 - drawn
        if name is None or self.has(name):
            owed = self.account.loose_owed if name is None else self.account.families[name].owed
            fen = owed if all_of_it and owed else fen
            command = c.RecordShortfallRepayment(
                bank_serial=self.name("p"), account_id="6222000001", value_on=TODAY, contract_id=name, amount_fen=fen
            )
            self.tell(command, self.account.put_back(name, fen))

    # -- lessons

    @rule(name=names, number=numbers, length=lengths)
    def teach(self, name: str, number: int, length: int) -> None:
        if self.has(name):
            command = x.claim(f"l{number}", contract_id=name, hours=f"{length / 100:.2f}")
            self.tell(command, self.account.teach(name, f"l{number}", length))

    @rule(data=st.data(), what=judgements)
    def judge(self, data: Draw, what: str) -> None:
        lessons = [(name, each) for name, family in self.account.families.items() for each in family.lessons]
        if not lessons:
            return
        fits = {"confirm": {"claimed"}, "contest": {"claimed", "confirmed"}, "undo": {"claimed", "confirmed"}}
        wanted = fits.get(what, {"contested"})
        name, lesson_id = self.pick(
            data, lessons, lambda each: self.account.families[each[0]].lessons[each[1]].state in wanted
        )
        match what:
            case "confirm":
                self.tell(x.confirm(lesson_id, contract_id=name), self.account.confirm(name, lesson_id))
            case "contest":
                self.tell(x.dispute(lesson_id, name), self.account.contest(name, lesson_id))
            case "undo":
                command = c.ReverseLesson(contract_id=name, lesson_id=lesson_id, reason="wrong")
                self.tell(command, self.account.undo(name, lesson_id))
            case _:
                refused = self.account.decide(name, lesson_id, counts=what == "upheld")
                self.tell(x.decide_dispute(lesson_id, what, name), refused)

    @rule(data=st.data(), length=lengths)
    def teach_and_confirm(self, data: Draw, length: int) -> None:
        if self.account.families:
            name = self.pick(data, self.account.families, lambda each: self.account.families[each].purse > 0)
            lesson_id = self.name("t")
            command = x.claim(lesson_id, contract_id=name, hours=f"{length / 100:.2f}")
            if self.tell(command, self.account.teach(name, lesson_id, length)):
                self.tell(x.confirm(lesson_id, contract_id=name), self.account.confirm(name, lesson_id))

    # -- releases

    @rule(data=st.data(), fen=amounts, all_of_it=mostly)
    def release(self, data: Draw, fen: int, all_of_it: bool) -> None:  # noqa: FBT001 - drawn
        if self.account.families:
            name = self.pick(data, self.account.families, lambda each: self.account.families[each].earned > 0)
            fen = self.account.families[name].earned if all_of_it and self.account.families[name].earned else fen
            release_id = self.name("r")
            self.tell(x.release(fen, name, release_id), self.account.release(release_id, name, fen))

    @precondition(lambda self: self.account.releases)
    @rule(data=st.data(), paid=mostly)
    def answer_release(self, data: Draw, paid: bool) -> None:  # noqa: FBT001 - drawn
        if self.account.releases:
            release_id, name = self.pick(
                data, self.account.releases, lambda each: self.account.releases[each][1] == "sent"
            )
            refused = self.account.release_answered(release_id, name, paid=paid)
            back = c.ReturnRelease(release_id=release_id, contract_ids=[name], reason="back")
            self.tell(x.settle_release(name, release_id=release_id) if paid else back, refused)

    # -- refunds

    @precondition(lambda self: self.count % 3 == 0)
    @rule(name=names, claimed=st.none() | amounts)
    def ask(self, name: str, claimed: int | None) -> None:
        if self.has(name):
            claim_id = self.name("f")
            command = x.request(claim_id, name, requested_on=self.today, claim_fen=claimed)
            if self.tell(command, self.account.ask(name, claim_id)):
                self.claimed[claim_id] = claimed

    @precondition(lambda self: any(claim.contract for claim in self.account.claims.values()))
    @rule(data=st.data(), reply=replies)
    def answer(self, data: Draw, reply: str) -> None:
        asked = [claim_id for claim_id, claim in self.account.claims.items() if claim.contract is not None]
        if not asked:
            return
        claim_id = self.pick(data, asked, lambda each: self.account.claims[each].state in {"asked", "refused"})
        match reply:
            case "approve":
                self.tell(x.approve(claim_id), self.account.agree(claim_id, self.claimed.get(claim_id)))
            case "refuse":
                command = c.RefuseRefund(refund_id=claim_id, reason="no")
                reply_by = self.school.escrow.get(Refund, claim_id).reply_by
                late = reply_by is not None and self.today > reply_by
                self.tell(command, self.account.turn(claim_id, "refused", "asked", late=late))
            case "withdraw":
                withdrawal = c.WithdrawRefund(refund_id=claim_id, reason="goes on")
                self.tell(withdrawal, self.account.turn(claim_id, "gone", "asked", "refused"))
            case _:
                name = str(self.account.claims[claim_id].contract)
                self.tell(x.order_refund(claim_id, name), self.account.order(name, claim_id))

    @precondition(lambda self: self.count % 5 == 0)
    @rule(name=names)
    def order(self, name: str) -> None:
        if self.has(name):
            claim_id = self.name("o")
            self.tell(x.order_refund(claim_id, name), self.account.order(name, claim_id))

    @precondition(lambda self: self.account.claims)
    @rule(data=st.data(), fen=amounts, all_of_it=mostly)
    def send(self, data: Draw, fen: int, all_of_it: bool) -> None:  # noqa: FBT001 - drawn
        if not self.account.claims:
            return
        claim_id = self.pick(data, self.account.claims, lambda each: bool(self.account.claims[each].open))
        fen = self.account.claims[claim_id].open if all_of_it and self.account.claims[claim_id].open else fen
        order_id = self.name("i")
        self.tell(x.instruct(claim_id, order_id, fen), self.account.send(claim_id, order_id, fen))

    @precondition(lambda self: any(claim.on_way for claim in self.account.claims.values()))
    @rule(data=st.data(), paid=mostly)
    def answer_payment(self, data: Draw, paid: bool) -> None:  # noqa: FBT001 - drawn
        sent = [(each, order) for each, claim in sorted(self.account.claims.items()) for order in claim.on_way]
        if sent:
            claim_id, order_id = self.pick(data, sent, lambda _: True)
            refused = self.account.sent_answered(claim_id, order_id, paid=paid)
            back = c.ReturnRefund(refund_id=claim_id, instruction_id=order_id, reason="closed")
            if self.tell(x.settle(claim_id, order_id) if paid else back, refused):
                again = self.account.sent_answered(claim_id, order_id, paid=True)
                self.tell(x.settle(claim_id, order_id), again)

    @precondition(lambda self: self.count % 3 == 1)
    @rule(data=st.data(), name=names, fen=amounts)
    def cash_got(self, data: Draw, name: str, fen: int) -> None:
        if self.has(name):
            own = sorted(each for each, claim in self.account.claims.items() if claim.contract == name)
            claim_id = self.pick(data, own, lambda each: bool(self.account.claims[each].open)) if own else None
            command = c.AcknowledgeOffPlatformRefund(
                contract_id=name, refund_id=claim_id, amount_fen=fen, evidence="signed"
            )
            self.tell(command, self.account.cash_got(name, claim_id, fen))

    @precondition(lambda self: self.count % 3 == 2)
    @rule(name=names, fen=amounts)
    def keep(self, name: str, fen: int) -> None:
        if self.has(name):
            command = c.RetainDeduction(
                contract_id=name, deduction_id=self.name("d"), kind="materials", amount_fen=fen, evidence="receipt"
            )
            self.tell(command, self.account.keep(name, fen))

    # -- mediation

    @precondition(lambda self: self.count % 5 == 2)
    @rule(name=names)
    def mediate(self, name: str) -> None:
        if self.has(name):
            case = self.name("m")
            if self.tell(x.open_mediation(case, name), self.account.mediate(name, case)):
                self.school.given(x.accept_mediation(self.today, case))

    @precondition(lambda self: any(family.case for family in self.account.families.values()))
    @rule(name=names, parts=st.lists(amounts, min_size=1, max_size=3))
    def settle_case(self, name: str, parts: list[int]) -> None:
        if self.has(name) and (case := self.account.families[name].case):
            due_on = [self.today + timedelta(days=each) for each in range(len(parts))]
            lines = [c.InstalmentLine(due_on=on, amount_fen=fen) for on, fen in zip(due_on, parts, strict=True)]
            command = x.settlement(self.today, case, kind="instalments", amount_fen=sum(parts), instalments=lines)
            if self.tell(command, self.account.settle_case(name, parts)):
                self.due_on[name] = due_on[0]

    @precondition(lambda self: self.due_on)
    @rule(name=names)
    def break_settlement(self, name: str) -> None:
        family = self.account.families.get(name)
        if family is None or not family.parts or self.due_on[name] >= self.today:
            return
        if self.account.claims[family.parts[0]].state != "done":
            case = family.parts[0].rpartition(".")[0]
            command = c.BreachSettlement(case_id=case, reason="unpaid")
            self.tell(command, self.account.break_settlement(name), Role.REGULATOR)

    # -- changed contracts

    @precondition(lambda self: self.count % 3 == 0)
    @rule(data=st.data(), price=prices, length=hours)
    def amend(self, data: Draw, price: int, length: int) -> None:
        if self.account.families:
            name = self.pick(data, self.account.families, lambda each: self.account.families[each].used > 0)
            gift = f"{self.account.families[name].gift_hours / 100:.2f}"
            command = x.amendment(name, price_fen=price, hours=f"{length / 100:.2f}", gift_hours=gift)
            self.tell(command, self.account.amend(name, price, length))

    @rule(giver=names, taker=names, length=lengths)
    def move(self, giver: str, taker: str, length: int) -> None:
        if self.has(giver) and self.has(taker):
            command = x.transfer(f"{length / 100:.2f}", giver, taker)
            self.tell(command, self.account.move(giver, taker, length))

    # -- the school

    @precondition(lambda self: self.count > 70)
    @rule()
    def stop(self) -> None:
        self.tell(x.closure(self.today), self.account.stop())

    @precondition(lambda self: self.account.closing or self.count % 16 == 0)
    @rule(name=names)
    def order_closing_refund(self, name: str) -> None:
        if self.has(name):
            claim_id = self.name("z")
            line = c.ClosureRefund(contract_id=name, refund_id=claim_id)
            refused = self.account.order_closing_refund(name, claim_id)
            self.tell(c.OrderClosureRefunds(refunds=[line]), refused)

    @precondition(lambda self: self.account.closing)
    @rule()
    def share_out(self) -> None:
        pot = self.account.distributable if self.account.closing else 0
        shares = self.account.share_out(pot) if pot else {}
        if not shares:
            return
        chain, lines = "", []
        for claim_id, (due, share) in shares.items():
            name = str(self.account.claims[claim_id].contract)
            chain = hashlib.sha256(f"{chain}{name}:{claim_id}:{due}:{share}\n".encode()).hexdigest()
            lines.append(c.ShareLine(contract_id=name, refund_id=claim_id, share_fen=share))
        order = c.OrderDistribution.model_validate(
            {"distribution_id": self.name("d"), "method": "pool", "pot_fen": pot, "due_fen": max(1, pot),
             "families": len(lines), "cut_off_on": self.today, "list_sha256": chain, "approved_by": "regulator-2"}
        )  # fmt: skip
        self.school.given(order, c.ApproveShares(distribution_id=order.distribution_id, shares=lines))
        self.school.given(c.CompleteDistribution(distribution_id=order.distribution_id))


TestEscrow = EscrowMachine.TestCase
TestEscrow.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
