"""The evidence pack: what proves the figures of one contract or one institution, in files that ordinary tools open."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import Engine

from api.packs import headings as h
from api.packs.archive import Archive
from api.packs.claims import document, line_rows, rows
from api.packs.events import EVENTS, STATEMENT_LINES, event_row, line_row, stored_document
from api.packs.index import index_page
from api.packs.sheets import Csv
from api.public import rfc3339
from api.reads.pinned import PinnedReader
from ledger.log.proving import NotYetSigned, prove_events
from ledger.serialization import Recorded
from projections.answers import NOW, PROJECTION_VERSION, Moment
from projections.evidence import (
    list_contract_events,
    list_institution_events,
    list_matched_lines,
    references_of,
)
from projections.institution import Institution, get_institution
from projections.journal import DIALECTS, Format, journal_of
from projections.reading import Reader, Reading
from projections.resolution import FamilyClaim, find_claim, list_claims


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be proven: a contract, or an institution with all of its contracts.

    `surroundings`: events about the institution as a whole are shown beside a contract's own.
    """

    institution_id: str
    contract_id: str | None = None
    moment: Moment = NOW
    surroundings: bool = True


def write_evidence_pack(
    reader: Reader, subject: Subject, output: IO[bytes], proofs: Engine | None = None
) -> dict[str, Any]:
    """Write the pack and give what its manifest says, from one state of the read models, in flat memory.

    `proofs`: the ledger whose notary signed, where one does. Raises UnknownRow.
    """
    with tempfile.TemporaryDirectory() as folder, reader.open(subject.moment, subject.institution_id) as reading:
        institution = get_institution(PinnedReader(reading), subject.institution_id).data
        archive = Archive(Path(folder))
        pack = _Pack(archive, reading, subject)
        pack.write_events()
        pack.write_claims()
        pack.write_bank_lines()
        pack.write_journals()
        signed = pack.write_proofs(proofs)
        facts = _facts(reading, subject, institution, pack, signed=signed)
        with archive.member("index.html") as file:
            file.write(index_page(facts, archive.members).encode())
        archive.write(output, facts)
        return facts


def _facts(
    reading: Reading, subject: Subject, institution: Institution, pack: "_Pack", *, signed: int
) -> dict[str, Any]:
    moment = subject.moment
    return {
        "pack": "evidence",
        "institution_id": subject.institution_id,
        "institution_name": institution.name,
        "contract_id": subject.contract_id,
        "events": pack.count,
        "proofs": signed,
        "position": reading.answer(None).position,
        "projection_version": PROJECTION_VERSION,
        "rule_sets": sorted(pack.rule_sets),
        "as_of": None if moment.as_of is None else moment.as_of.isoformat(),
        "known_at": None if moment.known_at is None else rfc3339(moment.known_at),
    }


class _Pack:
    """Writes the members one after another."""

    def __init__(self, archive: Archive, reading: Reading, subject: Subject) -> None:
        self._archive, self._reading, self._subject = archive, reading, subject
        self.count = 0
        self.rule_sets: set[str] = set()

    def _events(self) -> Iterable[Recorded]:
        subject = self._subject
        if subject.contract_id is None:
            return list_institution_events(self._reading, subject.institution_id)
        return list_contract_events(
            self._reading, subject.institution_id, subject.contract_id, surroundings=subject.surroundings
        )

    def write_events(self) -> None:
        """As a table, and as the exact stored texts with what stands around them."""
        encode = msgspec.json.Encoder().encode
        with ExitStack() as stack:
            table = Csv(stack.enter_context(self._archive.member("events.csv")), EVENTS)
            stack.callback(table.close)
            texts = stack.enter_context(self._archive.member("events.ndjson"))
            for one in self._events():
                self.count += 1
                self.rule_sets.add(one.envelope.rules)
                table.row(event_row(one))
                texts.write(encode(stored_document(one)) + b"\n")

    def write_claims(self) -> None:
        """What is owed, and the lines it is computed by."""
        encode = msgspec.json.Encoder().encode
        with ExitStack() as stack:
            families = Csv(stack.enter_context(self._archive.member("claims.csv")), h.FAMILIES)
            stack.callback(families.close)
            computed = Csv(stack.enter_context(self._archive.member("computation.csv")), h.LINES)
            stack.callback(computed.close)
            texts = stack.enter_context(self._archive.member("claims.ndjson"))
            for claim in self._claims():
                for row, debt in rows(claim):
                    families.row(row)
                    texts.write(encode(document(row, debt)) + b"\n")
                    for line in line_rows(debt):
                        computed.row(line)

    def _claims(self) -> Iterator[FamilyClaim]:
        subject = self._subject
        if subject.contract_id is None:
            yield from list_claims(self._reading, subject.institution_id)
        else:
            yield find_claim(self._reading, subject.institution_id, subject.contract_id)

    def write_bank_lines(self) -> None:
        """The bank's lines that are matched to payments, of a contract to its own alone."""
        subject = self._subject
        references = None
        if subject.contract_id is not None:
            references = references_of(self._events(), subject.contract_id)
        with self._archive.member("statement-lines.csv") as file:
            table = Csv(file, STATEMENT_LINES)
            for line in list_matched_lines(self._reading, subject.institution_id, references):
                table.row(line_row(line))
            table.close()

    def write_journals(self) -> None:
        """The double entries behind the events, for two programs."""
        subject = self._subject
        title = f"{subject.institution_id} {subject.contract_id or ''}".strip()
        suffixes: dict[Format, str] = {form: f"journal.{form}" for form in DIALECTS}
        for form, name in suffixes.items():
            with self._archive.member(name) as file:
                for piece in journal_of(self._events(), form, title):
                    file.write(piece.encode())

    def write_proofs(self, engine: Engine | None) -> int:
        """A proof for each event of a contract that the log's newest checkpoint covers; how many."""
        subject = self._subject
        if engine is None or subject.contract_id is None:
            return 0
        versions = [one.version for one in self._events()]
        try:
            found = prove_events(engine, subject.institution_id, versions)
        except NotYetSigned:
            return 0
        for version, text in zip(versions, found, strict=True):
            with self._archive.member(f"proofs/{version}.tlog-proof") as file:
                file.write(text.encode())
        return len(found)
