"""Every family of one institution with what it is owed and how that is computed: the rows of a resolution pack."""

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import asdict

from ledger.entitlement import entitle
from ledger.entitlement.contracts import facts_of
from ledger.entitlement.derivation import Line
from ledger.rejections import Rejection
from ledger.sheets import Contract, Refund
from projections.database import read_row
from projections.families import PAGE, Family, find_family, list_families
from projections.notes import ClosureNote, RefundNote
from projections.reading import Reading, matching
from projections.refunds_due import RefundDue, refund_due


class Debt(Struct, frozen=True):
    """One debt of an institution with its computation; a contract on which nothing is owed has none.

    `lines` sum to `due.due_fen`: the binding figure, and what sets the debt apart from it.
    """

    due: RefundDue | None
    lines: tuple[Line, ...]
    payer_ref: str
    """The account that paid, and gets the money back, unless there is a substitute."""
    payee_ref: str
    """The verified substitute, where the original account cannot be paid."""


class FamilyClaim(Struct, frozen=True):
    """One contract, or a deposit tied to none, with its debts."""

    contract: Contract | None
    debts: tuple[Debt, ...]


def list_claims(reading: Reading, institution_id: str) -> Iterator[FamilyClaim]:
    """Every contract in order of id, then money tied to no contract. Flat memory: a page of contracts at a time."""
    page: list[Family] = []
    for family in list_families(reading, institution_id):
        page.append(family)
        if len(page) == PAGE:
            yield from _page(reading, institution_id, page)
            page = []
    if page:
        yield from _page(reading, institution_id, page)
    loose = matching(refund_due, institution_id=institution_id).where(refund_due.c.contract_id.is_(None))
    for row in reading.rows(loose.order_by(refund_due.c.subject)):
        due = read_row(RefundDue, row)
        line = Line("unapplied_deposit", "money tied to no contract", due.due_fen or 0)
        yield FamilyClaim(None, (Debt(due, (line,), "", ""),))


def find_claim(reading: Reading, institution_id: str, contract_id: str) -> FamilyClaim:
    """One contract with its debts. Raises UnknownRow."""
    (claim,) = _page(reading, institution_id, [find_family(reading, institution_id, contract_id)])
    return claim


def _page(reading: Reading, institution_id: str, families: Sequence[Family]) -> Iterator[FamilyClaim]:
    columns = refund_due.c
    first, last = families[0].contract.contract_id, families[-1].contract.contract_id
    query = matching(refund_due, institution_id=institution_id)
    query = query.where(columns.contract_id >= first, columns.contract_id <= last)
    rows: dict[str, list[RefundDue]] = {}
    for row in reading.rows(query.order_by(columns.contract_id, columns.subject)):
        due = read_row(RefundDue, row)
        rows.setdefault(due.contract_id or "", []).append(due)
    for family in families:
        dues = rows.get(family.contract.contract_id, ())
        yield FamilyClaim(family.contract, tuple(_debt(family, due) for due in dues))


def _debt(family: Family, due: RefundDue) -> Debt:
    refund = next((each for each in family.refunds if each.refund_id == due.refund_id), None)
    payee_ref = refund.payee_ref if refund is not None else ""
    return Debt(due, _lines(family, due, refund), family.contract.payer_ref, payee_ref)


def _lines(family: Family, due: RefundDue, refund: Refund | None) -> tuple[Line, ...]:
    """The lines of the figure the debt rests on, and what was agreed, refunded or claimed otherwise."""
    if due.due_fen is None:
        return ()
    lines = _binding_lines(family, due, refund)
    rest_fen = due.due_fen - sum(line.amount_fen for line in lines)
    if not lines:
        return (Line(due.method or "agreed", due.basis, due.due_fen),)
    if rest_fen:
        lines += (Line("refunded_or_agreed_otherwise", due.basis, rest_fen),)
    return lines


def _binding_lines(family: Family, due: RefundDue, refund: Refund | None) -> tuple[Line, ...]:
    contract, header = family.contract, family.escrow.header
    circumstances = {} if refund is None else asdict(refund.circumstances)
    on = _decided_on(family, due)
    try:
        facts = facts_of(contract, header, due.cause, on, requested_on=due.since_on, **circumstances)
        binding = entitle(facts).binding
    except Rejection:
        return ()
    return binding.lines if not due.method or binding.method == due.method else ()


def _decided_on(family: Family, due: RefundDue) -> date:
    if due.refund_id is not None:
        note = family.escrow.find(RefundNote, due.refund_id)
        return due.since_on if note is None else max(note.derived_on, due.since_on)
    closure = family.escrow.find(ClosureNote, family.escrow.header.institution_id)
    return due.since_on if closure is None else max(closure.declared_on, due.since_on)
