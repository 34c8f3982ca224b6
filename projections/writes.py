"""From folded escrows to rows: what a batch changes in the read models, written at once."""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, Table

from ledger.identifiers import SheetKey
from ledger.sheets import Contract, Sheet
from projections.database import Row, delete_rows, insert_rows
from projections.folding import FoldedEscrow, settled
from projections.notes import ContractNote
from projections.state import (
    InstitutionEvent,
    folded_header,
    folded_sheet,
    header_row,
    institution_event,
    sheet_row,
)
from projections.views import MODELS

FOLDED_TABLES = (*(model.table for model in MODELS), folded_header, folded_sheet, institution_event)
"""Every table that the fold writes."""

Tables = Mapping[str, Table]
"""Name of a read model's table → the table to write: the live one, or the shadow of a rebuild."""

LIVE: Tables = {table.name: table for table in FOLDED_TABLES}


class Writes:
    """Collects what escrows come to, and writes it. Tables that are not in `tables` are left alone."""

    def __init__(self, connection: Connection, tables: Tables = LIVE) -> None:
        self._connection = connection
        self._tables = tables
        self._rows: dict[str, list[Row]] = {name: [] for name in tables}
        self._gone: dict[str, list[tuple[str, str]]] = {name: [] for name in tables}
        models = [model for model in MODELS if model.table.name in tables]
        kinds = {kind for model in models for kind in model.views}
        self._by_kind = {
            kind: [(model, model.views[kind]) for model in models if kind in model.views] for kind in kinds
        }
        self.count = 0

    def take(
        self,
        escrow: FoldedEscrow,
        about: Iterable[int] = (),
        *,
        fresh: bool = False,
        unchanged: Collection[SheetKey] = frozenset(),
    ) -> None:
        """The rows of every sheet in memory. `fresh`: nothing of this escrow has been written yet.

        `about`: versions of the events that concern the institution as a whole. `unchanged`: sheets that are kept as
        they are; their rows may have changed with others, or with the header.
        """
        institution_id = escrow.header.institution_id
        _look_at_refunds(escrow)
        touched = [(key, sheet) for key, sheet in list(escrow.sheets.items()) if sheet is not None]
        for name, rows in self._seen(escrow, touched, unchanged).items():  # only once every view has answered
            self._rows[name] += rows
        if not fresh:
            self._forget(institution_id, touched, unchanged)
        changed = [(key, sheet) for key, sheet in touched if key not in unchanged] if unchanged else touched
        self._keep(escrow, changed, fresh=fresh)
        if (name := institution_event.name) in self._rows:
            self._rows[name] += [InstitutionEvent(institution_id, version) for version in about]
        self.count += len(touched)

    def flush(self) -> None:
        """Write it, in the transaction of the connection."""
        owners = {model.table.name: model.owner for model in MODELS}
        owners |= {folded_header.name: "institution_id", folded_sheet.name: "sheet_key"}
        for name, keys in self._gone.items():
            if keys:
                delete_rows(self._connection, self._tables[name], owners[name], keys)
                keys.clear()
        for name, rows in self._rows.items():
            insert_rows(self._connection, self._tables[name], rows)
            rows.clear()
        self.count = 0

    def _seen(
        self, escrow: FoldedEscrow, touched: list[tuple[SheetKey, Sheet]], unchanged: Collection[SheetKey]
    ) -> dict[str, list[Row]]:
        seen: dict[str, list[Row]] = {name: [] for name in self._tables}
        for key, sheet in touched:
            for model, view in self._by_kind.get(sheet.kind, ()):
                if not (model.by_sheet and key in unchanged):
                    seen[model.table.name] += view(escrow, sheet)
        return seen

    def _forget(
        self, institution_id: str, touched: list[tuple[SheetKey, Sheet]], unchanged: Collection[SheetKey]
    ) -> None:
        for key, sheet in touched:
            for model, _ in self._by_kind.get(sheet.kind, ()):
                if not (model.by_sheet and key in unchanged):
                    self._gone[model.table.name].append((institution_id, model.owner_of(key)))

    def _keep(self, escrow: FoldedEscrow, touched: list[tuple[SheetKey, Sheet]], *, fresh: bool) -> None:
        if folded_sheet.name not in self._rows:
            return
        institution_id = escrow.header.institution_id
        self._rows[folded_header.name].append(header_row(escrow.header))
        self._rows[folded_sheet.name].extend(
            sheet_row(institution_id, key, sheet) for key, sheet in touched if not settled(sheet)
        )
        if not fresh:
            self._gone[folded_header.name].append((institution_id, institution_id))
            self._gone[folded_sheet.name].extend((institution_id, key) for key, _ in touched)


def _look_at_refunds(escrow: FoldedEscrow) -> None:
    """A contract's money covers its refunds: when it is touched, they are."""
    for sheet in list(escrow.sheets.values()):
        if isinstance(sheet, Contract):
            note = escrow.find(ContractNote, sheet.contract_id)
            for refund_id in note.refunds if note is not None else ():
                escrow.look(SheetKey(f"refund:{refund_id}"))
