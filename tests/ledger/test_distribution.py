"""A short pot is shared to the fen, whatever the order; nobody gets more than is due."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.distribution import (
    ContractListedTwice,
    Distribution,
    Due,
    NegativeAmount,
    PaidAboveDue,
    Pot,
    distribute,
)


def paid(found: Distribution) -> dict[str, int]:
    return {share.contract_id: share.share_fen for share in found.shares}


def test_a_pool_pays_every_family_the_same_part_of_its_due() -> None:
    found = distribute("pool", [Due("a", 300), Due("b", 100), Due("c", 600)], [Pot("custody", 500)], licensed=True)
    assert paid(found) == {"a": 150, "b": 50, "c": 300}


def test_the_last_fen_goes_to_the_largest_remainder_then_to_the_first_id() -> None:
    found = distribute("pool", [Due("c", 100), Due("a", 100), Due("b", 100)], [Pot("custody", 200)], licensed=True)
    assert paid(found) == {"a": 67, "b": 67, "c": 66}


def test_trace_gives_each_contract_its_own_money_and_shares_the_risk_deposit() -> None:
    dues = [Due("a", 1000, held_fen=1000), Due("b", 1000, held_fen=200), Due("c", 500, held_fen=900)]
    found = distribute("trace", dues, [Pot("custody", 2100), Pot("risk_deposit", 400)], licensed=True)
    assert [share.parts_fen for share in found.shares] == [(1000, 0), (200, 400), (500, 0)]
    assert [(pot.distributed_fen, pot.left_fen) for pot in found.pots] == [(1700, 400), (400, 0)]
    assert [share.open_fen for share in found.shares] == [0, 400, 0]


def test_trace_is_cut_pro_rata_where_the_bank_holds_less_than_the_sub_ledgers() -> None:
    dues = [Due("a", 1000, held_fen=600), Due("b", 1000, held_fen=300)]
    assert paid(distribute("trace", dues, [Pot("custody", 300)], licensed=True)) == {"a": 200, "b": 100}


def test_more_money_than_dues_pays_in_full_and_leaves_the_rest() -> None:
    found = distribute("pool", [Due("a", 300)], [Pot("custody", 200), Pot("risk_deposit", 500)], licensed=True)
    assert paid(found) == {"a": 300}
    assert [pot.left_fen for pot in found.pots] == [0, 400]


def test_a_second_distribution_counts_what_the_first_one_paid_and_takes_late_claims() -> None:
    second = [Due("a", 300, paid_fen=150), Due("b", 100, paid_fen=50), Due("late", 200)]
    found = distribute("pool", second, [Pot("risk_deposit", 200)], licensed=True)
    assert paid(found) == {"a": 75, "b": 25, "late": 100}
    assert [(share.paid_before_fen, share.open_fen) for share in found.shares] == [
        (150, 75),
        (50, 25),
        (0, 100),
    ]


def test_the_priority_regime_follows_from_the_licence() -> None:
    for licensed, regime in ((True, "licensed_school"), (False, "company")):
        assert distribute("pool", [], [], licensed=licensed).priority_regime == regime


def test_no_dues_leave_the_pot_whole() -> None:
    found = distribute("pool", [], [Pot("custody", 5)], licensed=True)
    assert (found.shares, found.pots[0].left_fen) == ((), 5)


@pytest.mark.parametrize(
    ("dues", "pots", "refusal"),
    [
        ([Due("a", 1), Due("b", 1), Due("a", 2)], [], ContractListedTwice("a")),
        ([Due("a", 100, paid_fen=101)], [], PaidAboveDue("a", 100, 101)),
        ([Due("a", -1)], [], NegativeAmount("a", -1)),
        ([Due("a", 1, held_fen=-2)], [], NegativeAmount("a", -2)),
        ([Due("a", 1)], [Pot("custody", -3)], NegativeAmount("custody", -3)),
    ],
)
def test_a_list_that_cannot_be_right_is_refused(dues: list[Due], pots: list[Pot], refusal: Exception) -> None:
    with pytest.raises(type(refusal)) as refused:
        distribute("pool", dues, pots, licensed=True)
    assert refused.value == refusal


amounts = st.integers(0, 10**9)


@st.composite
def lists_of_dues(draw: st.DrawFn) -> list[Due]:
    rows = draw(st.lists(st.tuples(amounts, amounts, st.fractions(0, 1)), max_size=30))
    return [
        Due(f"c{number}", due_fen, held_fen, int(due_fen * part))
        for number, (due_fen, held_fen, part) in enumerate(rows)
    ]


@given(lists_of_dues(), st.lists(amounts, max_size=3), st.sampled_from(["trace", "pool"]), st.randoms())
def test_shares_sum_to_the_pots_exceed_no_due_and_do_not_depend_on_order(
    dues: list[Due], pot_fens: list[int], method: str, chance: random.Random
) -> None:
    pots = [Pot(f"p{number}", amount_fen) for number, amount_fen in enumerate(pot_fens)]
    found = distribute(method, dues, pots, licensed=True)  # type: ignore[arg-type]
    open_before = sum(due.due_fen - due.paid_fen for due in dues)
    shared = sum(share.share_fen for share in found.shares)
    assert shared == sum(pot.distributed_fen for pot in found.pots)
    assert all(pot.distributed_fen + pot.left_fen == pot.amount_fen for pot in found.pots)
    assert all(min(share.parts_fen, default=0) >= 0 and share.open_fen >= 0 for share in found.shares)
    if method == "pool":
        assert shared == min(open_before, sum(pot_fens))
    mixed = list(dues)
    chance.shuffle(mixed)
    assert distribute(method, mixed, pots, licensed=True) == found  # type: ignore[arg-type]
