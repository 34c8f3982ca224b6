"""The bank's books folded from events in memory: what the stored ones must tell, and matching without a store."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger import events as e
from ledger.bankbooks import HORIZON, ITEM_KEYS, Item, Key, Reach, Taken, Want
from ledger.decisions.context import local_date
from ledger.matching import By
from ledger.statements import day_digits


@dataclass
class Folded:
    """A fold of one institution's events, `Books` in memory; `take` them in their order."""

    account_id: str = ""
    contracts: set[str] = field(default_factory=set)
    items: dict[str, Item] = field(default_factory=dict)
    """Payments that statements have not shown in full."""
    shown: dict[str, Item] = field(default_factory=dict)
    """Payments they have, within the horizon."""
    statements: dict[str, Taken] = field(default_factory=dict)
    line_keys: dict[str, str] = field(default_factory=dict)
    """Bank line → the statement that brought it, within the horizon."""
    line_fens: dict[str, int] = field(default_factory=dict)
    """What the line was, signed fen."""
    reach: Reach = field(default_factory=Reach)
    since_on: date | None = None
    before: Reach = field(default_factory=Reach)
    """How far statements went before the last one."""

    def take(self, event: e.Event) -> None:
        """Fold one event; most of them concern no bank."""
        if (fold := _FOLDS.get(type(event))) is not None:
            fold(self, event)

    def take_all(self, events: Iterable[e.Event]) -> "Folded":
        """Fold many events."""
        for event in events:
            self.take(event)
        return self

    def open_items(self) -> Iterator[Item]:
        """Payments that statements have not shown, from the first statement on."""
        for item in self.items.values():
            if not item.gone and (self.since_on is None or item.on >= self.since_on):
                yield item

    def add(self, item: Item) -> None:
        """A payment that was recorded or instructed."""
        self.items[item.reference] = item

    def known_keys(self, statement_id: str) -> tuple[dict[str, int], Reach]:
        """Lines that other statements brought, with their amounts, and how far those go: what this continues."""
        known = {key: self.line_fens[key] for key, brought in self.line_keys.items() if brought != statement_id}
        return known, self.before if statement_id in self.statements else self.reach

    def waiting(self) -> "Open":
        """Open payments, as they are before a matching."""
        return Open(sorted(self.open_items(), key=lambda item: (item.on, item.reference)))

    def known(self, references: Iterable[str]) -> set[str]:
        """Which of these payments are recorded."""
        return {reference for reference in references if self.find(reference) is not None}

    def shown_like(self, kinds: Collection[str], signed_fens: Collection[int]) -> list[Item]:
        """Payments of these kinds and amounts that were shown within the horizon and did not come back."""
        return [
            item
            for item in self.shown.values()
            if item.kind in kinds and item.signed_fen in signed_fens and not item.gone
        ]

    def registered(self, contract_ids: Iterable[str]) -> set[str]:
        """Which of these are contracts."""
        return self.contracts.intersection(contract_ids)

    def taken(self, statement_id: str) -> Taken | None:
        """How far a statement is booked."""
        return self.statements.get(statement_id)

    def unfinished(self) -> tuple[str, Taken] | None:
        """The statement whose lines are not all booked."""
        unfinished = (each for each in self.statements.items() if each[1].booked < each[1].lines)
        return next(unfinished, None)

    def find(self, reference: str) -> Item | None:
        """A payment, shown or not."""
        return self.items.get(reference) or self.shown.get(reference)

    def show(self, shares: Iterable[e.BankShare]) -> None:
        """A statement has shown these payments."""
        for share in shares:
            item = self.find(share.reference)
            if item is None:
                continue
            item.left_fen -= share.signed_fen
            if item.left_fen == 0 or item.gone:
                self.items.pop(share.reference, None)
                self.shown[share.reference] = item

    def forget(self) -> None:
        """Drop what lies beyond the horizon."""
        if self.reach.through_on is None:
            return
        before = self.reach.through_on - HORIZON
        self.shown = {reference: item for reference, item in self.shown.items() if item.on >= before}
        oldest = day_digits(before)
        self.line_keys = {key: brought for key, brought in self.line_keys.items() if key >= oldest}


@dataclass
class Open:
    """`Waiting` in memory: every question looks at every payment."""

    items: list[Item]
    taken: set[str] = field(default_factory=set)

    def _under(self, by: By, key: Key) -> list[Item]:
        return [item for item in self.items if key in ITEM_KEYS[by](item)]

    def _free(self, items: Iterable[Item]) -> list[Item]:
        return [item for item in items if item.reference not in self.taken]

    def holds(self, by: By) -> bool:
        """Whether any payment has a key of this kind."""
        return any(ITEM_KEYS[by](item) for item in self.items)

    def present(self, by: By, keys: Iterable[Key]) -> set[Key]:
        """Which of these keys any payment has."""
        return {key for key in keys if self._under(by, key)}

    def fitting(self, by: By, key: Key, want: Want, at_most: int) -> list[Item]:
        """So many of the payments of this key and amount that suit, the nearest first."""
        suiting = [item for item in self._free(self._under(by, key)) if want.suits(item)]
        return sorted((item for item in suiting if item.left_fen == want.signed_fen), key=want.nearness)[:at_most]

    def group(self, by: By, key: Key, at_most: int) -> list[Item]:
        """All payments of this key, by day and reference; none where it had more than so many."""
        whole = self._under(by, key)
        return self._free(whole) if len(whole) <= at_most else []

    def take(self, items: Iterable[Item]) -> None:
        """These are explained."""
        self.taken.update(item.reference for item in items)


def _opened(books: Folded, event: e.EscrowOpened | e.CustodianChanged) -> None:
    books.account_id = event.account_id


def _registered(books: Folded, event: e.ContractRegistered) -> None:
    books.contracts.add(event.contract_id)


def _received(books: Folded, event: e.DepositReceived) -> None:
    books.add(
        Item(
            reference=f"deposit:{event.deposit_id}",
            signed_fen=event.amount_fen,
            left_fen=event.amount_fen,
            on=event.value_on,
            serial=event.deposit_id.removeprefix(f"{event.account_id}.{day_digits(event.value_on)}."),
            payer_ref=event.payer_ref,
            names=(event.deposit_id,),
        )
    )


def _applied(books: Folded, event: e.DepositApplied) -> None:
    if (item := books.find(f"deposit:{event.deposit_id}")) is not None:
        item.contract_id = event.contract_id


def _reversed(books: Folded, event: e.DepositReversed) -> None:
    deposit = books.find(f"deposit:{event.deposit_id}")
    reference = f"reversal:{event.deposit_id}"
    if books.find(reference) is not None or deposit is None:
        return
    on = local_date(event.effective_at)
    fen = -deposit.signed_fen
    names = (event.deposit_id, event.reversal_id)
    books.add(Item(reference, fen, fen, on, deposit.serial, deposit.payer_ref, deposit.contract_id, names))


def _repaid(books: Folded, event: e.ShortfallRepaid) -> None:
    serial, on = event.deposit_id.rpartition(".")[2], local_date(event.effective_at)
    fen, names = event.amount_fen, (event.deposit_id,)
    books.add(Item(f"repayment:{event.deposit_id}", fen, fen, on, serial, "", event.contract_id or "", names))


def _drawn(books: Folded, event: e.RiskDepositDrawn) -> None:
    """Draws from before they had names are not waited for."""
    if event.draw_id:
        fen, on = event.amount_fen, local_date(event.effective_at)
        books.add(Item(f"draw:{event.draw_id}", fen, fen, on, names=(event.draw_id,)))


def _release_instructed(books: Folded, event: e.ReleaseInstructed) -> None:
    reference, on = f"release:{event.release_id}:{event.contract_id}", local_date(event.effective_at)
    fen = -event.amount_fen
    names = (event.release_id,)
    books.add(Item(reference, fen, fen, on, contract_id=event.contract_id, names=names, moved=False))


def _refund_instructed(books: Folded, event: e.RefundInstructed) -> None:
    reference, on = f"refund:{event.refund_id}:{event.instruction_id}", local_date(event.effective_at)
    fen, names = -event.amount_fen, (event.instruction_id, event.refund_id)
    contract_id = event.contract_id or ""
    books.add(Item(reference, fen, fen, on, "", event.payee_ref, contract_id, names, moved=False))


def _settled(books: Folded, event: e.ReleaseSettled | e.RefundSettled) -> None:
    if (item := books.find(_reference(event))) is not None:
        item.serial, item.on, item.moved = event.bank_serial, local_date(event.effective_at), True


def _returned(books: Folded, event: e.ReleaseReturned | e.RefundReturned) -> None:
    if (item := books.find(_reference(event))) is not None:
        item.gone = True


def _reference(
    event: e.ReleaseSettled | e.RefundSettled | e.ReleaseReturned | e.RefundReturned,
) -> str:
    if isinstance(event, e.ReleaseSettled | e.ReleaseReturned):
        return f"release:{event.release_id}:{event.contract_id}"
    return f"refund:{event.refund_id}:{event.instruction_id}"


def _statement(books: Folded, event: e.StatementRecorded) -> None:
    books.statements[event.statement_id] = Taken(event.lines - event.repeated)
    before = books.before = books.reach
    books.since_on = books.since_on or event.from_on
    books.reach = Reach(
        event.account_id,
        event.closing_fen,
        max(event.to_on, before.through_on or event.to_on),
    )
    books.forget()


def _line_matched(books: Folded, event: e.StatementLineMatched) -> None:
    books.statements[event.statement_id].booked += 1
    books.line_keys[event.line_key] = event.statement_id
    books.line_fens[event.line_key] = event.signed_fen
    books.show(event.shares)


def _break_opened(books: Folded, event: e.ReconciliationBreakOpened) -> None:
    if event.statement_id and event.drift_fen:
        books.statements[event.statement_id].booked += 1
        books.line_keys[event.break_id] = event.statement_id
        books.line_fens[event.break_id] = event.signed_fen


def _break_resolved(books: Folded, event: e.ReconciliationBreakResolved) -> None:
    books.show(event.shares)


_FOLDS: dict[type[e.Event], Callable[[Folded, Any], None]] = {
    e.EscrowOpened: _opened,
    e.CustodianChanged: _opened,
    e.ContractRegistered: _registered,
    e.DepositReceived: _received,
    e.DepositApplied: _applied,
    e.DepositReversed: _reversed,
    e.ShortfallRepaid: _repaid,
    e.RiskDepositDrawn: _drawn,
    e.ReleaseInstructed: _release_instructed,
    e.ReleaseSettled: _settled,
    e.ReleaseReturned: _returned,
    e.RefundInstructed: _refund_instructed,
    e.RefundSettled: _settled,
    e.RefundReturned: _returned,
    e.StatementRecorded: _statement,
    e.StatementLineMatched: _line_matched,
    e.ReconciliationBreakOpened: _break_opened,
    e.ReconciliationBreakResolved: _break_resolved,
}
