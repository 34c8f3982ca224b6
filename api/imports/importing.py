"""Importing contracts and lessons: results row by row, all or each for itself, resumable, nothing twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from typing import Literal

from api.bankfiles import refusals as no
from api.bankfiles.posting import Poster
from api.imports.rows import ReadFile, ReadRow
from ledger.answers import Answer, BatchRefused, Receipt
from ledger.application import Ledger
from ledger.orders import Order, Source
from ledger.rejections import Rejection
from ledger.serialization import request_hash

BATCH = 1_000
MAX_ATOMIC = 5_000
"""So many rows are recorded all or none; a larger file goes row by row."""
Status = Literal["recorded", "would_record", "repeated", "refused", "not_tried"]
Progress = Callable[[int], None]
"""Told how many more rows are done."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of the file."""

    line: int
    status: Status
    code: str = ""
    """Why it was refused."""
    column: int = 0
    field: str = ""
    details: dict[str, object] = made_by(default_factory=dict)
    rejection: Rejection | None = None
    """The rule of the ledger that the row breaks."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a file."""

    sha256: str
    rows: list[RowResult]

    def count(self, status: Status) -> int:
        """How many rows ended so."""
        return len({row.line for row in self.rows if row.status == status})


def import_rows(
    ledger: Ledger,
    institution_id: str,
    file: ReadFile,
    poster: Poster,
    *,
    atomic: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Record the rows of a file. The key of a row is its content: the same row never counts twice, in whatever file.

    Each for itself: what is right is recorded, the rest is told with its reason; asked again, it goes on. `atomic`: all
    or none, and none where any row could not be read. Raises AtomicTooLong for an atomic file of more than 5,000 rows,
    StoreUnavailable.
    """
    unread = [RowResult(each.line, "refused", each.code, each.column, each.field) for each in file.refused]
    orders = [_order(institution_id, file, row, poster) for row in file.rows]
    if atomic and len(orders) > MAX_ATOMIC:
        raise no.AtomicTooLong(line=MAX_ATOMIC, found=str(len(orders)))
    if dry_run:
        results = _previewed(ledger, file.rows, orders)
    elif atomic and unread:
        results = [RowResult(row.line, "not_tried") for row in file.rows]
    else:
        results = _submitted(ledger, file.rows, orders, progress or _silent, atomic=atomic)
    return ImportResult(file.sha256, sorted([*unread, *results], key=lambda row: (row.line, row.column)))


def _silent(_rows: int) -> None:
    """Nobody watches."""


def _order(institution_id: str, file: ReadFile, row: ReadRow, poster: Poster) -> Order:
    unkeyed = poster.order(institution_id, "", row.command, Source(file.sha256, row.line))
    return replace(unkeyed, command_id=f".row.{request_hash(unkeyed)}")


def _previewed(ledger: Ledger, rows: Sequence[ReadRow], orders: Sequence[Order]) -> list[RowResult]:
    """What each row alone would do now: rows that build on others of the file are judged without them."""
    results, keys = list[RowResult](), set[str]()
    for row, order in zip(rows, orders, strict=True):
        try:
            events = ledger.preview(order)
        except Rejection as rejection:
            results.append(_refused(row, rejection))
            continue
        repeated = order.command_id in keys or any(event.position for event in events)
        results.append(RowResult(row.line, "repeated" if repeated else "would_record"))
        keys.add(order.command_id)
    return results


def _submitted(
    ledger: Ledger, rows: Sequence[ReadRow], orders: Sequence[Order], progress: Progress, *, atomic: bool
) -> list[RowResult]:
    results: list[RowResult] = []
    size = len(orders) if atomic else BATCH
    for start in range(0, len(orders), max(1, size)):
        answers = ledger.submit_all(orders[start : start + size], atomic=atomic)
        results += [_result(row, answer) for row, answer in zip(rows[start : start + size], answers, strict=True)]
        progress(len(answers))
    return results


def _result(row: ReadRow, answer: Answer) -> RowResult:
    if isinstance(answer, Receipt):
        return RowResult(row.line, "repeated" if answer.replayed else "recorded")
    if isinstance(answer, BatchRefused):
        return RowResult(row.line, "not_tried")
    return _refused(row, answer)


def _refused(row: ReadRow, rejection: Rejection) -> RowResult:
    return RowResult(row.line, "refused", rejection.code, details=rejection.details(), rejection=rejection)
