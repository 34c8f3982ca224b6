"""Long sequences of lines kept on disk in chunks, so that a file of any length needs little memory."""

import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar, overload

import msgspec

T = TypeVar("T")
CHUNK = 1_000


class Spool(Sequence[T], Generic[T]):
    """Items in chunks in a temporary file; one chunk at a time is in memory. Made once, read often."""

    def __init__(self, kind: type[T], items: Iterable[T]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it goes when the sequence goes
        weakref.finalize(self, self._file.close)
        self._decode = msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type] # known at run time only
        self._places: list[tuple[int, int]] = []
        self._length = 0
        self._at, self._chunk = -1, list[T]()
        encode, items = msgspec.msgpack.Encoder().encode, iter(items)
        while chunk := list(islice(items, CHUNK)):
            data = encode(chunk)
            self._places.append((self._file.tell(), len(data)))
            self._file.write(data)
            self._length += len(chunk)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        for number in range(len(self._places)):
            yield from self._read(number)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(self._length))]
        place = at + self._length if at < 0 else at
        if not 0 <= place < self._length:
            raise IndexError(at)
        number, rest = divmod(place, CHUNK)
        if number != self._at:
            self._at, self._chunk = number, self._read(number)
        return self._chunk[rest]

    def _read(self, number: int) -> list[T]:
        start, size = self._places[number]
        self._file.seek(start)
        return self._decode(self._file.read(size))


def keeper(kind: type[T]) -> Callable[[Iterable[T]], Sequence[T]]:
    """Keeps items: a few in memory, many on disk."""

    def keep(items: Iterable[T]) -> Sequence[T]:
        items = iter(items)
        few = list(islice(items, CHUNK))
        if len(few) < CHUNK:
            return few
        return Spool(kind, _chained(few, items))

    return keep


def _chained(few: list[T], rest: Iterator[T]) -> Iterator[T]:
    yield from few
    few.clear()
    yield from rest
