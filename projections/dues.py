"""What is due on a contract although no refund is open: in a closure, and beyond what was refunded of an award."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from msgspec import structs

from ledger.entitlement import Derivation, entitle
from ledger.entitlement.contracts import facts_of
from ledger.escrow import Escrow
from ledger.identifiers import Cause
from ledger.rejections import Rejection
from ledger.rulebook import select
from ledger.sheets import Contract, Deposit, Header, Refund
from ledger.workdays import Deadline, deadline
from projections.notes import ClosureNote, ContractNote


@dataclass(frozen=True, slots=True)
class Due:
    """A debt without a request, in fen; `fen` is None where the facts do not determine it."""

    state: Literal["closure", "award", "undetermined"]
    cause: Cause
    fen: int | None
    since_on: date
    method: str = ""
    ground: str = ""
    rules: str = ""
    basis: str = ""
    by_family_fen: int | None = None
    clock: Deadline | None = None


def due_without_request(escrow: Escrow, contract: Contract) -> Due | None:
    """What is due on a contract that has no open refund, None where nothing is.

    An award that was not refunded in full stands before the formula. In a closure every open contract is due under the
    institution's cause, asked for on the day teaching stopped and decided on the day the closure was declared.
    """
    if contract.refund_id:
        return None
    if contract.awarded_fen is not None:
        return _awarded(escrow, contract, contract.awarded_fen)
    if escrow.header.closure is None or contract.ended or contract.paid_fen <= contract.refunded_fen:
        return None
    return _in_closure(escrow, contract)


def asked(escrow: Escrow, refund: Refund, contract: Contract, on: date) -> tuple[int, int | None]:
    """What is due on a requested refund by now, and by the family's record, never above its own claim, fen.

    Lessons decided and money taken back since the request on `on` count; where the facts determine nothing any more,
    what was due then. Both records are the same, and the second None, where no lesson is open.
    """
    by_family_fen = None
    circumstances = structs.asdict(refund.circumstances)
    try:
        facts = facts_of(contract, escrow.header, refund.cause, on, requested_on=refund.requested_on, **circumstances)
        derivation = entitle(facts)
    except Rejection:
        fen = refund.entitled_fen
    else:
        fen = max(0, derivation.binding_refund_fen - contract.refunded_fen)
        by_family_fen = _by_family_fen(derivation, contract)
    most_fen = fen if refund.claim_fen is None else refund.claim_fen
    if by_family_fen is not None and refund.claim_fen is not None:
        by_family_fen = min(refund.claim_fen, by_family_fen)
    return min(most_fen, fen), by_family_fen


def _by_family_fen(derivation: Derivation, contract: Contract) -> int | None:
    """What is left to refund by the family's record; None where no lesson is open."""
    if derivation.range is None:
        return None
    return max(0, derivation.range.by_family_record_fen - contract.refunded_fen)


def unapplied_in_closure(escrow: Escrow, deposit: Deposit) -> Due | None:
    """Money tied to no contract is the payer's; once the institution stops, it is due."""
    header = escrow.header
    if header.closure is None or header.stopped_on is None or not deposit.unapplied_fen:
        return None
    since_on = max(header.stopped_on, deposit.value_on)
    return Due(
        state="closure",
        cause="institution",
        fen=deposit.unapplied_fen,
        since_on=since_on,
        method="unapplied_deposit",
        rules=select(header.jurisdiction, header.category, since_on).id,
        basis="money tied to no contract",
        clock=_general_clock(header, since_on),
    )


def _awarded(escrow: Escrow, contract: Contract, awarded_fen: int) -> Due | None:
    note = escrow.find(ContractNote, contract.contract_id)
    assert note is not None, "every award has its note"
    assert note.awarded_on is not None, "with its day"
    if awarded_fen <= contract.refunded_fen:
        return None
    header, on = escrow.header, note.awarded_on
    return Due(
        state="award",
        cause=contract.refund_cause,
        fen=awarded_fen - contract.refunded_fen,
        since_on=on,
        method="award",
        ground=note.forum,
        rules=select(header.jurisdiction, header.category, on).id,
        basis=note.award_id,
        clock=_general_clock(header, on),
    )


def _in_closure(escrow: Escrow, contract: Contract) -> Due | None:
    header = escrow.header
    note = escrow.find(ClosureNote, header.institution_id)
    assert note is not None, "every closure has its note"
    assert header.stopped_on is not None, "and its day"
    # The stop, or the payment where the institution went on collecting after it had stopped.
    since_on = max(header.stopped_on, contract.signed_on, contract.first_paid_on or contract.signed_on)
    on = max(since_on, note.declared_on)
    try:
        derivation = entitle(facts_of(contract, header, "institution", on, requested_on=since_on, unasked=True))
    except Rejection as unknown:
        return Due("undetermined", "institution", None, since_on, basis=unknown.code)
    fen = max(0, derivation.binding_refund_fen - contract.refunded_fen)
    by_family_fen = _by_family_fen(derivation, contract)
    if not fen and not by_family_fen:
        return None
    return Due(
        state="closure",
        cause="institution",
        fen=fen,
        since_on=since_on,
        method=derivation.binding.method,
        ground=derivation.binding.ground,
        rules=derivation.binding.rule_set_id or "",
        basis=f"closure: {note.reason}",
        by_family_fen=by_family_fen,
        clock=_clock(contract, header, since_on, derivation),
    )


def _clock(contract: Contract, header: Header, since_on: date, derivation: Derivation) -> Deadline | None:
    """The contract's own term where it is earlier, else the clock of the rule set."""
    found = derivation.deadline
    by_rule = Deadline(found.on, found.calendar, found.provisional) if found else _general_clock(header, since_on)
    if contract.terms.refund_due_workdays is None:
        return by_rule
    agreed = deadline(since_on, contract.terms.refund_due_workdays, "workday")
    return agreed if by_rule is None else min(by_rule, agreed, key=lambda each: each.on)


def _general_clock(header: Header, on: date) -> Deadline | None:
    period = select(header.jurisdiction, header.category, on).refund_default
    return None if period is None else deadline(on, period.count, period.unit)
