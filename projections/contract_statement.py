"""The statement of each contract: what was signed, what it came to, and what is left, in money and in hours."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from ledger.escrow import Escrow
from ledger.sheets import Contract
from projections.answers import NOW, Answer, Moment
from projections.database import Row, read_row, table_of
from projections.reading import Reader, matching

Standing = Literal["unpaid", "running", "disputed", "refunding", "in_mediation", "settled", "ended"]


class ContractStatement(Row, frozen=True):
    """One contract. Money in fen, class hours in hundredths."""

    institution_id: str
    contract_id: str
    guardian_id: str
    student_id: str
    course: str
    subject: str
    status: Standing
    ended: str
    """Why it ended; empty while it runs."""
    signed_on: date
    starts_on: date
    ends_on: date
    rules: str
    stock: bool
    price_fen: int
    paid_fen: int
    """Received in custody, net of reversals and transfers."""
    consumed_fen: int
    refunded_fen: int
    """Agreed, ordered or acknowledged."""
    deducted_fen: int
    released_fen: int
    held_fen: int
    """Earned, and kept from release by an open dispute."""
    unearned_fen: int
    earned_fen: int
    refund_payable_fen: int
    institution_receivable_fen: int
    asserted_fen: int
    """Paid outside custody, as the family says: never cover."""
    settlement_fen: int | None
    awarded_fen: int | None
    paid_centihours: int
    gift_centihours: int
    claimed_centihours: int
    consumed_centihours: int
    disputed_centihours: int
    left_centihours: int
    """Neither consumed nor claimed."""
    disputes: int
    refund_id: str
    case_id: str
    first_paid_on: date | None


contract_statement = table_of(
    "contract_statement",
    ContractStatement,
    ["institution_id", "contract_id"],
    ["contract_id"],
    ["guardian_id"],
    ["student_id"],
)


def contract_rows(escrow: Escrow, contract: Contract) -> Iterable[ContractStatement]:
    """The row of a contract."""
    yield ContractStatement(
        institution_id=escrow.header.institution_id,
        contract_id=contract.contract_id,
        guardian_id=contract.guardian_id,
        student_id=contract.student_id,
        course=contract.course,
        subject=contract.subject,
        status=_standing(contract),
        ended=contract.ended,
        signed_on=contract.signed_on,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
        rules=contract.rules,
        stock=contract.stock,
        price_fen=contract.price_fen,
        paid_fen=contract.paid_fen,
        consumed_fen=contract.consumed_fen,
        refunded_fen=contract.refunded_fen,
        deducted_fen=contract.deducted_fen,
        released_fen=contract.released_fen,
        held_fen=contract.held_fen,
        unearned_fen=contract.unearned_fen,
        earned_fen=contract.earned_fen,
        refund_payable_fen=contract.refund_payable_fen,
        institution_receivable_fen=contract.institution_receivable_fen,
        asserted_fen=contract.asserted_fen,
        settlement_fen=contract.settlement_fen,
        awarded_fen=contract.awarded_fen,
        paid_centihours=contract.paid_centihours,
        gift_centihours=contract.gift_centihours,
        claimed_centihours=contract.claimed_centihours,
        consumed_centihours=contract.consumed_centihours,
        disputed_centihours=contract.disputed_centihours,
        left_centihours=contract.units - contract.consumed_centihours - contract.claimed_centihours,
        disputes=contract.disputes,
        refund_id=contract.refund_id,
        case_id=contract.case_id,
        first_paid_on=contract.first_paid_on,
    )


def _standing(contract: Contract) -> Standing:
    if contract.ended:
        return "ended"
    if contract.case_id:
        return "in_mediation"
    if contract.refund_id:
        return "refunding"
    if contract.settlement_fen is not None:
        return "settled"
    if contract.disputes:
        return "disputed"
    return "running" if contract.paid_fen else "unpaid"


def find_contract_statement(
    reader: Reader, institution_id: str, contract_id: str, moment: Moment = NOW
) -> Answer[ContractStatement | None]:
    """One contract, None where it is unknown at this moment.

    One primary-key look-up; at another moment a fold of this contract's events alone.
    """
    with reader.open(moment, institution_id, contract_id) as reading:
        query = matching(contract_statement, institution_id=institution_id, contract_id=contract_id)
        row = reading.first(query)
        statement = None if row is None else read_row(ContractStatement, row)
        return reading.answer(statement, rules=None if statement is None else statement.rules)


def list_contract_statements(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    institution_id: str | None = None,
    contract_id: str | None = None,
    guardian_id: str | None = None,
    student_id: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[ContractStatement]]:
    """Contracts in order of institution and id.

    By institution an index range of `limit` rows; by contract, guardian or student an index look-up of their few
    contracts; by status alone a scan until the page is full.
    """
    query = matching(
        contract_statement,
        institution_id=institution_id,
        contract_id=contract_id,
        guardian_id=guardian_id,
        student_id=student_id,
        status=status,
    )
    key = [contract_statement.c.institution_id, contract_statement.c.contract_id]
    with reader.open(moment, institution_id) as reading:
        return reading.page(ContractStatement, query, key, after, limit)
