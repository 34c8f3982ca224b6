"""Who read what about families: one row for each read, written before the answer leaves, never changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, Table, Text, insert

from api.problems import FieldError, Problem
from api.security.mandate import Mandate
from ledger.identifiers import Role
from projections.database import Row

PURPOSE = "purpose"
"""The header that says why somebody looks; UTF-8 as percent-encoding."""
_MOST_PURPOSE = 200
NATION = "CN"
"""Who is no officer reads from nowhere in particular: what names no institution is then for those of the nation."""


class AccessEntry(Row, frozen=True):
    """One read of a named family's data, of the vault, or of a part of the log."""

    number: int
    read_at: int
    actor: str
    role: str
    what: str
    """The operation of the API, or the command of the terminal."""
    institution_id: str | None
    contract_id: str | None
    subject_id: str | None
    purpose: str | None
    trace_id: str
    place: str | None
    """Where the reader is an officer; tells who may see an entry that names no institution."""
    district: str | None
    first_shown: int | None = None
    """Of a feed: the first event that was shown, by position; of one institution's stream by version."""
    last_shown: int | None = None
    """The last one."""


access_log = Table(
    "access_log",
    MetaData(),
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("read_at", BigInteger, nullable=False),
    *(Column(name, Text) for name in AccessEntry.__struct_fields__[2:-2]),
    Column("first_shown", BigInteger),
    Column("last_shown", BigInteger),
)


class About(Struct, frozen=True, kw_only=True):
    """What was read."""

    what: str
    institution_id: str | None = None
    contract_id: str | None = None
    subject_id: str | None = None
    first_shown: int | None = None
    last_shown: int | None = None


@dataclass(eq=False)
class _Ticket:
    rows: list[dict[str, Any]]
    done: bool = False
    failure: Exception | None = field(default=None)


class AccessLog:
    """Writes entries; those of requests that come at once share a transaction. `clock` gives µs since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[_Ticket] = []
        self._mutex = threading.Lock()
        self._turn = threading.Lock()

    def note(self, caller: Mandate, abouts: list[About], *, purpose: str | None = None, trace_id: str = "") -> None:
        """Write what a caller reads; nothing for a guardian, who reads their own. Raises what the database raises."""
        if caller.role is Role.GUARDIAN or not abouts:
            return
        now = self._clock()
        ticket = _Ticket([_row(caller, each, purpose, trace_id, now) for each in abouts])
        with self._mutex:
            self._waiting.append(ticket)
        with self._turn:
            if not ticket.done:
                self._write()
        if ticket.failure is not None:
            raise ticket.failure

    def _write(self) -> None:
        """Write everything that waits; whoever waited finds it done."""
        with self._mutex:
            batch, self._waiting = self._waiting, []
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(access_log), [row for ticket in batch for row in ticket.rows])
        except Exception as failure:  # noqa: BLE001 - each of them must learn that nothing was written
            for ticket in batch:
                ticket.failure = failure
        for ticket in batch:
            ticket.done = True


def _row(caller: Mandate, about: About, purpose: str | None, trace_id: str, now: int) -> dict[str, Any]:
    return {
        "read_at": now,
        "actor": caller.subject,
        "role": caller.role.value,
        "what": about.what,
        "institution_id": about.institution_id,
        "contract_id": about.contract_id,
        "subject_id": about.subject_id,
        "purpose": purpose,
        "trace_id": trace_id,
        "place": caller.jurisdiction or NATION,
        "district": caller.district,
        "first_shown": about.first_shown,
        "last_shown": about.last_shown,
    }


def purpose_of(request: Request) -> str | None:
    """Why somebody looks, if they say so. Raises Problem: invalid_parameters."""
    given = request.headers.get(PURPOSE)
    if given is None:
        return None
    purpose = unquote(given, errors="replace").strip()
    if not purpose or len(purpose) > _MOST_PURPOSE or not purpose.isprintable() or "\ufffd" in purpose:
        raise Problem("invalid_parameters", {"count": 1}, (FieldError("malformed", parameter="Purpose"),))
    return purpose


def trace_of(request: Request) -> str:
    """The trace id of a request."""
    return str(request.scope.get("state", {}).get("trace_id", ""))
