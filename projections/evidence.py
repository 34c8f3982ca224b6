"""What proves the figures of an institution or of one contract: its events, and the bank's lines matched to them."""

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, or_, select

from ledger import events as e
from ledger.serialization import TOPICS, Recorded
from ledger.store.history import recorded
from ledger.store.tables import events
from projections.database import read_row
from projections.fund_history import RECORDED, log_of, log_page
from projections.log import known
from projections.reading import Reading, matching
from projections.reconciliation import BankLineRow, bank_line
from projections.state import institution_event

PAGE = 1_000
_OF_DEPOSITS = [TOPICS[kind] for kind in (e.DepositReceived, e.DepositReversed)]


def list_institution_events(reading: Reading, institution_id: str) -> Iterator[Recorded]:
    """Every event of an institution at the reading's moment, in order; a page in memory at a time."""
    after: str | None = None
    while True:
        found, after = log_page(reading, log_of(institution_id), after, PAGE)
        yield from found
        if after is None:
            return


def list_contract_events(
    reading: Reading, institution_id: str, contract_id: str, *, surroundings: bool
) -> list[Recorded]:
    """The events that name a contract and the deposits that paid it, in order.

    With `surroundings` those about the institution as a whole as well (freezes, closure, distributions). The deposits
    of a contract take a look at every deposit of its institution.
    """
    mine = list(recorded(reading.log.execute(known(log_of(institution_id, contract_id), reading)).all()))
    found = {one.version: one for one in mine}
    paid_by = {one.event.deposit_id for one in mine if isinstance(one.event, e.DepositApplied)}
    for condition in _beside(institution_id, paid_by, surroundings=surroundings):
        query = known(RECORDED.where(events.c.originator_id == institution_id, condition), reading)
        for one in recorded(reading.log.execute(query).all()):
            if not isinstance(one.event, e.DepositReceived | e.DepositReversed) or one.event.deposit_id in paid_by:
                found[one.version] = one
    return [found[version] for version in sorted(found)]


def _beside(institution_id: str, paid_by: set[str], *, surroundings: bool) -> Iterator[ColumnElement[bool]]:
    if paid_by:
        texts = [events.c.state.contains(f'"deposit_id":"{each}"', autoescape=True) for each in sorted(paid_by)]
        yield events.c.topic.in_(_OF_DEPOSITS) & or_(*texts)
    if surroundings:
        about = select(institution_event.c.version).where(institution_event.c.institution_id == institution_id)
        yield events.c.originator_version.in_(about)


def references_of(found: Iterable[Recorded], contract_id: str) -> set[str]:
    """The payments of a contract, as bank lines name them."""
    named: set[str] = set()
    for one in found:
        match one.event:
            case e.DepositApplied(deposit_id=deposit_id):
                named |= {f"deposit:{deposit_id}", f"reversal:{deposit_id}"}
            case e.RefundInstructed(refund_id=refund_id, instruction_id=instruction_id):
                named.add(f"refund:{refund_id}:{instruction_id}")
            case e.ReleaseInstructed(release_id=release_id):
                named.add(f"release:{release_id}:{contract_id}")
            case _:
                pass
    return named


def list_matched_lines(
    reading: Reading, institution_id: str, references: set[str] | None = None
) -> Iterator[BankLineRow]:
    """The bank's lines of an institution in order, or those matched to some payments, with these payments alone."""
    after = ""
    while True:
        query = matching(bank_line, institution_id=institution_id).where(bank_line.c.line_key > after)
        rows = [read_row(BankLineRow, row) for row in reading.rows(query.order_by(bank_line.c.line_key).limit(PAGE))]
        for row in rows:
            if references is None:
                yield row
            elif own := tuple(each for each in row.payments if each in references):
                yield BankLineRow(
                    row.institution_id, row.line_key, row.statement_id, row.line, row.booked_on, row.signed_fen,
                    row.serial, row.rule, own,
                )  # fmt: skip
        if len(rows) < PAGE:
            return
        after = rows[-1].line_key
