"""Answers of queries: the data, and from what it was computed."""

from datetime import date
from typing import Any

import msgspec
from starlette.responses import Response

from api.answers import json_response
from api.public import plain, rfc3339
from api.reads.asked import Asked
from api.reads.noted import note_read
from ledger.rejections import Rejection
from ledger.rulebook import select
from ledger.rulebook.selection import REVISION
from projections.answers import Answer
from projections.institution import Institution


class AnswerBody(msgspec.Struct):
    """Data with its provenance."""

    data: Any
    position: int
    """Place in the log up to which events were taken in; with `known_at` the last one recorded by then."""
    projection_version: int
    rule_sets: list[str]
    """Ids of the rule sets that the data rests on."""
    rulebook_revision: int = REVISION
    """Revision of the rulebook that judged, also where no rule set is named."""
    left_out: int = 0
    """Events that could not be folded at this moment, because what they build on lies outside it."""
    incomplete: int = 0
    """Institutions some of whose rows are still being computed."""
    log_size: int | None = None
    """So many events of the institution (entries of the directory, where the answer is about several) are signed."""
    log_root: str | None = None
    """Root of the hash tree over them in the newest signed checkpoint, hex; null where no notary signs."""
    as_of: str | None = None
    known_at: str | None = None
    next: str | None = None
    """Cursor of the next page; null on the last, and where there are no pages."""
    started_at_position: int | None = None
    """Position of the first page. Where it differs from `position`, the list moved between the pages."""


def answer_body(answer: Answer[Any], data: object, rule_sets: set[str]) -> AnswerBody:
    """An answer as it is shown."""
    return AnswerBody(
        data=data,
        position=answer.position,
        projection_version=answer.projection_version,
        rule_sets=sorted(rule_sets),
        left_out=answer.left_out,
        incomplete=answer.incomplete,
        log_size=answer.log_size,
        log_root=answer.log_root,
        as_of=None if answer.as_of is None else answer.as_of.isoformat(),
        known_at=None if answer.known_at is None else rfc3339(answer.known_at),
    )


def provenance(body: AnswerBody) -> dict[str, str]:
    """The same as headers: a spreadsheet has no place for it."""
    signed = {"Ledger-Log-Size": str(body.log_size), "Ledger-Log-Root": body.log_root} if body.log_root else {}
    return {
        **signed,
        "Ledger-Position": str(body.position),
        "Ledger-Projection-Version": str(body.projection_version),
        "Ledger-Rule-Sets": ", ".join(body.rule_sets),
        "Ledger-Rulebook-Revision": str(body.rulebook_revision),
    }


def respond(asked: Asked, answer: Answer[Any], institution: Institution, etag: str | None = None) -> Response:
    """One thing of one institution."""
    note_read(asked, getattr(answer.data, "contract_id", None), institution.institution_id)
    rules = answer.rules or rules_of(institution, asked.moment.as_of or asked.today)
    body = answer_body(answer, plain(answer.data), {rules} if rules else set())
    headers = provenance(body) | ({} if etag is None else {"ETag": etag})
    return json_response(body, headers=headers)


def rules_of(institution: Institution, on: date) -> str | None:
    """The rule set in force at an institution; None where none was."""
    try:
        return select(institution.jurisdiction, institution.category, on).id
    except Rejection:
        return None
