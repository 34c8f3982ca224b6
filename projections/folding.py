"""The fold of the read models: the ledger's own `evolve` on an escrow whose sheets are fetched as they are touched."""

from collections.abc import Callable
from typing import Any, TypeVar

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution import evolve
from ledger.identifiers import SheetKey
from ledger.sheets import Child, Header, Lesson, Mark, Profile, ReleaseLine, Sheet, sheet_key
from projections.notes import NOTINGS

T = TypeVar("T", bound=Sheet)
Source = Callable[[SheetKey], Sheet | None]
"""Where a sheet comes from that is not in memory yet; None where there is none."""

UNKEPT = frozenset({Mark.kind, Child.kind})
"""Sheets that only decisions read: no read model needs them."""

ABOUT_THE_INSTITUTION: frozenset[type[e.Event]] = frozenset(
    {
        e.EscrowOpened,
        e.CustodianChanged,
        e.EscrowFrozen,
        e.EscrowUnfrozen,
        e.AttachmentRecorded,
        e.AttachmentLifted,
        e.InstitutionRenamed,
        e.InstitutionSucceeded,
        e.ClosureDeclared,
        e.EscrowClosed,
        e.DaySealed,
        e.DistributionOrdered,
        e.DistributionCompleted,
        e.DistributionCancelled,
    }
)
"""Events that concern every contract of an institution, or none."""


class Missing(LookupError):
    """An event builds on a sheet that is not there: history was filtered, or is damaged."""

    def __init__(self, key: SheetKey) -> None:
        super().__init__(key)
        self.key = key


class FoldedEscrow(Escrow):
    """Header and the sheets touched so far. What is not here comes from `source`."""

    __slots__ = ("__weakref__", "source")

    def __init__(self, header: Header, source: Source) -> None:
        super().__init__(header)
        self.source = source

    def get(self, kind: type[T], *ids: str) -> T:
        """The sheet of this kind and id. Raises Missing."""
        # Three of four steps of a fold are this look-up, so it does at once what Escrow does in four calls.
        key: Any = f"{kind.kind}:{ids[0]}" if len(ids) == 1 else f"{kind.kind}:{':'.join(ids)}"
        sheet: Any = self.sheets.get(key)
        if sheet is None:
            sheet = self.look(key)
            if sheet is None:
                raise Missing(key)
        return sheet  # type: ignore[no-any-return] # the kind is in the key

    def look(self, key: SheetKey) -> Sheet | None:
        """The sheet at this address, ready to be changed."""
        try:
            return self.sheets[key]
        except KeyError:
            sheet = self.sheets[key] = self.source(key)
            return sheet

    def put(self, sheet: Sheet) -> None:
        """Add a new sheet, if any read model needs its kind."""
        if sheet.kind not in UNKEPT:
            key: Any = f"{sheet.kind}:{':'.join([getattr(sheet, name) for name in sheet.names])}"
            self.sheets[key] = sheet


def fold(escrow: FoldedEscrow, event: e.Event, version: int) -> None:
    """Fold one event. Raises Missing where it builds on what is not there; the escrow is then spoilt."""
    evolve(escrow, event)
    kind = type(event)
    if kind in NOTINGS:
        NOTINGS[kind](escrow, event)
    if kind in ABOUT_THE_INSTITUTION:
        escrow.look(sheet_key(Profile, escrow.header.institution_id))
    escrow.header.version = version


def attempt(escrow: FoldedEscrow, event: e.Event, version: int) -> bool:
    """Fold one event, or leave the escrow as it was and say no where the event builds on what is not there."""
    scratch = escrow.scratch()
    trial = FoldedEscrow(scratch.header, scratch.look)
    try:
        fold(trial, event, version)
    except Missing:
        return False
    escrow.header = trial.header
    escrow.sheets.update(trial.sheets)
    return True


def settled(sheet: Sheet) -> bool:
    """Whether a sheet will hardly be touched again and can be had from its contract's events: it is not kept."""
    if isinstance(sheet, Lesson):
        return sheet.status in {"confirmed", "reversed"}
    return isinstance(sheet, ReleaseLine) and sheet.status != "instructed"
