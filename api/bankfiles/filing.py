"""A whole file of the bank taken in: read, previewed and, where asked, committed statement by statement."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from api.bankfiles.commit import check_statement, commit_statement
from api.bankfiles.posting import Poster, Progress
from api.bankfiles.preview import STATED, Stated, preview_statement, same_account
from api.bankfiles.report import FileReport, committed, previewed, told
from ledger import rejections as no
from ledger.application import Ledger
from ledger.statements import Statement
from ledger.store.rows import decode_header
from ledger.store.tables import headers


@dataclass(frozen=True, slots=True)
class Filing:
    """Who files for which escrow, and what they know beyond the file."""

    ledger: Ledger
    institution_id: str
    poster: Poster
    stated: Stated = STATED


def preview_file(filing: Filing, statements: Sequence[Statement]) -> FileReport:
    """What a file would do now; records nothing. Raises what `preview_statement` and `check_statement` raise."""
    ours = _ours(filing, statements)
    report = FileReport(statements[0].sha256, dry_run=True, statements=[], other_accounts=len(statements) - len(ours))
    waits = False
    for statement in ours:
        if waits:
            later = told(statement)
            later.waits = True
            report.statements.append(later)
            continue
        preview = preview_statement(filing.ledger, filing.institution_id, statement, filing.stated)
        check_statement(filing.ledger, preview, filing.poster)
        report.statements.append(previewed(preview))
        waits = not (preview.known and preview.booked == len(preview.fresh))
    return report


def commit_file(filing: Filing, statements: Sequence[Statement], progress: Progress | None = None) -> FileReport:
    """Take a file in, statement after statement, each previewed on what the one before left.

    May be stopped anywhere and asked again. Raises what `preview_statement` and `commit_statement` raise; what was
    booked by then stays.
    """
    ours = _ours(filing, statements)
    report = FileReport(statements[0].sha256, dry_run=False, statements=[], other_accounts=len(statements) - len(ours))
    for statement in ours:
        preview = preview_statement(filing.ledger, filing.institution_id, statement, filing.stated)
        entry = previewed(preview)
        entry.committed = committed(commit_statement(filing.ledger, preview, filing.poster, progress))
        report.statements.append(entry)
    return report


def _ours(filing: Filing, statements: Sequence[Statement]) -> list[Statement]:
    """The statements of this escrow's account; all of them where none is, so that the reader is told."""
    account_id = account_of(filing.ledger, filing.institution_id)
    ours = [each for each in statements if same_account(each.account, account_id)]
    return ours if ours and not filing.stated.account_checked else list(statements)


def account_of(ledger: Ledger, institution_id: str) -> str:
    """The custody account of an escrow. Raises EscrowNotOpen."""
    query = select(headers.c.state).where(headers.c.institution_id == institution_id)
    with ledger.engine.connect() as connection:
        state = connection.execute(query).scalar()
    if state is None:
        raise no.EscrowNotOpen(institution_id, "none")
    return decode_header(state).account_id
