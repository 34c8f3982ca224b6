"""Matching of bank lines with payments: pure, deterministic, explained; nothing is recorded here."""

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from msgspec.structs import replace

from ledger import commands as c
from ledger.bankbooks import Books, Item, Key
from ledger.matches import Matching, Planned
from ledger.matching import By, Cause, Owner, Rule, Rules, shipped_rules
from ledger.statements import StatementLine, day_digits, ledger_serial

CHUNK = 1_000
_PAID, _DEPOSIT = frozenset({"release", "refund"}), frozenset({"deposit"})
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
    """What payments explain, by place of the line."""
    used: set[str] = field(default_factory=set)
    """Payments explained in this run; `back:` before those that this run takes back."""
    later: dict[str, tuple[int, Item]] = field(default_factory=dict)
    """Payments that this run finds and that a later line of the file may take back, with the place of theirs."""
    places: dict[tuple[By, bool], Sequence[int]] = field(default_factory=dict)
    """Lines that find any payment by a key; by the key, and whether only debits look."""
    returns: bool = False
    """Whether the file says that payments came back."""
    reversals: bool = False
    """Whether it takes deposits back."""
    returned: re.Pattern[str] = field(init=False)
    contract: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.returned = re.compile(self.rules.texts.returned, re.IGNORECASE)
        self.contract = re.compile(self.rules.texts.contract)

    def run(self) -> Iterator[Planned]:
        """The plan of every line, in their order."""
        for line in self.lines:
            self.returns = self.returns or self._comes_back(line)
            self.reversals = self.reversals or _takes_back(line)
        for rule in self.rules.rules:
            if self.books.waits(rule.by):
                _SHAPES[rule.shape](self, rule)
        for chunk in self._chunks():
            yield from self._explained(chunk)

    def _comes_back(self, line: StatementLine) -> bool:
        return line.amount_fen > 0 and (line.reversal or self.returned.search(line.text) is not None)

    def _chunks(self, places: Iterable[int] | None = None) -> Iterator[list[tuple[int, StatementLine]]]:
        """Lines with their places, so many at a time: all of them, or those at some places."""
        listed = enumerate(self.lines) if places is None else ((place, self.lines[place]) for place in places)
        while chunk := list(islice(listed, CHUNK)):
            yield chunk

    # ── payments that are known ──

    def _found(self, rule: Rule) -> Iterator[tuple[int, StatementLine, list[tuple[Key, Sequence[Item]]]]]:
        """Lines that wait, with the payments under their keys; whoever takes one looks whether it is used meanwhile.

        Which lines find any payment by a key, the first rule by it notes: the others look at those alone.
        """
        keys_of, kind = _LINE_KEYS[rule.by], (rule.by, rule.only_debits)
        first, found_at = kind not in self.places, array("q")
        for chunk in self._chunks(None if first else self.places[kind]):
            keyed = [(place, line, keys_of(line)) for place, line in chunk if self._waits(rule, place, line)]
            found = self.books.under(rule.by, dict.fromkeys(key for _, _, keys in keyed for key in keys))
            for place, line, keys in keyed if found else ():
                if under := [(key, found[key]) for key in keys if key in found]:
                    found_at.append(place)
                    yield place, line, under
        if first:
            self.places[kind] = found_at

    def _waits(self, rule: Rule, place: int, line: StatementLine) -> bool:
        return place not in self.planned and not (rule.only_debits and line.amount_fen > 0)

    def one_to_one(self, rule: Rule) -> None:
        for place, line, under in self._found(rule):
            fitting = [
                item
                for _, items in under
                for item in items
                if item.left_fen == line.amount_fen and self._near(rule, line, item)
            ]
            if not fitting or (rule.by == "amount" and len(fitting) > 1):
                continue
            best = min(fitting, key=lambda item: (abs(item.on - line.booked_on), item.reference))
            self._take(place, [(best, best.left_fen)], rule.name)

    def one_to_many(self, rule: Rule) -> None:
        for place, line, under in self._found(rule):
            for _, items in under:
                group = [item for item in items if self._near(rule, line, item)]
                if 1 < len(group) <= c.MAX_LINES and sum(item.left_fen for item in group) == line.amount_fen:
                    self._take(place, [(item, item.left_fen) for item in group], rule.name)
                    break

    def many_to_one(self, rule: Rule) -> None:
        """Only keys that several lines have, and payments too, are held in memory."""
        several = self._several(rule)
        places: dict[Key, list[tuple[int, StatementLine]]] = defaultdict(list)
        found: dict[Key, Sequence[Item]] = {}
        for place, line, under in self._found(rule) if several else ():
            for key, items in under:
                if hash(key) in several:
                    places[key].append((place, line))
                    found[key] = items
        for key, group in places.items():
            for item in found[key] if len(group) > 1 else ():
                near = [(p, line) for p, line in group if p not in self.planned and self._near(rule, line, item)]
                if len(near) > 1 and sum(line.amount_fen for _, line in near) == item.left_fen:
                    for place, line in near:
                        self._take(place, [(item, line.amount_fen)], rule.name)

    def _several(self, rule: Rule) -> set[int]:
        """Hashes of keys that more than one waiting line has, and payments too."""
        hashes = array("q", (hash(key) for _, _, under in self._found(rule) for key, _ in under))
        return {one for one, two in pairwise(sorted(hashes)) if one == two}

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
            self.used.add(item.reference)
            if (self.returns and item.kind in _PAID) or (self.reversals and item.kind == "deposit"):
                self.later[item.reference] = place, item
        listed = tuple((item.reference, fen) for item, fen in shares)
        self.planned[place] = Planned(rule=rule, kind="matched", shares=listed)

    # ── what no payment explains ──

    def _explained(self, chunk: list[tuple[int, StatementLine]]) -> Iterator[Planned]:
        """The plan of some lines in order; the others were explained by payments."""
        rest = [(place, line) for place, line in chunk if place not in self.planned]
        words = {place: tokens(line.text) for place, line in rest if line.amount_fen > 0}
        contracts = self.books.registered(dict.fromkeys(word for found in words.values() for word in found))
        known = self.books.known(self._reference(line) for _, line in rest if line.amount_fen > 0)
        back = self.books.shown_like(_PAID, {-line.amount_fen for _, line in rest if self._comes_back(line)})
        shown = self.books.shown_like(_DEPOSIT, {-line.amount_fen for _, line in rest if _takes_back(line)})
        for place, line in chunk:
            if (planned := self.planned.pop(place, None)) is None:
                if self._comes_back(line):
                    planned = self._return(place, line, back)
                elif _takes_back(line):
                    planned = self._reversal(place, line, shown)
                planned = planned or self._classified(line)
            if planned is None:
                named = contracts.intersection(words[place])
                planned = self._deposit(place, line, named, known=self._reference(line) in known)
            yield replace(planned, line=line)

    def _reference(self, line: StatementLine) -> str:
        """The deposit that a line is, if it is one."""
        return f"deposit:{self.books.account_id}.{day_digits(line.value_on)}.{ledger_serial(line.serial, line.key)}"

    def _return(self, place: int, line: StatementLine, shown: Iterable[Item]) -> Planned | None:
        """A payment the bank has shown, in this file or lately, that fits what came back; the latest before it."""
        fitting = self._fitting(line, [*shown, *self._earlier(place, _PAID)])
        if (best := _only(line, fitting)) is None:
            return None
        self.used.add(f"back:{best.reference}")
        return Planned(rule="returned", kind="returned", shares=((best.reference, line.amount_fen),))

    def _reversal(self, place: int, line: StatementLine, shown: Iterable[Item]) -> Planned | None:
        """A deposit the bank has shown, or that was found in this file, and that this line takes back."""
        fitting = self._fitting(line, [*shown, *self._earlier(place, _DEPOSIT)])
        reversed_ = self.books.known(_reversal_of(item) for item in fitting)
        if (best := _only(line, [item for item in fitting if _reversal_of(item) not in reversed_])) is None:
            return None
        self.used.add(f"back:{best.reference}")
        deposit_id = best.reference.removeprefix("deposit:")
        return Planned(rule="reversal", kind="reversed", deposit_id=deposit_id)

    def _earlier(self, place: int, kinds: Collection[str]) -> Iterator[Item]:
        """What lines of this file before a place are."""
        return (item for at, item in self.later.values() if at < place and item.kind in kinds)

    def _fitting(self, line: StatementLine, candidates: Iterable[Item]) -> list[Item]:
        return [
            item
            for item in candidates
            if item.signed_fen == -line.amount_fen and not item.gone and f"back:{item.reference}" not in self.used
        ]

    def _classified(self, line: StatementLine) -> Planned | None:
        side = "credit" if line.amount_fen > 0 else "debit"
        for each in self.rules.classes:
            if each.side == side and re.search(each.pattern, line.text, re.IGNORECASE):
                return _broken(each.name, each.cause, each.owner, each.note)
        if line.amount_fen < 0:
            return _broken("unexplained", "unknown", "regulator", "no instruction of the ledger fits this payment")
        return None

    def _deposit(self, place: int, line: StatementLine, named: set[str], *, known: bool) -> Planned:
        if known:
            note = "the ledger has this serial number with another amount, or twice"
            return _broken("serial-differs", "bank_error", "bank", note)
        only = next(iter(named)) if len(named) == 1 else None
        claimed = None if named else self.contract.search(line.text)
        if self.reversals:  # a later line may take it back
            reference = self._reference(line)
            self.later[reference] = place, _found(line, reference)
        return Planned(
            rule="contract-number" if only else "found-at-bank",
            kind="deposit",
            contract_id=only,
            unregistered=claimed[1].rstrip("._-") if claimed else "",
        )


def _broken(rule: str, cause: Cause, owner: Owner, note: str) -> Planned:
    return Planned(rule=rule, kind="break", cause=cause, owner=owner, note=note)


def _takes_back(line: StatementLine) -> bool:
    return line.reversal and line.amount_fen < 0


def _found(line: StatementLine, reference: str) -> Item:
    """The deposit that a line will be."""
    return Item(reference, line.amount_fen, 0, line.booked_on, line.serial, line.counterparty, names=(reference,))


def _reversal_of(item: Item) -> str:
    return item.reference.replace("deposit:", "reversal:", 1)


def _serials(line: StatementLine) -> Collection[str]:
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


_LINE_KEYS: dict[By, Callable[[StatementLine], Collection[Key]]] = {
    "serial": lambda line: _serials(line) if line.serial else (),
    "named": lambda line: tokens(line.text),
    "contract": lambda line: tokens(line.text),
    "payer": lambda line: (line.counterparty,) if line.counterparty else (),
    "amount": lambda line: (line.amount_fen,),
}
_SHAPES: dict[str, Callable[[_Matcher, Rule], None]] = {
    "1:1": _Matcher.one_to_one,
    "1:n": _Matcher.one_to_many,
    "n:1": _Matcher.many_to_one,
}
