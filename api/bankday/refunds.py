"""Which refunds are paid on a day: what is agreed and due, to whom, and only as far as custody covers it."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from sqlalchemy import select

from api.bankday.numbers import FileId
from api.bankday.payments import Payment, Withheld
from api.bankday.plans import END, Ask, Plan, check_unsealed, file_of, moment_of, unroutable
from api.bankday.stored import StoredEscrow, stored_escrow
from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.application import Ledger
from ledger.escrow import Escrow
from ledger.orders import Order, Source
from ledger.serialization import TOPICS, decode
from ledger.sheets import Refund
from ledger.store.tables import events
from ledger.workdays import is_workday
from projections.refunds_due import refund_due

_ABOUT = tuple(TOPICS[kind] for kind in (e.RefundInstructed, e.RefundReturned, e.PayeeSubstituted))


def plan_refunds(ledger: Ledger, institution_id: str, ask: Ask, file_id: FileId, *, again: bool = False) -> Plan:
    """The next file of a refund run: what is due first is paid first, and nothing beyond its cover.

    A part is paid where only a part is covered; the rest is listed, and so is what cannot be paid. What the run has
    instructed before is left out, unless it is looked at `again`. Raises DayIsSealed, EscrowNotOpen.
    """
    with stored_escrow(ledger, institution_id) as stored:
        if stored.header.status in {"none", "closed"}:
            raise no.EscrowNotOpen(institution_id, stored.header.status)
        check_unsealed(ask, stored)
        ask = ask.as_of(stored)
        due = _due(ledger, stored, ask.first.on)
        refunds = sorted((each for each in due if again or not _in_run(each, file_id)), key=_urgency)
        desk = _Desk(ask, stored, file_id, _payees_that_sent_back(ledger, institution_id, refunds))
        for refund in refunds:
            desk.take(refund)
            if len(desk.payments) > ask.part:
                break
        last = len(desk.payments) <= ask.part
        payments = tuple(desk.payments[: ask.part])
        file = file_of(ask, file_id, stored, payments)
        return Plan(
            file,
            lambda source: [
                _order(ask, institution_id, each, source, END if last and each is payments[-1] else "")
                for each in payments
            ],
            tuple(desk.withheld),
            last,
        )


def _in_run(refund: Refund, file_id: FileId) -> bool:
    return any(order.instruction_id.startswith(file_id.of_run) for order in refund.instructions)


def _due(ledger: Ledger, stored: StoredEscrow, on: date) -> Iterator[Refund]:
    table = refund_due.c
    query = select(table.refund_id).where(
        table.institution_id == stored.header.institution_id, table.state == "agreed", table.open_fen > 0
    )
    with ledger.engine.connect() as connection:
        ids = [each for each in connection.scalars(query) if each is not None]
    until = _until(on)
    for refund in stored.find_all(Refund, ([each] for each in ids)):
        if refund is None or refund.status != "agreed" or not refund.open_fen:
            continue
        if refund.instalment is not None and refund.clock is not None and refund.clock.on > until:
            continue
        yield refund


def _until(on: date) -> date:
    """Instalments up to this day fall due in a run: also those of the rest days before the next working day."""
    last = on
    while not is_workday(last + timedelta(days=1)):
        last += timedelta(days=1)
    return last


def _urgency(refund: Refund) -> tuple[date, str]:
    return (date.max if refund.clock is None else refund.clock.on, refund.refund_id)


class _Desk:
    """Tries one instruction after another on the escrow, so that each knows what the ones before it took."""

    def __init__(self, ask: Ask, stored: StoredEscrow, file_id: FileId, refused_by: dict[str, set[str]]) -> None:
        self._ask, self._stored, self._file_id, self._refused_by = ask, stored, file_id, refused_by
        self.payments: list[Payment] = []
        self.withheld: list[Withheld] = []

    def take(self, refund: Refund) -> None:
        """Instruct a refund as far as it is covered, or say why not."""
        open_fen = refund.open_fen
        try:
            event, after = self._instructed(refund)
        except no.Rejection as refusal:
            self._withhold(refund, open_fen, refusal.code)
            return
        sent_back = event.payee_ref in self._refused_by.get(refund.refund_id, set())
        code = "payee_returned" if sent_back else unroutable(self._stored, event.payee_ref)
        if code:
            self._withhold(refund, open_fen, code)
            return
        self._stored.adopt(after)
        self._pay(event)
        if event.amount_fen < open_fen:
            self._withhold(refund, open_fen - event.amount_fen, no.CustodyShort.code)

    def _pay(self, event: e.RefundInstructed) -> None:
        number = len(self.payments) + 1
        payment_id = self._file_id.payment_id(number)
        self.payments.append(
            Payment(number, payment_id, event.contract_id, event.refund_id, event.amount_fen, event.payee_ref)
        )

    def _instructed(self, refund: Refund) -> tuple[e.RefundInstructed, Escrow]:
        """The instruction of all that is covered. Raises the Rejection where nothing is."""
        try:
            return self._tried(refund, None)
        except no.CustodyShort as short:
            if short.available_fen <= 0:
                raise
            return self._tried(refund, short.available_fen)

    def _tried(self, refund: Refund, amount_fen: int | None) -> tuple[e.RefundInstructed, Escrow]:
        payment_id = self._file_id.payment_id(len(self.payments) + 1)
        command = _instruction(self._ask, refund.refund_id, payment_id, amount_fen)
        order = self._ask.poster.order(self._stored.header.institution_id, f".{payment_id}", command)
        (event,), after = self._stored.trial(order, self._ask.now)
        assert isinstance(event, e.RefundInstructed), "an instruction is one event"
        return event, after

    def _withhold(self, refund: Refund, amount_fen: int, code: str) -> None:
        self.withheld.append(Withheld(refund.contract_id, refund.refund_id, amount_fen, code))


def _order(ask: Ask, institution_id: str, payment: Payment, source: Source, end: str) -> Order:
    """The source names the payment's place in the file."""
    assert payment.refund_id is not None, "a refund is paid"
    command = _instruction(ask, payment.refund_id, payment.payment_id, payment.amount_fen)
    return ask.poster.order(
        institution_id, f".{payment.payment_id}{end}", command, Source(source.sha256, payment.number)
    )


def _instruction(ask: Ask, refund_id: str, payment_id: str, amount_fen: int | None) -> c.InstructRefund:
    return c.InstructRefund(
        effective_at=moment_of(ask.now), refund_id=refund_id, instruction_id=payment_id, amount_fen=amount_fen
    )


def _payees_that_sent_back(ledger: Ledger, institution_id: str, refunds: Iterable[Refund]) -> dict[str, set[str]]:
    """Refund → payees whose bank sent a payment of it back: money does not go there a second time by itself.

    Whom somebody verified after that may be paid again, also by the same account: it may have been opened again.
    """
    return {
        refund.refund_id: _sent_back(refund.refund_id, _payment_events(ledger, institution_id, refund.contract_id))
        for refund in refunds
        if any(order.status == "returned" for order in refund.instructions)
    }


def _payment_events(ledger: Ledger, institution_id: str, contract_id: str | None) -> list[e.Event]:
    """Instructions, returns and substitutions under a contract, or of refunds tied to none: one range of an index."""
    table = events.c
    query = (
        select(table.topic, table.state)
        .where(table.originator_id == institution_id, table.contract_id == contract_id, table.topic.in_(_ABOUT))
        .order_by(table.originator_version)
    )
    with ledger.engine.connect() as connection:
        return [decode(topic, state)[1] for topic, state in connection.execute(query)]


def _sent_back(refund_id: str, happened: Iterable[e.Event]) -> set[str]:
    payees: dict[str, str] = {}
    back: set[str] = set()
    for event in happened:
        if isinstance(event, e.RefundInstructed) and event.refund_id == refund_id:
            payees[event.instruction_id] = event.payee_ref
        elif isinstance(event, e.RefundReturned) and event.refund_id == refund_id:
            back.add(payees[event.instruction_id])
        elif isinstance(event, e.PayeeSubstituted) and event.refund_id == refund_id:
            back.discard(event.payee_ref)
    return back
