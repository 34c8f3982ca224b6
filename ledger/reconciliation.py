"""Matching of bank lines with payments: pure, deterministic, explained; nothing is recorded here."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, count, groupby, islice

from msgspec import Struct
from msgspec.structs import replace

from ledger import commands as c
from ledger.bankbooks import Books, Item, Key, Waiting
from ledger.keeping import LISTS, Keeper, Sieve
from ledger.looking import LINE_KEYS, tokens, want_of
from ledger.matches import Matching, Planned
from ledger.matching import By, Cause, Owner, Rule, Rules, shipped_rules
from ledger.statements import StatementLine, day_digits, ledger_serial

CHUNK = 1_000
MAX_PARTS = 100
"""A payment comes in so many lines at most."""
_PAID, _DEPOSIT = frozenset({"release", "refund"}), frozenset({"deposit"})


def match(
    lines: Sequence[StatementLine], books: Books, rules: Rules | None = None, *, keeper: Keeper = LISTS
) -> Matching:
    """What every line would become. `books` stay as they are; the same input gives the same answer.

    Beside what the keeper keeps, memory holds a few bytes a line, and of payments that equal, to the fen, one that
    the file says came back, every one.
    """
    matcher = _Matcher(lines, books, rules or shipped_rules(), keeper)
    return Matching(keeper.keep(Planned, matcher.run()))


class _Explained(Struct, frozen=True, gc=False):
    """A line that payments explain."""

    place: int
    rule: str
    shares: tuple[tuple[str, int], ...]


class _Keyed(Struct, frozen=True, gc=False):
    """A line that has a key."""

    key: Key
    place: int
    line: StatementLine


@dataclass
class _Matcher:
    lines: Sequence[StatementLine]
    books: Books
    rules: Rules
    keeper: Keeper
    explained: bytearray = field(init=False)
    """Whether payments explain a line, by its place."""
    found: dict[tuple[By, bool], bytearray] = field(default_factory=dict)
    """Whether a line finds any payment by a key; by the key, and whether only debits look."""
    sought: set[int] = field(default_factory=set)
    """Amounts of payments that the file says came back or were taken back, signed fen."""
    later: dict[int, dict[str, tuple[int, Item]]] = field(default_factory=lambda: defaultdict(dict))
    """Payments of these amounts that this run finds, with the place of their line: a later line may take them back."""
    back: set[str] = field(default_factory=set)
    """Payments that this run takes back."""
    waiting: Waiting = field(init=False)
    returned: re.Pattern[str] = field(init=False)
    contract: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.explained, self.waiting = bytearray(len(self.lines)), self.books.waiting()
        self.returned = re.compile(self.rules.texts.returned, re.IGNORECASE)
        self.contract = re.compile(self.rules.texts.contract)

    def run(self) -> Iterator[Planned]:
        """The plan of every line, in their order."""
        self.sought.update(-line.amount_fen for line in self.lines if self._comes_back(line) or _takes_back(line))
        explained = iter(self.keeper.sort(_Explained, self._by_payments(), lambda each: each.place))
        ahead = next(explained, None)
        for chunk in self._chunks():
            known = dict[int, _Explained]()
            while ahead is not None and ahead.place <= chunk[-1][0]:
                known[ahead.place] = ahead
                ahead = next(explained, None)
            yield from self._planned(chunk, known)

    def _comes_back(self, line: StatementLine) -> bool:
        return line.amount_fen > 0 and (line.reversal or self.returned.search(line.text) is not None)

    def _chunks(self, places: Iterable[int] | None = None) -> Iterator[list[tuple[int, StatementLine]]]:
        """Lines with their places, so many at a time: all of them, or those at some places."""
        listed = enumerate(self.lines) if places is None else ((place, self.lines[place]) for place in places)
        while chunk := list(islice(listed, CHUNK)):
            yield chunk

    # ── payments that are known ──

    def _by_payments(self) -> Iterator[_Explained]:
        for rule in self.rules.rules:
            if self.waiting.holds(rule.by):
                yield from _SHAPES[rule.shape](self, rule)

    def _found(self, rule: Rule) -> Iterator[tuple[int, StatementLine, list[Key]]]:
        """Lines that nothing explains yet, with those of their keys that any payment has.

        Which lines find any payment by a key, the first rule by it notes: the others look at those alone.
        """
        keys_of, kind = LINE_KEYS[rule.by], (rule.by, rule.only_debits)
        noted = self.found.get(kind)
        places = None if noted is None else (at for at in compress(count(), noted) if not self.explained[at])
        noted = self.found.setdefault(kind, bytearray(len(self.lines)))
        for chunk in self._chunks(places):
            keyed = [(place, line, keys_of(line)) for place, line in chunk if self._waits(rule, place, line)]
            there = self.waiting.present(rule.by, dict.fromkeys(key for _, _, keys in keyed for key in keys))
            for place, line, keys in keyed if there else ():
                if present := [key for key in keys if key in there]:
                    noted[place] = True
                    yield place, line, present

    def _waits(self, rule: Rule, place: int, line: StatementLine) -> bool:
        return not self.explained[place] and not (rule.only_debits and line.amount_fen > 0)

    def one_to_one(self, rule: Rule) -> Iterator[_Explained]:
        only = rule.by == "amount"
        for place, line, keys in self._found(rule):
            want = want_of(rule, line)
            fitting = [item for key in keys for item in self.waiting.fitting(rule.by, key, want, 2 if only else 1)]
            if fitting and not (only and len(fitting) > 1):
                best = min(fitting, key=want.nearness)
                yield self._take(place, [(best, best.left_fen)], rule.name)

    def one_to_many(self, rule: Rule) -> Iterator[_Explained]:
        for place, line, keys in self._found(rule):
            want = want_of(rule, line)
            for key in keys:
                group = [item for item in self.waiting.group(rule.by, key, c.MAX_LINES) if want.suits(item)]
                if len(group) > 1 and sum(item.left_fen for item in group) == line.amount_fen:
                    yield self._take(place, [(item, item.left_fen) for item in group], rule.name)
                    break

    def many_to_one(self, rule: Rule) -> Iterator[_Explained]:
        """Only keys that several lines have, and payments too, are looked at, one after the other."""
        several = Sieve(hash(key) for _, _, keys in self._found(rule) for key in keys)
        keyed = (
            _Keyed(key, place, line) for place, line, keys in self._found(rule) for key in keys if hash(key) in several
        )
        for key, lines in groupby(self.keeper.sort(_Keyed, keyed, lambda each: each.key), lambda each: each.key):
            parts = list(islice(lines, MAX_PARTS + 1))
            if 1 < len(parts) <= MAX_PARTS:
                for item in self.waiting.group(rule.by, key, MAX_PARTS):
                    yield from self._parts(rule, item, parts)

    def _parts(self, rule: Rule, item: Item, parts: Sequence[_Keyed]) -> Iterator[_Explained]:
        near = [each for each in parts if not self.explained[each.place] and want_of(rule, each.line).suits(item)]
        if len(near) > 1 and sum(each.line.amount_fen for each in near) == item.left_fen:
            for each in near:
                yield self._take(each.place, [(item, each.line.amount_fen)], rule.name)

    def _take(self, place: int, shares: list[tuple[Item, int]], rule: str) -> _Explained:
        self.explained[place] = True
        self.waiting.take(item for item, _ in shares)
        for item, _ in shares:
            if item.signed_fen in self.sought:
                self.later[item.signed_fen][item.reference] = place, item
        return _Explained(place, rule, tuple((item.reference, fen) for item, fen in shares))

    # ── what no payment explains ──

    def _planned(self, chunk: list[tuple[int, StatementLine]], explained: dict[int, _Explained]) -> Iterator[Planned]:
        """The plan of some lines in order; some are explained by payments."""
        rest = [(place, line) for place, line in chunk if place not in explained]
        words = {place: tokens(line.text) for place, line in rest if line.amount_fen > 0}
        contracts = self.books.registered(dict.fromkeys(word for found in words.values() for word in found))
        known = self.books.known(self._reference(line) for _, line in rest if line.amount_fen > 0)
        back = self.books.shown_like(_PAID, {-line.amount_fen for _, line in rest if self._comes_back(line)})
        shown = self.books.shown_like(_DEPOSIT, {-line.amount_fen for _, line in rest if _takes_back(line)})
        for place, line in chunk:
            planned: Planned | None = None
            if place in explained:
                planned = Planned(rule=explained[place].rule, kind="matched", shares=explained[place].shares)
            elif self._comes_back(line):
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
        fitting = self._fitting(line, [*shown, *self._earlier(line, place, _PAID)])
        if (best := _only(line, fitting)) is None:
            return None
        self.back.add(best.reference)
        return Planned(rule="returned", kind="returned", shares=((best.reference, line.amount_fen),))

    def _reversal(self, place: int, line: StatementLine, shown: Iterable[Item]) -> Planned | None:
        """A deposit the bank has shown, or that was found in this file, and that this line takes back."""
        fitting = self._fitting(line, [*shown, *self._earlier(line, place, _DEPOSIT)])
        reversed_ = self.books.known(_reversal_of(item) for item in fitting)
        if (best := _only(line, [item for item in fitting if _reversal_of(item) not in reversed_])) is None:
            return None
        self.back.add(best.reference)
        deposit_id = best.reference.removeprefix("deposit:")
        return Planned(rule="reversal", kind="reversed", deposit_id=deposit_id)

    def _earlier(self, line: StatementLine, place: int, kinds: Collection[str]) -> Iterator[Item]:
        """What lines of this file before this one are that it may take back."""
        return (item for at, item in self.later[-line.amount_fen].values() if at < place and item.kind in kinds)

    def _fitting(self, line: StatementLine, candidates: Iterable[Item]) -> list[Item]:
        return [
            item
            for item in candidates
            if item.signed_fen == -line.amount_fen and not item.gone and item.reference not in self.back
        ]

    def _classified(self, line: StatementLine) -> Planned | None:
        side = "credit" if line.amount_fen > 0 else "debit"
        for each in self.rules.classes:
            if each.side == side and re.search(each.pattern, line.text, re.IGNORECASE):
                return _broken(each.name, each.cause, each.owner, each.note)
        if line.reversal:
            return _broken("reversal", "reversal", "bank", "the bank took back or gave back what no payment here is")
        if line.amount_fen < 0:
            return _broken("unexplained", "unknown", "regulator", "no instruction of the ledger fits this payment")
        return None

    def _deposit(self, place: int, line: StatementLine, named: set[str], *, known: bool) -> Planned:
        if known:
            note = "the ledger has this serial number with another amount, or twice"
            return _broken("serial-differs", "bank_error", "bank", note)
        only = next(iter(named)) if len(named) == 1 else None
        claimed = None if named else self.contract.search(line.text)
        if line.amount_fen in self.sought:
            reference = self._reference(line)
            self.later[line.amount_fen][reference] = place, _found(line, reference)
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


_SHAPES: dict[str, Callable[[_Matcher, Rule], Iterator[_Explained]]] = {
    "1:1": _Matcher.one_to_one,
    "1:n": _Matcher.one_to_many,
    "n:1": _Matcher.many_to_one,
}
