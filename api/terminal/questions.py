"""What a question on the command line is about: the moment, and read models that are up to date."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from api.app import now
from api.public import members, microseconds, plain, rfc3339
from api.reads.answer import AnswerBody, answer_body, rules_of
from api.terminal.environment import USAGE, Stop, the_ledger
from api.terminal.output import print_json
from ledger.application import Ledger
from ledger.decisions.context import local_date
from projections.answers import Answer, Moment
from projections.institution import Institution, find_institution, list_institutions
from projections.reader import ReadModels
from projections.runner import Runner


@Parameter(name="*")
@dataclass(frozen=True)
class When:
    """The two times of a question."""

    as_of: Annotated[date | None, Parameter(help="Facts up to this business date")] = None
    known_at: Annotated[datetime | None, Parameter(help="As recorded by this instant, with its offset")] = None

    @property
    def moment(self) -> Moment:
        """The moment. Raises Stop for an instant without offset, and for a moment that has not come."""
        if self.known_at is not None and self.known_at.tzinfo is None:
            raise Stop("--known-at 缺少时区 needs an offset, for example 2026-09-01T10:00:00+08:00", USAGE)
        moment = Moment(self.as_of, None if self.known_at is None else microseconds(self.known_at))
        if (moment.as_of or date.min) > today() or (moment.known_at or 0) > now():
            raise Stop("时间在将来 the moment asked about has not come yet", USAGE)
        return moment


NOW = When()
PAGE = 1000


@dataclass(frozen=True)
class Asking:
    """The read models of a ledger, up to date."""

    ledger: Ledger
    models: ReadModels

    def require(self, institution_id: str) -> None:
        """Raises Stop for an institution that does not exist."""
        if find_institution(self.models, institution_id).data is None:
            raise Stop(f"没有机构 There is no institution {institution_id}", USAGE)


@contextmanager
def asking() -> Iterator[Asking]:
    """Open the ledger of the settings and take in what was recorded last. Raises what `the_ledger` raises."""
    with the_ledger() as ledger:
        Runner(ledger.engine).catch_up()
        yield Asking(ledger, ReadModels(ledger.engine))


def today() -> date:
    """The business date."""
    return local_date(now())


def everything(page: Callable[[str | None], Answer[list[Any]]]) -> Answer[list[Any]]:
    """All pages of a list as one answer."""
    answer = page(None)
    rows, last = list(answer.data), answer
    while last.next is not None:
        last = page(last.next)
        rows += last.data
    return msgspec.structs.replace(answer, data=rows, next=None)


def body(question: Asking, answer: Answer[Any], institution_id: str | None = None) -> AnswerBody:
    """An answer as the API gives it."""
    data = [members(row) for row in answer.data] if isinstance(answer.data, list) else plain(answer.data)
    return answer_body(answer, data, _rule_sets(question, answer, institution_id))


def _rule_sets(question: Asking, answer: Answer[Any], institution_id: str | None) -> set[str]:
    """The rule sets that an answer rests on; of a list also those in force at the institutions of its rows."""
    if answer.rules:
        return {answer.rules}
    rows = answer.data if isinstance(answer.data, list) else []
    named = {rules for row in rows if (rules := getattr(row, "rules", ""))}
    on = answer.as_of or today()
    return named | {rules for each in _institutions(question, rows, institution_id) if (rules := rules_of(each, on))}


def _institutions(question: Asking, rows: list[Any], institution_id: str | None) -> list[Institution]:
    if institution_id is not None:
        found = find_institution(question.models, institution_id).data
        return [] if found is None else [found]
    ids = {row.institution_id for row in rows}
    if not ids:
        return []
    listed = everything(lambda cursor: list_institutions(question.models, after=cursor, limit=PAGE))
    return [each for each in listed.data if each.institution_id in ids]


def print_answer(question: Asking, answer: Answer[Any], institution_id: str | None = None) -> None:
    """The JSON of an answer."""
    print_json(body(question, answer, institution_id))


def provenance(question: Asking, answer: Answer[Any], institution_id: str | None = None) -> str:
    """Where an answer comes from, in a line below it."""
    rule_sets = sorted(_rule_sets(question, answer, institution_id))
    parts = [f"position {answer.position}", f"projection {answer.projection_version}"]
    parts += [f"rules {', '.join(rule_sets)}"] if rule_sets else []
    parts += [f"as of {answer.as_of}"] if answer.as_of else []
    parts += [f"known at {rfc3339(answer.known_at)}"] if answer.known_at is not None else []
    parts += [f"left out {answer.left_out}"] if answer.left_out else []
    parts += [f"incomplete {answer.incomplete}"] if answer.incomplete else []
    return " · ".join(parts)
