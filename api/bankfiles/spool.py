"""Long sequences kept on disk in chunks, so that a file of any length needs little memory."""

import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


class Amounts(Mapping[str, int]):
    """Amounts (fen) by key: few in memory, many on disk."""

    def __init__(self, amounts: Iterable[tuple[str, int]]) -> None:
        few, rest = _few(amounts)
        self._few, self._many = dict(few), 0
        if len(few) < CHUNK:
            return
        self._few = {}
        self._database = scratch("create table amounts (key text primary key, fen integer not null) without rowid")
        weakref.finalize(self, self._database.close)
        rows: Iterator[tuple[str, int]] = _chained(few, rest)
        self._database.executemany("insert or replace into amounts values (?, ?)", rows)
        self._many = self._database.execute("select count(*) from amounts").fetchone()[0]

    def __len__(self) -> int:
        return self._many or len(self._few)

    def __iter__(self) -> Iterator[str]:
        if self._many:
            return (key for (key,) in self._database.execute("select key from amounts order by key"))
        return iter(sorted(self._few))

    def __getitem__(self, key: str) -> int:
        if not self._many:
            return self._few[key]
        if (found := self._database.execute("select fen from amounts where key = ?", (key,)).fetchone()) is None:
            raise KeyError(key)
        fen: int = found[0]
        return fen


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
