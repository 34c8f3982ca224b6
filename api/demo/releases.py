"""Money that goes to schools: asked for on a Friday, paid on the Monday after; finished contracts end."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from api.demo.days import RELEASE_DAYS, after
from api.demo.schools import ContractBook, School
from api.demo.telling import BEIJING, Step, Story, at
from ledger import commands as c
from ledger.orders import Order
from ledger.rejections import EscrowIsFrozen
from ledger.rulebook import select
from ledger.workdays import deadline

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def releases(school: School, *, comes_back_on: date | None = None) -> Story:
    """The releases of one school over the year; on one day the bank sends a line back."""
    for day in RELEASE_DAYS:
        yield Step(at(day, 15))
        if school.has_stopped():
            return
        lines = list(_lines(school, day))
        if not lines:
            continue
        release_id = school.number("X")
        instruct = school.office(c.InstructRelease, release_id=release_id, lines=lines)
        yield Step(at(day, 16), [instruct], refused=(EscrowIsFrozen,) if school.frozen else ())
        if school.frozen:
            continue
        yield Step(at(after(day, 3), 10), [*_settled(school, release_id, lines, day == comes_back_on)])
        if (ends := list(_ends(school))) and not school.has_stopped():
            yield Step(at(after(day, 3), 17), ends)


def _lines(school: School, day: date) -> Iterator[dict[str, object]]:
    for contract_id, book in school.contracts.items():
        if book.releasable_fen and _in_step(school, book, day):
            yield {"contract_id": contract_id, "amount_fen": book.releasable_fen}


def _in_step(school: School, book: ContractBook, day: date) -> bool:
    """Wuhu lets go of the whole order only, some days after its last lesson."""
    rules = select(school.jurisdiction, school.category, day)
    if rules.release_mode != "whole_order":
        return True
    if not book.finished or rules.release_delay is None:
        return False
    last_on = (_EPOCH + timedelta(microseconds=book.last_confirmed_at)).astimezone(BEIJING).date()
    return day > deadline(last_on, rules.release_delay.count, rules.release_delay.unit).on


def _settled(
    school: School,
    release_id: str,
    lines: list[dict[str, object]],
    comes_back: bool,  # noqa: FBT001 - one line of a story
) -> Iterator[Order]:
    contract_ids = [line["contract_id"] for line in lines]
    if comes_back:
        returned = contract_ids.pop()
        yield school.bank(c.ReturnRelease, release_id=release_id, contract_ids=[returned], reason="收款户名不符")
    if contract_ids:
        yield school.bank(
            c.SettleRelease, release_id=release_id, contract_ids=contract_ids, bank_serial=school.number("O")
        )


def _ends(school: School) -> Iterator[Order]:
    for contract_id, book in school.contracts.items():
        if book.finished and not book.ended:
            yield school.office(c.EndContract, contract_id=contract_id)
