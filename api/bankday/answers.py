"""What runs and the end of a day answer with, at the terminal and over HTTP alike."""

from collections.abc import Iterable

from msgspec import Struct

from api.bankday.ending import DayEnd
from api.bankday.findings import Finding
from api.bankday.payees import Payees
from api.bankday.payments import Payment, Withheld
from api.bankday.recorded import canonical_sha256
from api.bankday.runs import Run
from api.bankday.statuses import LineResult


class PaymentBody(Struct, frozen=True):
    """One payment of a run."""

    payment_id: str
    """The end-to-end id that the bank gives back."""
    contract_id: str | None
    refund_id: str | None
    amount_fen: int
    payee_ref: str
    """What stands for the payee's account."""


class PaymentFileBody(Struct, frozen=True):
    """One payment file of a run."""

    file_id: str
    payments: int
    total_fen: int
    sha256: str
    """Of the pain.001 with payees' references, as it stands in the source of its events."""


class WithheldBody(Struct, frozen=True):
    """Money that does not go now, and why."""

    contract_id: str | None
    refund_id: str | None
    amount_fen: int
    code: str
    finding: bool
    """Whether somebody has to act."""


class RunBody(Struct, frozen=True):
    """What became of a run at one institution."""

    institution_id: str
    kind: str
    date: str
    run: int
    dry_run: bool
    recorded: int
    """Files recorded now; the others were recorded before."""
    total_fen: int
    files: list[PaymentFileBody]
    payments: list[PaymentBody]
    withheld: list[WithheldBody]


class ByReferenceBody(Struct, frozen=True):
    """A payment that names its payee by reference."""

    payment_id: str
    code: str
    """Why: account_not_kept, account_differs, account_unverifiable, account_unreadable or payee_too_long."""


class PayeesBody(Struct, frozen=True):
    """How the files of a run name their payees: how many by account, and which by reference."""

    by_account: int
    by_reference: list[ByReferenceBody]


class WrittenRunBody(RunBody, frozen=True):
    """A run and the files that were written for it, at the terminal."""

    payees: PayeesBody | None
    """None where no file was written, or there is no vault."""


class FindingBody(Struct, frozen=True):
    """Some things of one kind that somebody has to look at."""

    kind: str
    count: int
    amount_fen: int | None
    code: str
    since_on: str | None
    sample: list[str]


class DayEndBody(Struct, frozen=True):
    """What the end of one day did at one institution."""

    institution_id: str
    date: str
    dry_run: bool
    state: str
    """sealed, sealed_before, previewed, not_open, closed or failed."""
    confirmed: int
    agreed: int
    expired: int
    breaks_opened: int
    statements: int | None
    shortfall_fen: int
    findings: list[FindingBody]
    failure: str


class StatusLineBody(Struct, frozen=True):
    """What became of one line of a report."""

    line: int
    payment_id: str
    status: str
    """settled, returned, already, pending or refused."""
    amount_fen: int | None
    code: str


def run_body(run: Run) -> RunBody:
    """A run as it is shown."""
    return RunBody(
        institution_id=run.institution_id,
        kind=run.first.kind,
        date=run.first.on.isoformat(),
        run=run.first.run,
        dry_run=run.dry_run,
        recorded=run.recorded,
        total_fen=run.total_fen,
        files=[
            PaymentFileBody(str(file.file_id), len(file.payments), file.total_fen, canonical_sha256(file))
            for file in run.files
        ],
        payments=[payment_body(each) for file in run.files for each in file.payments],
        withheld=[withheld_body(each) for each in run.withheld.values()],
    )


def payees_body(payees: Iterable[Payees]) -> PayeesBody:
    """How payees are named, as it is shown: nothing of what is known of them."""
    files = list(payees)
    left = [ByReferenceBody(*each) for file in files for each in file.by_reference.items()]
    return PayeesBody(sum(len(file.accounts) for file in files), left)


def written_body(run: Run, payees: PayeesBody | None) -> WrittenRunBody:
    """A run whose files were written."""
    facts = run_body(run)
    return WrittenRunBody(**{name: getattr(facts, name) for name in RunBody.__struct_fields__}, payees=payees)


def payment_body(payment: Payment) -> PaymentBody:
    """A payment as it is shown."""
    return PaymentBody(
        payment.payment_id, payment.contract_id, payment.refund_id, payment.amount_fen, payment.payee_ref
    )


def withheld_body(withheld: Withheld) -> WithheldBody:
    """What does not go, as it is shown."""
    return WithheldBody(withheld.contract_id, withheld.refund_id, withheld.amount_fen, withheld.code, withheld.finding)


def day_end_body(done: DayEnd, *, dry_run: bool = False) -> DayEndBody:
    """The end of a day as it is shown."""
    return DayEndBody(
        institution_id=done.institution_id,
        date=done.on.isoformat(),
        dry_run=dry_run,
        state=done.state,
        confirmed=done.confirmed,
        agreed=done.agreed,
        expired=done.expired,
        breaks_opened=done.breaks_opened,
        statements=done.statements,
        shortfall_fen=done.shortfall_fen,
        findings=[_finding(each) for each in done.findings],
        failure=done.failure,
    )


def _finding(found: Finding) -> FindingBody:
    since = None if found.since_on is None else found.since_on.isoformat()
    return FindingBody(found.kind, found.count, found.amount_fen, found.code, since, list(found.sample))


def status_bodies(results: Iterable[LineResult]) -> list[StatusLineBody]:
    """The lines of a report as they are shown."""
    return [StatusLineBody(each.line, each.payment_id, each.status, each.amount_fen, each.code) for each in results]
