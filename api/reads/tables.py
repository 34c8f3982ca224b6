"""Tables: pages of rows that exist for the caller, as JSON; whole, as CSV, spreadsheet or NDJSON."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import Struct
from starlette.responses import Response

from api.answers import json_response
from api.problems import FieldError, Problem
from api.public import members
from api.reads.answer import AnswerBody, answer_body, provenance, rules_of
from api.reads.asked import Asked, caught_up
from api.reads.files import FORMATS, file_response, format_of
from api.reads.noted import note_read
from api.reads.pinned import PinnedReader
from api.security.access_log import AccessEntry
from projections.answers import Answer, MalformedCursor, Moment
from projections.reading import Reader

Lister = Callable[[Reader, Moment, str | None, int], Answer[list[Any]]]
"""Rows after a cursor, at most so many, at a moment."""

PAGING = ("after", "limit")
WHOLE_PAGE = 1000
MOST_PAGES = 50
"""So many pages are looked through for rows that exist for the caller before a short page is given."""
MOST_ROWS = 1_000_000
_CURSOR = re.compile(r"(?P<position>[0-9]{1,19})-(?P<inner>[0-9a-f]{2,4096})")


class Listed(NamedTuple):
    """What a table holds."""

    name: str
    kind: type[Struct]
    log: bool = False
    """Whether it is read from the log itself, which needs no read models of another moment."""
    checked: bool = False
    """Whether the route itself made sure that all of it exists for the caller."""


class Page(NamedTuple):
    """Which part of a table is asked for."""

    after: str | None
    limit: int


@dataclass(frozen=True)
class _Table:
    asked: Asked
    what: Listed
    lister: Lister
    institution_id: str | None
    reader: Reader

    def rows(self, cursor: str | None, limit: int) -> Answer[list[Struct]]:
        """The next rows, whoever they are for."""
        return self.lister(self.reader, self.asked.moment, cursor, limit)

    def sees(self, row: Struct) -> bool:
        """Whether a row exists for the caller."""
        return self.what.checked or self.asked.scope.sees(row)

    def body(self, answer: Answer[list[Struct]], rows: list[Struct]) -> AnswerBody:
        """Rows with their provenance: the rule sets they rest on, and those in force at their institutions."""
        on = self.asked.moment.as_of or self.asked.today
        named = {self.institution_id} if self.institution_id else {getattr(row, "institution_id", "") for row in rows}
        found = [self.asked.scope.institution(each) for each in named if each]
        rule_sets = {rules for each in found if each is not None and (rules := rules_of(each, on))}
        rule_sets |= {rules for row in rows if (rules := getattr(row, "rules", ""))}
        return answer_body(answer, [members(row) for row in rows], rule_sets)


def table(asked: Asked, what: Listed, lister: Lister, page: Page, institution_id: str | None = None) -> Response:
    """A table of one institution or of all.

    Raises Problem: escrow_unknown, not_acceptable, too_many_rows; MalformedCursor.
    """
    chosen = format_of(asked.request)
    if institution_id is None:
        caught_up(asked.runtime)
    else:
        asked.escrow(institution_id)
    if what.kind is not AccessEntry:  # who looks at the log of reads looks at officers, not at families
        note_read(asked)
    models = asked.runtime.reader
    opened = models.open_log if what.log else models.open
    with opened(asked.moment, institution_id) as reading:
        found = _Table(asked, what, lister, institution_id, PinnedReader(reading))
        return _page(found, page) if chosen == "json" else _whole(found, chosen)


def _page(found: _Table, page: Page) -> Response:
    started, cursor = _started(page.after)
    rows: list[Struct] = []
    for _ in range(MOST_PAGES):
        answer = found.rows(cursor, page.limit - len(rows))
        rows += filter(found.sees, answer.data)
        cursor = answer.next
        if cursor is None or len(rows) == page.limit:
            break
    body = found.body(answer, rows)
    body.started_at_position = body.position if started is None else started
    headers = provenance(body)
    if cursor is not None:
        body.next = f"{body.started_at_position}-{cursor}"
        following = found.asked.request.url.include_query_params(after=body.next)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return json_response(body, headers=headers)


def _whole(found: _Table, chosen: str) -> Response:
    """All of it; a part cannot be asked for. Raises Problem: invalid_parameters."""
    given = [name for name in PAGING if name in found.asked.request.query_params]
    if given:
        errors = tuple(FieldError("unknown_parameter", parameter=name) for name in given)
        raise Problem("invalid_parameters", {"count": len(errors)}, errors)
    first = found.rows(None, WHOLE_PAGE)

    def rows() -> Iterator[dict[str, Any]]:
        answer, count = first, 0
        while True:
            for row in filter(found.sees, answer.data):
                count += 1
                if count > MOST_ROWS:
                    raise Problem("too_many_rows", {"limit": MOST_ROWS})
                yield members(row)
            if answer.next is None:
                return
            answer = found.rows(answer.next, WHOLE_PAGE)

    headers = provenance(found.body(first, list(filter(found.sees, first.data))))
    return file_response(FORMATS[chosen], found.what.name, found.what.kind, rows(), headers)


def _started(after: str | None) -> tuple[int | None, str | None]:
    if after is None:
        return None, None
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise MalformedCursor
    return int(found["position"]), found["inner"]
