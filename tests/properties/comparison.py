"""Asks the ledger and the independent account the same question, and compares them after every step."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from random import Random
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger import commands as c
from ledger import events as e
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.rejections import Rejection
from ledger.sheets import Contract
from tests import examples as x
from tests.properties.agreements import Account
from tests.properties.purses import Refused
from tests.specification import Specification, fingerprint
from tests.strategies import NAMES, hours, mostly, names, prices

TODAY = date(2026, 9, 10)

MOSTLY = 0.8

Draw: TypeAlias = st.DataObject | Random
S = TypeVar("S", bound=Any)
"""Ids and pairs of ids: they can be sorted."""


class Comparison(RuleBasedStateMachine):
    """Four contracts of two children, time, and freezes; what else may happen is in the subclass."""

    @initialize(terms=st.lists(st.tuples(prices, hours, st.sampled_from([0, 0, 150])), min_size=3, max_size=3))
    def open(self, terms: list[tuple[int, int, int]]) -> None:
        self.school = Specification(x.SIGNED_ON).given(x.opening()).on(TODAY)
        self.account = Account()
        self.claimed: dict[str, int | None] = {}
        self.due_on: dict[str, date] = {}
        self.count = 0
        self.seen = 0
        self.flows = dict.fromkeys(("in", "taken back", "to families", "to the school"), 0)
        for name, (price, paid_hours, gift_hours) in zip(NAMES, terms, strict=False):
            self.sign(name, price, paid_hours, gift_hours)
            self.tell(x.deposit(f"first-{name}", price, name), self.account.pay(f"first-{name}", price, name))

    def sign(self, name: str, price: int, paid_hours: int, gift_hours: int) -> None:
        """A contract of the child, its hours as the institution writes them."""
        changes = {"student_id": f"child-{int(name[1]) // 2}", "gift_hours": f"{gift_hours / 100:.2f}"}
        command = x.contract(name, price_fen=price, hours=f"{paid_hours / 100:.2f}", **changes)
        self.tell(command, self.account.register(name, price, paid_hours, gift_hours))

    def tell(self, command: Command, refused: Refused, role: Role | None = None) -> bool:
        """Ask the ledger the same question; whether both said yes."""
        self.school.when(command, role)
        outcome = self.school.outcome
        if refused is None:
            assert not isinstance(outcome, Rejection), f"the account accepts, the ledger says {outcome!r}"
        else:
            assert isinstance(outcome, refused), f"the account says {refused.__name__}, the ledger {outcome!r}"
        return refused is None

    def pick(self, data: Draw, subjects: Iterable[S], fits: Callable[[S], bool]) -> S:
        """Mostly one for which the question makes sense."""
        fitting, every = sorted(each for each in subjects if fits(each)), sorted(subjects)
        if isinstance(data, Random):
            return data.choice(fitting if fitting and data.random() < MOSTLY else every)
        usual: bool = data.draw(mostly)
        drawn: S = data.draw(st.sampled_from(fitting if fitting and usual else every))
        return drawn

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    @property
    def today(self) -> date:
        return self.school.now.date()

    @precondition(lambda self: self.count % 8 == 3)
    @rule(again=mostly)
    def freeze_or_thaw(self, again: bool) -> None:  # noqa: FBT001 - drawn
        if self.account.frozen is again:
            self.tell(x.freeze(), self.account.freeze())
        else:
            self.tell(x.unfreeze(), self.account.thaw())

    @rule(days=st.integers(1, 2))
    def wait(self, days: int) -> None:
        if self.today + timedelta(days=days) < date(2026, 10, 5):
            self.school.on(self.today + timedelta(days=days))

    @precondition(lambda self: self.count % 8 == 1)
    @rule(name=names)
    def end(self, name: str) -> None:
        if name in self.account.families:
            self.tell(c.EndContract(contract_id=name), self.account.end(name))

    # -- what holds after every step

    @invariant()
    def both_agree(self) -> None:
        header, account = self.school.escrow.header, self.account
        families = account.families.values()
        assert header.custody_cash_fen == account.cash
        assert header.unapplied_fen == account.loose
        assert header.reserved_fen == account.reserved
        assert header.unearned_fen == sum(family.purse for family in families)
        assert header.earned_fen == sum(family.earned for family in families)
        assert header.institution_receivable_fen == account.loose_owed + sum(family.owed for family in families)
        assert header.refund_payable_fen == sum(claim.open for claim in account.claims.values())
        assert (header.refund_in_transit_fen, header.release_in_transit_fen) == (account.refunding, account.releasing)
        for name, family in account.families.items():
            sheet = self.school.escrow.get(Contract, name)
            ours = (family.purse, family.earned, family.owed, account.promised(name), family.held, family.paid)
            theirs = (
                sheet.unearned_fen, sheet.earned_fen, sheet.institution_receivable_fen, sheet.refund_payable_fen,
                sheet.held_fen, sheet.paid_fen,
            )  # fmt: skip
            assert ours == theirs, name
            assert (family.used, family.claimed, family.used_fen) == (
                sheet.consumed_centihours, sheet.claimed_centihours, sheet.consumed_fen,
            )  # fmt: skip

    @invariant()
    def the_values_of_lessons_sum_to_the_price(self) -> None:
        for name, family in self.account.families.items():
            told = [event for event in self.school.history if getattr(event, "contract_id", None) == name]
            plus = sum(event.amount_fen for event in told if isinstance(event, e.ClassConsumptionConfirmed))
            minus = sum(event.amount_fen for event in told if isinstance(event, e.ClassConsumptionReversed))
            assert plus - minus == family.used_fen <= family.price
            if family.used == family.hours:
                assert family.used_fen == family.price

    @invariant()
    def every_fen_is_held_released_or_refunded(self) -> None:
        for event in self.school.history[self.seen :]:
            match event:
                case e.DepositReceived() | e.ShortfallRepaid():
                    self.flows["in"] += event.amount_fen
                case e.DepositReversed():
                    self.flows["taken back"] += event.amount_fen
                case e.RefundSettled():
                    self.flows["to families"] += event.amount_fen
                case e.ReleaseSettled():
                    self.flows["to the school"] += event.amount_fen
                case _:
                    pass
        self.seen = len(self.school.history)
        out = self.flows["taken back"] + self.flows["to families"] + self.flows["to the school"]
        assert self.school.escrow.header.custody_cash_fen == self.flows["in"] - out >= 0

    def teardown(self) -> None:
        if hasattr(self, "school"):
            assert fingerprint(self.school.replayed()) == self.school.fingerprint()
