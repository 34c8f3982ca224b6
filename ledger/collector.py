"""The garbage collector, and when it rests."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting() -> Iterator[None]:
    """No collection meanwhile: for a fold, which makes no cycles, and much that a collector would look at in vain."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def patient() -> None:
    """Rare collections: for a whole program, whose many small objects hardly ever make a cycle."""
    gc.set_threshold(20_000, 20, 20)
