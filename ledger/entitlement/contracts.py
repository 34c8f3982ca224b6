"""The facts of a supervised contract, as the ledger knows them, for the entitlement engine."""

from datetime import date

from ledger.entitlement.facts import ContractTier, Deduction, Facts, Settlement
from ledger.identifiers import Cause
from ledger.money import cumulative_fen
from ledger.sheets import Contract, Header


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
) -> Facts:
    """What a refund of this contract is computed from, on the business date `on`.

    Used hours are the confirmed ones: the records are the institution's to produce, so a claim that nobody confirmed is
    no evidence (法释〔2025〕4号 art. 25). Contested confirmed lessons open the range.
    """
    terms = contract.terms
    asked_on = requested_on or on
    pass_ = terms.unlimited_pass
    return Facts(
        paid_fen=contract.paid_fen,
        cause=cause,
        paid_centihours=None if pass_ else contract.paid_centihours,
        gift_centihours=0 if pass_ else contract.gift_centihours,
        used_centihours=None if pass_ else contract.consumed_centihours,
        disputed_centihours=0 if pass_ else contract.disputed_centihours,
        list_unit_price_fen=terms.list_unit_price_fen,
        list_price_disclosed=terms.list_price_disclosed,
        list_price_unreasonable=list_price_unreasonable,
        market_unit_price_fen=market_unit_price_fen,
        contract_unit_price_fen=contract_unit_price_fen,
        bonus_fen=terms.bonus_fen,
        consumed_face_fen=_consumed_face_fen(contract),
        progress_centipercent=None if progress_percent is None else progress_percent * 100,
        term_starts_on=contract.starts_on if pass_ else None,
        term_ends_on=contract.ends_on if pass_ else None,
        stopped_on=header.stopped_on if pass_ else None,
        contract_tiers=tuple(ContractTier(t.used_over_centihours, t.refund_percent * 100) for t in terms.tiers),
        deductions=(
            (Deduction("retained", contract.deducted_fen, evidence="DeductionRetained"),)
            if contract.deducted_fen
            else ()
        ),
        settlement=(
            Settlement(contract.settlement_fen, signed_on=contract.settled_on)
            if contract.settlement_fen is not None
            else None
        ),
        award_fen=contract.awarded_fen,
        claim_fen=claim_fen,
        signed_on=contract.signed_on,
        paid_on=contract.first_paid_on,
        starts_on=None if contract.consumed_centihours else contract.starts_on,
        requested_on=asked_on,
        rescinded_on=asked_on,
        decided_on=on,
        as_of_on=on,
        prior_same_service=terms.prior_same_service is not False,
        jurisdiction=header.jurisdiction,
        category=header.category,
    )


def _consumed_face_fen(contract: Contract) -> int | None:
    if not contract.terms.bonus_fen or not contract.units:
        return None
    face_fen = contract.price_fen + contract.terms.bonus_fen
    return cumulative_fen(face_fen, contract.consumed_centihours, contract.units)
