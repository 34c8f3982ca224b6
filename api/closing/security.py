"""Drawing on the security: for what the institution must put back, by contract, until the amount is used up."""

from collections.abc import Iterator
from hashlib import sha256

from api.closing.officer import Officer
from api.closing.refunds import chunks
from ledger import commands as c
from ledger.application import Ledger
from ledger.rejections import Rejection
from projections.families import drawn_under, list_families
from projections.reader import ReadModels
from projections.runner import Runner

AT_ONCE = 200


def draw_security(ledger: Ledger, officer: Officer, amount_fen: int, order_no: str) -> int:
    """Draw at most `amount_fen` under one order; how much was drawn, fen.

    Asked again under the same order number, by whomever, only what that order has left is drawn.
    """
    Runner(ledger.engine).take_in()
    drawn_fen = 0
    for part in chunks(_draws(ledger, officer.institution_id, amount_fen, order_no), AT_ONCE):
        for command, answer in zip(part, officer.submit_each(ledger, part), strict=True):
            if isinstance(answer, Rejection):
                raise answer
            drawn_fen += 0 if answer.replayed else command.amount_fen
    return drawn_fen


def _draws(ledger: Ledger, institution_id: str, amount_fen: int, order_no: str) -> Iterator[c.DrawRiskDeposit]:
    with ReadModels(ledger.engine).open() as reading:
        before_fen = drawn_under(reading, institution_id, order_no)
        left_fen = max(0, amount_fen - before_fen)
        for family in list_families(reading, institution_id):
            contract = family.contract
            fen = min(left_fen, contract.institution_receivable_fen)
            if fen > 0:
                left_fen -= fen
                draw_id = _draw_id(contract.contract_id, order_no, before_fen) if before_fen else None
                yield c.DrawRiskDeposit(
                    contract_id=contract.contract_id, amount_fen=fen, order_no=order_no, draw_id=draw_id
                )


def _draw_id(contract_id: str, order_no: str, before_fen: int) -> str:
    """What an order draws later is not its first draw again, though the amounts be the same."""
    return f"draw.{sha256(f'{contract_id} {order_no}'.encode()).hexdigest()}.{before_fen}"
