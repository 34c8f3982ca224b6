"""Properties of shares: exact, independent of order, never above what is due, also over several distributions."""

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from api.closing.sharing import Claims, Listed, ShareList, Waiting, list_hash
from ledger.distribution import Due, Pot

CUT_OFF_ON = date(2026, 9, 21)
AMOUNTS = st.integers(0, 10**9)


@st.composite
def claims(draw: st.DrawFn) -> Claims:
    """Some families, each owed something and with some money of its own in custody."""
    owed = draw(st.lists(st.tuples(st.integers(1, 10**9), AMOUNTS), min_size=1, max_size=40))
    names = [f"c{number}" for number in range(len(owed))]
    listed = [Listed(name, name, f"r-{name}") for name in names]
    dues = [Due(name, due, min(held, due)) for name, (due, held) in zip(names, owed, strict=True)]
    return Claims(listed, dues, Waiting())


def shared(found: ShareList) -> dict[str, int]:
    """Share by contract."""
    return {line.contract_id: line.share_fen for line in found.lines}


@given(claims(), st.integers(1, 10**10))
def test_a_pool_shares_the_pot_exactly_and_nobody_gets_more_than_is_due(found: Claims, pot_fen: int) -> None:
    (shares,) = found.share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    assert shares.shared_fen == min(pot_fen, shares.due_fen)
    assert all(0 <= line.share_fen <= line.due_fen for line in shares.lines)


@given(claims(), st.integers(1, 10**10), st.randoms())
def test_the_list_does_not_depend_on_the_order_families_come_in(found: Claims, pot_fen: int, random: Random) -> None:
    (shares,) = found.share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    listed, dues = list(found.listed), list(found.dues)
    random.shuffle(listed)
    random.shuffle(dues)
    (again,) = Claims(listed, dues, Waiting()).share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    assert again == shares


@given(claims(), st.integers(1, 10**10), st.integers(1, 10**10))
def test_two_distributions_together_give_nobody_more_than_is_due(
    found: Claims, first_fen: int, second_fen: int
) -> None:
    first, second = found.share("pool", [Pot("custody", first_fen), Pot("other", second_fen)], CUT_OFF_ON)
    one, two = shared(first), shared(second)
    for due in found.dues:
        assert one.get(due.contract_id, 0) + two.get(due.contract_id, 0) <= due.due_fen
    assert first.shared_fen + second.shared_fen == min(first_fen + second_fen, first.due_fen)


@given(claims(), st.integers(1, 10**10))
def test_traced_shares_never_take_another_familys_money(found: Claims, pot_fen: int) -> None:
    (shares,) = found.share("trace", [Pot("custody", pot_fen)], CUT_OFF_ON)
    held = {due.contract_id: due.held_fen for due in found.dues}
    assert all(line.share_fen <= held[line.contract_id] for line in shares.lines)
    assert shares.shared_fen == min(pot_fen, sum(held.values()))


@given(claims(), st.integers(1, 10**10), st.integers(0, 39))
def test_any_other_line_gives_another_hash(found: Claims, pot_fen: int, index: int) -> None:
    (shares,) = found.share("pool", [Pot("custody", pot_fen)], CUT_OFF_ON)
    lines = list(shares.lines)
    place = index % len(lines)
    lines[place] = lines[place]._replace(share_fen=lines[place].share_fen + 1)
    assert list_hash(lines) != shares.list_sha256
