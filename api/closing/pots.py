"""Money that may be distributed: by pot, and what of custody is nobody's yet."""

from typing import Literal, NamedTuple, get_args

from api.bankfiles.amounts import read_amount
from ledger.sheets import Header

PotName = Literal["custody", "risk_deposit", "other"]
ALL = "all"


class MalformedPot(ValueError):
    """A pot is written NAME=YUAN or NAME=all."""


class AskedPot(NamedTuple):
    """A pot as it was asked for; without an amount, all there is."""

    name: PotName
    amount_fen: int | None


def parse_pot(text: str) -> AskedPot:
    """`custody=all`, `custody=120000.00`, `risk_deposit=5000`. Raises MalformedPot."""
    name, _, amount = text.partition("=")
    if name not in get_args(PotName):
        raise MalformedPot(text)
    if amount in {"", ALL}:
        return AskedPot(name, None)  # type: ignore[arg-type] # one of PotName
    amount_fen = read_amount(amount)
    if amount_fen is None or amount_fen <= 0:
        raise MalformedPot(text)
    return AskedPot(name, amount_fen)  # type: ignore[arg-type] # one of PotName


def available_fen(header: Header) -> int:
    """What of custody an order may distribute at most: the same sum as in the decision."""
    on_its_way = header.release_in_transit_fen + header.refund_in_transit_fen
    payable_fen = max(0, header.custody_cash_fen - header.attached_fen - on_its_way)
    return max(0, payable_fen - header.unapplied_fen - header.reserved_fen)


def whole_pot_fen(header: Header) -> int:
    """What custody gives when no amount is named.

    A licensed school pays families before wages (民促法 59), so that what it earned is for them as well. A company's
    earned money belongs to its estate, where wages come first (Bankruptcy Law 113): it stays out of the pot.
    """
    available = available_fen(header)
    return available if header.licensed else max(0, available - header.earned_fen)
