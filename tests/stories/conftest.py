"""A town for stories: a ledger on both databases, a clock that the story sets, and what people ask at a counter."""

from collections.abc import Callable
from datetime import date

import pytest

from api.demo.histories import social_credit_code
from api.demo.schools import School
from api.demo.telling import Teller, at
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.identifiers import Category
from ledger.orders import Order
from ledger.rejections import Rejection
from projections.answers import NOW, Moment
from projections.contract_statement import ContractStatement, find_contract_statement
from projections.escrow_balance import EscrowBalance, get_escrow_balance
from projections.reader import ReadModels
from projections.refunds_due import RefundDue, list_refunds_due
from projections.runner import Runner
from tests.conftest import Clock


class Town:
    """Everybody at one table. Days and hours are Beijing's."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.clock = clock
        self._reader = ReadModels(ledger.engine)

    def on(self, day: date, hour: int = 10) -> None:
        """It is this hour of this day."""
        self.clock.now = at(day, hour)

    def school(self, institution_id: str, jurisdiction: str, category: Category, *, licensed: bool = True) -> School:
        """An institution to speak for."""
        code = social_credit_code(sum(institution_id.encode()))
        return School(
            institution_id, institution_id, code, jurisdiction, category, "海淀", licensed, account_id="custody-1"
        )

    def tell(self, school: School, *orders: Order) -> list[Receipt]:
        """Accepted, each of them; the school hears the answers."""
        receipts = [self.ledger.submit(order) for order in orders]
        for receipt in receipts:
            school.hear(receipt)
        return receipts

    def refused(self, order: Order) -> Rejection:
        """Why the ledger says no, with nothing recorded."""
        before = self.ledger.position()
        with pytest.raises(Rejection) as caught:
            self.ledger.submit(order)
        assert self.ledger.position() == before
        return caught.value

    def balance(self, school: School, moment: Moment = NOW) -> EscrowBalance:
        """The accounts of the escrow."""
        return get_escrow_balance(self._caught_up(), school.institution_id, moment).data

    def statement(self, school: School, contract_id: str) -> ContractStatement:
        """One contract."""
        found = find_contract_statement(self._caught_up(), school.institution_id, contract_id).data
        assert found is not None
        return found

    def dues(self, school: School, moment: Moment = NOW) -> list[RefundDue]:
        """What is due to whom."""
        return list_refunds_due(self._caught_up(), moment, institution_id=school.institution_id, limit=1000).data

    def teller(self, heard: Callable[[Receipt], None]) -> Teller:
        """For stories that are told by the demo."""
        return Teller(self.ledger, self.clock, heard=heard)

    def _caught_up(self) -> ReadModels:
        Runner(self.ledger.engine).catch_up()
        return self._reader


@pytest.fixture
def town(ledger: Ledger, clock: Clock) -> Town:
    return Town(ledger, clock)
