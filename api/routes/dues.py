"""What is due to whom, why, until when and whether the money is there; and every clock that runs."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.parameters import IdQuery, OptionalDay
from api.reads.tables import Listed
from api.routes.reading import EVERYBODY, STAFF, Readings, Word
from api.routes.shelves import Filters, Shelf, own_district, own_family, put_up
from api.runtime import Runtime
from projections.deadlines import DeadlineKind, RunningDeadline, list_deadlines
from projections.refunds_due import RefundDue, State, list_refunds_due

StateQuery = Annotated[State | None, Query()]
OverdueOn = Annotated[OptionalDay, Query(description="Only those whose last day lies before this day")]
MissedOn = Annotated[
    OptionalDay, Query(description="Only replies, payments and mediations that should have ended before this day")
]
KindQuery = Annotated[DeadlineKind | None, Query()]


def due_routes(runtime: Runtime) -> APIRouter:
    """`/v1/refunds-due` and `/v1/deadlines` of the city, a district or an institution."""
    readings = Readings(runtime)
    put_up(
        readings,
        Shelf(
            Listed("refunds-due", RefundDue),
            list_refunds_due,
            "What is due to whom, why, until when, and is the money there",
            EVERYBODY,
            everywhere=_refunds,
            here=_refunds_here,
            of_all=own_district,
            of_one=own_family,
        ),
    )
    put_up(
        readings,
        Shelf(
            Listed("deadlines", RunningDeadline),
            list_deadlines,
            "Every clock that runs",
            STAFF,
            everywhere=_deadlines,
            here=_deadlines_here,
            of_all=own_district,
        ),
    )
    return readings.router


def _refunds(district: Word = None, state: StateQuery = None, overdue_on: OverdueOn = None) -> Filters:
    return {"district": district, "state": state, "overdue_on": overdue_on}


def _refunds_here(contract_id: IdQuery = None, state: StateQuery = None, overdue_on: OverdueOn = None) -> Filters:
    return {"contract_id": contract_id, "state": state, "overdue_on": overdue_on}


def _deadlines(
    from_on: OptionalDay = None,
    until_on: OptionalDay = None,
    overdue_on: MissedOn = None,
    district: Word = None,
    kind: KindQuery = None,
) -> Filters:
    return {"from_on": from_on, "until_on": until_on, "overdue_on": overdue_on, "district": district, "kind": kind}


def _deadlines_here(
    from_on: OptionalDay = None,
    until_on: OptionalDay = None,
    overdue_on: MissedOn = None,
    contract_id: IdQuery = None,
    kind: KindQuery = None,
) -> Filters:
    range_of = {"from_on": from_on, "until_on": until_on, "overdue_on": overdue_on}
    return {**range_of, "contract_id": contract_id, "kind": kind}
