"""One institution's escrow in memory: a header, the sheets that were read, and scratch copies to decide on."""

from collections.abc import Iterable
from copy import copy
from typing import TypeVar

from ledger.identifiers import SheetKey
from ledger.sheets import Header, Sheet, sheet_key

T = TypeVar("T", bound=Sheet)


class Unread(Exception):
    """A decision needs sheets that have not been read yet: read them and decide again."""

    def __init__(self, *keys: SheetKey) -> None:
        super().__init__(*keys)
        self.keys = keys


class Escrow:
    """Header and sheets. `complete` means that a sheet which is not here does not exist (replay, new institution)."""

    __slots__ = ("_under", "complete", "header", "sheets")

    def __init__(self, header: Header, *, complete: bool = True, under: "Escrow | None" = None) -> None:
        self.header = header
        self.sheets: dict[SheetKey, Sheet | None] = {}
        self.complete = complete
        self._under = under

    def scratch(self) -> "Escrow":
        """A copy to decide on: sheets are copied when first touched, the original stays as it was."""
        return Escrow(copy(self.header), complete=self.complete, under=self)

    def find(self, kind: type[T], *ids: str) -> T | None:
        """The sheet of this kind and id, or None where there is none.

        Raises Unread when the store has not been asked for it.
        """
        key = sheet_key(kind, *ids)
        sheet = self.sheets.get(key) or self.look(key)  # the first is by far the more common
        assert sheet is None or isinstance(sheet, kind)
        return sheet

    def get(self, kind: type[T], *ids: str) -> T:
        """The sheet of this kind and id; it must exist (history says so)."""
        key = sheet_key(kind, *ids)
        sheet = self.sheets.get(key) or self.look(key)
        assert isinstance(sheet, kind), f"no sheet {key}"
        return sheet

    def look(self, key: SheetKey) -> Sheet | None:
        """The sheet at this address, ready to be changed."""
        if key in self.sheets:
            return self.sheets[key]
        if self._under is not None:
            sheet = self.sheets[key] = copy(self._under.look(key))
            return sheet
        if not self.complete:
            raise Unread(key)
        return None

    def read_first(self, keys: Iterable[SheetKey]) -> None:
        """Raises Unread, once, for all of these that the store has not been asked for."""
        missing = [key for key in keys if not self.asked_for(key)]
        if missing:
            raise Unread(*missing)

    def asked_for(self, key: SheetKey) -> bool:
        """Whether the store was asked for the sheet at this address, or need not be."""
        return key in self.sheets or (self.complete if self._under is None else self._under.asked_for(key))

    def put(self, sheet: Sheet) -> None:
        """Add a new sheet."""
        self.sheets[sheet.key()] = sheet
