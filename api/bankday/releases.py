"""Which earned money may go to the institution in a run: as the rule set says now, contract by contract."""

from collections.abc import Sequence

from sqlalchemy import select

from api.bankday.numbers import FileId
from api.bankday.payments import Payment, PaymentFile, Withheld, institution_ref
from api.bankday.plans import END, Ask, Plan, check_unsealed, file_of, moment_of, unroutable
from api.bankday.stored import StoredEscrow, stored_escrow
from ledger import commands as c
from ledger import rejections as no
from ledger.application import Ledger
from ledger.decisions.context import Context
from ledger.decisions.lookups import payable_fen
from ledger.decisions.releases import Limits, check_releasing, releasable_pot_fen, release_limits
from ledger.escrow import Unread
from ledger.orders import Order, Source
from ledger.sheets import Contract, Profile, Refund, sheet_key
from projections.contract_statement import contract_statement

Line = tuple[str, int]
"""Contract and fen."""


def plan_releases(ledger: Ledger, institution_id: str, ask: Ask, file_id: FileId, after: str = "") -> Plan:
    """The next file of a release run, over contracts after one of them, in order of their ids.

    Raises DayIsSealed, EscrowNotOpen, EscrowIsFrozen, EscrowIsClosing, RuleUnknown where nothing at all is released.
    """
    candidates = _candidates(ledger, institution_id, after)
    with stored_escrow(ledger, institution_id) as stored:
        check_unsealed(ask, stored)
        ask = ask.as_of(stored)
        context = _context(ask, stored)
        check_releasing(context)
        if context.rules.release_mode is None:
            raise no.RuleUnknown("release.mode", context.rules.id)
        lines, withheld = _lines(stored, context, candidates)
        (profile,) = stored.find_all(Profile, [[institution_id]])
        payee_ref = "" if profile is None else institution_ref(profile.uscc)
        if code := unroutable(stored, payee_ref):
            withheld += [Withheld(contract_id, None, fen, code) for contract_id, fen in lines]
            lines = []
        last = len(lines) <= ask.part
        lines = lines[: ask.part]
        payments = tuple(
            Payment(number, file_id.payment_id(number), contract_id, None, fen, payee_ref)
            for number, (contract_id, fen) in enumerate(lines, 1)
        )
        file = file_of(ask, file_id, stored, payments)
        return Plan(file, lambda source: _orders(ask, file, lines, source, last=last), tuple(withheld), last)


def _candidates(ledger: Ledger, institution_id: str, after: str) -> list[str]:
    """Contracts with earned money, by the read model; what may go is read from the store itself."""
    table = contract_statement.c
    query = select(table.contract_id).where(
        table.institution_id == institution_id, table.contract_id > after, table.earned_fen > 0
    )
    with ledger.engine.connect() as connection:
        return list(connection.scalars(query.order_by(table.contract_id)))


def _context(ask: Ask, stored: StoredEscrow) -> Context:
    """What a decision would know now; the order stands for those that the run is going to give."""
    asked = c.InstructRelease.model_construct(release_id=str(ask.first), lines=[], effective_at=moment_of(ask.now))
    return Context(ask.poster.order(stored.header.institution_id, ask.first.key, asked), stored.escrow, ask.now)


def _lines(stored: StoredEscrow, context: Context, candidates: Sequence[str]) -> tuple[list[Line], list[Withheld]]:
    contracts = [each for each in stored.find_all(Contract, ([each] for each in candidates)) if each is not None]
    stored.load(sheet_key(Refund, each.refund_id) for each in contracts if each.refund_id)
    left_fen = releasable_pot_fen(context.header, payable_fen(context), context.rules)
    lines: list[Line] = []
    withheld: list[Withheld] = []
    for contract in contracts:
        try:
            limits = _limits(stored, contract, context)
        except no.Rejection as undetermined:
            withheld.append(Withheld(contract.contract_id, None, contract.earned_fen, undetermined.code))
            continue
        withheld += _kept(contract.contract_id, limits)
        amount_fen = min(limits.releasable_fen, left_fen)
        if amount_fen < limits.releasable_fen:
            short_fen = limits.releasable_fen - amount_fen
            withheld.append(Withheld(contract.contract_id, None, short_fen, no.CustodyShort.code))
        if amount_fen:
            lines.append((contract.contract_id, amount_fen))
            left_fen -= amount_fen
    return lines, withheld


def _limits(stored: StoredEscrow, contract: Contract, context: Context) -> Limits:
    while True:
        try:
            return release_limits(contract, context)
        except Unread as unread:
            stored.load(unread.keys)


def _kept(contract_id: str, limits: Limits) -> list[Withheld]:
    """What each limit keeps of the earned money."""
    steps = (
        ("disputed", limits.earned_fen - limits.undisputed_fen),
        ("owed_by_institution", limits.undisputed_fen - limits.netted_fen),
        ("refund_requested", limits.netted_fen - limits.free_fen),
        ("not_in_step", limits.free_fen - limits.releasable_fen),
    )
    return [Withheld(contract_id, None, fen, code) for code, fen in steps if fen > 0]


def _orders(ask: Ask, file: PaymentFile, lines: Sequence[Line], source: Source, *, last: bool) -> list[Order]:
    """Commands of up to a thousand lines; the source names the first payment of each."""
    starts = range(0, len(lines), c.MAX_LINES)
    return [
        ask.poster.order(
            file.institution_id,
            f"{file.file_id.key}{chunk}{END if last and chunk == len(starts) else ''}",
            c.InstructRelease(
                effective_at=moment_of(ask.now),
                release_id=str(file.file_id),
                lines=[
                    c.ReleaseOrderLine(contract_id=contract_id, amount_fen=fen)
                    for contract_id, fen in lines[start : start + c.MAX_LINES]
                ],
            ),
            Source(source.sha256, start + 1),
        )
        for chunk, start in enumerate(starts, 1)
    ]
