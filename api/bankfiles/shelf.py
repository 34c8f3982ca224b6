"""Payments on disk under their keys, so that a file of any length finds them in little memory."""

import json
import weakref
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice

import msgspec

from api.bankfiles.spool import scratch
from ledger.bankbooks import ITEM_KEYS, Item, Key, Want
from ledger.matching import By

PAGE = 500
AT_HAND = 10_000
"""So many payments of groups stay in memory."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Item).decode
_TABLES = """
create table items (place integer primary key, item blob not null);
create table keys (kind text not null, key not null, fen integer not null, serial text not null, at text not null,
  place integer not null, primary key (kind, key, fen, serial, at)) without rowid
"""
_WITHOUT_SERIAL = "create index if not exists without_serial on keys (kind, key, fen, at)"
_HIDE = """
update keys set kind = '-' || kind where kind = ? and key = ? and fen = ? and serial = ? and at = ?
"""


class Shelf:
    """Made once from payments, then asked; in a temporary file that goes with it. It is `Waiting`.

    A key has its payments by amount, serial number and moment (day and reference), so that the nearest one is one step
    away however many there are. Under `kind~` are those that a reversal looks for, under `-kind` those that were found
    taken.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._database = scratch(_TABLES)
        weakref.finalize(self, self._database.close)
        self._groups, self._at_hand = dict[tuple[By, Key, int], list[Item]](), 0
        self._taken = bytearray(self._fill(iter(items)))

    def _fill(self, items: Iterator[Item]) -> int:
        start = 0
        while page := list(islice(items, PAGE)):
            rows = list[tuple[object, ...]]()
            for place, item in enumerate(page, start):
                item.place, at = place, f"{item.on}{item.reference}"
                for by, keys_of in ITEM_KEYS.items():
                    rows += [(by, key, item.left_fen, item.serial, at, place) for key in keys_of(item)]
                    if item.kind == "reversal":
                        rows += [(f"{by}~", key, item.left_fen, item.serial, at, place) for key in keys_of(item)]
            self._database.executemany(
                "insert into items values (?, ?)", [(each.place, _encode(each)) for each in page]
            )
            self._database.executemany("insert or ignore into keys values (?, ?, ?, ?, ?, ?)", rows)
            start += len(page)
        return start

    def __iter__(self) -> Iterator[Item]:
        for (item,) in self._database.execute("select item from items order by place"):
            yield _decode(item)

    def afresh(self) -> "Shelf":
        """Itself, with nothing taken."""
        self._taken = bytearray(len(self._taken))
        self._database.execute("update keys set kind = substr(kind, 2) where kind >= '-' and kind < '.'")
        return self

    def take(self, items: Iterable[Item]) -> None:
        """These are explained."""
        for item in items:
            self._taken[item.place] = True

    def holds(self, by: By) -> bool:
        """Whether any payment has a key of this kind."""
        return self._database.execute("select 1 from keys where kind = ? limit 1", (by,)).fetchone() is not None

    def present(self, by: By, keys: Iterable[Key]) -> set[Key]:
        """Which of these keys any payment has."""
        query = "select value from json_each(?) where exists (select 1 from keys where kind = ? and key = value)"
        return {key for (key,) in self._database.execute(query, (json.dumps(list(keys)), by))}

    def fitting(self, by: By, key: Key, want: Want, at_most: int) -> Sequence[Item]:
        """So many of the payments of this key and amount that suit, the nearest first."""
        found = list[Item]()
        serials = (str(key),) if by == "serial" else ("", *want.serials) if want.serials else (None,)
        for serial in serials:
            found += self._nearest(f"{by}~" if want.reversal else by, key, serial, want, at_most)
        return sorted(found, key=want.nearness)[:at_most] if len(found) > 1 else found

    def _nearest(self, kind: str, key: Key, serial: str | None, want: Want, at_most: int) -> list[Item]:
        """From its day on and from its day back, so many each; of a day before, the first by reference."""
        if serial is None:
            self._database.execute(_WITHOUT_SERIAL)
        first, on, end = _window(want.on, want.days)
        under = (kind, key, want.signed_fen) if serial is None else (kind, key, want.signed_fen, serial)
        found = self._free(under, on, end, at_most)
        if at_most == 1 and found and found[0].on == want.on:
            return found
        for item in self._free(under, first, on, at_most, descending=True):
            found += self._free(under, *_window(item.on, 0)[1:], 1) if at_most == 1 else [item]
        return found

    def _free(
        self, under: tuple[Key, ...], first: str, end: str, at_most: int, *, descending: bool = False
    ) -> list[Item]:
        """Payments of a range of moments, as far as they are not taken; those that are get out of the way."""
        serial = "" if len(under) < 4 else " and serial = ?"  # noqa: PLR2004 - with kind, key and amount alone
        query = (
            "select place, serial, at, item from keys cross join items using (place)"  # noqa: S608 - words of ours
            f" where kind = ? and key = ? and fen = ?{serial} and at >= ? and at < ? order by at"
            f"{' desc' if descending else ''}"
        )
        taken, free = list[tuple[object, ...]](), list[Item]()
        for place, own, at, item in self._database.execute(query, (*under, first, end)):
            if self._taken[place]:
                taken.append((*under[:3], own, at))
            else:
                free.append(_decode(item))
                if len(free) == at_most:
                    break
        if taken:
            self._database.executemany(_HIDE, taken)
        return free

    def group(self, by: By, key: Key, at_most: int) -> Sequence[Item]:
        """All payments of this key, by day and reference; none where it had more than so many."""
        whole = self._groups.get((by, key, at_most))
        if whole is None:
            query = (
                "select item from keys cross join items using (place) where kind in (?, '-' || ?) and key = ? limit ?"
            )
            whole = [_decode(item) for (item,) in self._database.execute(query, (by, by, key, at_most + 1))]
            whole = sorted(whole, key=lambda item: (item.on, item.reference)) if len(whole) <= at_most else []
            self._at_hand += 1 + len(whole)
            if self._at_hand > AT_HAND:
                self._groups.clear()
                self._at_hand = 1 + len(whole)
            self._groups[by, key, at_most] = whole
        return [item for item in whole if not self._taken[item.place]]


@lru_cache(maxsize=1_024)
def _window(on: date, days: int) -> tuple[str, str, str]:
    """What moments begin with: so many days before a day, the day itself, and when the last of so many is over."""
    first, end = max(1, on.toordinal() - days), on.toordinal() + days + 1
    return (
        str(date.fromordinal(first)),
        str(on),
        str(date.fromordinal(end)) if end <= date.max.toordinal() else "99999",
    )
