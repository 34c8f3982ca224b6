"""A bank statement as data: its lines, what tells one line from another, and what must hold before it is believed."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import pairwise

from msgspec import Struct

from ledger import rejections as no
from ledger.keeping import LISTS, Keeper

CURRENCY = "CNY"


class StatementLine(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One booked line. Credits are positive, debits negative, in fen."""

    line: int
    """Line of the file, or number of the entry in it."""
    position: str = ""
    """Where exactly: a row of a sheet, or a path in XML."""
    booked_on: date
    value_on: date
    time: str = ""
    amount_fen: int
    serial: str = ""
    """The bank's own serial number of the booking."""
    counterparty: str = ""
    """Keyed token of the other account; the name and number stay in the bank's file."""
    counterparty_masked: str = ""
    text: str = ""
    """Remittance as the file has it: used for matching, never stored unmasked."""
    masked_text: str = ""
    balance_fen: int | None = None
    """Running balance after this line, where the bank gives it."""
    reversal: bool = False
    key: str = ""
    """Tells this line from every other of its account, in whatever file it comes."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in the file that is no booked line, and why it was left out."""

    line: int
    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What one file says about one account. Balances are None where the file does not state them."""

    sha256: str
    """Hash of the exact bytes of the file."""
    format: str
    currency: str
    lines: Sequence[StatementLine]
    account: str = ""
    """The account as the file writes it, often masked; empty where it does not say."""
    number: int = 1
    """Which statement of the file."""
    opening_fen: int | None = None
    closing_fen: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    credits_fen: int | None = None
    """Totals that the file itself states."""
    debits_fen: int | None = None
    notification: bool = False
    """camt.054: lines told during the day, without balances."""
    left_out: tuple[LeftOut, ...] = field(default=())

    @property
    def statement_id(self) -> str:
        """The hash of the file, and which statement of it where there are several."""
        return self.sha256 if self.number == 1 else f"{self.sha256}-{self.number}"

    @property
    def net_fen(self) -> int:
        """Sum of all lines, fen."""
        return sum(line.amount_fen for line in self.lines)

    @property
    def covers(self) -> tuple[date, date]:
        """First and last booking date. Raises EmptyStatement where neither file nor lines name one."""
        days = {line.booked_on for line in self.lines}
        first, last = self.from_on or min(days, default=None), self.to_on or max(days, default=None)
        if first is None or last is None:
            raise no.EmptyStatement(self.sha256)
        return min([first, *days]), max([last, *days])


_LEDGER_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def ledger_serial(serial: str, line_key: str) -> str:
    """A serial number as deposits write it: the bank's own where its characters allow, else one made of the line."""
    return serial if _LEDGER_SERIAL.fullmatch(serial) else f"x{line_key.replace('.', '-')}"


@lru_cache(maxsize=4096)
def day_digits(on: date) -> str:
    """A day as ids of lines and deposits write it: `20260831`."""
    return on.isoformat().replace("-", "")


def item_break_id(reference: str) -> str:
    """The id of the break about a payment that the bank does not show."""
    return f"item-{digest(reference)}"


def digest(*parts: object) -> str:
    """A short hash that tells tuples apart, hex."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def chronological(lines: Sequence[StatementLine], *, keeper: Keeper = LISTS) -> Sequence[StatementLine]:
    """The lines by booking date and time; lines of one moment as they stand, or backwards where the file runs so."""
    if not lines:
        return lines
    told, rises, falls, rising, falling = lines[0].balance_fen is not None, True, True, 0, 0
    for (one, before), (two, after) in pairwise((line, _moment(line)) for line in lines):  # on disk, so read once
        told = told and two.balance_fen is not None
        rises, falls = rises and before <= after, falls and before >= after
        rising, falling = rising + (_before(two) == one.balance_fen), falling + (_before(one) == two.balance_fen)
    backwards = falling > rising if told else _moment(lines[0]) > _moment(lines[-1])
    if rises and not backwards:
        return lines
    if falls and backwards:
        return keeper.keep(StatementLine, reversed(lines))
    return keeper.sort(StatementLine, reversed(lines) if backwards else lines, _moment)


def _moment(line: StatementLine) -> str:
    return f"{line.booked_on}{line.time}"


def chained(chain: str, line_key: str, signed_fen: int) -> str:
    r"""The hash over the lines so far and one more: `sha256(chain + "key:fen\n")`, hex; "" before the first."""
    return sha256(f"{chain}{line_key}:{signed_fen}\n".encode()).hexdigest()


def chain_of(lines: Iterable[StatementLine]) -> str:
    """The hash over all lines in their order."""
    chain = ""
    for line in lines:
        chain = chained(chain, line.key, line.amount_fen)
    return chain


def balanced(statement: Statement, opening_fen: int | None = None, closing_fen: int | None = None) -> Statement:
    """The statement with its balances: those it states, those its running balances give, else those the caller states.

    Raises OtherCurrency, RunningBalanceBroken, StatementTotalsDiffer where any two disagree, BalancesMissing.
    """
    if statement.currency != CURRENCY:
        raise no.OtherCurrency(statement.currency)
    run = running_balances(statement.lines)
    opening = _agreed("opening_balance", statement.opening_fen, run and run[0], opening_fen)
    closing = _agreed("closing_balance", statement.closing_fen, run and run[1], closing_fen)
    if opening is None and closing is None:
        raise no.BalancesMissing(statement.sha256)
    if opening is None and closing is not None:
        opening = closing - statement.net_fen
    if closing is None and opening is not None:
        closing = opening + statement.net_fen
    sums_fen = _sums_fen(statement.lines)
    _check_totals(statement, opening or 0, closing or 0, sums_fen)
    return _with_balances(statement, opening or 0, closing or 0, sums_fen)


def _sums_fen(lines: Iterable[StatementLine]) -> tuple[int, int]:
    """Credits and debits, both positive; the lines may be on disk, so they are read once."""
    credits_fen = debits_fen = 0
    for line in lines:
        if line.amount_fen > 0:
            credits_fen += line.amount_fen
        else:
            debits_fen -= line.amount_fen
    return credits_fen, debits_fen


def _with_balances(statement: Statement, opening_fen: int, closing_fen: int, sums_fen: tuple[int, int]) -> Statement:
    first, last = statement.covers
    return Statement(
        sha256=statement.sha256,
        format=statement.format,
        currency=statement.currency,
        lines=statement.lines,
        account=statement.account,
        number=statement.number,
        opening_fen=opening_fen,
        closing_fen=closing_fen,
        from_on=first,
        to_on=last,
        credits_fen=sums_fen[0],
        debits_fen=sums_fen[1],
        left_out=statement.left_out,
    )


def _agreed(which: str, *stated: int | None) -> int | None:
    known = {fen for fen in stated if fen is not None}
    if len(known) > 1:
        raise no.StatementTotalsDiffer(which, min(known), max(known))
    return known.pop() if known else None


def _check_totals(statement: Statement, opening_fen: int, closing_fen: int, sums_fen: tuple[int, int]) -> None:
    credits_fen, debits_fen = sums_fen
    if (reached_fen := opening_fen + credits_fen - debits_fen) != closing_fen:
        raise no.StatementTotalsDiffer("closing_balance", reached_fen, closing_fen)
    for which, stated_fen, summed_fen in (
        ("credits", statement.credits_fen, credits_fen),
        ("debits", statement.debits_fen, debits_fen),
    ):
        if stated_fen is not None and stated_fen != summed_fen:
            raise no.StatementTotalsDiffer(which, summed_fen, stated_fen)


def running_balances(lines: Sequence[StatementLine]) -> tuple[int, int] | None:
    """Opening and closing balance that the running balances give, in whatever order the lines stand; None without them.

    Every line leads from one balance to the next: only the opening is left once more than it is reached, only the
    closing reached once more than it is left. Raises RunningBalanceBroken where a line is missing or too many.
    """
    surplus: Counter[int] = Counter()
    for line in lines:
        if line.balance_fen is None:
            return None
        for fen, step in ((_before(line), 1), (line.balance_fen, -1)):
            surplus[fen] += step
            if not surplus[fen]:
                del surplus[fen]
    odd = surplus
    if not lines:
        return None
    if not odd:  # what came in went out again: the opening is the closing, and the order says which balance it was
        return _ends_of_circle(lines)
    if sorted(odd.values()) != [-1, 1]:
        raise no.RunningBalanceBroken(_first_break(lines))
    return next(fen for fen, count in odd.items() if count == 1), next(fen for fen, count in odd.items() if count == -1)


def _before(line: StatementLine) -> int:
    return (line.balance_fen or 0) - line.amount_fen


def _follow(lines: Iterable[StatementLine]) -> bool:
    return all(_before(after) == before.balance_fen for before, after in pairwise(lines))


def _ends_of_circle(lines: Sequence[StatementLine]) -> tuple[int, int]:
    for order, first in ((lines, lines[0]), (reversed(lines), lines[-1])):
        if _follow(order):
            return _before(first), _before(first)
    raise no.RunningBalanceBroken(_first_break(lines))


def _first_break(lines: Sequence[StatementLine]) -> int:
    backwards = sum(_before(a) == b.balance_fen for a, b in pairwise(lines))
    forwards = sum(_before(b) == a.balance_fen for a, b in pairwise(lines))
    for one, two in pairwise(lines):
        first, second = (two, one) if backwards > forwards else (one, two)
        if _before(second) != first.balance_fen:
            return two.line
    return lines[-1].line
