"""Drawing on the security: for what the institution must put back, by contract, until the amount is used up."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import text

from api.bankfiles.payments import DATING
from api.closing.officer import Officer
from api.closing.refunds import chunks
from ledger import commands as c
from ledger.application import Ledger
from ledger.events import RiskDepositDrawn
from ledger.log.openings import quoted, topics_of
from ledger.rejections import Rejection
from projections.families import list_families
from projections.log import event_in
from projections.reader import ReadModels
from projections.reading import Reading
from projections.runner import Runner

AT_ONCE = 200
_DRAWN = topics_of(RiskDepositDrawn)
DRAWS = text(
    "select topic, state from events where originator_id = :institution_id and effective_at >= 0"  # noqa: S608 - names of ours
    f" and topic in ({quoted(DATING)}) and topic in ({quoted(_DRAWN)})"
)
"""An institution's draws, by the index `events_payment`."""


def draw_security(ledger: Ledger, officer: Officer, amount_fen: int, order_no: str, chunk: int = AT_ONCE) -> int:
    """Draw at most `amount_fen` under one order; how much was drawn, fen.

    Asked again under the same order number, by whomever, only what that order has left is drawn. Raises AlreadyRecorded
    where somebody else draws another amount under it at this moment.
    """
    Runner(ledger.engine).take_in()
    drawn_fen = 0
    for part in chunks(_draws(ledger, officer.institution_id, amount_fen, order_no), chunk):
        for command, answer in zip(part, officer.submit_each(ledger, part), strict=True):
            if isinstance(answer, Rejection):
                raise answer
            drawn_fen += 0 if answer.replayed else command.amount_fen
    return drawn_fen


def drawn_under(reading: Reading, institution_id: str, order_no: str) -> Counter[str]:
    """How much was drawn under one order so far, by contract, fen; whoever drew it, and by whatever way."""
    drawn: Counter[str] = Counter()
    for topic, state in reading.log.execute(DRAWS, {"institution_id": institution_id}):
        event = event_in(topic, state)
        if isinstance(event, RiskDepositDrawn) and event.order_no == order_no:
            drawn[event.contract_id] += event.amount_fen
    return drawn


def _draws(ledger: Ledger, institution_id: str, amount_fen: int, order_no: str) -> Iterator[c.DrawRiskDeposit]:
    with ReadModels(ledger.engine).open() as reading:
        drawn = drawn_under(reading, institution_id, order_no)
        left_fen = max(0, amount_fen - drawn.total())
        for family in list_families(reading, institution_id):
            contract_id = family.contract.contract_id
            fen = min(left_fen, family.contract.institution_receivable_fen)
            if fen > 0:
                left_fen -= fen
                draw_id = _draw_id(order_no, contract_id, drawn[contract_id])
                yield c.DrawRiskDeposit(contract_id=contract_id, amount_fen=fen, order_no=order_no, draw_id=draw_id)


def _draw_id(order_no: str, contract_id: str, before_fen: int) -> str:
    """The next draw of an order for a contract, whoever asks: two at once are one, and a later one is another."""
    name = f"{order_no}\n{contract_id}"
    return f"draw.{sha256(name.encode()).hexdigest()}.{before_fen}"
