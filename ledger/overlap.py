"""What a statement brings that earlier ones did not: overlaps, files sent again, files that go on in mid-day."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ledger import rejections as no
from ledger.bankbooks import Books
from ledger.identity import identified
from ledger.keeping import LISTS, Keeper
from ledger.statements import Statement, StatementLine


def fresh_lines(statement: Statement, books: Books, *, keeper: Keeper = LISTS) -> Sequence[StatementLine]:
    """The lines that no earlier statement brought; the others repeat what is booked.

    What is new must lead from the last closing balance to this one. Raises RepeatedLineDiffers, StatementNotContinuous,
    and OverlapAmbiguous where equal lines without serial number or balance could be repeated or new.
    """
    lines = identified(statement.lines, books.account_id, keeper=keeper)
    taken, reach = books.known_keys(statement.statement_id)
    if reach.through_on is None or reach.account_id != books.account_id:
        return lines
    fresh = keeper.keep(StatementLine, unknown(lines, taken)) if taken else lines
    known = len(lines) - len(fresh)
    vague, vague_on = 0, reach.through_on
    for line in lines if known else ():
        if not line.serial and line.balance_fen is None and line.key in taken:
            vague, vague_on = vague + 1, vague_on if vague else line.booked_on
    closing_fen, adjacent = statement.closing_fen or 0, statement.opening_fen == reach.closing_fen
    reaches_fen = reach.closing_fen + sum(line.amount_fen for line in fresh)
    if vague and adjacent:
        if reaches_fen == closing_fen:
            raise no.OverlapAmbiguous(vague_on)
        if vague == known:  # the file goes on where the last one stopped, in the middle of a day
            return identified(statement.lines, books.account_id, taken, keeper=keeper)
    if not fresh and not vague:  # an older day, sent again
        return []
    if reaches_fen != closing_fen:
        raise no.StatementNotContinuous(
            reach.through_on, reach.closing_fen, closing_fen - (reaches_fen - reach.closing_fen)
        )
    return fresh


def unknown(lines: Iterable[StatementLine], taken: Mapping[str, int]) -> Iterator[StatementLine]:
    """The lines that are not known. Raises RepeatedLineDiffers where one that is has another amount now."""
    for line in lines:
        if (known_fen := taken.get(line.key)) is None:
            yield line
        elif known_fen != line.amount_fen:
            raise no.RepeatedLineDiffers(line.line, line.serial, known_fen, line.amount_fen)
