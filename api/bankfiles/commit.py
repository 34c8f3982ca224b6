"""Committing a previewed import: orders in batches whose keys are the file's hash and the line, so nothing repeats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from api.bankfiles.books import read_books
from api.bankfiles.notification import commit_notification
from api.bankfiles.posting import Imported, Poster, Progress, wrapped
from api.bankfiles.preview import Preview, rest_of
from api.bankfiles.spool import DISK
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Answer, CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.matches import Planned
from ledger.matching import Rules
from ledger.orders import Order
from ledger.reconciliation import match
from ledger.rejections import Rejection
from ledger.statements import Statement

BATCH = 1_000
REPLANS = 20
"""So many times a run looks at the books again because a plan was refused; after that refused lines become breaks."""
_OVERTAKEN = (no.StatementLineOutOfTurn, no.AlreadyRecorded, no.StatementUnknown, CommandKeyReused)
"""Answers that mean that another run of the same import was here."""


def commit_statement(
    ledger: Ledger,
    preview: Preview,
    poster: Poster,
    progress: Progress | None = None,
    rules: Rules | None = None,
) -> Imported:
    """Record the statement and book its lines, in order, each once and for good.

    May be stopped anywhere and asked again, also by several at once: what is booked stays, the rest follows. A line
    whose plan the ledger refuses (a payment matched meanwhile, money that is not there) is planned anew, and becomes a
    break where that is refused too. Raises the Rejection of the statement as a whole, StoreUnavailable.
    """
    if preview.statement.notification:
        return commit_notification(ledger, preview, poster, progress or _silent)
    return _Run(ledger, preview, poster, progress or _silent, rules).run()


def check_statement(ledger: Ledger, preview: Preview, poster: Poster) -> None:
    """What the ledger would say to the statement as a whole. Raises that Rejection, StoreUnavailable."""
    if not (preview.known or preview.statement.notification):
        ledger.preview(_statement_order(preview, poster))


def _statement_order(preview: Preview, poster: Poster) -> Order:
    statement = preview.statement
    first, last = statement.covers
    command = c.RecordStatement(
        statement_id=statement.statement_id,
        format=statement.format,
        account_id=preview.account_id,
        from_on=first,
        to_on=last,
        opening_fen=statement.opening_fen or 0,
        closing_fen=statement.closing_fen or 0,
        credits_fen=statement.credits_fen or 0,
        debits_fen=statement.debits_fen or 0,
        lines=len(statement.lines),
        repeated=preview.repeated,
        repeated_fen=preview.repeated_fen,
        lines_sha256=preview.lines_sha256,
    )
    return wrapped(preview, poster, _key(statement, poster), command, 0)


def _key(statement: Statement, poster: Poster) -> str:
    """The client's key, where there is one, so that it cannot stand for another file; else the file's own hash."""
    if not poster.key:
        return f".bank.{statement.statement_id}"
    return poster.key if statement.number == 1 else f"{poster.key}.{statement.number}"


def _silent(_lines: int) -> None:
    """Nobody watches."""


@dataclass
class _Run:
    ledger: Ledger
    preview: Preview
    poster: Poster
    progress: Progress
    rules: Rules | None
    done: Imported = field(default_factory=Imported)
    replans: int = 0
    lines_poster: Poster = field(init=False)
    """Lines follow from the statement, which was held against the mandate and signed with the hash of the file."""
    refusal: Rejection = field(init=False)
    """What the ledger said to the last line that it refused."""
    number: int = 0
    """New lines of the statement that are booked."""
    plan: Sequence[Planned] = ()
    at: int = 0
    """Where in the plan the next line stands."""
    instead: Planned | None = None
    """What the next line becomes instead of what is planned."""
    tried: int = 0
    """Number of the line that was refused last: it is planned anew once, then it becomes a break."""

    def __post_init__(self) -> None:
        self.lines_poster = replace(self.poster, mandate=None, signature="")

    def run(self) -> Imported:
        self.done.already = self.preview.repeated + self.preview.booked
        if self.preview.known and self.preview.booked == len(self.preview.fresh):
            return self.done
        self._record()
        self.number, self.plan = self.preview.booked, self.preview.matching.planned
        while self.number < len(self.preview.fresh):
            refused = self._in_series()
            accepted = self._move_on(self._one_by_one(self.number, refused))
            if accepted < len(refused):
                self._anew(refused[accepted], self.refusal)
        return self.done

    def _in_series(self) -> Sequence[Planned]:
        """Batches, each as one command, all or none: the fast way, as almost always nothing is refused.

        The first batch that was refused; empty where none was.
        """
        batches: list[list[Planned]] = []
        answers = self.ledger.submit_series(self.preview.institution_id, self._orders(batches))
        for batch, answer in zip(batches, answers, strict=False):  # the last batch may have no answer: it comes again
            if not isinstance(answer, Receipt):
                return batch
            self._move_on(self._count(batch, [answer] * len(batch)))
        return []

    def _orders(self, batches: list[list[Planned]]) -> Iterator[Order]:
        """The orders of the batches from here on, which are noted as they go out."""
        number, at = self.number, self.at
        while batch := list(self.plan[at : at + BATCH]):
            if self.instead is not None:
                batch[0], self.instead = self.instead, None
            batches.append(batch)
            yield self._together(number, batch)
            number, at = number + len(batch), at + len(batch)

    def _move_on(self, accepted: int) -> int:
        self.number, self.at = self.number + accepted, self.at + accepted
        return accepted

    def _together(self, number: int, batch: Sequence[Planned]) -> Order:
        statement_id = self.preview.statement.statement_id
        command = c.BookStatementLines.model_validate(
            {
                "statement_id": statement_id,
                "number": number + 1,
                "account_id": self.preview.account_id,
                "lines": [each.booked() for each in batch],
            }
        )
        key = f".bank.{statement_id}.{number + 1}-{number + len(batch)}"
        first, last = batch[0].line.line, batch[-1].line.line
        return wrapped(self.preview, self.lines_poster, key, command, first, last)

    def _one_by_one(self, number: int, batch: Sequence[Planned]) -> int:
        """The lines each for itself; how many were booked before one was refused."""
        if not batch:
            return 0
        answers = self._submit([self._order(number + at, each) for at, each in enumerate(batch, 1)])
        accepted = self._count(batch, answers)
        if accepted < len(batch):
            refusal = answers[accepted]
            assert isinstance(refusal, Rejection)
            self.refusal = refusal
        return accepted

    def _submit(self, orders: Sequence[Order]) -> Sequence[Answer]:
        """Together in one transaction, which is fastest; where one is refused, each for itself."""
        answers = self.ledger.submit_all(orders, atomic=True)
        return self.ledger.submit_all(orders) if any(isinstance(each, Rejection) for each in answers) else answers

    def _record(self) -> None:
        (answer,) = self.ledger.submit_all([_statement_order(self.preview, self.poster)])
        if isinstance(answer, Rejection) and not isinstance(answer, no.AlreadyRecorded):
            raise answer

    def _order(self, number: int, planned: Planned) -> Order:
        statement_id = self.preview.statement.statement_id
        whose = {"statement_id": statement_id, "number": number, "account_id": self.preview.account_id}
        command = c.BookStatementLine.model_validate(planned.booked() | whose)
        return wrapped(self.preview, self.lines_poster, f".bank.{statement_id}.{number}", command, planned.line.line)

    def _count(self, batch: Sequence[Planned], answers: Sequence[Answer]) -> int:
        """How many lines of the batch, from its start, are booked now."""
        accepted = 0
        for planned, answer in zip(batch, answers, strict=True):
            if not isinstance(answer, Receipt):
                break
            accepted += 1
            if answer.replayed:
                self.done.already += 1
            else:
                self.done.booked += 1
                self.done.kinds[planned.kind] += 1
        self.progress(accepted)
        return accepted

    def _anew(self, planned: Planned, answer: Rejection) -> None:
        """Look at the books again and plan the rest; the line that was refused twice becomes a break."""
        if self.replans >= REPLANS and not isinstance(answer, _OVERTAKEN):
            self.instead = self._demoted(planned, answer)
            return
        self.replans += 1
        books = read_books(self.ledger, self.preview.institution_id, self.preview.statement, self.rules)
        taken = books.taken(self.preview.statement.statement_id)
        if taken is not None and isinstance(answer, _OVERTAKEN) and taken.booked > self.number:
            self.done.already += taken.booked - self.number
            self.progress(taken.booked - self.number)
            self.number = taken.booked
        elif self.tried == self.number + 1:
            self.instead = self._demoted(planned, answer)
            return
        else:
            self.tried = self.number + 1
        rest = rest_of(self.preview.fresh, self.number)
        self.plan, self.at = match(rest, books, self.rules, keeper=DISK).planned, 0

    def _demoted(self, planned: Planned, answer: Rejection) -> Planned:
        """A break instead of what the ledger refused. Raises the refusal where even a break was refused."""
        if planned.kind == "break":
            raise answer
        self.done.demoted.append((planned.line.line, answer.code))
        return Planned(line=planned.line, rule=planned.rule, kind="break", note=f"refused: {answer.code}")
