"""What tells one bank line from every other of its account, in whatever file it comes."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence

from msgspec.structs import replace

from ledger import rejections as no
from ledger.keeping import LISTS, Keeper, Sieve
from ledger.statements import StatementLine, day_digits, digest


def identified(
    lines: Sequence[StatementLine], account_id: str, taken: Container[str] = (), *, keeper: Keeper = LISTS
) -> Sequence[StatementLine]:
    """The lines with their keys; equal lines of one day are told apart by their ordinal.

    A serial number identifies a booking of its account and day; without one it is everything the bank tells, and
    ordinals whose key is `taken` are passed over.
    Raises DuplicateReference where a serial number stands twice on the same side of one day.
    """
    return keeper.keep(StatementLine, _keyed(lines, account_id, taken))


def _keyed(lines: Sequence[StatementLine], account_id: str, taken: Container[str]) -> Iterator[StatementLine]:
    """A file is long, and few of its lines are like another: only what may be is remembered."""
    alike = Sieve(hash(_facts(line)) for line in lines)
    met: Counter[tuple[object, ...]] = Counter()
    for line in lines:
        facts = _facts(line)
        ordinal, day = met[facts] + 1, day_digits(line.booked_on)
        if line.serial and ordinal > 1:
            raise no.DuplicateReference(line.line, line.serial)
        while (key := f"{day}.{digest(account_id, *facts, ordinal)}") in taken and not line.serial:
            ordinal += 1
        if hash(facts) in alike:
            met[facts] = ordinal
        yield replace(line, key=key)


def _facts(line: StatementLine) -> tuple[object, ...]:
    """What the key of a line is made of, beside the account and its ordinal."""
    if line.serial:
        return line.booked_on, line.serial, line.amount_fen > 0
    told = (line.time, line.amount_fen, line.balance_fen, line.counterparty_masked, line.text)
    return line.booked_on, *told
