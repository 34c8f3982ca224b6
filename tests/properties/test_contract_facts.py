"""Whatever was signed, paid, taught, amended and taken back: the ledger can say what is due, within what was paid."""

from datetime import date
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.sheets import Contract
from tests import examples as x
from tests.specification import Specification

PLACES = st.sampled_from(
    [
        ("CN", "non_academic"),
        ("CN-BJ", "academic"),
        ("CN-BJ", "sport"),
        ("CN-TJ", "non_academic"),
        ("CN-AH-WH", "sport"),
    ]
)
TIERS = st.lists(
    st.tuples(st.sampled_from(["0", "5", "12.5"]), st.integers(0, 100)), max_size=3, unique_by=lambda t: t[0]
)


@st.composite
def signed_terms(draw: st.DrawFn) -> dict[str, object]:
    """Terms as families sign them: by hours, as stored value, or as a pass."""
    kind = draw(st.sampled_from(["hours", "hours", "value", "pass"]))
    terms: dict[str, object] = {
        "list_unit_price_fen": draw(st.sampled_from([None, 50_00, 150_00])),
        "full_refund_days_after_start": draw(st.sampled_from([None, None, 3, 30])),
        "prior_same_service": draw(st.sampled_from([None, True, False])),
        "unlimited_pass": kind == "pass",
        "bonus_fen": draw(st.sampled_from([1, 500_00])) if kind == "value" else 0,
    }
    terms["list_price_disclosed"] = terms["list_unit_price_fen"] is not None and draw(st.booleans())
    if kind != "pass":
        terms["tiers"] = [{"used_over_hours": over, "refund_percent": part} for over, part in draw(TIERS)]
    return terms


class Life(NamedTuple):
    """What happened to a contract before its refund was asked for."""

    place: tuple[str, str]
    terms: dict[str, object]
    gift: str
    paid_fen: int
    first: str
    then: str | None
    second: str
    cause: str
    asked_on: date


LIVES = st.builds(
    Life,
    place=PLACES,
    terms=signed_terms(),
    gift=st.sampled_from(["0", "5"]),
    paid_fen=st.sampled_from([1, 999_99, x.PRICE_FEN]),
    first=st.sampled_from(["0", "0.01", "3", "10"]),
    then=st.sampled_from([None, "amend", "move", "take back", "dispute"]),
    second=st.sampled_from(["0", "2.5"]),
    cause=st.sampled_from(["institution", "family", "neither", "mutual"]),
    asked_on=st.sampled_from([date(2026, 8, 28), date(2026, 9, 3), date(2026, 9, 10), date(2026, 12, 1)]),
)


@settings(max_examples=150, deadline=None)
@given(LIVES)
def test_what_is_due_is_never_contradictory_and_never_above_what_was_paid(life: Life) -> None:
    school = lived(life)
    taught = school.escrow.get(Contract, "c1").consumed_centihours
    asked_on = max(life.asked_on, x.STARTS_ON) if taught else life.asked_on
    school.when(x.request(cause=life.cause, requested_on=asked_on))
    if isinstance(school.outcome, no.NothingDue):
        return
    (requested,) = school.events
    assert isinstance(requested, e.RefundRequested)
    assert 0 < requested.entitled_fen <= school.escrow.get(Contract, "c1").paid_fen
    agreed = school.when(x.approve()).events[0]
    assert isinstance(agreed, e.RefundApproved)
    assert agreed.amount_fen == requested.entitled_fen
    contract = school.escrow.get(Contract, "c1")
    assert contract.unearned_fen == 0 or contract.claimed_centihours or contract.disputes


def lived(life: Life) -> Specification:
    school = Specification(x.SIGNED_ON).given(x.opening(*life.place))
    school.given(x.contract(terms=life.terms, gift_hours=life.gift), x.deposit(amount_fen=life.paid_fen))
    school.given(x.deposit("other", contract_id=None))
    school.given(x.contract("c2", student_id="child-2", price_fen=100, hours="1"), x.deposit("s2", 100, "c2"))
    school.on(max(life.asked_on, x.STARTS_ON))
    teach(school, "a", life.first)
    change(school, life.then, life.gift)
    teach(school, "b", life.second)
    return school


def teach(school: Specification, lesson_id: str, hours: str) -> None:
    if hours != "0":
        for command in x.taught(lesson_id, hours=hours):
            school.when(command)


def change(school: Specification, what: str | None, gift: str) -> None:
    match what:
        case "amend":
            school.when(x.amendment(price_fen=4_000_00, hours="32", gift_hours=gift))
        case "move":
            school.when(x.transfer("4"))
        case "take back":
            school.when(x.reverse_deposit())
        case "dispute":
            school.when(x.dispute("a"))
            school.when(c.DisputeLesson(contract_id="c1", lesson_id="b", reason="r"))
        case _:
            pass
