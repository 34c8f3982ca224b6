"""The facts of a supervised contract, as the ledger knows them, for the entitlement engine."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from ledger.entitlement.facts import ContractTier, Deduction, Facts, Settlement
from ledger.identifiers import Cause
from ledger.money import cumulative_fen
from ledger.sheets import Contract, Header
from ledger.workdays import deadline, last_of, shifted

_WHOLE_CENTIPERCENT: Final = 100_00
_FROM_THE_START: Final = -1
"""A tier that is reached before the first hour is used."""


def facts_of(  # noqa: PLR0913 - each is a fact that a mediator or officer states
    contract: Contract,
    header: Header,
    cause: Cause,
    on: date,
    *,
    requested_on: date | None = None,
    claim_fen: int | None = None,
    market_unit_price_fen: int | None = None,
    list_price_unreasonable: bool = False,
    contract_unit_price_fen: int | None = None,
    progress_percent: int | None = None,
    unasked: bool = False,
) -> Facts:
    """What a refund of this contract is computed from, on the business date `on`.

    Used hours are the confirmed ones: the records are the institution's to produce, so a claim that nobody confirmed is
    no evidence (法释〔2025〕4号 art. 25). Contested confirmed lessons open the range.
    """
    asked_on = requested_on or on
    return Facts(
        cause=cause,
        list_price_unreasonable=list_price_unreasonable,
        market_unit_price_fen=market_unit_price_fen,
        contract_unit_price_fen=contract_unit_price_fen,
        progress_centipercent=None if progress_percent is None else progress_percent * 100,
        claim_fen=claim_fen,
        requested_on=asked_on,
        rescinded_on=asked_on,
        decided_on=on,
        as_of_on=on,
        unasked=unasked,
        jurisdiction=header.jurisdiction,
        category=header.category,
        **_signed(contract),
        **_money(contract),
        **_term(contract, header, asked_on) if contract.terms.unlimited_pass else _hours(contract),
        **_agreed(contract, asked_on),
    )


def _base(contract: Contract) -> int:
    """Hours consumed before the last amendment, hundredths, which keep their price; 0 where no rest is left.

    A pass goes by its term, whatever was used when (art. 22).
    """
    measured = not contract.terms.unlimited_pass and contract.base_centihours < contract.units
    return contract.base_centihours if measured else 0


def _signed(contract: Contract) -> dict[str, Any]:
    """What the paper says, and when."""
    terms = contract.terms
    return {
        "list_unit_price_fen": terms.list_unit_price_fen,
        "list_price_disclosed": terms.list_price_disclosed,
        "prior_same_service": terms.prior_same_service,
        "signed_on": contract.signed_on,
        "paid_on": contract.first_paid_on,
        "starts_on": None if contract.consumed_centihours else contract.starts_on,
    }


def _money(contract: Contract) -> dict[str, Any]:
    """What was paid, for the price of the rest, and bonus money spread over it."""
    base = _base(contract)
    left = contract.units - base
    paid_fen, rest_fen = max(0, contract.paid_fen), contract.price_fen - (contract.base_fen if base else 0)
    bonus_fen = contract.terms.bonus_fen * left // contract.units if contract.units else 0
    used = contract.consumed_centihours - base
    return {
        "paid_fen": paid_fen,
        "price_fen": None if contract.price_fen == paid_fen else rest_fen,
        "bonus_fen": bonus_fen,
        "consumed_face_fen": cumulative_fen(rest_fen + bonus_fen, used, left) if bonus_fen else None,
    }


def _hours(contract: Contract) -> dict[str, Any]:
    """Hours bought, given, used and contested since the last amendment, hundredths."""
    base = _base(contract)
    used = contract.consumed_centihours - base
    return {
        "paid_centihours": _bought(contract, base),
        "gift_centihours": 0 if base or not contract.paid_centihours else contract.gift_centihours,
        "used_centihours": used,
        "disputed_centihours": min(contract.disputed_centihours, used + base),
        "claimed_centihours": contract.claimed_centihours,
        "earlier_centihours": base,
        "earlier_fen": contract.base_fen if base else 0,
        "earned_fen": contract.consumed_fen,
    }


def _term(contract: Contract, header: Header, asked_on: date) -> dict[str, Any]:
    """The term of an unlimited pass, in days and where it is whole months in months."""
    total, started = _months(contract, min(asked_on, header.stopped_on or asked_on))
    return {
        "months_total": total,
        "months_started": started,
        "term_starts_on": contract.starts_on,
        "term_ends_on": contract.ends_on,
        "stopped_on": header.stopped_on,
    }


def _agreed(contract: Contract, asked_on: date) -> dict[str, Any]:
    """Contract steps, deductions, a settlement, an award."""
    fen = contract.settlement_fen
    settled = None if fen is None else Settlement(min(fen, max(0, contract.paid_fen)), signed_on=contract.settled_on)
    return {
        "contract_tiers": _tiers(contract, asked_on),
        "deductions": tuple(_deductions(contract)),
        "settlement": settled,
        "award_fen": contract.awarded_fen,
    }


def _bought(contract: Contract, base: int) -> int:
    """Hours paid for; after an amendment those that were left then, gifts with them, at the price of the rest.

    A contract whose hours were all transferred away is measured by what was consumed.
    """
    if base or not contract.paid_centihours:
        return contract.units - base or 1
    return contract.paid_centihours


def _months(contract: Contract, until_on: date) -> tuple[int, int] | tuple[None, None]:
    """Months of a pass, and those of them started by a day; (None, None) where its term is not whole months."""
    first_on, last_on = contract.starts_on, contract.ends_on
    total = (last_on.year - first_on.year) * 12 + last_on.month - first_on.month + (last_on.day >= first_on.day)
    if total < 1 or last_of(first_on, total, "month") != last_on:
        return None, None
    return total, sum(shifted(first_on, month, "month") <= until_on for month in range(total))


def _tiers(contract: Contract, asked_on: date) -> tuple[ContractTier, ...]:
    """The steps of the contract; all comes back within the days that it grants after the start (GF-2021-2604)."""
    days = contract.terms.full_refund_days_after_start
    if days is not None and contract.starts_on <= asked_on <= deadline(contract.starts_on, days, "day").on:
        return (ContractTier(_FROM_THE_START, _WHOLE_CENTIPERCENT),)
    return tuple(ContractTier(t.used_over_centihours, t.refund_percent * 100) for t in contract.terms.tiers)


def _deductions(contract: Contract) -> Iterator[Deduction]:
    """Evidenced items that were kept. What the formula itself left the institution is none: it would count twice."""
    kept_fen = contract.deducted_fen - contract.remainder_fen - contract.gifts_kept_fen
    if kept_fen:
        yield Deduction("留存扣款 retained", kept_fen, evidence="DeductionRetained")
    if contract.gifts_kept_fen:
        yield Deduction("留存赠品 gifts retained", contract.gifts_kept_fen, evidence="DeductionRetained", kind="gift")
