"""Whatever the facts: an answer within what was paid, its lines sum to it, or a refusal by name."""

from datetime import date, timedelta
from fractions import Fraction
from typing import get_args

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.entitlement import ContractTier, Deduction, Derivation, Facts, Settlement, entitle, entitle_naming_idle
from ledger.entitlement.refusals import ContractPriceBelowPaid
from ledger.identifiers import Cause
from ledger.money import round_half_up
from ledger.rejections import Rejection
from ledger.rulebook import places

fen = st.integers(0, 2_000_000)
hours = st.integers(0, 12_000)
days = st.integers(0, 2500).map(lambda n: date(2021, 1, 1) + timedelta(days=n))
causes: st.SearchStrategy[Cause] = st.sampled_from(get_args(Cause))
deductions = st.builds(
    Deduction,
    st.just("line"),
    fen,
    st.sampled_from([None, "receipt"]),
    st.sampled_from(["materials", "gift", "agreed", "commission", "penalty"]),
)

anything = st.builds(
    Facts,
    paid_fen=fen,
    cause=causes,
    paid_centihours=st.none() | hours,
    gift_centihours=st.just(0) | hours,
    used_centihours=st.none() | hours,
    disputed_centihours=st.just(0) | st.integers(0, 500),
    list_unit_price_fen=st.none() | fen,
    market_unit_price_fen=st.none() | fen,
    claimed_centihours=st.just(0) | hours,
    earlier_centihours=st.just(0) | hours,
    earlier_fen=st.just(0) | fen,
    list_price_disclosed=st.sampled_from([None, True, False]),
    list_price_unreasonable=st.booleans(),
    contract_unit_price_fen=st.none() | fen,
    bonus_fen=st.just(0) | fen,
    consumed_face_fen=st.none() | fen,
    progress_centipercent=st.none() | st.integers(0, 10_000),
    months_total=st.none() | st.integers(1, 24),
    months_started=st.none() | st.integers(0, 24),
    term_starts_on=st.none() | days,
    term_ends_on=st.none() | days,
    stopped_on=st.none() | days,
    unused_for_own_reasons=st.booleans(),
    contract_tiers=st.lists(st.builds(ContractTier, hours, st.integers(0, 10_000)), max_size=3).map(tuple),
    deductions=st.lists(deductions, max_size=4).map(tuple),
    settlement=st.none() | st.builds(Settlement, fen, st.none() | days),
    awarded_ratio=st.sampled_from([None, "0", "0.7", "1"]),
    claim_fen=st.none() | fen,
    signed_on=st.none() | days,
    starts_on=st.none() | days,
    requested_on=st.none() | days,
    rescinded_on=st.none() | days,
    decided_on=st.none() | days,
    as_of_on=st.none() | days,
    prior_same_service=st.none() | st.booleans(),
    unasked=st.booleans(),
    jurisdiction=st.none() | st.sampled_from(places()),
    category=st.sampled_from(["academic", "sport", "sci_tech", "culture_art", "non_academic"]),
)


@st.composite
def plausible(draw: st.DrawFn) -> Facts:
    """Facts as a careful clerk would state them, over every measure and agreement the engine knows."""
    paid_fen, signed_on = draw(fen), draw(days)
    requested_on = signed_on + timedelta(days=draw(st.integers(0, 400)))
    used_hours = draw(hours)
    kind = draw(st.sampled_from(["hours", "progress", "months", "term", "card"]))
    stated: dict[str, object] = {}
    if kind in {"hours", "progress"}:
        stated["paid_centihours"] = used_hours + draw(st.integers(1, 5000))
        stated["gift_centihours"] = draw(st.integers(0, 2000))
        stated["used_centihours"] = used_hours
        stated["disputed_centihours"] = draw(st.integers(0, used_hours))
        stated["claimed_centihours"] = draw(st.sampled_from([0, 1]))
        stated["earlier_centihours"] = draw(st.integers(0, 2000))
        stated["earlier_fen"] = draw(st.integers(0, paid_fen)) if stated["earlier_centihours"] else 0
        stated["contract_tiers"] = draw(
            st.just(()) | st.builds(ContractTier, hours, st.integers(0, 10_000)).map(lambda t: (t,))
        )
    if kind == "progress":
        stated["progress_centipercent"] = draw(st.integers(0, 10_000))
    if kind == "months":
        stated["months_total"] = draw(st.integers(12, 24))
        stated["months_started"] = draw(st.integers(0, 12))
    if kind == "term":
        stated["term_starts_on"] = signed_on
        stated["term_ends_on"] = signed_on + timedelta(days=draw(st.integers(0, 800)))
        stated["stopped_on"] = draw(st.none() | days)
    if kind == "card":
        stated["bonus_fen"] = bonus_fen = draw(fen)
        stated["consumed_face_fen"] = draw(st.integers(0, paid_fen + bonus_fen))
    if draw(st.booleans()):
        stated["settlement"] = Settlement(draw(st.integers(0, paid_fen)), requested_on)
        stated["as_of_on"] = draw(st.none() | days)
    return Facts(
        paid_fen=paid_fen,
        cause=draw(causes),
        list_unit_price_fen=draw(fen),
        market_unit_price_fen=draw(fen),
        list_price_disclosed=draw(st.sampled_from([None, True, False])),
        list_price_unreasonable=draw(st.booleans()),
        deductions=tuple(draw(st.lists(deductions, max_size=3))),
        awarded_ratio=draw(st.sampled_from([None, "0", "0.7", "1"])),
        claim_fen=draw(st.none() | fen),
        signed_on=signed_on,
        requested_on=requested_on,
        rescinded_on=requested_on,
        interest_until_on=requested_on + timedelta(days=draw(st.integers(0, 900))),
        day_count=draw(st.sampled_from([None, 360, 365])),
        prior_same_service=draw(st.none() | st.booleans()),
        jurisdiction=draw(st.none() | st.sampled_from(places())),
        category=draw(st.sampled_from(["academic", "sport", "sci_tech", "culture_art", "non_academic"])),
        **stated,  # type: ignore[arg-type]
    )


@st.composite
def contracts(draw: st.DrawFn, cause: st.SearchStrategy[Cause] = causes) -> Facts:
    """Ordinary contracts in hours: consistent, so that the engine must answer."""
    paid_hours, gift_hours = draw(st.integers(1, 12_000)), draw(st.integers(0, 2_000))
    return Facts(
        paid_fen=draw(fen),
        cause=draw(cause),
        paid_centihours=paid_hours,
        gift_centihours=gift_hours,
        used_centihours=draw(st.integers(0, paid_hours + gift_hours)),
        list_unit_price_fen=draw(st.none() | fen),
        deductions=tuple(draw(st.lists(deductions, max_size=2))),
        jurisdiction=draw(st.none() | st.sampled_from(places())),
        category="academic",
    )


def check_answer(facts: Facts, found: Derivation) -> None:
    assert [figure.binding for figure in found.figures].count(True) == 1
    for figure in found.figures:
        assert 0 <= figure.refund_fen <= facts.paid_fen
        assert sum(line.amount_fen for line in figure.lines) == figure.refund_fen
        assert figure.ground
    assert found.binding_refund_fen == found.binding.refund_fen
    assert found.claimable_fen == min(
        found.binding_refund_fen, found.binding_refund_fen if facts.claim_fen is None else facts.claim_fen
    )
    if found.range is not None:
        assert found.range.by_institution_record_fen <= found.range.by_family_record_fen


@settings(max_examples=600, deadline=None)
@given(plausible())
def test_whatever_is_stated_carefully_gets_a_sound_answer(facts: Facts) -> None:
    found = entitle(facts)
    check_answer(facts, found)
    if found.interest is not None and found.interest.amount_fen is not None:
        assert 0 <= found.interest.amount_fen <= found.interest.principal_fen


@settings(max_examples=600, deadline=None)
@given(anything)
def test_any_facts_get_a_sound_answer_or_a_named_refusal(facts: Facts) -> None:
    found = answer_or_refusal(facts)
    if isinstance(found, Rejection):
        assert type(found) is not Rejection
    else:
        check_answer(facts, found)


def answer_or_refusal(facts: Facts) -> Derivation | Rejection:
    try:
        return entitle(facts)
    except Rejection as refusal:
        return refusal


OPTIONAL = tuple(each for each in msgspec.structs.fields(Facts) if not each.required)
NAMES = dict(zip((name for name in Facts.__struct_fields__ if "_centi" in name), (
    "paid_hours", "gift_hours", "used_hours", "disputed_hours", "claimed_hours", "earlier_hours", "progress_percent"),
    strict=True))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(anything | plausible())
def test_no_stated_fact_is_silently_ignored(facts: Facts) -> None:
    """Without any one fact another answer, or a refusal; else the answer names it."""
    try:
        found = entitle_naming_idle(facts)
    except Rejection:
        return
    for each in OPTIONAL:
        if getattr(facts, each.name) == each.default:
            continue
        without = answer_or_refusal(msgspec.structs.replace(facts, **{each.name: each.default}))
        named = f"no_effect:{NAMES.get(each.name, each.name)}" in found.notes
        bare = msgspec.structs.replace(found, notes=tuple(n for n in found.notes if not n.startswith("no_effect:")))
        assert named is (without == bare), each.name


@settings(max_examples=300, deadline=None)
@given(contracts(), st.none() | fen, st.none() | fen)
def test_a_contract_price_counts_or_is_refused_whatever_the_cause(
    facts: Facts, price_fen: int | None, market_fen: int | None
) -> None:
    changed = msgspec.structs.replace(facts, contract_unit_price_fen=price_fen, market_unit_price_fen=market_fen)
    impossible = price_fen is not None and (price_fen + 1) * (facts.paid_centihours or 0) <= facts.paid_fen * 100
    found = answer_or_refusal(changed)
    assert isinstance(found, ContractPriceBelowPaid) is impossible


@settings(deadline=None)
@given(contracts())
def test_consistent_facts_always_get_an_answer(facts: Facts) -> None:
    check_answer(facts, entitle(facts))


@settings(deadline=None)
@given(contracts())
def test_another_lesson_taken_never_raises_the_refund(facts: Facts) -> None:
    used = facts.used_centihours or 0
    assume(used < (facts.paid_centihours or 0) + facts.gift_centihours)
    later = entitle(msgspec.structs.replace(facts, used_centihours=used + 1))
    assert later.binding_refund_fen <= entitle(facts).binding_refund_fen


@settings(deadline=None)
@given(contracts(st.just("family")))
def test_the_familys_cause_is_never_better_for_it_than_the_institutions(facts: Facts) -> None:
    by_institution = entitle(msgspec.structs.replace(facts, cause="institution"))
    assert entitle(facts).binding_refund_fen <= by_institution.binding_refund_fen


@settings(deadline=None)
@given(contracts(), st.data())
def test_a_higher_list_price_never_raises_the_refund(facts: Facts, data: st.DataObject) -> None:
    low, high = sorted((data.draw(fen), data.draw(fen)))
    cheaper = entitle(msgspec.structs.replace(facts, list_unit_price_fen=low))
    dearer = entitle(msgspec.structs.replace(facts, list_unit_price_fen=high))
    assert dearer.binding_refund_fen <= cheaper.binding_refund_fen


@settings(deadline=None)
@given(contracts(st.just("institution")))
def test_the_institutions_cause_is_the_unused_share_of_all_units(facts: Facts) -> None:
    bare = msgspec.structs.replace(facts, deductions=())
    units = (facts.paid_centihours or 0) + facts.gift_centihours
    exact = Fraction(facts.paid_fen * (units - (facts.used_centihours or 0)), units)
    assert entitle(bare).binding_refund_fen == round_half_up(exact)


@settings(deadline=None)
@given(contracts())
def test_a_signed_settlement_binds_whatever_the_formula_says(facts: Facts) -> None:
    agreed_fen = facts.paid_fen // 3
    found = entitle(msgspec.structs.replace(facts, settlement=Settlement(agreed_fen)))
    assert (found.binding.method, found.binding_refund_fen) == ("settlement", agreed_fen)


@settings(deadline=None)
@given(plausible())
def test_the_same_facts_give_the_same_bytes(facts: Facts) -> None:
    assert msgspec.json.encode(entitle(facts)) == msgspec.json.encode(entitle(facts))
