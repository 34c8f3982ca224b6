"""Long sequences kept on disk in chunks, so that a file of any length needs little memory."""

import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
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


class Disk:
    """Keeps few items in memory, many on disk."""

    def keep(self, kind: type[T], items: Iterable[T]) -> Sequence[T]:
        """Items as they come."""
        few, rest = _few(items)
        return few if len(few) < CHUNK else Spool(kind, _chained(few, rest))

    def sort(self, kind: type[T], items: Iterable[T], by: Callable[[T], str | int]) -> Sequence[T]:
        """Items in the order of what `by` says of them."""
        few, rest = _few(items)
        if len(few) < CHUNK:
            return sorted(few, key=by)
        encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode
        with closing(scratch("create table items (place, item blob not null)")) as database:
            rows = ((by(each), encode(each)) for each in _chained(few, rest))
            database.executemany("insert into items values (?, ?)", rows)
            found = database.execute("select item from items order by place, rowid")
            return Spool(kind, (decode(item) for (item,) in found))


DISK = Disk()


class Words(Collection[str]):
    """A set of texts: few in memory, many on disk."""

    def __init__(self, words: Iterable[str]) -> None:
        few, rest = _few(words)
        self._few, self._many = set(few), 0
        if len(few) < CHUNK:
            return
        self._few = set()
        self._database = scratch("create table words (word text primary key) without rowid")
        weakref.finalize(self, self._database.close)
        self._database.executemany("insert or ignore into words values (?)", ((word,) for word in _chained(few, rest)))
        self._many = self._database.execute("select count(*) from words").fetchone()[0]

    def __len__(self) -> int:
        return self._many or len(self._few)

    def __iter__(self) -> Iterator[str]:
        if self._many:
            return (word for (word,) in self._database.execute("select word from words order by word"))
        return iter(sorted(self._few))

    def __contains__(self, word: object) -> bool:
        if self._many:
            return self._database.execute("select 1 from words where word = ?", (word,)).fetchone() is not None
        return word in self._few


def scratch(tables: str) -> sqlite3.Connection:
    """An open database in a temporary file, with little of it in memory; nothing in it outlives the connection."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    pragmas = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -4096;"
    database.executescript(f"{pragmas} {tables}; begin")
    return database


def _few(items: Iterable[T]) -> tuple[list[T], Iterator[T]]:
    rest = iter(items)
    return list(islice(rest, CHUNK)), rest


def _chained(few: list[T], rest: Iterator[T]) -> Iterator[T]:
    yield from few
    few.clear()
    yield from rest
