"""What became of payments, taken in line by line: settled, returned, or refused by name; the other lines go on."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from api.bankday.numbers import FileId, mark_of, read_file_id, read_payment_id
from api.bankday.payments import Payment
from api.bankday.recorded import RecordedFile, find_file
from api.bankday.reports import Report, Reported
from api.bankday.stored import stored_escrow
from api.bankfiles.posting import Poster
from ledger import commands as c
from ledger.answers import CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.orders import Order, Source
from ledger.rejections import Rejection
from ledger.sheets import Refund, ReleaseLine
from ledger.statements import ledger_serial

BATCH: Final = 1_000
Status: TypeAlias = Literal["settled", "returned", "already", "pending", "refused"]
Standing: TypeAlias = Literal["instructed", "settled", "returned"]
Progress = Callable[[int], None]
"""Told how many more lines are done."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line of a report."""

    line: int
    payment_id: str
    status: Status
    amount_fen: int | None = None
    code: str = ""
    """Why it was refused: a rule of the ledger, or one of `REFUSALS`."""


REFUSALS: Final = ("payment_unknown", "status_unknown", "payment_amount_differs", "payment_contradicted")
"""No such payment; a word nobody knows; another amount; settled before and returned now, or the other way round."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A payment of the ledger that a line is about, and how it stands."""

    institution_id: str
    file_id: FileId
    payment: Payment
    standing: Standing


@dataclass
class _Books:
    """The payment files that a report names, each read once."""

    ledger: Ledger
    only: str | None
    """The one institution whose payments exist here; None: all."""
    institutions: dict[str, list[str]] = field(default_factory=dict)
    """Mark → institutions that have it."""
    files: dict[FileId, dict[int, _Known]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.only is not None:
            self.institutions[mark_of(self.only)] = [self.only]
            return
        after = ""
        while page := self.ledger.institutions(after):
            for institution_id in page:
                self.institutions.setdefault(mark_of(institution_id), []).append(institution_id)
            after = page[-1]

    def of(self, file_id: FileId) -> dict[int, _Known]:
        """The payments of a file by their place; none where there is no such file."""
        if file_id not in self.files:
            self.files[file_id] = {}
            for institution_id in self.institutions.get(file_id.mark, []):
                found = find_file(self.ledger, institution_id, file_id)
                if found is not None:
                    self.files[file_id] = dict(self._standing(institution_id, found))
        return self.files[file_id]

    def _standing(self, institution_id: str, found: RecordedFile) -> Iterator[tuple[int, _Known]]:
        file_id, payments = found.file.file_id, found.file.payments
        with stored_escrow(self.ledger, institution_id) as stored:
            if found.file.kind == "release":
                ids = [(str(file_id), each.contract_id or "") for each in payments]
                standings = [_of_line(sheet) for sheet in stored.find_all(ReleaseLine, ids)]
            else:
                refunds = stored.find_all(Refund, [(each.refund_id or "",) for each in payments])
                standings = [_of_order(sheet, each) for sheet, each in zip(refunds, payments, strict=True)]
        for payment, standing in zip(payments, standings, strict=True):
            yield payment.number, _Known(institution_id, file_id, payment, standing)


def _of_line(sheet: ReleaseLine | None) -> Standing:
    assert sheet is not None, "every release line has its sheet"
    return sheet.status


def _of_order(sheet: Refund | None, payment: Payment) -> Standing:
    assert sheet is not None, "every refund has its sheet"
    return next(order.status for order in sheet.instructions if order.instruction_id == payment.payment_id)


def import_statuses(
    ledger: Ledger,
    report: Report,
    poster: Poster,
    institution_id: str | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[LineResult]:
    """Record what is final in a report. Results come in the order of the lines.

    With `institution_id` only its payments exist.

    A line that was taken in before, from this file or from a statement, changes nothing. Raises StoreUnavailable.
    """
    books = _Books(ledger, institution_id)
    results: list[LineResult] = []
    asked: list[tuple[Reported, _Known]] = []
    told = {line.payment_id for line in report.lines if not line.whole_file}
    for line in report.lines:
        for each in _spread(books, line, told):
            judged = _judged(books, each)
            if isinstance(judged, LineResult):
                results.append(judged)
            else:
                asked.append((each, judged))
    if dry_run:
        results += [_done(line, known) for line, known in asked]
    else:
        results += _recorded(ledger, report.sha256, asked, poster, progress)
    return sorted(results, key=lambda result: (result.line, result.payment_id))


def _spread(books: _Books, line: Reported, told: Container[str]) -> list[Reported]:
    """The payments that a line about a whole file is about: those that are not told one by one."""
    file_id = read_file_id(line.payment_id) if line.whole_file else None
    known = {} if file_id is None else books.of(file_id)
    if not known:
        return [line]
    ids = [each.payment.payment_id for each in known.values()]
    return [replace(line, payment_id=each, whole_file=False) for each in ids if each not in told]


def _judged(books: _Books, line: Reported) -> LineResult | _Known:
    """The payment a line settles or returns, or what becomes of it otherwise."""
    named = read_payment_id(line.payment_id)
    known = None if named is None else books.of(named[0]).get(named[1])
    if known is None:
        return LineResult(line.line, line.payment_id, "refused", line.amount_fen, "payment_unknown")
    status, code = _verdict(line, known)
    return known if not status else LineResult(line.line, line.payment_id, status, known.payment.amount_fen, code)


def _verdict(line: Reported, known: _Known) -> tuple[Status | Literal[""], str]:
    """What becomes of a line without asking the ledger; empty where it is to be asked."""
    if line.outcome is None:
        return "refused", "status_unknown"
    if line.amount_fen not in {None, known.payment.amount_fen}:
        return "refused", "payment_amount_differs"
    if line.outcome == "pending":
        return "pending", ""
    if known.standing == "instructed":
        return "", ""
    return ("already", "") if known.standing == line.outcome else ("refused", "payment_contradicted")


def _recorded(
    ledger: Ledger,
    sha256: str,
    asked: Sequence[tuple[Reported, _Known]],
    poster: Poster,
    progress: Progress | None,
) -> Iterator[LineResult]:
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        answers = ledger.submit_all([_order(line, known, sha256, poster) for line, known in some])
        for (line, known), answer in zip(some, answers, strict=True):
            if isinstance(answer, Receipt):
                yield _done(line, known) if not answer.replayed else replace(_done(line, known), status="already")
            elif isinstance(answer, CommandKeyReused):  # the same word in another file, taken in a moment ago
                yield replace(_done(line, known), status="already")
            else:
                assert isinstance(answer, Rejection)
                yield replace(_done(line, known), status="refused", code=answer.code)
        if progress is not None:
            progress(len(some))


def _done(line: Reported, known: _Known) -> LineResult:
    assert line.outcome is not None
    return LineResult(line.line, line.payment_id, line.outcome, known.payment.amount_fen)


def _order(line: Reported, known: _Known, sha256: str, poster: Poster) -> Order:
    """The key is the payment and the word about it, so that no file says it twice."""
    command = _settled(line, known) if line.outcome == "settled" else _returned(line, known)
    key = f".{line.outcome}.{known.payment.payment_id}"
    return poster.order(known.institution_id, key, command, Source(sha256, line.line))


def _settled(line: Reported, known: _Known) -> c.Command:
    payment = known.payment
    serial = ledger_serial(line.bank_serial, payment.payment_id)
    if payment.refund_id is not None:
        return c.SettleRefund(refund_id=payment.refund_id, instruction_id=payment.payment_id, bank_serial=serial)
    contract_ids = [payment.contract_id or ""]
    return c.SettleRelease(release_id=str(known.file_id), contract_ids=contract_ids, bank_serial=serial)


def _returned(line: Reported, known: _Known) -> c.Command:
    payment = known.payment
    reason = "".join(each if each.isprintable() else " " for each in line.reason) or line.status or "returned"
    if payment.refund_id is not None:
        return c.ReturnRefund(refund_id=payment.refund_id, instruction_id=payment.payment_id, reason=reason)
    contract_ids = [payment.contract_id or ""]
    return c.ReturnRelease(release_id=str(known.file_id), contract_ids=contract_ids, reason=reason)
