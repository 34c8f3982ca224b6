"""The resolution pack: for every family of an institution what it paid, used and is owed, why, by when, from where."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any

import msgspec

from api.packs import headings as h
from api.packs.archive import Archive
from api.packs.claims import PAYER, ROUTE, STATE, document, line_rows, rows
from api.packs.masking import Resolve
from api.packs.sheets import Csv, Workbook, workbook
from api.packs.totals import Totals
from api.packs.wording import resolution_readme
from api.public import members, rfc3339
from api.reads.pinned import PinnedReader
from projections.answers import NOW, PROJECTION_VERSION, Moment
from projections.institution import Institution, get_institution
from projections.overview import Standing, refund_all_due
from projections.reading import Reader
from projections.resolution import FamilyClaim, list_claims

Watch = Callable[[int], None]
EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Made:
    """What a pack was made from, as its manifest says."""

    facts: dict[str, Any]
    totals: Totals


@dataclass(frozen=True, slots=True)
class Asked:
    """Which pack: `on` is the day that decides what is overdue; `as_of` and `known_at` are in the moment."""

    institution_id: str
    on: date
    moment: Moment = NOW
    resolve: Resolve | None = None
    watch: Watch = field(default=lambda _count: None)


def write_resolution_pack(reader: Reader, asked: Asked, output: IO[bytes]) -> Made:
    """Write the pack of one institution, from one state of the read models, in flat memory.

    Raises UnknownRow for an institution without an escrow.
    """
    with tempfile.TemporaryDirectory() as folder, reader.open(asked.moment, asked.institution_id) as reading:
        pinned = PinnedReader(reading)
        institution = get_institution(pinned, asked.institution_id).data
        answer = refund_all_due(pinned, asked.on, institution_id=asked.institution_id)
        archive = Archive(Path(folder))
        claims = list_claims(reading, asked.institution_id)
        totals = _write_tables(archive, claims, asked, institution, answer.data.total)
        facts = {
            "pack": "resolution",
            "institution_id": asked.institution_id,
            "institution_name": institution.name,
            "position": answer.position,
            "projection_version": PROJECTION_VERSION,
            "rule_sets": sorted(totals.rule_sets),
            "as_of": None if asked.moment.as_of is None else asked.moment.as_of.isoformat(),
            "known_at": None if asked.moment.known_at is None else rfc3339(asked.moment.known_at),
            "on": asked.on.isoformat(),
            "left_out": reading.left_out,
            "incomplete": reading.incomplete,
        }
        archive.text("README.txt", resolution_readme(institution, totals))
        archive.write(output, facts)
        return Made(facts, totals)


def _write_tables(
    archive: Archive, claims: Iterator[FamilyClaim], asked: Asked, institution: Institution, standing: Standing
) -> Totals:
    totals = Totals()
    with workbook(archive.path("resolution.xlsx")) as book:
        summary = book.sheet(h.TITLES["summary"], h.SUMMARY)
        _write_families(archive, book, claims, asked, totals)
        payers = book.sheet(h.TITLES["payers"], h.PAYERS)
        for payer, held in sorted(totals.payers.items()):
            payers.row((h.PAYER_NAMES.get(payer, payer), *held))
        clocks = book.sheet(h.TITLES["clocks"], h.CLOCKS)
        for day, held in sorted(totals.clocks.items()):
            clocks.row((day, *held))
        for row in totals.summary(institution, standing, asked.on):
            summary.row(row)
    archive.add("resolution.xlsx")
    with archive.member("summary.json") as file:
        shown = members(standing) | {"coverage": standing.coverage}
        document_of = {"institution": members(institution), "standing": shown, **totals.document(asked.on)}
        file.write(msgspec.json.format(msgspec.json.encode(document_of), indent=2))
    return totals


def _write_families(
    archive: Archive, book: Workbook, claims: Iterator[FamilyClaim], asked: Asked, totals: Totals
) -> None:
    encode = msgspec.json.Encoder().encode
    with ExitStack() as stack:
        families = Csv(stack.enter_context(archive.member("families.csv")), h.FAMILIES)
        stack.callback(families.close)
        computed = Csv(stack.enter_context(archive.member("computation.csv")), h.LINES)
        stack.callback(computed.close)
        lines_of = stack.enter_context(archive.member("families.ndjson"))
        shown, computation = book.sheet(h.TITLES["families"], h.FAMILIES), book.sheet(h.TITLES["lines"], h.LINES)
        for count, claim in enumerate(claims, 1):
            totals.take(claim, asked.on)
            for row, debt in rows(claim, asked.resolve):
                families.row(row)
                shown.row(_in_words(row))
                lines_of.write(encode(document(row, debt)) + b"\n")
                for line in line_rows(debt):
                    computed.row(line)
                    computation.row(line)
            if count % EVERY == 0:
                asked.watch(count)


def _in_words(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as people read it."""
    cells = list(row)
    cells[STATE] = h.STATES.get(row[STATE], row[STATE])
    cells[PAYER] = h.PAYER_NAMES.get(row[PAYER], row[PAYER])
    cells[ROUTE] = h.ROUTES.get(row[ROUTE], row[ROUTE])
    return tuple(cells)
