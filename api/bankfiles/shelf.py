"""Payments on disk under their keys, so that a file of any length finds them in little memory."""

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from ledger.bankbooks import ITEM_KEYS, Item, Key
from ledger.matching import By

PAGE = 500
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Item).decode
_TABLES = """
pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -4096;
create table items (number integer primary key, item blob not null);
create table keys (kind text not null, key not null, number integer not null, primary key (kind, key, number))
  without rowid;
"""


class Shelf:
    """Made once from payments, then asked; in a temporary file that goes with it."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.executescript(_TABLES)
        self._database.execute("begin")
        self._fill(iter(items))
        self._database.execute("commit")

    def _fill(self, items: Iterator[Item]) -> None:
        start = 0
        while page := list(islice(items, PAGE)):
            rows = list(enumerate(page, start))
            self._database.executemany("insert into items values (?, ?)", [(n, _encode(item)) for n, item in rows])
            self._database.executemany(
                "insert or ignore into keys values (?, ?, ?)",
                [(by, key, n) for n, item in rows for by, keys_of in ITEM_KEYS.items() for key in keys_of(item)],
            )
            start += len(page)

    def __iter__(self) -> Iterator[Item]:
        for (item,) in self._database.execute("select item from items order by number"):
            yield _decode(item)

    def holds(self, by: By) -> bool:
        """Whether any payment has a key of this kind."""
        return self._database.execute("select 1 from keys where kind = ? limit 1", (by,)).fetchone() is not None

    def under(self, by: By, keys: Iterable[Key]) -> dict[Key, list[Item]]:
        """Payments by key, in order of day and reference."""
        found, wanted = dict[Key, list[Item]](), iter(keys)
        while page := list(islice(wanted, PAGE)):
            marks = ",".join("?" * len(page))
            query = f"select key, item from keys join items using (number) where kind = ? and key in ({marks})"  # noqa: S608 - marks only
            for key, item in self._database.execute(query, (by, *page)):
                found.setdefault(key, []).append(_decode(item))
        for items in found.values():
            items.sort(key=lambda item: (item.on, item.reference))
        return found
