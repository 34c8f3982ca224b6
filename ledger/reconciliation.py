"""Matching of bank lines with payments: pure, deterministic, explained; nothing is recorded here."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from msgspec.structs import replace

from ledger import commands as c
from ledger.bankbooks import Books, Item
from ledger.matches import Matching, Planned
from ledger.matching import By, Cause, Owner, Rule, Rules, shipped_rules
from ledger.statements import StatementLine, day_digits, ledger_serial

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,127}")


Keep = Callable[[Iterable[Planned]], Sequence[Planned]]
"""How a long plan is kept: as a list, or somewhere else."""


def match(lines: Sequence[StatementLine], books: Books, rules: Rules | None = None, *, keep: Keep = list) -> Matching:
    """What every line would become. `books` stay as they are; the same input gives the same answer."""
    return Matching(keep(_Matcher(lines, books, rules or shipped_rules()).run()))


def tokens(text: str) -> list[str]:
    """Whatever in a remittance text could be an id."""
    found = _TOKEN.findall(text)
    return list(dict.fromkeys([*found, *(trimmed for each in found if (trimmed := each.rstrip("._-")) != each)]))


@dataclass
class _Matcher:
    lines: Sequence[StatementLine]
    books: Books
    rules: Rules
    planned: dict[int, Planned] = field(default_factory=dict)
    """By place of the line."""
    used: dict[str, int] = field(default_factory=dict)
    """Payments explained in this run, and the place of the line."""
    indexes: dict[By, dict[object, list[Item]]] = field(default_factory=dict)
    words: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """What in the texts of lines is an id that the books know, by place; lines without any are not in it."""
    known: set[str] = field(init=False)
    """Ids that texts may name."""
    deposits: dict[int, Item] = field(default_factory=dict)
    """Deposits found in this run, by place, where the file takes any back."""
    reversals: bool = False

    def run(self) -> Iterator[Planned]:
        """The plan of every line, in their order."""
        self._note_words()
        for rule in self.rules.rules:
            places = self.words if rule.by in {"named", "contract"} else range(len(self.lines))
            waiting = [place for place in places if place not in self.planned]
            if waiting and self._index(rule.by):
                _SHAPES[rule.shape](self, rule, waiting)
        self._explain_the_rest()
        for place, line in enumerate(self.lines):
            yield replace(self.planned.pop(place), line=line)

    def _note_words(self) -> None:
        self.known = {name for item in self.books.items.values() for name in (*item.names, item.contract_id)}
        self.known |= self.books.contracts
        self.reversals = False
        for place, line in enumerate(self.lines):
            self.reversals = self.reversals or (line.reversal and line.amount_fen < 0)
            if found := tuple(each for each in tokens(line.text) if each in self.known):
                self.words[place] = found

    # ── payments that are known ──

    def _index(self, by: By) -> dict[object, list[Item]]:
        """Open payments by key; whoever takes one looks whether it is used meanwhile."""
        if (known := self.indexes.get(by)) is not None:
            return known
        index: dict[object, list[Item]] = defaultdict(list)
        for item in self.books.open_items():
            for key in _ITEM_KEYS[by](item):
                index[key].append(item)
        self.indexes = {by: index}  # rules by one key stand together: the others are not needed any more
        return index

    def _keys(self, by: By, place: int) -> Iterable[object]:
        if by in {"named", "contract"}:
            return self.words.get(place, ())
        return _LINE_KEYS[by](self.lines[place])

    def one_to_one(self, rule: Rule, waiting: Iterable[int]) -> None:
        index = self._index(rule.by)
        for place in waiting:
            line = self.lines[place]
            if rule.only_debits and line.amount_fen > 0:
                continue
            fitting = [
                item
                for key in self._keys(rule.by, place)
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
            for key in self._keys(rule.by, place):
                group = [item for item in index.get(key, ()) if self._near(rule, line, item)]
                if 1 < len(group) <= c.MAX_LINES and sum(item.left_fen for item in group) == line.amount_fen:
                    self._take(place, [(item, item.left_fen) for item in group], rule.name)
                    break

    def many_to_one(self, rule: Rule, waiting: Iterable[int]) -> None:
        places: dict[object, list[int]] = defaultdict(list)
        for place in waiting:
            for key in self._keys(rule.by, place):
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
        listed = tuple((item.reference, fen) for item, fen in shares)
        self.planned[place] = Planned(rule=rule, kind="matched", shares=listed)

    # ── what no payment explains ──

    def _explain_the_rest(self) -> None:
        returned = re.compile(self.rules.texts.returned, re.IGNORECASE)
        contract = re.compile(self.rules.texts.contract)
        for place, line in enumerate(self.lines):
            if place in self.planned:
                continue
            planned = None
            if line.amount_fen > 0 and (line.reversal or returned.search(line.text)):
                planned = self._return(place, line)
            elif line.amount_fen < 0 and line.reversal:
                planned = self._reversal(place, line)
            self.planned[place] = planned or self._classified(line) or self._deposit(place, line, contract)

    def _return(self, place: int, line: StatementLine) -> Planned | None:
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
        return Planned(rule="returned", kind="returned", shares=((best.reference, line.amount_fen),))

    def _reversal(self, place: int, line: StatementLine) -> Planned | None:
        """A deposit the bank has shown, or that was found in this file, and that this line takes back."""
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
        deposit_id = best.reference.removeprefix("deposit:")
        return Planned(rule="reversal", kind="reversed", deposit_id=deposit_id)

    def _classified(self, line: StatementLine) -> Planned | None:
        side = "credit" if line.amount_fen > 0 else "debit"
        for each in self.rules.classes:
            if each.side == side and re.search(each.pattern, line.text, re.IGNORECASE):
                return _broken(each.name, each.cause, each.owner, each.note)
        if line.amount_fen < 0:
            return _broken("unexplained", "unknown", "regulator", "no instruction of the ledger fits this payment")
        return None

    def _deposit(self, place: int, line: StatementLine, contract: re.Pattern[str]) -> Planned:
        serial = ledger_serial(line.serial, line.key)
        reference = f"deposit:{self.books.account_id}.{day_digits(line.value_on)}.{serial}"
        if self.books.find(reference) is not None:
            note = "the ledger has this serial number with another amount, or twice"
            return _broken("serial-differs", "bank_error", "bank", note)
        named = {each for each in self.words.get(place, ()) if each in self.books.contracts}
        only = next(iter(named)) if len(named) == 1 else None
        claimed = None if named else contract.search(line.text)
        if self.reversals:  # a later line may take it back
            self.deposits[place] = Item(
                reference, line.amount_fen, 0, line.booked_on, line.serial, line.counterparty, names=(reference,)
            )
        return Planned(
            rule="contract-number" if only else "found-at-bank",
            kind="deposit",
            contract_id=only,
            unregistered=claimed[1].rstrip("._-") if claimed else "",
        )


def _broken(rule: str, cause: Cause, owner: Owner, note: str) -> Planned:
    return Planned(rule=rule, kind="break", cause=cause, owner=owner, note=note)


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
    "payer": lambda line: (line.counterparty,) if line.counterparty else (),
    "amount": lambda line: (line.amount_fen,),
}
_SHAPES: dict[str, Callable[[_Matcher, Rule, list[int]], None]] = {
    "1:1": _Matcher.one_to_one,
    "1:n": _Matcher.one_to_many,
    "n:1": _Matcher.many_to_one,
}
