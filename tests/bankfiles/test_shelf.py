"""Payments on disk under their keys find what a look at every payment finds, whatever was taken before."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.bankfiles.shelf import AT_HAND, Shelf
from ledger.bankbooks import ITEM_KEYS, Item, Want
from ledger.matching import By
from tests.books import Open

FIRST = date(2026, 8, 1)
DAYS = st.integers(0, 6).map(lambda days: FIRST + timedelta(days))
FENS = st.sampled_from((-200, -100, 100, 200))
SERIALS = st.sampled_from(("", "s1", "s2"))
KINDS: tuple[By, ...] = tuple(ITEM_KEYS)


@st.composite
def payments(draw: st.DrawFn) -> list[Item]:
    kinds = st.sampled_from(("deposit", "reversal", "refund"))
    return [
        Item(
            reference=f"{draw(kinds)}:{number}",
            signed_fen=fen,
            left_fen=fen,
            on=draw(DAYS),
            serial=draw(SERIALS),
            payer_ref=draw(st.sampled_from(("", "p.1"))),
            contract_id=draw(st.sampled_from(("", "C-1"))),
            names=tuple(draw(st.lists(st.sampled_from(("n1", "n2")), max_size=2))),
        )
        for number, fen in enumerate(draw(st.lists(FENS, max_size=14)))
    ]


WANTS = st.builds(Want, FENS, DAYS, st.integers(0, 4), st.sampled_from(((), ("s1",), ("s1", "s2"))), st.booleans())
ASKED = st.tuples(st.sampled_from(KINDS), WANTS, st.integers(1, 2), st.booleans())


def in_order(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.on, item.reference))


@given(payments(), st.lists(ASKED, max_size=12))
def test_the_shelf_finds_what_a_look_at_everything_finds(
    items: list[Item], asked: list[tuple[By, Want, int, bool]]
) -> None:
    shelf = Shelf(iter(items))
    for _ in range(2):  # a second matching begins with nothing taken
        plain = Open(in_order(items))
        shelf.afresh()
        for by, want, at_most, take in asked:
            keys = {key for item in items for key in ITEM_KEYS[by](item)} | {"nobody"}
            if by == "serial":  # a line looks for its own
                keys.intersection_update(want.serials)
            assert shelf.holds(by) >= bool(shelf.present(by, keys))
            for key in sorted(keys, key=str):
                found = plain.fitting(by, key, want, at_most)
                assert shelf.fitting(by, key, want, at_most) == found
                assert in_order(list(shelf.group(by, key, 4))) == plain.group(by, key, 4)
                assert not found or key in shelf.present(by, keys)
                if take and found:
                    shelf.take(each for each in shelf.fitting(by, key, want, 1))
                    plain.take(found[:1])


def test_many_payments_of_one_payer_stay_apart_and_are_each_found_once() -> None:
    many = [Item(f"deposit:{n:05}", 100, 100, FIRST, f"s{n}", "aggregator") for n in range(AT_HAND + 1)]
    shelf = Shelf(iter(many))
    assert list(shelf.group("payer", "aggregator", AT_HAND)) == []
    for serials, reference in (((), "00000"), (("s7",), "00007"), ((), "00001"), (("s7",), None)):
        found = shelf.fitting("payer", "aggregator", Want(100, FIRST, 3, serials), 1)
        assert [item.reference for item in found] == ([] if reference is None else [f"deposit:{reference}"])
        shelf.take(found)
    for n in range(3):  # more groups than stay at hand
        assert len(shelf.group("serial", f"s{100 + n}", 10)) == 1
