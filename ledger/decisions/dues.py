"""What is due on a contract, and from which accounts an agreed refund is taken."""

from collections.abc import Iterator
from datetime import date
from typing import Literal, TypeVar

from msgspec import structs

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context
from ledger.entitlement import Derivation, Figure, entitle
from ledger.entitlement.contracts import facts_of
from ledger.identifiers import Cause
from ledger.sheets import Contract, Refund
from ledger.workdays import Deadline, deadline

AgreementT = TypeVar("AgreementT", bound=e.RefundAgreement)
NO_CIRCUMSTANCES = e.Circumstances()


def derive(
    context: Context,
    contract: Contract,
    cause: Cause,
    requested_on: date | None = None,
    circumstances: e.Circumstances = NO_CIRCUMSTANCES,
    *,
    unasked: bool = False,
) -> Derivation:
    """The entitlement under `cause` on the business date; `unasked` where nobody requested it.

    Raises a Rejection where the facts do not determine it.
    """
    facts = facts_of(
        contract,
        context.header,
        cause,
        context.effective_on,
        requested_on=requested_on,
        unasked=unasked,
        **structs.asdict(circumstances),
    )
    return entitle(facts)


def circumstances_of(asked: c.Circumstances) -> e.Circumstances:
    """What was found, as the events keep it."""
    return e.Circumstances(**asked.model_dump())


def due_now_fen(context: Context, contract: Contract, refund: Refund) -> int:
    """What is due on a requested refund by now: lessons decided and money taken back since the request count."""
    return due_fen(derive(context, contract, refund.cause, refund.requested_on, refund.circumstances), contract)


def due_fen(derivation: Derivation, contract: Contract) -> int:
    """What of an entitlement has not been agreed, ordered or acknowledged yet, fen."""
    return max(0, derivation.binding_refund_fen - contract.refunded_fen)


def agreement(  # noqa: PLR0913 - one refund, agreed in one of three ways
    kind: type[AgreementT],
    context: Context,
    contract: Contract,
    refund_id: str,
    cause: Cause,
    amount_fen: int,
    last: Deadline,
    basis: str,
    *,
    figure: Figure | None = None,
    case_id: str | None = None,
    instalment: int | None = None,
) -> AgreementT:
    """A refund agreed or ordered: from the family's own money, then what is earned and free, then the institution."""
    unearned_fen = min(amount_fen, contract.unearned_fen)
    earned_fen = min(amount_fen - unearned_fen, max(0, contract.earned_fen - contract.held_fen))
    return kind(
        effective_at=context.effective_at,
        refund_id=refund_id,
        contract_id=contract.contract_id,
        case_id=case_id,
        instalment=instalment,
        cause=cause,
        amount_fen=amount_fen,
        unearned_fen=unearned_fen,
        earned_fen=earned_fen,
        receivable_fen=amount_fen - unearned_fen - earned_fen,
        pay_by=last.on,
        calendar=last.calendar,
        provisional=last.provisional,
        basis=basis,
        method=figure.method if figure else "",
        ground=figure.ground if figure else "",
        rules=context.rules.id,
    )


def pay_by(context: Context, contract: Contract, requested_on: date, derivation: Derivation) -> Deadline:
    """The last day to pay: the contract's own term where it is earlier, else the clock of the rule set."""
    by_rule = derivation.deadline
    if by_rule is not None:
        last = Deadline(by_rule.on, by_rule.calendar, by_rule.provisional)
    else:
        last = default_pay_by(context, requested_on)
    if contract.terms.refund_due_workdays is not None:
        agreed = deadline(requested_on, contract.terms.refund_due_workdays, "workday")
        return min(last, agreed, key=lambda each: each.on)
    return last


def default_pay_by(context: Context, from_on: date) -> Deadline:
    """The general refund clock of the rule set (15 days, SAIC Order 73 art. 10). Raises RuleUnknown."""
    clock = context.rules.refund_default
    if clock is None:
        raise no.RuleUnknown("refund.default", context.rules.id)
    return deadline(from_on, clock.count, clock.unit)


def order_award(
    context: Context, contract: Contract, refund_id: str, cause: Cause, asked_on: date, basis: str
) -> Iterator[e.Event]:
    """What of the last award was not given back yet; what the court leaves is the institution's. Raises NothingDue."""
    amount_fen = max(0, (contract.awarded_fen or 0) - contract.refunded_fen)
    if amount_fen == 0:
        raise no.NothingDue(contract.contract_id)
    last = default_pay_by(context, asked_on)
    yield agreement(e.RefundOrdered, context, contract, refund_id, cause, amount_fen, last, basis)
    yield from retain_remainder(context, contract, refund_id, kind="award_remainder")


def retain_remainder(
    context: Context,
    contract: Contract,
    deduction_id: str,
    *,
    kind: Literal["formula_remainder", "award_remainder"] = "formula_remainder",
    unclaimed_fen: int = 0,
) -> Iterator[e.Event]:
    """What the formula (or the court) leaves the institution once the refund is agreed and no lesson is open.

    `unclaimed_fen` is due to the family beyond its claim: it stays the family's.
    """
    kept_fen = contract.unearned_fen - unclaimed_fen
    if kept_fen > 0 and not contract.disputes and not contract.claimed_centihours:
        yield e.DeductionRetained(
            effective_at=context.effective_at,
            contract_id=contract.contract_id,
            deduction_id=deduction_id,
            kind=kind,
            amount_fen=kept_fen,
            evidence=f"refund {deduction_id}",
        )
