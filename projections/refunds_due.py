"""What is due to whom: every open refund, and what is due although nobody has asked yet."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from ledger.allowance import allowed_fen
from ledger.escrow import Escrow
from ledger.identifiers import Cause
from ledger.sheets import Contract, Deposit, Profile, Refund
from projections.answers import NOW, Answer, Moment
from projections.cover import covered_fen, free_fen
from projections.database import Row, table_of
from projections.dues import Due, asked, due_without_request, unapplied_in_closure
from projections.notes import RefundNote
from projections.reading import Reader, matching

Payer = Literal["custody", "institution", "custody_and_institution"]
State = Literal["requested", "refused", "agreed", "closure", "award", "undetermined"]


class RefundDue(Row, frozen=True):
    """One debt to one family, in fen.

    `state` requested, refused, agreed: an open refund. closure, award: due without a request, under the closure of the
    institution or beyond what was refunded of an award; undetermined: the facts on record do not determine it, and the
    amounts are null.
    """

    institution_id: str
    subject: str
    """The sheet it comes from: `refund:…`, `contract:…` or `deposit:…`."""
    district: str
    contract_id: str | None
    refund_id: str | None
    deposit_id: str | None
    guardian_id: str | None
    state: State
    cause: Cause
    due_fen: int | None
    """The whole debt: what was agreed; before that what is due, and never above the family's own claim."""
    agreed_fen: int
    in_transit_fen: int
    paid_fen: int
    """Paid by the bank, or acknowledged by the family as paid outside custody."""
    open_fen: int | None
    """Neither paid nor on its way."""
    by_family_fen: int | None
    """The same debt by the family's record, where lessons are in dispute or confirmed by nobody."""
    covered_fen: int | None
    """What of `open_fen` this contract's own money in custody, or a distribution, pays."""
    missing_fen: int | None
    """What the institution must put back first."""
    payer: Payer | None
    method: str
    ground: str
    rules: str
    basis: str
    """Who or what made it due; for what is undetermined, the code of what is missing."""
    since_on: date
    reply_by: date | None
    pay_by: date | None
    calendar: str
    provisional: bool
    """The last day depends on a calendar that is not published yet."""
    allowed_fen: int | None
    """What distributions let be paid in all; null where none limits it."""


refund_due = table_of(
    "refund_due",
    RefundDue,
    ["institution_id", "subject"],
    ["district", "institution_id", "subject"],
    ["pay_by"],
    ["institution_id", "contract_id"],
    ["guardian_id"],
)

OPEN = frozenset({"requested", "refused", "agreed"})


def refund_rows(escrow: Escrow, refund: Refund) -> Iterable[RefundDue]:
    """The row of a refund while it is open. `Refund.open_fen` leaves out what is on its way."""
    if refund.status not in OPEN:
        return
    note = escrow.find(RefundNote, refund.refund_id)
    assert note is not None, "every refund has its note"
    contract = None if refund.contract_id is None else escrow.get(Contract, refund.contract_id)
    due_fen, open_fen, by_family_fen = _amounts(escrow, refund, contract, note)
    covered = covered_fen(escrow, refund, contract, open_fen)
    clock = refund.clock
    yield RefundDue(
        institution_id=escrow.header.institution_id,
        subject=refund.key(),
        district=_district(escrow),
        contract_id=refund.contract_id,
        refund_id=refund.refund_id,
        deposit_id=refund.deposit_id,
        guardian_id=None if contract is None else contract.guardian_id,
        state=refund.status,  # type: ignore[arg-type] # one of OPEN
        cause=refund.cause,
        due_fen=due_fen,
        agreed_fen=refund.agreed_fen,
        in_transit_fen=refund.instructed_fen,
        paid_fen=refund.settled_fen + refund.acknowledged_fen,
        open_fen=open_fen,
        by_family_fen=by_family_fen,
        covered_fen=covered,
        missing_fen=open_fen - covered,
        payer=_payer(open_fen, covered),
        method=note.method,
        ground=note.ground,
        rules=note.rules,
        basis=note.refused_because if refund.status == "refused" else note.basis,
        since_on=note.since_on,
        reply_by=refund.reply_by if refund.status == "requested" else None,
        pay_by=None if clock is None else clock.on,
        calendar="" if clock is None else clock.calendar,
        provisional=clock is not None and clock.provisional,
        allowed_fen=allowed_fen(escrow, refund),
    )


def _amounts(
    escrow: Escrow, refund: Refund, contract: Contract | None, note: RefundNote
) -> tuple[int, int, int | None]:
    """What is due on a refund, what of it is neither sent nor paid, and what is due by the family's record, fen.

    As agreed; before that as derived by now.
    """
    if refund.status == "agreed":
        return refund.agreed_fen, refund.open_fen, None
    if contract is None:
        return refund.agreed_fen, refund.agreed_fen, None
    due_fen, by_family_fen = asked(escrow, refund, contract, note.derived_on)
    return due_fen, due_fen, by_family_fen


def contract_due_rows(escrow: Escrow, contract: Contract) -> Iterable[RefundDue]:
    """The row of what is due on a contract without an open request, if anything is."""
    due = due_without_request(escrow, contract)
    if due is not None:
        yield _unasked(escrow, contract, due, free_fen(contract))


def deposit_due_rows(escrow: Escrow, deposit: Deposit) -> Iterable[RefundDue]:
    """The row of money tied to no contract in a closure."""
    due = unapplied_in_closure(escrow, deposit)
    if due is not None:
        yield _unasked(escrow, deposit, due, deposit.unapplied_fen)


def _unasked(escrow: Escrow, sheet: Contract | Deposit, due: Due, held_fen: int) -> RefundDue:
    covered = None if due.fen is None else min(due.fen, held_fen)
    return RefundDue(
        institution_id=escrow.header.institution_id,
        subject=sheet.key(),
        district=_district(escrow),
        contract_id=sheet.contract_id if isinstance(sheet, Contract) else None,
        refund_id=None,
        deposit_id=sheet.deposit_id if isinstance(sheet, Deposit) else None,
        guardian_id=sheet.guardian_id if isinstance(sheet, Contract) else None,
        state=due.state,
        cause=due.cause,
        due_fen=due.fen,
        agreed_fen=0,
        in_transit_fen=0,
        paid_fen=0,
        open_fen=due.fen,
        by_family_fen=due.by_family_fen,
        covered_fen=covered,
        missing_fen=None if due.fen is None or covered is None else due.fen - covered,
        payer=None if due.fen is None or covered is None else _payer(due.fen, covered),
        method=due.method,
        ground=due.ground,
        rules=due.rules,
        basis=due.basis,
        since_on=due.since_on,
        reply_by=None,
        pay_by=None if due.clock is None else due.clock.on,
        calendar="" if due.clock is None else due.clock.calendar,
        provisional=due.clock is not None and due.clock.provisional,
        allowed_fen=None,
    )


def _district(escrow: Escrow) -> str:
    return escrow.get(Profile, escrow.header.institution_id).district


def _payer(open_fen: int, covered: int) -> Payer:
    if covered == open_fen:
        return "custody"
    return "custody_and_institution" if covered else "institution"


def list_refunds_due(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    institution_id: str | None = None,
    district: str | None = None,
    contract_id: str | None = None,
    guardian_id: str | None = None,
    state: str | None = None,
    overdue_on: date | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[RefundDue]]:
    """Open debts in order of institution and subject; with `overdue_on`, those whose last day is before that day.

    By institution, district, contract or guardian an index range of `limit` rows; overdue of the whole city goes over
    the index of last days and sorts what it finds.
    """
    query = matching(
        refund_due,
        institution_id=institution_id,
        district=district,
        contract_id=contract_id,
        guardian_id=guardian_id,
        state=state,
    )
    if overdue_on is not None:
        query = query.where(refund_due.c.pay_by < overdue_on)
    key = [refund_due.c.institution_id, refund_due.c.subject]
    with reader.open(moment, institution_id, contract_id if institution_id else None) as reading:
        return reading.page(RefundDue, query, key, after, limit)
