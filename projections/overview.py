"""Refund all that is due, and how institutions, districts and the city stand: sums over dues and balances."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from functools import cache
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import BigInteger, ColumnElement, Date, Select, bindparam, case, cast, func, select
from sqlalchemy.sql.functions import coalesce

from projections.answers import NOW, Answer, Moment
from projections.escrow_balance import escrow_balance
from projections.institution import institution
from projections.reading import Reader
from projections.refunds_due import refund_due


class Standing(Struct, frozen=True):
    """What is due, what is held and what is missing, fen; of one institution, or summed over several."""

    institution_id: str = ""
    name: str = ""
    district: str = ""
    status: str = ""
    closure: str | None = None
    debts: int = 0
    """Families' debts that are open."""
    undetermined: int = 0
    """Debts whose amount the facts on record do not determine; they are in no sum."""
    due_fen: int = 0
    agreed_fen: int = 0
    in_transit_fen: int = 0
    paid_fen: int = 0
    open_fen: int = 0
    """Due, and neither paid nor on its way."""
    covered_fen: int = 0
    missing_fen: int = 0
    overdue: int = 0
    overdue_fen: int = 0
    custody_fen: int = 0
    attached_fen: int = 0
    payable_fen: int = 0
    """Money in custody that is neither attached nor on its way."""
    owed_fen: int = 0
    """Unearned, payable and unapplied: what families have with the institution, due or not."""
    shortfall_fen: int = 0
    """What of the open debts all the money in custody could not pay."""

    @property
    def coverage(self) -> str | None:
        """Money in custody for each fen owed, an exact fraction such as "9/10"; None where nothing is owed."""
        return str(Fraction(self.custody_fen, self.owed_fen)) if self.owed_fen else None


class DueTable(Struct, frozen=True):
    """Standings in order of institution, and their sum; shortfalls are summed institution by institution."""

    on: date
    institutions: list[Standing]
    total: Standing


class Overview(Struct, frozen=True):
    """Every district in order of its name, and the sum."""

    on: date
    districts: list[Standing]
    total: Standing


_COUNTED = ("debts", "undetermined", "overdue")
_SUMMED = (*_COUNTED, *(name for name in Standing.__struct_fields__ if name.endswith("_fen")))
_SUMMANDS = attrgetter(*_SUMMED)


def refund_all_due(
    reader: Reader,
    on: date,
    moment: Moment = NOW,
    *,
    institution_id: str | None = None,
    district: str | None = None,
    jurisdiction: str | None = None,
) -> Answer[DueTable]:
    """What is due to all families of an institution, a district or a city, and whether the money is there.

    Overdue is what should have been paid before `on`. One grouped pass over the open debts, joined to balances by key.
    """
    place = _given(institution_id=institution_id, district=district, jurisdiction=jurisdiction)
    with reader.open(moment, institution_id) as reading:
        found = reading.connection.execute(_standings(everyone=False, by=tuple(place)), {"day": on, **place})
        rows = [Standing(*row) for row in found]
        return reading.answer(DueTable(on, rows, sum_up(rows)))


def get_overview(
    reader: Reader, on: date, moment: Moment = NOW, *, district: str | None = None, jurisdiction: str | None = None
) -> Answer[Overview]:
    """How the districts of a city stand, institutions without debts included. Grows with the number of institutions."""
    place = _given(district=district, jurisdiction=jurisdiction)
    with reader.open(moment) as reading:
        found = reading.connection.execute(_standings(everyone=True, by=tuple(place)), {"day": on, **place})
        rows = [Standing(*row) for row in found]
    districts: dict[str, list[Standing]] = {}
    for row in rows:
        districts.setdefault(row.district, []).append(row)
    summed = [sum_up(districts[name], district=name) for name in sorted(districts)]
    return reading.answer(Overview(on, summed, sum_up(rows)))


def sum_up(rows: Iterable[Standing], district: str = "") -> Standing:
    """The sum of standings."""
    columns = zip(*map(_SUMMANDS, rows), strict=True)
    return replace(Standing(district=district), **dict(zip(_SUMMED, map(sum, columns), strict=False)))


def _given(**place: str | None) -> dict[str, str]:
    return {name: value for name, value in place.items() if value is not None}


def _whole(expression: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(coalesce(func.sum(expression), 0), BigInteger)


def _dues(*where: ColumnElement[bool]) -> Select[Any]:
    columns = refund_due.c
    late = columns.pay_by < bindparam("day", type_=Date)
    sums = {name: _whole(columns[name]) for name in ("due_fen", "agreed_fen", "in_transit_fen", "paid_fen", "open_fen")}
    sums |= {name: _whole(columns[name]) for name in ("covered_fen", "missing_fen")}
    return (
        select(
            columns.institution_id,
            func.count().label("debts"),
            func.sum(case((columns.open_fen.is_(None), 1), else_=0)).label("undetermined"),
            *(each.label(name) for name, each in sums.items()),
            func.sum(case((late, 1), else_=0)).label("overdue"),
            _whole(case((late, columns.open_fen), else_=0)).label("overdue_fen"),
        )
        .where(*where)
        .group_by(columns.institution_id)
    )


@cache
def _standings(*, everyone: bool, by: tuple[str, ...]) -> Select[Any]:
    """A Standing per institution, in the order of its fields; asked on a `day`, about places named `by` their columns.

    Put together once: that takes longer than the answer.
    """
    dues = _dues(*(refund_due.c[name] == bindparam(name) for name in by if name != "jurisdiction")).subquery("dues").c
    who, held = institution.c, escrow_balance.c
    on_its_way = held.release_in_transit_fen + held.refund_in_transit_fen
    payable = _not_negative(coalesce(held.custody_cash_fen - on_its_way, 0) - who.attached_fen)
    owed = coalesce(held.unearned_fen + held.refund_payable_fen + held.unapplied_fen, 0)
    counted = [
        coalesce(dues[name], 0)
        for name in Standing.__struct_fields__[5 : Standing.__struct_fields__.index("overdue_fen") + 1]
    ]
    return (
        select(
            who.institution_id,
            who.name,
            who.district,
            who.status,
            who.closure,
            *counted,
            coalesce(held.custody_cash_fen, 0),
            who.attached_fen,
            payable,
            owed,
            _not_negative(coalesce(dues.open_fen, 0) - payable),
        )
        .select_from(institution)
        .join(dues.debts.table, dues.institution_id == who.institution_id, isouter=everyone)
        .outerjoin(escrow_balance, held.institution_id == who.institution_id)
        .where(*(who[name] == bindparam(name) for name in by))
        .order_by(who.institution_id)
    )


def _not_negative(amount: ColumnElement[int]) -> ColumnElement[int]:
    return case((amount > 0, amount), else_=0)
