"""Contracts: registration under the caps, amendment, transfer of lessons, end."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

from msgspec import structs

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides
from ledger.decisions.dues import derive, due_fen, retain_remainder
from ledger.decisions.lookups import live_contract, no_refund_promised, running_escrow
from ledger.decisions.subjects import remembered
from ledger.decisions.valuation import left_centihours, transfer_value_fen
from ledger.hours import format_hours
from ledger.rulebook import RuleSet, select
from ledger.sheets import Child, Collected, Contract, collected
from ledger.workdays import last_of, shifted

LONGEST = timedelta(days=366 * 10)


@decides(c.RegisterContract)
def _register(command: c.RegisterContract, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    if context.escrow.find(Contract, command.contract_id) is not None:
        raise no.ContractAlreadyRegistered(command.contract_id)
    remembered(context, command.guardian_id, command.student_id)
    context.refuse_future("signed_on", command.signed_on)
    if not timedelta(0) <= command.ends_on - command.starts_on <= LONGEST:
        raise no.DatesOutOfOrder("starts_on", "ends_on")
    rules = select(context.header.jurisdiction, context.header.category, command.signed_on)
    if command.terms.training_loan and rules.flag("training_loans.allowed") is False:
        raise no.TrainingLoanProhibited(rules.id)
    if not command.stock:
        check_bounds(command.ends_on, command.terms, rules)
        asked = Collected(
            command.contract_id,
            command.subject,
            command.signed_on,
            command.starts_on,
            command.ends_on,
            command.price_fen,
            command.paid_centihours,
        )
        check_caps(asked, parallel_contracts(context, asked, command.student_id, rules), rules)
    yield e.ContractRegistered(
        effective_at=context.effective_at,
        contract_id=command.contract_id,
        guardian_id=command.guardian_id,
        student_id=command.student_id,
        course=command.course,
        subject=command.subject,
        signed_on=command.signed_on,
        starts_on=command.starts_on,
        ends_on=command.ends_on,
        price_fen=command.price_fen,
        paid_centihours=command.paid_centihours,
        gift_centihours=command.gift_centihours,
        rules=rules.id,
        terms=_terms(command.terms),
        stock=command.stock,
    )


def _terms(terms: c.ContractTerms) -> e.Terms:
    tiers = tuple(e.Tier(tier.used_over_centihours, tier.refund_percent) for tier in terms.tiers)
    return e.Terms(**{**terms.model_dump(exclude={"tiers"}), "tiers": tiers})


def check_bounds(ends_on: date, terms: c.ContractTerms | e.Terms, rules: RuleSet) -> None:
    """Raises BeyondLease, AcrossSemesters where the place forbids it and the contract states the day.

    What the contract does not state is not known, and refuses nothing. Sources: 北京市科技类…办法(试行) 2023-09-14,
    Chengdu 2022-02.
    """
    if rules.within_lease and terms.lease_ends_on is not None and ends_on > terms.lease_ends_on:
        raise no.BeyondLease(ends_on, terms.lease_ends_on, rules.id)
    if rules.within_semester and terms.semester_ends_on is not None and ends_on > terms.semester_ends_on:
        raise no.AcrossSemesters(ends_on, terms.semester_ends_on, rules.id)


def check_caps(asked: Collected, parallel: Iterable[Collected], rules: RuleSet) -> None:
    """Raise unless the caps on span, hours and amount hold for one collection, across the contracts it is split into.

    `parallel` are the child's other contracts here that count as the same collection. Raises SpanAboveCap,
    HoursAboveCap, AmountAboveCap. Source: 教监管函〔2021〕2号, 教监管〔2022〕4号 and the rules of the place.
    """
    together = [asked, *parallel]
    same_subject = [each for each in together if each.subject == asked.subject]
    if (span := rules.cap_span) is not None:
        starts_on, ends_on = (
            min(each.starts_on for each in same_subject),
            max(each.ends_on for each in same_subject),
        )
        if ends_on > last_of(starts_on, span.count, _calendar(span.unit)):
            raise no.SpanAboveCap(ends_on, f"{span.count} {span.unit}", rules.id)
    if (cap := rules.cap_centihours) is not None:
        total = sum(each.centihours for each in (same_subject if rules.cap_per_subject else together))
        if total > cap:
            raise no.HoursAboveCap(format_hours(total), format_hours(cap), rules.id)
    if (cap_fen := rules.cap_amount_fen) is not None and (fen := sum(each.price_fen for each in together)) > cap_fen:
        raise no.AmountAboveCap(fen, cap_fen, rules.id)


def _calendar(unit: str) -> Literal["day", "month"]:
    return "month" if unit == "month" else "day"


def parallel_contracts(context: Context, asked: Collected, student_id: str, rules: RuleSet) -> list[Collected]:
    """The child's other live contracts here that are one collection with `asked`.

    Teaching periods that meet are one collection split in two, unless the others of the subject have been taught until
    little is left: then `asked` is the renewal that the rules allow (at most 20 hours left).
    """
    child = context.escrow.find(Child, student_id)
    others = [each for each in child.contracts if each.contract_id != asked.contract_id] if child else []
    meeting = [each for each in others if each.starts_on <= asked.ends_on and asked.starts_on <= each.ends_on]
    renewed = {each.subject for each in others if nearly_used_up(context, others, each.subject, rules)}
    return [each for each in meeting if each.subject not in renewed and not _given_back(context, each)]


def nearly_used_up(context: Context, others: Iterable[Collected], subject: str, rules: RuleSet) -> bool:
    """Whether the child's contracts of a subject were taught until the rules allow the next collection.

    A contract of few hours that nobody has begun to teach is a part of a split one, not one that is nearly over.
    """
    most = rules.earliest_centihours_left
    running = [context.escrow.get(Contract, each.contract_id) for each in others if each.subject == subject]
    taught = [contract for contract in running if contract.consumed_centihours]
    return most is not None and bool(taught) and sum(map(left_centihours, running)) <= most


def _given_back(context: Context, other: Collected) -> bool:
    """Whether nothing of that contract's fee is collected any more, because it was refunded."""
    contract = context.escrow.get(Contract, other.contract_id)
    return bool(contract.refunded_fen) and not contract.unearned_fen


def check_collection(context: Context, contract: Contract, collected_on: date) -> None:
    """Raise CollectedTooEarly when fees for a course are taken before the rules of that day allow it.

    Not earlier than one month before the course, or by hours once at most 20 of that subject are left.
    """
    rules = select(context.header.jurisdiction, context.header.category, collected_on)
    if (ahead := rules.earliest_collection) is None:
        return
    earliest_on = shifted(contract.starts_on, -ahead.count, _calendar(ahead.unit))
    if collected_on >= earliest_on:
        return
    child = context.escrow.get(Child, contract.student_id)
    others = [each for each in child.contracts if each.contract_id != contract.contract_id]
    if not nearly_used_up(context, others, contract.subject, rules):
        raise no.CollectedTooEarly(contract.starts_on, earliest_on, rules.id)


@decides(c.AmendContract)
def _amend(command: c.AmendContract, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    contract = live_contract(context, command.contract_id)
    no_refund_promised(contract)
    _check_room(command, contract)
    if command.ends_on < contract.starts_on:
        raise no.DatesOutOfOrder("starts_on", "ends_on")
    asked = structs.replace(
        collected(contract),
        ends_on=command.ends_on,
        price_fen=command.price_fen,
        centihours=command.paid_centihours,
    )
    if not _shrinks(asked, collected(contract)):
        check_bounds(command.ends_on, contract.terms, context.rules)
        check_caps(asked, parallel_contracts(context, asked, contract.student_id, context.rules), context.rules)
    yield e.ContractAmended(
        effective_at=context.effective_at,
        contract_id=contract.contract_id,
        price_fen=command.price_fen,
        paid_centihours=command.paid_centihours,
        gift_centihours=command.gift_centihours,
        ends_on=command.ends_on,
        reason=f"{command.reason} [{command.consent}]",
    )


def _check_room(command: c.AmendContract, contract: Contract) -> None:
    """Raises AmendmentBelowConsumed: what was taught, claimed or paid stays, and no money is left without lessons."""
    units = command.paid_centihours + command.gift_centihours
    least_fen = max(contract.paid_fen, contract.consumed_fen)
    nothing_left = units == contract.consumed_centihours and command.price_fen != contract.consumed_fen
    if (
        units < contract.consumed_centihours + contract.claimed_centihours
        or command.price_fen < least_fen
        or nothing_left
    ):
        raise no.AmendmentBelowConsumed(contract.contract_id)


def _shrinks(asked: Collected, before: Collected) -> bool:
    """Whether an amendment collects nothing more: then no cap can be broken by it."""
    return (
        asked.price_fen <= before.price_fen
        and asked.centihours <= before.centihours
        and asked.ends_on <= before.ends_on
    )


@decides(c.TransferLessons)
def _transfer(command: c.TransferLessons, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    if command.contract_id == command.to_contract_id:
        raise no.SameContract(command.contract_id)
    giver, taker = live_contract(context, command.contract_id), live_contract(context, command.to_contract_id)
    for contract in (giver, taker):
        no_refund_promised(contract)
        if contract.unearned_fen != contract.price_fen - contract.consumed_fen:
            raise no.ContractNotPaid(contract.contract_id, contract.price_fen, contract.paid_fen)
    left = min(left_centihours(giver), giver.paid_centihours)
    if command.centihours > left:
        raise no.NotEnoughHours(giver.contract_id, format_hours(left), format_hours(command.centihours))
    amount_fen = transfer_value_fen(giver, command.centihours)
    grown = structs.replace(
        collected(taker),
        price_fen=taker.price_fen + amount_fen,
        centihours=taker.paid_centihours + command.centihours,
    )
    parallel = parallel_contracts(context, grown, taker.student_id, context.rules)
    check_caps(grown, [each for each in parallel if each.contract_id != giver.contract_id], context.rules)
    yield e.LessonsTransferred(
        effective_at=context.effective_at,
        contract_id=giver.contract_id,
        to_contract_id=taker.contract_id,
        centihours=command.centihours,
        amount_fen=amount_fen,
        reason=f"{command.reason} [{command.consent}; {command.receiver_consent}]",
    )


@decides(c.EndContract)
def _end(command: c.EndContract, context: Context) -> Iterator[e.Event]:
    """Nothing left to teach, to decide or to pay; what a finished refund left over is the institution's."""
    contract = live_contract(context, command.contract_id)
    if contract.refund_payable_fen or contract.claimed_centihours or contract.disputes or contract.refund_id:
        raise no.ContractNotFinished(contract.contract_id, contract.unearned_fen, contract.refund_payable_fen)
    if contract.unearned_fen:
        derivation = derive(context, contract, contract.refund_cause)
        if not contract.refunded_fen or due_fen(derivation, contract):
            raise no.ContractNotFinished(contract.contract_id, contract.unearned_fen, 0)
        yield from retain_remainder(context, contract, f"{contract.contract_id}.end")
    yield e.ContractEnded(effective_at=context.effective_at, contract_id=contract.contract_id, reason=_reason(contract))


def _reason(contract: Contract) -> Literal["completed", "refunded", "transferred", "settled", "unpaid"]:
    if contract.refunded_fen:
        return "settled" if contract.settlement_case_id else "refunded"
    if not contract.units:
        return "transferred"
    return "completed" if contract.consumed_centihours == contract.units else "unpaid"
