"""Matching of bank lines with payments: pure, deterministic, explained; nothing is recorded here."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from ledger import commands as c
from ledger import rejections as no
from ledger.bankbooks import Books, Item
from ledger.matching import By, Rule, Rules, shipped_rules
from ledger.statements import Statement, StatementLine, identified, ledger_serial

Outcome = c.Matched | c.Returned | c.Deposited | c.Reversed | c.Unexplained
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,127}")


@dataclass(frozen=True, slots=True)
class Planned:
    """What one line would become, and the rule that says so."""

    line: StatementLine
    outcome: Outcome
    rule: str


@dataclass(frozen=True, slots=True)
class Matching:
    """Every line once, in the order in which they are to be booked."""

    planned: Sequence[Planned]

    def count(self, kind: str) -> int:
        """How many lines become `matched`, `returned`, `deposit`, `reversed` or `break`."""
        return sum(each.outcome.kind == kind for each in self.planned)


def fresh_lines(statement: Statement, books: Books) -> list[StatementLine]:
    """The lines that no earlier statement brought; the others repeat what is booked.

    What is new must lead from the last closing balance to this one. Raises StatementNotContinuous, and
    OverlapAmbiguous where equal lines without serial number or balance could be repeated or new.
    """
    lines = identified(statement.lines, books.account_id)
    taken, reach = books.known_keys(statement.statement_id)
    if reach.opening_fen is None or reach.account_id != books.account_id:
        return lines
    fresh = [line for line in lines if line.key not in taken]
    known = [line for line in lines if line.key in taken]
    vague = [line for line in known if not line.serial and line.balance_fen is None]
    closing_fen, adjacent = statement.closing_fen or 0, statement.opening_fen == reach.closing_fen
    reaches_fen = reach.closing_fen + sum(line.amount_fen for line in fresh)
    if vague and adjacent:
        if reaches_fen == closing_fen:
            raise no.OverlapAmbiguous(vague[0].booked_on)
        if len(vague) == len(known):  # the file goes on where the last one stopped, in the middle of a day
            return identified(statement.lines, books.account_id, taken)
    if not fresh and not vague:  # an older day, sent again
        return []
    if reaches_fen != closing_fen:
        raise no.StatementNotContinuous(
            reach.through_on, reach.closing_fen, closing_fen - (reaches_fen - reach.closing_fen)
        )
    return fresh


def match(lines: Sequence[StatementLine], books: Books, rules: Rules | None = None) -> Matching:
    """What every line would become. `books` stay as they are; the same input gives the same answer."""
    return _Matcher(lines, books, rules or shipped_rules()).run()


def tokens(text: str) -> list[str]:
    """Whatever in a remittance text could be an id."""
    found = _TOKEN.findall(text)
    return [*found, *(trimmed for each in found if (trimmed := each.rstrip("._-")) != each)]


@dataclass
class _Matcher:
    lines: Sequence[StatementLine]
    books: Books
    rules: Rules
    planned: dict[int, Planned] = field(default_factory=dict)
    """By place of the line."""
    used: dict[str, int] = field(default_factory=dict)
    """Payments explained in this run, and the place of the line."""
    deposits: dict[int, Item] = field(default_factory=dict)
    """Deposits found in this run, by place."""

    def run(self) -> Matching:
        for rule in self.rules.rules:
            waiting = [place for place in range(len(self.lines)) if place not in self.planned]
            if not waiting:
                break
            if self.books.items:
                _SHAPES[rule.shape](self, rule, waiting)
        self._explain_the_rest()
        return Matching([self.planned[place] for place in range(len(self.lines))])

    # ── payments that are known ──

    def _index(self, by: By) -> dict[object, list[Item]]:
        index: dict[object, list[Item]] = defaultdict(list)
        for item in self.books.open_items():
            if item.reference not in self.used:
                for key in _ITEM_KEYS[by](item):
                    index[key].append(item)
        return index

    def one_to_one(self, rule: Rule, waiting: Iterable[int]) -> None:
        index = self._index(rule.by)
        for place in waiting:
            line = self.lines[place]
            if rule.only_debits and line.amount_fen > 0:
                continue
            fitting = [
                item
                for key in _LINE_KEYS[rule.by](line)
                for item in index.get(key, ())
                if item.left_fen == line.amount_fen and self._near(rule, line, item)
            ]
            if not fitting or (rule.by == "amount" and len(fitting) > 1):
                continue
            best = min(fitting, key=lambda item: (abs(item.on - line.booked_on), item.reference))
            self._take(place, [(best, best.left_fen)], rule.name)

    def one_to_many(self, rule: Rule, waiting: Iterable[int]) -> None:
        index = self._index(rule.by)
        for place in waiting:
            line = self.lines[place]
            for key in _LINE_KEYS[rule.by](line):
                group = [item for item in index.get(key, ()) if self._near(rule, line, item)]
                if 1 < len(group) <= c.MAX_LINES and sum(item.left_fen for item in group) == line.amount_fen:
                    self._take(place, [(item, item.left_fen) for item in group], rule.name)
                    break

    def many_to_one(self, rule: Rule, waiting: Iterable[int]) -> None:
        places: dict[object, list[int]] = defaultdict(list)
        for place in waiting:
            for key in _LINE_KEYS[rule.by](self.lines[place]):
                places[key].append(place)
        index = self._index(rule.by)
        for key, group in places.items():
            for item in index.get(key, ()) if len(group) > 1 else ():
                near = [p for p in group if p not in self.planned and self._near(rule, self.lines[p], item)]
                if len(near) > 1 and sum(self.lines[place].amount_fen for place in near) == item.left_fen:
                    for place in near:
                        self._take(place, [(item, self.lines[place].amount_fen)], rule.name)

    def _near(self, rule: Rule, line: StatementLine, item: Item) -> bool:
        if item.reference in self.used or (item.left_fen > 0) != (line.amount_fen > 0):
            return False
        if line.reversal and item.kind != "reversal":  # it takes something back, and pays nobody
            return False
        if item.serial and line.serial and item.serial not in _serials(line):  # two payments that look alike
            return False
        return abs(item.on - line.booked_on).days <= rule.days

    def _take(self, place: int, shares: list[tuple[Item, int]], rule: str) -> None:
        for item, _ in shares:
            self.used[item.reference] = place
        listed = [c.BankShareLine(reference=item.reference, signed_fen=fen) for item, fen in shares]
        self.planned[place] = Planned(self.lines[place], c.Matched(shares=listed), rule)

    # ── what no payment explains ──

    def _explain_the_rest(self) -> None:
        returned = re.compile(self.rules.texts.returned, re.IGNORECASE)
        contract = re.compile(self.rules.texts.contract)
        for place, line in enumerate(self.lines):
            if place in self.planned:
                continue
            if line.amount_fen > 0 and (line.reversal or returned.search(line.text)):
                self._plan(place, self._return(place, line), "returned")
            elif line.amount_fen < 0:
                self._plan(place, self._reversal(place, line), "reversal")
            if place not in self.planned:
                self._plan(place, *self._classified(line))
            if place not in self.planned:
                self._deposit(place, line, contract)

    def _plan(self, place: int, outcome: Outcome | None, rule: str) -> None:
        if outcome is not None:
            self.planned[place] = Planned(self.lines[place], outcome, rule)

    def _return(self, place: int, line: StatementLine) -> Outcome | None:
        """A payment the bank has shown, in this file or lately, that fits what came back; the latest before it."""
        candidates = [item for item in self.books.shown.values() if item.kind in {"release", "refund"}]
        candidates += [
            item
            for reference, at in self.used.items()
            if at < place and (item := self.books.items[reference]).kind in {"release", "refund"}
        ]
        fitting = [
            item
            for item in candidates
            if item.signed_fen == -line.amount_fen and not item.gone and f"back:{item.reference}" not in self.used
        ]
        if (best := _only(line, fitting)) is None:
            return None
        self.used[f"back:{best.reference}"] = place
        return c.Returned(shares=[c.BankShareLine(reference=best.reference, signed_fen=line.amount_fen)])

    def _reversal(self, place: int, line: StatementLine) -> Outcome | None:
        """A deposit the bank has shown, or that was found in this file, and that this line takes back."""
        if not line.reversal:
            return None
        candidates = [item for item in self.books.shown.values() if item.kind == "deposit"]
        candidates += [item for at, item in self.deposits.items() if at < place]
        candidates += [
            item
            for reference, at in self.used.items()
            if at < place and (item := self.books.find(reference) or _NOTHING).kind == "deposit"
        ]
        fitting = [
            item
            for item in candidates
            if item.signed_fen == -line.amount_fen
            and not item.gone
            and f"back:{item.reference}" not in self.used
            and self.books.find(item.reference.replace("deposit:", "reversal:", 1)) is None
        ]
        if (best := _only(line, fitting)) is None:
            return None
        self.used[f"back:{best.reference}"] = place
        return c.Reversed(deposit_id=best.reference.removeprefix("deposit:"))

    def _classified(self, line: StatementLine) -> tuple[Outcome | None, str]:
        side = "credit" if line.amount_fen > 0 else "debit"
        for each in self.rules.classes:
            if each.side == side and re.search(each.pattern, line.text, re.IGNORECASE):
                return c.Unexplained(cause=each.cause, owner=each.owner, note=each.note), each.name
        if line.amount_fen < 0:
            return c.Unexplained(note="no instruction of the ledger fits this payment"), "unexplained"
        return None, ""

    def _deposit(self, place: int, line: StatementLine, contract: re.Pattern[str]) -> None:
        serial = ledger_serial(line.serial, line.key)
        reference = f"deposit:{self.books.account_id}.{line.value_on:%Y%m%d}.{serial}"
        if self.books.find(reference) is not None:
            note = "the ledger has this serial number with another amount, or twice"
            self._plan(place, c.Unexplained(cause="bank_error", owner="bank", note=note), "serial-differs")
            return
        named = {each for each in tokens(line.text) if each in self.books.contracts}
        claimed = contract.search(line.text)
        unregistered = claimed[1].rstrip("._-") if claimed and not named else ""
        outcome = c.Deposited(
            payer_ref=line.counterparty or f"line.{line.key}",
            remittance=line.masked_text[:140],
            contract_id=named.pop() if len(named) == 1 else None,
            unregistered=unregistered,
        )
        self.deposits[place] = Item(
            reference, line.amount_fen, 0, line.booked_on, line.serial, line.counterparty, names=(reference,)
        )
        self._plan(place, outcome, "contract-number" if outcome.contract_id else "found-at-bank")


_NOTHING = Item("", 0, 0, date.min)


def _serials(line: StatementLine) -> Iterable[str]:
    """The bank's number as it stands in the file and as the ledger writes it."""
    return dict.fromkeys((line.serial, ledger_serial(line.serial, line.key)))


def _only(line: StatementLine, fitting: Sequence[Item]) -> Item | None:
    """The one that serial number, text or payer point to; by the amount alone only where there is one."""
    named = set(tokens(line.text))
    for belongs in (
        [item for item in fitting if line.serial and item.serial == line.serial],
        [item for item in fitting if named & set(item.names)],
        [item for item in fitting if line.counterparty and item.payer_ref == line.counterparty],
    ):
        if belongs:
            return max(belongs, key=lambda item: (item.on, item.reference))
    return fitting[0] if len(fitting) == 1 else None


_ITEM_KEYS: dict[By, Callable[[Item], Iterable[object]]] = {
    "serial": lambda item: (item.serial,) if item.serial else (),
    "named": lambda item: item.names,
    "contract": lambda item: (item.contract_id,) if item.contract_id else (),
    "payer": lambda item: (item.payer_ref,) if item.payer_ref else (),
    "amount": lambda item: (item.left_fen,),
}
_LINE_KEYS: dict[By, Callable[[StatementLine], Iterable[object]]] = {
    "serial": lambda line: _serials(line) if line.serial else (),
    "named": lambda line: dict.fromkeys(tokens(line.text)),
    "contract": lambda line: dict.fromkeys(tokens(line.text)),
    "payer": lambda line: (line.counterparty,) if line.counterparty else (),
    "amount": lambda line: (line.amount_fen,),
}
_SHAPES: dict[str, Callable[[_Matcher, Rule, list[int]], None]] = {
    "1:1": _Matcher.one_to_one,
    "1:n": _Matcher.one_to_many,
    "n:1": _Matcher.many_to_one,
}
