"""A distribution as it would be now: computed from what is recorded, recorded by nobody."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.closing.distribution import Distributing, Terms
from api.closing.pots import parse_pot
from api.closing.preview import preview_document
from api.parameters import Flag, InstitutionPath, OptionalDay
from api.reads.answer import respond
from api.reads.asked import Asked
from api.routes.reading import OFFICIALS, Readings
from api.runtime import Runtime
from ledger.distribution import DistributionMethod

_POT = r"(custody|risk_deposit|other)(=(all|[1-9][0-9]{0,12}(\.[0-9]{1,2})?|0\.(0[1-9]|[1-9][0-9]?)))?"
PotQuery = Annotated[
    str,
    Query(
        max_length=200,
        pattern=f"^{_POT}(,{_POT})*$",
        description="NAME=YUAN or NAME=all, in order, by comma: custody, risk_deposit, other",
    ),
]
CutOff = Annotated[OptionalDay, Query(description="Claims verified until this day share; today if absent")]
Method = Annotated[DistributionMethod, Query(description="pool, or trace: each contract's own money first")]


class DistributionPreview(msgspec.Struct):
    """What each pot would give to whom; `list_sha256` is what an order of it names. Amounts in fen."""

    institution_id: str
    version: int
    """Of the institution's stream: what an order names in If-Match."""
    priority_regime: str
    available_fen: int
    late: int
    """Claims verified after the cut-off: they share in a later distribution."""
    late_fen: int
    unverified: int
    """Contracts with an open claim that nobody has agreed or ordered."""
    distributions: list[dict[str, Any]]
    """One for each pot in order, with the hash of its list and, where asked for, its lines."""


def closing_routes(runtime: Runtime) -> APIRouter:
    """`…/distribution-preview`."""
    readings = Readings(runtime)
    asking = readings.asked_by(OFFICIALS)

    def distribution_preview(
        institution_id: InstitutionPath,
        asked: Asked = asking,
        pot: PotQuery = "custody=all",
        method: Method = "pool",
        cut_off_on: CutOff = None,
        lines: Annotated[Flag, Query(description="Every family's share as well")] = False,  # noqa: FBT002 - same
    ) -> Response:
        institution, _ = asked.escrow(institution_id)
        terms = Terms(method, [parse_pot(text) for text in pot.split(",")], cut_off_on or asked.today)
        preview = Distributing(runtime.ledger, institution_id).preview(terms)
        with runtime.reader.open_log() as reading:
            answer = reading.answer(preview_document(preview, lines=lines))
        return respond(asked, answer, institution, f'"{preview.version}"')

    readings.one(
        "/escrows/{institution_id}/distribution-preview",
        distribution_preview,
        "DistributionPreview",
        "Who would get what from which pot, were it distributed now",
        OFFICIALS,
    )
    return readings.router
