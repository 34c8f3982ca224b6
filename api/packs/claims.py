"""The rows of a resolution pack: one for each debt, with its contract, its bank route and its computation."""

from collections.abc import Iterator
from typing import Any

from api.packs.headings import FAMILIES
from api.packs.masking import Resolve, masked
from ledger.entitlement.derivation import Line
from ledger.hours import format_hours
from ledger.sheets import Contract
from projections.refunds_due import RefundDue
from projections.resolution import Debt, FamilyClaim

NAMES = tuple(heading.name for heading in FAMILIES)
STATE, PAYER, ROUTE = NAMES.index("state"), NAMES.index("payer"), NAMES.index("route")
NOTHING = Debt(None, (), "", "")


def rows(claim: FamilyClaim, resolve: Resolve | None = None) -> Iterator[tuple[tuple[Any, ...], Debt]]:
    """A row for each debt of a contract, in the order of FAMILIES; one for a contract without debts."""
    for debt in claim.debts or (NOTHING,):
        yield (*_contract(claim.contract), *_due(claim.contract, debt.due), *_route(debt, resolve)), debt


def line_rows(debt: Debt) -> Iterator[tuple[Any, ...]]:
    """How a debt is computed, in the order of LINES."""
    due = debt.due
    if due is not None:
        for number, line in enumerate(debt.lines, 1):
            yield (due.contract_id or "", due.refund_id or due.deposit_id or "", number, *_line(line))


def document(row: tuple[Any, ...], debt: Debt) -> dict[str, Any]:
    """The same as JSON: the row by its names, and the lines within."""
    lines = [dict(zip(_LINE, _line(line), strict=True)) for line in debt.lines]
    return dict(zip(NAMES, row, strict=True)) | {"lines": lines}


_LINE = ("event", "label", "units", "unit_price", "amount_fen")


def _line(line: Line) -> tuple[Any, ...]:
    return (line.event, line.label, line.units, line.unit_price, line.amount_fen)


def _contract(contract: Contract | None) -> tuple[Any, ...]:
    if contract is None:
        return (None,) * NAMES.index("state")
    left = contract.units - contract.consumed_centihours - contract.claimed_centihours
    return (
        contract.contract_id,
        contract.guardian_id,
        contract.student_id,
        contract.course,
        contract.subject,
        contract.signed_on,
        contract.ended,
        contract.price_fen,
        contract.paid_fen,
        format_hours(contract.paid_centihours),
        format_hours(contract.gift_centihours),
        format_hours(contract.consumed_centihours),
        format_hours(left),
        contract.consumed_fen,
        contract.released_fen,
        contract.asserted_fen,
    )


def _due(contract: Contract | None, due: RefundDue | None) -> tuple[Any, ...]:
    if due is None:
        paid = contract is not None and contract.refunded_fen > 0
        refunded_fen = contract.refunded_fen if contract is not None else 0
        return ("paid" if paid else "nothing_due", None, 0, None, refunded_fen, 0, 0, 0, 0, *(None,) * 9)
    return (
        due.state,
        due.cause,
        due.due_fen,
        due.by_family_fen,
        due.paid_fen,
        due.in_transit_fen,
        due.open_fen,
        due.covered_fen,
        due.missing_fen,
        due.payer,
        due.method,
        due.ground,
        due.rules,
        due.basis,
        due.since_on,
        due.pay_by,
        due.calendar,
        due.provisional,
    )


def _route(debt: Debt, resolve: Resolve | None) -> tuple[Any, ...]:
    due = debt.due
    reference = debt.payee_ref or debt.payer_ref
    route = "substitute" if debt.payee_ref else "original" if debt.payer_ref else "unknown"
    account = (resolve(reference) if resolve is not None and reference else None) or masked(reference)
    if due is None:
        return (None, None, None, None)
    return (route, account, due.refund_id, due.deposit_id)
