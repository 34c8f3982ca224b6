"""Layout profiles: where a bank's table keeps what; each is a TOML file, or made by naming the columns."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from api.bankfiles import refusals as no
from api.bankfiles.tables import Row
from api.bankfiles.text import plain

FOLDER = Path(__file__).parent / "profiles"
HEADER_WITHIN = 60
"""The header stands within so many rows."""

Place = Literal[
    "booked_on",
    "value_on",
    "time",
    "amount",
    "credit",
    "debit",
    "direction",
    "currency",
    "balance",
    "serial",
    "counterparty",
    "counterparty_account",
    "party",
    "text",
]
"""What a column may hold; `party` is name and number in one cell, `text` may be several columns."""
PLACES: tuple[Place, ...] = get_args(Place)
CNY = frozenset({"CNY", "RMB", "人民币", "人民币元", "156", "01", "元"})
CREDIT_WORDS = frozenset({"贷", "收", "收入", "转入", "C", "CR", "CRDT", "贷方", "+"})
DEBIT_WORDS = frozenset({"借", "支", "支出", "转出", "D", "DR", "DBIT", "借方", "-"})


class Marks(Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns in the rows before or after the lines; each captures one value."""

    pattern: str = ""
    account: str = ""
    opening: str = ""
    closing: str = ""


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One layout. `signature` are the column names by which it is recognised."""

    name: str
    title: dict[str, str] = {}
    signature: tuple[str, ...] = ()
    columns: dict[Place, tuple[str, ...]]
    empty: tuple[str, ...] = ()
    """Cells that mean nothing is there, beside empty ones."""
    date: str = ""
    """strptime pattern, where dates are neither `2026-08-31` nor `20260831` nor `2026年8月31日`."""
    preamble: Marks = Marks()
    footer: Marks = Marks()


class Found(Struct, frozen=True):
    """A header that fits a profile: where it stands, and which columns (from 0) hold what."""

    profile: Profile
    header: Row
    columns: dict[Place, tuple[int, ...]]


@cache
def shipped() -> Mapping[str, Profile]:
    """The profiles that come with the program, by name, the most particular first."""
    found = [load_profile(path.read_bytes()) for path in sorted(FOLDER.glob("*.toml"))]
    found.sort(key=lambda profile: (profile.name == "generic", -len(profile.signature), profile.name))
    return MappingProxyType({profile.name: profile for profile in found})


def load_profile(text: bytes) -> Profile:
    """A profile from its TOML. Raises ValueError where it names no date, or no amount, or something unknown."""
    try:
        profile = msgspec.convert(tomllib.loads(text.decode()), Profile)
        for marks in (profile.preamble, profile.footer):
            for pattern in msgspec.structs.astuple(marks):
                re.compile(pattern)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, re.error, UnicodeDecodeError) as error:
        message = f"no layout profile: {error}"
        raise ValueError(message) from error
    return _checked(profile)


def named_profile(columns: Mapping[str, str | Sequence[str]], *, date: str = "", name: str = "named") -> Profile:
    """A profile made by naming the columns: `{"booked_on": "日期", "amount": "金额", …}`. Raises ValueError."""
    unknown = [place for place in columns if place not in PLACES]
    if unknown:
        message = f"no such place: {unknown[0]}; a column may be one of {', '.join(PLACES)}"
        raise ValueError(message)
    places: dict[Place, tuple[str, ...]] = {
        place: (names,) if isinstance(names, str) else tuple(names) for place in PLACES if (names := columns.get(place))
    }
    signature = tuple(each for names in places.values() for each in names)
    return _checked(Profile(name=name, signature=signature, columns=places, date=date))


def _checked(profile: Profile) -> Profile:
    places = profile.columns
    if "booked_on" not in places or not ("amount" in places or {"credit", "debit"} <= places.keys()):
        message = f"profile {profile.name} needs booked_on, and amount or both credit and debit"
        raise ValueError(message)
    return profile


def find_header(rows: Sequence[Row], profiles: Sequence[Profile]) -> Found:
    """The first row that is the header of one of the profiles. Raises UnknownLayout, ColumnTwice."""
    for row in rows[:HEADER_WITHIN]:
        names = [plain(cell) for cell in row.cells]
        for profile in profiles:
            if profile.signature and {plain(each) for each in profile.signature} <= set(names):
                found = Found(profile, row, _columns(profile, row.line, names))
                if _usable(found):
                    return found
    raise no.UnknownLayout(line=rows[0].line if rows else 0, found=_looked_for(rows, profiles))


def _looked_for(rows: Sequence[Row], profiles: Sequence[Profile]) -> str:
    """The headings of the one layout that stand nowhere, or the names of all layouts."""
    if len(profiles) > 1:
        return ", ".join(profile.name for profile in profiles)
    there = {plain(cell) for row in rows[:HEADER_WITHIN] for cell in row.cells}
    return ", ".join(each for profile in profiles for each in profile.signature if plain(each) not in there)


def _usable(found: Found) -> bool:
    places = found.columns
    return "booked_on" in places and ("amount" in places or {"credit", "debit"} <= places.keys())


def _columns(profile: Profile, line: int, names: list[str]) -> dict[Place, tuple[int, ...]]:
    places: dict[Place, tuple[int, ...]] = {}
    for place, wanted in profile.columns.items():
        at = [index for each in wanted for index, name in enumerate(names) if name == plain(each)]
        if len(at) != len({names[index] for index in at}):
            raise no.ColumnTwice(line, at[-1] + 1, names[at[-1]])
        if at:
            places[place] = tuple(at) if place == "text" else (at[0],)
    return places
