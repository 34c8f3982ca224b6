"""What tells one bank line from every other of its account, in whatever file it comes."""

from array import array
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from ledger import rejections as no
from ledger.statements import Keep, StatementLine, day_digits, digest


def identified(
    lines: Sequence[StatementLine], account_id: str, taken: Container[str] = (), *, keep: Keep = list
) -> Sequence[StatementLine]:
    """The lines with their keys; equal lines of one day are told apart by their ordinal.

    A serial number identifies a booking of its account and day; without one it is everything the bank tells, and
    ordinals whose key is `taken` are passed over.
    Raises DuplicateReference where a serial number stands twice on the same side of one day.
    """
    return keep(_keyed(lines, account_id, taken))


def _keyed(lines: Sequence[StatementLine], account_id: str, taken: Container[str]) -> Iterator[StatementLine]:
    hashes = array("q")
    equal: Counter[tuple[object, ...]] = Counter()
    for line in lines:
        if line.serial:
            key = _serial_key(line, account_id)
            hashes.append(hash(key))
        else:
            facts = (
                account_id,
                line.booked_on,
                line.time,
                line.amount_fen,
                line.balance_fen,
                line.counterparty_masked,
                line.text,
            )
            equal[facts] += 1
            while (key := f"{day_digits(line.booked_on)}.{digest(*facts, equal[facts])}") in taken:
                equal[facts] += 1
        yield replace(line, key=key)
    _refuse_repeated(lines, account_id, hashes)


def _serial_key(line: StatementLine, account_id: str) -> str:
    return f"{day_digits(line.booked_on)}.{digest(account_id, line.booked_on, line.serial, line.amount_fen > 0, 1)}"


def _refuse_repeated(lines: Iterable[StatementLine], account_id: str, hashes: "array[int]") -> None:
    """Eight bytes a line say whether to look: a file is long, and almost never has a serial number twice."""
    repeated = {one for one, two in pairwise(sorted(hashes)) if one == two}
    keys: set[str] = set()
    for line in lines if repeated else ():
        if line.serial and hash(key := _serial_key(line, account_id)) in repeated:
            if key in keys:
                raise no.DuplicateReference(line.line, line.serial)
            keys.add(key)
