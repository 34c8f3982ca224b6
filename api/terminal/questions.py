"""What a question on the command line is about: the moment, and read models that are up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from cyclopts import Parameter

from api.app import now
from api.public import members, microseconds, plain
from api.reads.answer import AnswerBody, answer_body, rules_of
from api.terminal.environment import USAGE, Stop, the_ledger
from api.terminal.output import print_json
from ledger.application import Ledger
from ledger.decisions.context import local_date
from projections.answers import Answer, Moment
from projections.institution import find_institution
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


@dataclass(frozen=True)
class Asking:
    """The read models of a ledger, up to date."""

    ledger: Ledger
    models: ReadModels


@contextmanager
def asking() -> Iterator[Asking]:
    """Open the ledger of the settings and take in what was recorded last. Raises what `the_ledger` raises."""
    with the_ledger() as ledger:
        Runner(ledger.engine).catch_up()
        yield Asking(ledger, ReadModels(ledger.engine))


def today() -> date:
    """The business date."""
    return local_date(now())


def body(question: Asking, answer: Answer[Any], institution_id: str | None = None) -> AnswerBody:
    """An answer as the API gives it."""
    data = [members(row) for row in answer.data] if isinstance(answer.data, list) else plain(answer.data)
    rule_sets = {answer.rules} if answer.rules else set()
    if institution_id is not None and not rule_sets:
        found = find_institution(question.models, institution_id).data
        rules = None if found is None else rules_of(found, answer.as_of or today())
        rule_sets = {rules} if rules else set()
    return answer_body(answer, data, rule_sets)


def print_answer(question: Asking, answer: Answer[Any], institution_id: str | None = None) -> None:
    """The JSON of an answer."""
    print_json(body(question, answer, institution_id))


def provenance(answer: Answer[Any]) -> str:
    """Where an answer comes from, in a line below it."""
    parts = [f"position {answer.position}", f"projection {answer.projection_version}"]
    parts += [f"rules {answer.rules}"] if answer.rules else []
    parts += [f"as of {answer.as_of}"] if answer.as_of else []
    parts += [f"left out {answer.left_out}"] if answer.left_out else []
    parts += [f"incomplete {answer.incomplete}"] if answer.incomplete else []
    return " · ".join(parts)
