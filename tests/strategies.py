"""Values worth trying: odd prices, hours that do not divide, amounts around what is there."""

from hypothesis import strategies as st

NAMES = ("c0", "c1", "c2", "c3")
"""Contracts: two children with two each."""

names = st.sampled_from(NAMES)
numbers = st.integers(0, 5)
hours = st.sampled_from([1, 33, 100, 150, 250, 333, 1000, 1100])
"""Hundredths of a class hour."""
prices = st.sampled_from([1, 7, 100_00, 333_33, 799_99])
"""Fen; so small that the caps of one child never bind."""
amounts = st.sampled_from([1, 50, 33_33, 100_00, 250_00, 800_00])
"""Fen."""
flags = st.booleans()
mostly = st.sampled_from([True, True, True, False])
