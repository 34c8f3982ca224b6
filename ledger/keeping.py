"""Long sequences: where they are kept, and what is said of them in memory that does not grow."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
_SLOTS = 1 << 22


class Keeper(Protocol):
    """Keeps sequences of any length: as lists, or wherever a caller has more room."""

    def keep(self, kind: type[T], items: Iterable[T]) -> Sequence[T]:
        """Items as they come."""
        ...

    def sort(self, kind: type[T], items: Iterable[T], by: Callable[[T], str | int]) -> Sequence[T]:
        """Items in the order of what `by` says of them, always texts or always numbers; equal ones as they come."""
        ...


class Lists:
    """Keeps everything in memory."""

    def keep(self, kind: type[T], items: Iterable[T]) -> Sequence[T]:  # noqa: ARG002 - a list takes any kind
        """Items as they come."""
        return list(items)

    def sort(self, kind: type[T], items: Iterable[T], by: Callable[[T], str | int]) -> Sequence[T]:  # noqa: ARG002 - same
        """Items in the order of what `by` says of them."""
        return sorted(items, key=by)


LISTS = Lists()


class Sieve:
    """Tells of which hashes there may be two. It never misses a pair, and seldom names what is none."""

    def __init__(self, hashes: Iterable[int]) -> None:
        self._met = met = bytearray(_SLOTS)
        for each in hashes:
            slot = each % _SLOTS
            met[slot] = 2 if met[slot] else 1

    def __contains__(self, each: int) -> bool:
        return self._met[each % _SLOTS] > 1
