"""What is told about a bank file: what each statement in it would become, or became; the same in API and terminal."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from api.bankfiles.posting import Imported
from api.bankfiles.preview import Preview
from ledger.matches import Planned
from ledger.statements import Statement

LISTED = 1_000
"""So many lines are listed one by one, breaks first; all of them are counted."""


class LineReport(Struct):
    """One new line of a statement, and what it becomes."""

    line: int
    """Line of the file, or number of the entry."""
    position: str
    booked_on: date
    signed_fen: int
    """Credits positive, debits negative."""
    becomes: str
    """`matched`, `deposit`, `returned`, `reversed` or `break`; of a notification, a break waits for the statement."""
    rule: str
    payments: list[str]
    contract_id: str | None = None
    cause: str | None = None
    """Class of the break."""
    owner: str | None = None
    note: str = ""


class LeftOutReport(Struct):
    """Something in the file that is no booked line."""

    line: int
    position: str
    reason: str


class RefusedLine(Struct):
    """A line that became a break because the ledger refused what was planned."""

    line: int
    code: str


class CommitReport(Struct):
    """What committing did."""

    booked: int
    already: int
    """Lines that were booked before."""
    became: dict[str, int]
    refused: list[RefusedLine]


class StatementReport(Struct):
    """One statement of the file."""

    statement_id: str
    format: str
    account: str
    """As the file writes it."""
    notification: bool
    from_on: date | None
    to_on: date | None
    opening_fen: int | None
    closing_fen: int | None
    lines: int
    fresh: int
    """Lines that no earlier statement brought."""
    repeated: int
    booked_before: int
    """Of the new ones, how many an unfinished import had booked already."""
    becomes: dict[str, int]
    """What the rest becomes, by kind."""
    unregistered: int
    """Deposits among them that name a contract which nobody registered: a break beside each asks for it."""
    listed: list[LineReport]
    left_out: list[LeftOutReport]
    waits: bool = False
    """It follows another statement of the same file, which must be committed before this one can be looked at."""
    committed: CommitReport | None = None


class FileReport(Struct):
    """One file."""

    sha256: str
    dry_run: bool
    statements: list[StatementReport]
    other_accounts: int = 0
    """Statements in the file that are of other accounts; they are left alone."""

    @property
    def found(self) -> bool:
        """Whether somebody should look: a break was or would be opened, or a line was refused."""
        kinds: Counter[str] = Counter()
        for each in self.statements:
            kinds.update(each.becomes if each.committed is None else each.committed.became)
        return bool(kinds["break"] or any(each.committed and each.committed.refused for each in self.statements))


def previewed(preview: Preview) -> StatementReport:
    """A statement as it would be committed now."""
    planned = preview.matching.planned
    kinds = Counter[str](each.kind for each in planned)
    if preview.statement.notification and kinds["break"]:
        kinds["waits"] = kinds.pop("break")
    report = told(preview.statement)
    report.fresh, report.repeated, report.booked_before = len(preview.fresh), preview.repeated, preview.booked
    report.becomes = dict(sorted(kinds.items()))
    report.unregistered = sum(bool(each.unregistered) for each in planned)
    report.listed = listed(planned)
    return report


def told(statement: Statement) -> StatementReport:
    """What a statement says, before anything is held against it."""
    return StatementReport(
        statement_id=statement.statement_id,
        format=statement.format,
        account=statement.account,
        notification=statement.notification,
        from_on=statement.from_on,
        to_on=statement.to_on,
        opening_fen=statement.opening_fen,
        closing_fen=statement.closing_fen,
        lines=len(statement.lines),
        fresh=0,
        repeated=0,
        booked_before=0,
        becomes={},
        unregistered=0,
        listed=[],
        left_out=[LeftOutReport(each.line, each.position, each.reason) for each in statement.left_out[:LISTED]],
    )


def committed(done: Imported) -> CommitReport:
    """What an import did."""
    refused = [RefusedLine(line, code) for line, code in done.demoted]
    return CommitReport(done.booked, done.already, dict(sorted(done.kinds.items())), refused)


def listed(planned: Iterable[Planned]) -> list[LineReport]:
    """The first lines, breaks before the others."""
    breaks: list[LineReport] = []
    others: list[LineReport] = []
    for each in planned:
        group = breaks if each.kind == "break" else others
        if len(group) < LISTED:
            group.append(_line(each))
    return [*breaks, *others][:LISTED]


def _line(planned: Planned) -> LineReport:
    line, is_break = planned.line, planned.kind == "break"
    return LineReport(
        line=line.line,
        position=line.position,
        booked_on=line.booked_on,
        signed_fen=line.amount_fen,
        becomes=planned.kind,
        rule=planned.rule,
        payments=[reference for reference, _ in planned.shares] or ([planned.deposit_id] if planned.deposit_id else []),
        contract_id=planned.contract_id,
        cause=planned.cause if is_break else None,
        owner=planned.owner if is_break else None,
        note=planned.note or planned.unregistered,
    )
