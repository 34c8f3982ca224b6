"""Release and refund runs: planned, recorded file by file, each as a whole or not at all, and never a second time."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from api.bankday.numbers import FileId
from api.bankday.payments import PaymentFile, Withheld
from api.bankday.plans import Ask, Plan, check_day
from api.bankday.recorded import RecordedFile, canonical_sha256, find_file
from api.bankday.refunds import plan_refunds
from api.bankday.releases import plan_releases
from ledger.answers import BatchRefused
from ledger.application import Ledger
from ledger.orders import Source
from ledger.rejections import Rejection

REPLANS: Final = 20
"""So often a file is planned anew because something was posted in between; then the refusal stands."""
WHOLE: Final = 10**6
"""What is only previewed is not cut into files."""
Progress = Callable[[int], None]
"""Told how many more payments are recorded."""


@dataclass(slots=True)
class Run:
    """What became of one run at one institution."""

    institution_id: str
    first: FileId
    dry_run: bool
    files: list[PaymentFile] = field(default_factory=list)
    recorded: int = 0
    """Files that this call recorded; the others were there before."""
    withheld: dict[tuple[str | None, str | None, str], Withheld] = field(default_factory=dict)
    altered: list[FileId] = field(default_factory=list)
    """Files that this program writes differently from when they were recorded."""

    @property
    def findings(self) -> list[Withheld]:
        """What somebody has to look after."""
        return [each for each in self.withheld.values() if each.finding]

    @property
    def total_fen(self) -> int:
        """What all files sum to."""
        return sum(file.total_fen for file in self.files)

    @property
    def payments(self) -> int:
        """How many payments they hold."""
        return sum(len(file.payments) for file in self.files)

    def keep(self, plan: Plan) -> None:
        """Remember what a plan leaves out."""
        self.withheld |= {(each.contract_id, each.refund_id, each.code): each for each in plan.withheld}


def run_payments(
    ledger: Ledger, institution_id: str, ask: Ask, *, dry_run: bool = False, progress: Progress | None = None
) -> Run:
    """Instruct what may be paid on a day, and give its payment files.

    A run is named by institution, day and number: once it is recorded it is over, and asked again it gives the same
    files and records nothing, whatever was settled, returned or earned since. What stopped between two files goes on.
    What is kept is told each time, as it stands. The read models must be up to date. Raises DateInFuture, DayIsSealed,
    EscrowNotOpen, EscrowIsFrozen, EscrowIsClosing, RuleUnknown, StoreUnavailable, OutcomeUnknown (ask again).
    """
    run = Run(institution_id, ask.first, dry_run)
    check_day(ask.first.on, ask.now)
    last: RecordedFile | None = None
    for file_id in ask.first.parts():
        found = find_file(ledger, institution_id, file_id)
        if found is None and (last is None or not last.last):
            if dry_run:
                _preview(ledger, run, ask, file_id, last)
                return run
            found = _next(ledger, run, ask, file_id, last)
            if found is not None and progress is not None:
                progress(len(found.file.payments))
        if found is None:
            if len(run.files) > run.recorded:
                _recall(ledger, run, ask, file_id)
            return run
        if not found.as_recorded:
            run.altered.append(file_id)
        run.files.append(found.file)
        last = found
    return run


def _preview(ledger: Ledger, run: Run, ask: Ask, file_id: FileId, last: RecordedFile | None) -> None:
    """All that is left, as one file that nobody records."""
    plan = _planned(ledger, run.institution_id, replace(ask, part=WHOLE), file_id, last)
    run.keep(plan)
    if plan.file.payments:
        run.files.append(plan.file)


def _recall(ledger: Ledger, run: Run, ask: Ask, file_id: FileId) -> None:
    """What of a run that was recorded before is kept now, and why; where the day takes no more runs, nothing is."""
    whole = replace(ask, part=WHOLE)
    with suppress(Rejection):
        if file_id.kind == "release":
            run.keep(plan_releases(ledger, run.institution_id, whole, file_id))
        else:
            run.keep(plan_refunds(ledger, run.institution_id, whole, file_id, again=True))


def _next(ledger: Ledger, run: Run, ask: Ask, file_id: FileId, last: RecordedFile | None) -> RecordedFile | None:
    """Plan and record the next file; None where there is nothing to pay."""
    for _ in range(REPLANS):
        plan = _planned(ledger, run.institution_id, ask, file_id, last)
        if not plan.file.payments:
            run.keep(plan)
            return find_file(ledger, run.institution_id, file_id)  # somebody else may have been first
        answers = ledger.submit_all(plan.orders(Source(canonical_sha256(plan.file))), atomic=True)
        refusals = [each for each in answers if isinstance(each, Rejection) and not isinstance(each, BatchRefused)]
        if not refusals:
            run.recorded += 1
            run.keep(plan)
        if (found := find_file(ledger, run.institution_id, file_id)) is not None:
            return found
    raise refusals[0]


def _planned(ledger: Ledger, institution_id: str, ask: Ask, file_id: FileId, last: RecordedFile | None) -> Plan:
    if file_id.kind == "release":
        after = "" if last is None else last.file.payments[-1].contract_id or ""
        return plan_releases(ledger, institution_id, ask, file_id, after)
    return plan_refunds(ledger, institution_id, ask, file_id)
