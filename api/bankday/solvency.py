"""Whether custody covers what belongs to families, and who must put back what is missing."""

from collections.abc import Iterator

from api.bankday.findings import Finding
from ledger.sheets import Header


def shortfall_fen(header: Header) -> int:
    """By how much the money in custody is less than what it holds for families, fen.

    Families': unapplied, unearned, and refunds agreed or on their way. What third parties attached and what is on its
    way to the institution covers nobody. The only trigger without a threshold of its own (Jiangsu: balance below total
    unearned fees).
    """
    owed_fen = header.unapplied_fen + header.unearned_fen + header.refund_payable_fen + header.refund_in_transit_fen
    return max(0, owed_fen - (header.custody_cash_fen - header.attached_fen - header.release_in_transit_fen))


def solvency(header: Header) -> Iterator[Finding]:
    """The shortfall by who must make it good: the institution what it owes, the rest waits for the attachment."""
    short_fen = shortfall_fen(header)
    by_institution_fen = min(short_fen, header.institution_receivable_fen)
    if by_institution_fen:
        yield Finding("custody_short", amount_fen=by_institution_fen, code="institution")
    if short_fen > by_institution_fen:
        yield Finding("custody_attached", amount_fen=short_fen - by_institution_fen, code="third_party")
