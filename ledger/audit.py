"""The audit: whether history, read from its first event, gives exactly what the ledger stores beside it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, Select, func, select

from ledger.application import Ledger
from ledger.collector import resting
from ledger.escrow import Escrow
from ledger.events import Event
from ledger.evolution import evolve
from ledger.postings import POSTINGS
from ledger.serialization import Envelope, UnknownEvent, UnreadableEvent, decode, link
from ledger.sheets import Header
from ledger.store.cursors import batches
from ledger.store.derived import FACTS, checked_columns, same_facts
from ledger.store.rows import encode_row
from ledger.store.tables import ACCOUNT_COLUMNS, CHECKED, commands, events, headers, lanes, sheets

Evolve = Callable[[Escrow, Event], None]
Progress = Callable[[int], None]
"""Told how many more events have been read."""

BATCH = 5_000
FINDINGS_PER_INSTITUTION = 50

_HASH = re.compile("[0-9a-f]{64}")
_AMOUNTS = {
    kind: tuple((leg.sign, leg.amount) for leg in legs)
    for kind, legs in POSTINGS.items()
    if len({leg.amount for leg in legs}) > 1 or sum(leg.sign for leg in legs) != 0
}
"""Legs that an event could leave unbalanced; the others take one amount as often as they give it."""
_ADDRESSES = (
    events.c.originator_id,
    headers.c.institution_id,
    sheets.c.institution_id,
    commands.c.institution_id,
)


class Finding(Struct, frozen=True):
    """Something that does not agree. `code` is stable; `version` is that of the event, where there is one."""

    code: str
    institution_id: str
    version: int | None
    detail: str


class AuditReport(Struct):
    """What was inspected, and what did not agree."""

    institutions: int = 0
    events: int = 0
    sheets: int = 0
    commands: int = 0
    findings: list[Finding] = []
    schema_objects: int | None = None
    """Tables, triggers, checks and so on that were compared; None where none were."""

    @property
    def passed(self) -> bool:
        """Whether something was inspected and everything agreed."""
        return not self.findings and self.events > 0


def audit(
    ledger: Ledger,
    institutions: Iterable[str] | None = None,
    progress: Progress | None = None,
    evolve: Evolve = evolve,
) -> AuditReport:
    """Read these institutions (all where None) from their first event, in one snapshot of the database.

    Recomputes the hash chain from the stored bytes, folds every event with `evolve` (the ledger's own unless another
    is given), and compares with headers, sheets, command keys and derived columns in both directions. An audit that
    found nothing to inspect does not pass. Memory grows with the largest institution, not with the ledger.
    """
    report = AuditReport(findings=[])
    with _one_moment(ledger.engine) as connection, resting():
        for institution_id in _everyone(connection) if institutions is None else institutions:
            lane = ledger.lane_of(institution_id)
            _Inspection(connection, institution_id, lane, evolve, report).run(progress or _silent)
        if institutions is None:
            _inspect_positions(connection, report)
    if not report.events:
        report.findings.append(Finding("nothing_inspected", "", None, "there was no event to inspect"))
    return report


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database, however long it reads."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("begin")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection
        connection.rollback()


def _silent(_events: int) -> None:
    """Nobody watches."""


def _everyone(connection: Connection) -> Iterator[str]:
    """Every institution that any table knows, in order; one index look-up each, however long the streams are."""
    last = ""
    while True:
        found = [connection.scalar(select(func.min(column)).where(column > last)) for column in _ADDRESSES]
        if not (known := [each for each in found if each is not None]):
            return
        yield (last := min(known))


def _inspect_positions(connection: Connection, report: AuditReport) -> None:
    """Every lane is dense: first position, last position and count say the same."""
    for lane, stride, head in connection.execute(select(lanes.c.lane, lanes.c.stride, lanes.c.head)).all():
        count, low, high = connection.execute(
            select(func.count(), func.min(events.c.position), func.max(events.c.position)).where(events.c.lane == lane)
        ).one()
        first = lane + 1
        dense = (low, high) == (first, first + (count - 1) * stride) if count else (low, high) == (None, None)
        if not dense or head != first + (count - 1) * stride:
            detail = f"lane {lane}: {count} events at positions {low} to {high}, the lane's head is {head}"
            report.findings.append(Finding("position_gap", "", None, detail))


CommandRow = tuple[str, str, int, int]
"""Key, request hash, first and last version."""


class _Inspection:
    """One institution."""

    def __init__(
        self, connection: Connection, institution_id: str, lane: int, evolve: Evolve, report: AuditReport
    ) -> None:
        self._connection = connection
        self._institution_id = institution_id
        self._lane = lane
        self._evolve = evolve
        self._report = report
        self._escrow = Escrow(Header(institution_id=institution_id))
        self._folds = True
        self._keys = self._command_rows()
        self._command = ("", "", 0)
        self._found = 0

    def run(self, progress: Progress) -> None:
        """Read the stream, then what stands beside it."""
        self._report.institutions += 1
        try:
            self._inspect(progress)
        except (TypeError, ValueError, AttributeError) as error:
            self._find("unreadable_row", None, f"a column holds another kind of value: {error!r}")

    def _inspect(self, progress: Progress) -> None:
        for batch in self._events():
            for row in batch:
                self._read(row)
            self._report.events += len(batch)
            progress(len(batch))
        self._close_command(self._escrow.header.version)
        for key in self._keys:
            self._find("command_without_events", key[2], f"the key {key[0]} stands for no event")
        if self._folds:
            self._compare_header()
            self._compare_sheets()

    def _rows(self, query: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
        return batches(self._connection, query, BATCH)

    def _events(self) -> Iterator[Sequence[Any]]:
        columns = ("position", "lane", "originator_version", "topic", "state", "hash", "recorded_at", *FACTS)
        query = select(*(events.c[name] for name in columns))
        query = query.where(events.c.originator_id == self._institution_id)
        return self._rows(query.order_by(events.c.originator_version))

    def _command_rows(self) -> Iterator[CommandRow]:
        c = commands.c
        query = select(c.command_id, c.request_hash, c.first_version, c.last_version)
        query = query.where(c.institution_id == self._institution_id).order_by(c.first_version)
        for batch in self._rows(query):
            self._report.commands += len(batch)
            yield from batch

    def _read(self, row: Sequence[Any]) -> None:
        position, lane, version, topic, text, hash_, recorded_at, *facts = row
        header = self._escrow.header
        if version != header.version + 1:
            self._find("version_gap", version, f"it follows version {header.version}")
        if lane != self._lane:
            self._find("wrong_lane", version, f"position {position} is in lane {lane}, not {self._lane}")
        state = text.encode()
        linked = link(header.head, topic, state)
        if hash_ != linked:
            self._find("chain_broken", version, "the stored text is not what was hashed")
        try:
            envelope, event = decode(topic, state)
        except (UnknownEvent, UnreadableEvent) as error:
            self._folds = False
            self._find("unreadable_event", version, str(error))
        else:
            self._check(version, envelope, event, recorded_at, facts)
            self._follow_command(version, envelope)
            self._fold(version, event)
            header.recorded_at = envelope.recorded_at
        header.version = version
        header.head = hash_ if hash_ == linked or _HASH.fullmatch(hash_) else linked

    def _check(self, version: int, envelope: Envelope, event: Event, recorded_at: int, facts: list[Any]) -> None:
        if not same_facts(facts, event):
            self._find("derived_column_differs", version, "a column says something else than the text")
        if recorded_at != envelope.recorded_at:
            self._find("derived_column_differs", version, "recorded_at says something else than the text")
        if envelope.recorded_at < self._escrow.header.recorded_at:
            self._find("time_runs_backwards", version, "recorded before the event before it")
        if sum(sign * getattr(event, amount) for sign, amount in _AMOUNTS.get(type(event), ())):
            self._find("legs_unbalanced", version, "debits and credits differ")

    def _follow_command(self, version: int, envelope: Envelope) -> None:
        key, request, _ = self._command
        if (envelope.command_id, envelope.request_hash) != (key, request):
            self._close_command(version - 1)
            self._command = (envelope.command_id, envelope.request_hash, version)

    def _close_command(self, last: int) -> None:
        key, request, first = self._command
        if first and (stored := next(self._keys, None)) != (key, request, first, last):
            detail = f"events {first} to {last} were recorded under the key {key}; the row says {stored}"
            self._find("command_differs", first, detail)

    def _fold(self, version: int, event: Event) -> None:
        if not self._folds:
            return
        try:
            self._evolve(self._escrow, event)
        except Exception as error:  # noqa: BLE001 - damaged history may fail anyhow: a finding, not a crash
            self._folds = False
            self._find("history_does_not_fold", version, repr(error))

    def _compare_header(self) -> None:
        header = self._escrow.header
        columns = (headers.c.version, headers.c.state, *(headers.c[name] for name in ACCOUNT_COLUMNS))
        query = select(*columns).where(headers.c.institution_id == self._institution_id)
        row = self._connection.execute(query).first()
        if row is None:
            self._find("header_missing", None, "there are events and no header")
        elif header.version == 0:
            self._find("header_without_events", None, "there is a header and no event")
        elif row != (
            header.version,
            encode_row(header),
            *(getattr(header, name) for name in ACCOUNT_COLUMNS),
        ):
            self._find("header_differs", None, "the header is not the fold of the events")

    def _compare_sheets(self) -> None:
        expected = dict(self._escrow.sheets)
        columns = ("sheet_key", "state", *CHECKED, "spent_centihours", "units_centihours")
        query = select(*(sheets.c[name] for name in columns))
        for batch in self._rows(query.where(sheets.c.institution_id == self._institution_id)):
            self._report.sheets += len(batch)
            for key, state, *checked in batch:
                sheet = expected.pop(key, None)
                if sheet is None:
                    self._find("sheet_without_events", None, f"no event explains {key}")
                elif state != encode_row(sheet) or checked != checked_columns(sheet):
                    self._find("sheet_differs", None, f"{key} is not the fold of the events")
        for key in expected:
            self._find("sheet_missing", None, f"the events make {key}, which is not stored")

    def _find(self, code: str, version: int | None, detail: str) -> None:
        self._found += 1
        if self._found <= FINDINGS_PER_INSTITUTION:
            self._report.findings.append(Finding(code, self._institution_id, version, detail))
