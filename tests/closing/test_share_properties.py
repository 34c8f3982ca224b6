"""Properties of shares: exact, independent of order, never above what is due, also over several distributions."""

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from api.closing.sharing import Claims, ShareList, list_hash
from ledger.distribution import Pot

CUT_OFF_ON = date(2026, 9, 21)
AMOUNTS = st.integers(0, 10**9)


Owed = dict[str, tuple[int, int]]
"""Contract → owed, and held of its own money."""


@st.composite
def owed(draw: st.DrawFn) -> Owed:
    """Some families, each owed something and with some money of its own in custody."""
    found = draw(st.lists(st.tuples(st.integers(1, 10**9), AMOUNTS), min_size=1, max_size=40))
    return {f"c{number}": (due, min(held, due)) for number, (due, held) in enumerate(found)}


def claims_on(owed: Owed, order: list[str] | None = None) -> Claims:
    """Their claims, as they come in."""
    claims = Claims()
    for name in order or sorted(owed):
        claims.add(name, f"r-{name}", *owed[name])
    return claims


def shared(found: ShareList) -> dict[str, int]:
    """Share by contract."""
    return {line.contract_id: line.share_fen for line in found.lines}


@given(owed(), st.integers(1, 10**10))
def test_a_pool_shares_the_pot_exactly_and_nobody_gets_more_than_is_due(found: Owed, pot_fen: int) -> None:
    (shares,) = claims_on(found).share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    assert shares.shared_fen == min(pot_fen, shares.due_fen)
    assert all(0 <= line.share_fen <= line.due_fen for line in shares.lines)


@given(owed(), st.integers(1, 10**10), st.randoms())
def test_the_list_does_not_depend_on_the_order_families_come_in(found: Owed, pot_fen: int, random: Random) -> None:
    (shares,) = claims_on(found).share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    names = list(found)
    random.shuffle(names)
    (again,) = claims_on(found, names).share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    assert again == shares


@given(owed(), st.integers(1, 10**10), st.integers(1, 10**10))
def test_two_distributions_together_give_nobody_more_than_is_due(found: Owed, first_fen: int, second_fen: int) -> None:
    first, second = claims_on(found).share("pool", [Pot("custody", first_fen), Pot("other", second_fen)], CUT_OFF_ON)
    one, two = shared(first), shared(second)
    for name, (due_fen, _) in found.items():
        assert one.get(name, 0) + two.get(name, 0) <= due_fen
    assert first.shared_fen + second.shared_fen == min(first_fen + second_fen, first.due_fen)


@given(owed(), st.integers(1, 10**10))
def test_traced_shares_never_take_another_familys_money(found: Owed, pot_fen: int) -> None:
    (shares,) = claims_on(found).share("trace", [Pot("custody", pot_fen)], CUT_OFF_ON)
    held = {name: held_fen for name, (_, held_fen) in found.items()}
    assert all(line.share_fen <= held[line.contract_id] for line in shares.lines)
    assert shares.shared_fen == min(pot_fen, sum(held.values()))


@given(owed(), st.integers(1, 10**10), st.integers(0, 39))
def test_any_other_line_gives_another_hash(found: Owed, pot_fen: int, index: int) -> None:
    (shares,) = claims_on(found).share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    lines = list(shares.lines)
    place = index % len(lines)
    lines[place] = lines[place]._replace(share_fen=lines[place].share_fen + 1)
    assert list_hash(lines) != shares.list_sha256
