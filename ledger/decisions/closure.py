"""The end of an institution: security, closure, refunds in chunks, distribution of a short pot, closing the account."""

from collections.abc import Iterable, Iterator
from datetime import date

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.allowance import reserved_fen
from ledger.decisions.context import Context, decides
from ledger.decisions.dues import agreement, derive, due_fen, order_award, pay_by, retain_remainder
from ledger.decisions.lookups import (
    contract_of,
    live_contract,
    new_refund,
    no_open_refund,
    no_running_distribution,
    open_escrow,
    payable_fen,
    refund_of,
    running_escrow,
    unmarked,
    unrepeated,
)
from ledger.postings import ACCOUNTS
from ledger.sheets import Contract, Distribution


@decides(c.PlaceRiskDeposit)
def _place(command: c.PlaceRiskDeposit, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    unmarked(context, "serial", command.bank_serial)
    yield e.RiskDepositPlaced(
        effective_at=context.effective_at, amount_fen=command.amount_fen, bank_serial=command.bank_serial
    )


@decides(c.DrawRiskDeposit)
def _draw(command: c.DrawRiskDeposit, context: Context) -> Iterator[e.Event]:
    contract = contract_of(context, command.contract_id)
    draw_id = command.draw_id or context.order.command_id
    unmarked(context, "draw", draw_id)
    most_fen = min(context.header.risk_deposit_fen, contract.institution_receivable_fen)
    if command.amount_fen > most_fen:
        raise no.RiskDepositExceeded(most_fen, command.amount_fen)
    yield e.RiskDepositDrawn(
        effective_at=context.effective_at,
        contract_id=contract.contract_id,
        amount_fen=command.amount_fen,
        order_no=command.order_no,
        draw_id=draw_id,
    )


@decides(c.ReturnRiskDeposit)
def _give_back(command: c.ReturnRiskDeposit, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    header = context.header
    unmarked(context, "serial", command.bank_serial)
    if (
        owed_fen := header.unearned_fen
        + header.unapplied_fen
        + header.refund_payable_fen
        + header.refund_in_transit_fen
    ):
        raise no.RiskDepositStillNeeded(owed_fen)
    if command.amount_fen > header.risk_deposit_fen:
        raise no.RiskDepositExceeded(header.risk_deposit_fen, command.amount_fen)
    yield e.RiskDepositReturned(
        effective_at=context.effective_at, amount_fen=command.amount_fen, bank_serial=command.bank_serial
    )


@decides(c.DeclareClosure)
def _declare(command: c.DeclareClosure, context: Context) -> Iterator[e.Event]:
    """A licensed school pays families before wages even in bankruptcy (民促法 art. 59, 法释〔2010〕20号)."""
    running_escrow(context)
    approved_by = context.second_person(command.approved_by)
    context.refuse_future("stopped_on", command.stopped_on)
    yield e.ClosureDeclared(
        effective_at=context.effective_at,
        kind=command.kind,
        stopped_on=command.stopped_on,
        reason=command.reason,
        priority_regime="licensed_school" if context.header.licensed else "company",
        declared_by=context.actor,
        approved_by=approved_by,
    )


def _closing(context: Context) -> None:
    open_escrow(context)
    if context.header.closure is None:
        raise no.EscrowNotClosing


@decides(c.OrderClosureRefunds)
def _order_refunds(command: c.OrderClosureRefunds, context: Context) -> Iterator[e.Event]:
    _closing(context)
    unrepeated("contract", (line.contract_id for line in command.refunds))
    for line in command.refunds:
        contract = live_contract(context, line.contract_id)
        new_refund(context, line.refund_id)
        no_open_refund(contract)
        if contract.awarded_fen is None:
            yield from _order_formula(context, contract, line.refund_id)
        else:
            yield from order_award(context, contract, line.refund_id, "institution", context.effective_on, "closure")


def _order_formula(context: Context, contract: Contract, refund_id: str) -> Iterator[e.Event]:
    derivation = derive(context, contract, "institution", _due_from(contract, context), unasked=True)
    if (amount_fen := due_fen(derivation, contract)) == 0:
        raise no.NothingDue(contract.contract_id)
    last = pay_by(context, contract, context.effective_on, derivation)
    yield agreement(
        e.RefundOrdered,
        context,
        contract,
        refund_id,
        "institution",
        amount_fen,
        last,
        "closure",
        figure=derivation.binding,
    )
    yield from retain_remainder(context, contract, refund_id)


def _due_from(contract: Contract, context: Context) -> date:
    """The stop, or the payment where the institution went on collecting after it had stopped."""
    stopped_on = context.header.stopped_on or context.effective_on
    return max(stopped_on, contract.signed_on, contract.first_paid_on or contract.signed_on)


@decides(c.OrderDistribution)
def _order_distribution(command: c.OrderDistribution, context: Context) -> Iterator[e.Event]:
    _closing(context)
    approved_by = context.second_person(command.approved_by)
    context.refuse_future("cut_off_on", command.cut_off_on)
    if context.escrow.find(Distribution, command.distribution_id) is not None:
        raise no.AlreadyRecorded("distribution", command.distribution_id)
    no_running_distribution(context)
    if command.pot_fen > (available_fen := distributable_fen(context)):
        raise no.PotExceedsCustody(available_fen, command.pot_fen)
    yield e.DistributionOrdered(
        effective_at=context.effective_at,
        distribution_id=command.distribution_id,
        method=command.method,
        pot=command.pot,
        pot_fen=command.pot_fen,
        due_fen=command.due_fen,
        families=command.families,
        cut_off_on=command.cut_off_on,
        priority_regime=context.header.priority_regime,
        list_sha256=command.list_sha256,
        ordered_by=context.actor,
        approved_by=approved_by,
    )


def distributable_fen(context: Context) -> int:
    """Money in custody that is nobody's yet: no earlier share, no payer's own unapplied deposit is given away twice."""
    header = context.header
    return max(0, payable_fen(context) - header.unapplied_fen - header.reserved_fen)


def _open_distribution(context: Context, distribution_id: str) -> Distribution:
    open_escrow(context)
    distribution = context.escrow.find(Distribution, distribution_id)
    if distribution is None or not distribution.running:
        raise no.DistributionUnknown(distribution_id)
    return distribution


@decides(c.ApproveShares)
def _approve_shares(command: c.ApproveShares, context: Context) -> Iterator[e.Event]:
    distribution = _open_distribution(context, command.distribution_id)
    _each_refund_once(command.shares)
    for share in command.shares:
        owed_fen = _still_owed_fen(share, distribution, context)
        if share.share_fen > owed_fen:
            raise no.ShareExceedsDue(share.contract_id, owed_fen, share.share_fen)
        if (shared_fen := distribution.shared_fen + share.share_fen) > distribution.pot_fen:
            raise no.SharesExceedPot(distribution.distribution_id, distribution.pot_fen, shared_fen)
        yield e.DistributionShareApproved(
            effective_at=context.effective_at,
            distribution_id=distribution.distribution_id,
            contract_id=share.contract_id,
            refund_id=share.refund_id,
            due_fen=owed_fen,
            share_fen=share.share_fen,
        )


def _each_refund_once(shares: Iterable[c.ShareLine]) -> None:
    """A contract may have several refunds (the parts of a settlement): each has a share of its own."""
    seen: set[str] = set()
    for share in shares:
        if share.refund_id in seen:
            raise no.LineRepeated("contract", share.contract_id)
        seen.add(share.refund_id)


def _still_owed_fen(share: c.ShareLine, distribution: Distribution, context: Context) -> int:
    """What of an agreed refund is neither paid, on its way nor allowed by an earlier distribution, fen."""
    refund = refund_of(context, share.refund_id, "agreed")
    if refund.contract_id != share.contract_id:
        raise no.RefundUnknown(share.refund_id)
    if refund.share_of == distribution.distribution_id:
        raise no.AlreadyRecorded("share", f"{distribution.distribution_id}:{share.contract_id}")
    if distribution.approved == distribution.families:
        raise no.DistributionDiffersFromList(
            distribution.distribution_id, distribution.families, distribution.approved + 1
        )
    return max(0, refund.open_fen - reserved_fen(context.escrow, refund))


@decides(c.CompleteDistribution)
def _complete(command: c.CompleteDistribution, context: Context) -> Iterator[e.Event]:
    distribution = _open_distribution(context, command.distribution_id)
    if distribution.approved != distribution.families or distribution.chain != distribution.list_sha256:
        raise no.DistributionDiffersFromList(distribution.distribution_id, distribution.families, distribution.approved)
    yield e.DistributionCompleted(
        effective_at=context.effective_at,
        distribution_id=distribution.distribution_id,
        shared_fen=distribution.shared_fen,
        families=distribution.families,
    )


@decides(c.CancelDistribution)
def _cancel(command: c.CancelDistribution, context: Context) -> Iterator[e.Event]:
    """Until the list is complete nothing of it counts, so that a wrong one is given up without a trace in what is paid.

    A list that is complete is what two persons ordered, each share within its due and all within the pot.
    """
    distribution = _open_distribution(context, command.distribution_id)
    approved_by = context.second_person(command.approved_by)
    yield e.DistributionCancelled(
        effective_at=context.effective_at,
        distribution_id=distribution.distribution_id,
        reason=command.reason,
        cancelled_by=context.actor,
        approved_by=approved_by,
    )


@decides(c.CloseEscrow)
def _close(command: c.CloseEscrow, context: Context) -> Iterator[e.Event]:  # noqa: ARG001 - the command is its name
    _closing(context)
    for account in ACCOUNTS:
        if amount_fen := getattr(context.header, f"{account.name}_fen"):
            raise no.EscrowNotEmpty(account.name, amount_fen)
    yield e.EscrowClosed(effective_at=context.effective_at)
