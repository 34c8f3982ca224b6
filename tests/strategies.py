"""Values worth trying: odd prices, hours that do not divide, amounts around what is there."""

from hypothesis import strategies as st

NAMES = ("c0", "c1", "c2", "c3")
"""Contracts: two children with two each."""

names = st.sampled_from(NAMES)
numbers = st.integers(0, 5)
hours = st.sampled_from([333, 1000, 1100, 1, 250])
"""Hundredths of a class hour that a contract has."""
lengths = st.sampled_from([100, 33, 150, 250, 1, 700])
"""Hundredths of a class hour that are taught or moved."""
prices = st.sampled_from([799_99, 333_33, 500_00, 7, 1])
"""Fen; so small that the caps of one child never bind."""
amounts = st.sampled_from([1, 50, 33_33, 100_00, 250_00, 800_00])
"""Fen."""
judgements = st.sampled_from(["confirm", "confirm", "contest", "upheld", "reversed", "undo"])
replies = st.sampled_from(["approve", "approve", "refuse", "withdraw", "order"])
mostly = st.sampled_from([True, True, True, False])
