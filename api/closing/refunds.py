"""What a closure makes due, contract by contract: which of it needs no derivation, and the commands that order it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from ledger import commands as c
from ledger.sheets import Contract
from projections.dues import due_without_request
from projections.families import Family
from projections.refunds_due import RefundDue

CHUNK = 500
"""Contracts in one command: one transaction, one wait for the disk."""
LONGEST_ID = 128
BASIS = "closure of the institution"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A contract whose due amount the facts on record do not determine: somebody has to state what is missing."""

    contract_id: str
    code: str


Todo = c.ClosureRefund | c.OrderRefund | Undetermined
"""What a closure asks for one contract."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Consecutive parts of at most `size`."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def halves(lines: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Two parts, to find what a chunk was refused for."""
    middle = len(lines) // 2
    return lines[:middle], lines[middle:]


def refund_id(subject_id: str, refunded_fen: int = 0) -> str:
    """The id of a closure's refund: the same whoever computes it, another one once money was refunded."""
    plain = f"closure.{subject_id}" + (f".{refunded_fen}" if refunded_fen else "")
    return plain if len(plain) <= LONGEST_ID else f"closure.{sha256(plain.encode()).hexdigest()}"


def todos(families: Iterable[Family]) -> Iterator[Todo]:
    """What is to be ordered for each contract of a closing institution, in order; nothing where nothing is due.

    An open claim, whatever its cause, is ordered under the institution's cause, which is never worse for the family.
    """
    for family in families:
        contract = family.contract
        if _is_clear(contract):
            yield _line(contract)
        elif contract.refund_id:
            if any(each.refund_id == contract.refund_id and each.status != "agreed" for each in family.refunds):
                yield _order(contract.contract_id, contract.refund_id)
        else:
            yield from _derived(family)


def deposit_refund(row: RefundDue) -> c.RefundDeposit:
    """Money tied to no contract goes back to its payer in full."""
    deposit_id = row.deposit_id or ""
    return c.RefundDeposit(refund_id=refund_id(deposit_id), deposit_id=deposit_id)


def _is_clear(contract: Contract) -> bool:
    """Whether it takes no derivation to know that something is due: money left, hours left, and nothing special."""
    return (
        not contract.ended
        and not contract.refund_id
        and contract.awarded_fen is None
        and contract.settlement_fen is None
        and not contract.terms.unlimited_pass
        and not contract.refunded_fen
        and not contract.deducted_fen
        and contract.unearned_fen > 0
        and contract.consumed_centihours < contract.units
    )


def _derived(family: Family) -> Iterator[Todo]:
    contract = family.contract
    due = due_without_request(family.escrow, contract)
    if due is None:
        return
    if due.fen is None:
        yield Undetermined(contract.contract_id, due.basis)
    elif due.fen and due.state == "award":
        name = refund_id(f"{contract.contract_id}.award", contract.refunded_fen)
        yield _order(contract.contract_id, name, award_id=contract.award_id)
    elif due.fen:
        yield _line(contract)


def _line(contract: Contract) -> c.ClosureRefund:
    name = refund_id(contract.contract_id, contract.refunded_fen)
    return c.ClosureRefund(contract_id=contract.contract_id, refund_id=name)


def _order(contract_id: str, name: str, award_id: str | None = None) -> c.OrderRefund:
    return c.OrderRefund(refund_id=name, contract_id=contract_id, cause="institution", basis=BASIS, award_id=award_id)
