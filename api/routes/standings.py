"""How an institution, a district or a city stands: refund all that is due, and is the money there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import json_response
from api.parameters import InstitutionPath, OptionalDay
from api.public import members
from api.reads.answer import answer_body, provenance, rules_of
from api.reads.asked import Asked, caught_up
from api.reads.pinned import PinnedReader
from api.routes.reading import OFFICIALS, STAFF, Readings, Word
from api.runtime import Runtime
from ledger.identifiers import Role
from ledger.rulebook import places
from projections.answers import Answer
from projections.overview import DueTable, Overview, Standing, get_overview, refund_all_due, sum_up

OFFICERS = (*OFFICIALS, Role.MEDIATOR)
On = Annotated[OptionalDay, Query(description="Overdue is what should have been paid before this day; today if absent")]
_FIELDS = [(each.name, each.type, each.default) for each in msgspec.structs.fields(Standing)]
StandingBody = msgspec.defstruct("StandingBody", [*_FIELDS, ("coverage", str | None, None)], frozen=True)
"""A standing as it is shown: with the money in custody for each fen owed, an exact fraction such as "9/10"."""


class AllDue(msgspec.Struct):
    """Refund all that is due: every institution with open debts, and their sum."""

    on: str
    institutions: list[StandingBody]  # type: ignore[valid-type] # made from the fields of Standing
    total: StandingBody  # type: ignore[valid-type] # same


class CityOverview(msgspec.Struct):
    """Every district, and the sum."""

    on: str
    districts: list[StandingBody]  # type: ignore[valid-type] # made from the fields of Standing
    total: StandingBody  # type: ignore[valid-type] # same


def standing_routes(runtime: Runtime) -> APIRouter:
    """`/v1/overview`, `/v1/refund-all-due` and the same of one institution."""
    readings = Readings(runtime)
    of_officers, of_staff = readings.asked_by(OFFICERS), readings.asked_by(STAFF)

    def overview(asked: Asked = of_officers, on: On = None, district: Word = None) -> Response:
        day, within = on or asked.today, _district(asked, district)
        with _pinned(asked) as reader:
            parts = [
                get_overview(reader, day, asked.moment, jurisdiction=place, district=within) for place in _places(asked)
            ]
        districts = sorted((row for part in parts for row in part.data.districts), key=lambda row: row.district)
        total = sum_up(part.data.total for part in parts)
        return _respond(asked, parts[0], Overview(day, districts, total))

    def all_due(asked: Asked = of_officers, on: On = None, district: Word = None) -> Response:
        day, within = on or asked.today, _district(asked, district)
        with _pinned(asked) as reader:
            parts = [
                refund_all_due(reader, day, asked.moment, jurisdiction=place, district=within)
                for place in _places(asked)
            ]
        rows = sorted((row for part in parts for row in part.data.institutions), key=lambda row: row.institution_id)
        return _respond(asked, parts[0], DueTable(day, rows, sum_up(rows)))

    def all_due_of_escrow(institution_id: InstitutionPath, asked: Asked = of_staff, on: On = None) -> Response:
        asked.escrow(institution_id)
        answer = refund_all_due(runtime.reader, on or asked.today, asked.moment, institution_id=institution_id)
        return _respond(asked, answer, answer.data)

    summary = "Refund all that is due: how much, how many, and is the money there"
    readings.one("/overview", overview, "CityOverview", "How the districts of a city stand", OFFICERS)
    readings.one("/refund-all-due", all_due, "AllDue", summary, OFFICERS)
    readings.one("/escrows/{institution_id}/refund-all-due", all_due_of_escrow, "AllDue", summary, STAFF)
    return readings.router


@contextmanager
def _pinned(asked: Asked) -> Iterator[PinnedReader]:
    """One state for all the sums of an answer."""
    caught_up(asked.runtime)
    with asked.runtime.reader.open(asked.moment) as reading:
        yield PinnedReader(reading)


def _places(asked: Asked) -> list[str]:
    """The jurisdictions an officer is for; at least one, known or not."""
    own = asked.caller.jurisdiction or ""
    return [place for place in places() if place == own or place.startswith(f"{own}-")] or [own]


def _district(asked: Asked, district: str | None) -> str | None:
    """The district asked about, or the officer's own; where they differ, nothing exists there for the officer."""
    own = asked.caller.district
    return district if own is None else own if district in {None, own} else ""


def _respond(asked: Asked, answer: Answer[Any], data: DueTable | Overview) -> Response:
    rows = data.institutions if isinstance(data, DueTable) else data.districts
    name = "institutions" if isinstance(data, DueTable) else "districts"
    shown = {"on": data.on.isoformat(), name: [_shown(row) for row in rows], "total": _shown(data.total)}
    body = answer_body(answer, shown, _rule_sets(asked, rows))
    return json_response(body, headers=provenance(body))


def _shown(row: Standing) -> dict[str, Any]:
    return members(row) | {"coverage": row.coverage}


def _rule_sets(asked: Asked, rows: Iterable[Standing]) -> set[str]:
    """The rule sets in force at the institutions of an answer; a sum over districts names none of its own."""
    on = asked.moment.as_of or asked.today
    found = [asked.scope.institution(row.institution_id) for row in rows if row.institution_id]
    return {rules for each in found if each is not None and (rules := rules_of(each, on))}
