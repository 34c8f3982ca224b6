"""The orders of one turn, judged one after another against the escrows they name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.answers import (
    BatchRefused,
    CommandKeyReused,
    MalformedIdentifier,
    UnstorableText,
    VersionConflict,
)
from ledger.escrow import Escrow, Unread
from ledger.events import Event
from ledger.identifiers import is_id
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.serialization import (
    TOPICS,
    Envelope,
    Recorded,
    encode,
    encode_envelope,
    envelope_of,
    link,
    request_hash,
)
from ledger.sheets import Header
from ledger.store.failures import Conflict
from ledger.store.rows import CommandAddress, Known, Settlement, SheetAddress, Turn, encode_row

Decide = Callable[[Order, Escrow, int], tuple[list[Event], Escrow, str]]
"""Judges an order against an escrow at an instant: events, the escrow after them, the rule set used."""
Clock = Callable[[], int]
"""Microseconds since the epoch, UTC."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that is recorded when the turn is written: its events, by index into the docket's."""

    order: Order
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """An order whose key is known: recorded before this turn, or earlier in it."""

    order: Order
    known: Known


Verdict = Accepted | Repeated | Rejection | Exception


class Docket:
    """Judges orders in their sequence; reads what they need; collects what is to be written.

    With a docket `before` that is still being written, what that one leaves counts, not what is in the database.
    """

    def __init__(self, orders: Sequence[Order], decide: Decide, clock: Clock, before: "Docket | None" = None) -> None:
        self.orders = orders
        self.verdicts: list[Verdict | None] = [None] * len(orders)
        self.recorded: list[Recorded] = []
        """The new events, without their positions yet."""
        self._decide = decide
        self._now = clock()
        self._escrows: dict[str, Escrow] = {}
        self._seen: dict[str, int] = {}
        self._before = {} if before is None else before._escrows  # noqa: SLF001 - a docket before this one
        self._known: dict[CommandAddress, Known] = {} if before is None else before.keys()
        self._new: list[tuple[str, str, str, int, int]] = []
        self._changed: dict[SheetAddress, str] = {}

    @property
    def id(self) -> str:
        """The library names what it saves."""
        return "docket"

    @property
    def version(self) -> int:
        """How many events it has."""
        return len(self.recorded)

    def collect_events(self) -> Sequence[Recorded]:
        """What the library asks of an aggregate that is saved: its new events."""
        return self.recorded

    def judge(self, turn: Turn) -> None:
        """Give every order its verdict. Raises Conflict when a look shows another version than what it is judged on."""
        waiting = [index for index in range(len(self.orders)) if self._well_formed(index)]
        orders = [self.orders[index] for index in waiting]
        self._read(
            turn,
            dict.fromkeys(order.institution_id for order in orders),
            dict.fromkeys((order.institution_id, key) for order in orders for key in order.command.touches()),
            dict.fromkeys((order.institution_id, order.command_id) for order in orders),
        )
        while waiting:
            missing: dict[SheetAddress, None] = {}
            waiting = self._pass(waiting, missing)
            if missing:
                self._read(turn, dict.fromkeys(address[0] for address in missing), missing, ())

    def keys(self) -> dict[CommandAddress, Known]:
        """The keys of what it accepted."""
        return {row[:2]: Known(*row[2:]) for row in self._new}

    def settlement(self) -> Settlement:
        """The rows that belong to the new events."""
        headers = [
            (institution_id, escrow.header.version, self._seen[institution_id], encode_row(escrow.header))
            for institution_id, escrow in sorted(self._escrows.items())
            if escrow.header.version != self._seen[institution_id]
        ]
        sheets = sorted((institution_id, str(key), state) for (institution_id, key), state in self._changed.items())
        return Settlement(headers, self._new, sheets)

    def refuse_all(self) -> bool:
        """Turn an all-or-nothing docket down when one order in it is rejected; whether it was."""
        culprit = next((i for i, verdict in enumerate(self.verdicts) if isinstance(verdict, Exception)), None)
        if culprit is None:
            return False
        fresh = self.keys()
        for index, verdict in enumerate(self.verdicts):
            order = self.orders[index]
            repeats = isinstance(verdict, Repeated) and (order.institution_id, order.command_id) in fresh
            if isinstance(verdict, Accepted) or repeats:
                self.verdicts[index] = BatchRefused(culprit)
        return True

    def _well_formed(self, index: int) -> bool:
        order = self.orders[index]
        for text in (order.institution_id, order.command_id):
            if not is_id(text):
                self.verdicts[index] = MalformedIdentifier(text[:128])
                return False
        return True

    def _read(
        self,
        turn: Turn,
        institutions: dict[str, None],
        sheets: dict[SheetAddress, None],
        commands: dict[CommandAddress, None] | tuple[()],
    ) -> None:
        snapshot = turn.read(institutions, sheets, commands)
        self._known |= snapshot.commands
        for institution_id in institutions:
            header, earlier = snapshot.headers.get(institution_id), self._before.get(institution_id)
            if earlier is not None:
                if header is not None and header.version > earlier.header.version:
                    raise Conflict("somebody else went on from there: the sheets are of later than the header")
                header = earlier.header
            version = header.version if header else 0
            if institution_id not in self._escrows:
                self._escrows[institution_id] = Escrow(
                    header or Header(institution_id=institution_id), complete=header is None
                )
                self._seen[institution_id] = version
            elif self._seen[institution_id] != version:
                raise Conflict("the stream moved between two looks")
        for institution_id, key in sheets:
            earlier = self._before.get(institution_id)
            known = None if earlier is None else earlier.sheets.get(key)
            self._escrows[institution_id].sheets[key] = known or snapshot.sheets.get((institution_id, key))

    def _pass(self, waiting: list[int], missing: dict[SheetAddress, None]) -> list[int]:
        """Judge what can be judged; who lacks a sheet waits, and whoever comes after says what it needs."""
        stalled: set[str] = set()
        left = []
        for index in waiting:
            order = self.orders[index]
            verdict = self._verdict(order, stalled, missing)
            if order.institution_id in stalled:
                left.append(index)
            else:
                self.verdicts[index] = verdict
        return left

    def _verdict(self, order: Order, stalled: set[str], missing: dict[SheetAddress, None]) -> Verdict | None:
        try:
            return self._answered(order) or self._decided(order, stalled)
        except Unread as unread:
            missing.update(dict.fromkeys((order.institution_id, key) for key in unread.keys))
            stalled.add(order.institution_id)
            return None
        except UnicodeEncodeError:
            return UnstorableText()
        except Exception as error:  # noqa: BLE001 - a rejection, or a bug that must not take the others of the turn along
            return error

    def _answered(self, order: Order) -> Verdict | None:
        """The verdict on an order whose key is known, or whose caller has seen another version."""
        if known := self._known.get((order.institution_id, order.command_id)):
            same = known.request_hash == request_hash(order)
            return Repeated(order, known) if same else CommandKeyReused(order.command_id)
        version = self._escrows[order.institution_id].header.version
        if order.expected_version is not None and order.expected_version != version:
            return VersionConflict(order.expected_version, version)
        return None

    def _decided(self, order: Order, stalled: set[str]) -> Verdict | None:
        escrow = self._escrows[order.institution_id]
        now = max(self._now, escrow.header.recorded_at)
        events, after, rules = self._decide(order, escrow, now)
        if order.institution_id in stalled:
            return None
        return self._accept(order, envelope_of(order, request_hash(order), rules, now), events, after)

    def _accept(self, order: Order, envelope: Envelope, events: list[Event], after: Escrow) -> Accepted:
        assert events, f"{order.command.name} was accepted without an event"
        header = after.header
        recorded = _chained(header, envelope, events)
        changes = self._changes(order.institution_id, after)
        last = recorded[-1]
        known = Known(envelope.request_hash, header.version + 1, last.version)
        header.version, header.head, header.recorded_at = last.version, last.hash, envelope.recorded_at
        self._adopt(order, after, changes, known)
        self.recorded += recorded
        return Accepted(order, len(self.recorded) - len(recorded), len(self.recorded))

    def _changes(self, institution_id: str, after: Escrow) -> dict[SheetAddress, str]:
        before = self._escrows[institution_id].sheets
        return {
            (institution_id, key): encode_row(sheet)
            for key, sheet in after.sheets.items()
            if sheet is not None and sheet != before.get(key)
        }

    def _adopt(self, order: Order, after: Escrow, changes: dict[SheetAddress, str], known: Known) -> None:
        escrow = self._escrows[order.institution_id]
        escrow.header = after.header
        escrow.sheets.update(after.sheets)
        self._changed |= changes
        self._known[order.institution_id, order.command_id] = known
        self._new.append((order.institution_id, order.command_id, *known))


def _chained(header: Header, envelope: Envelope, events: list[Event]) -> list[Recorded]:
    """The events as they will stand in the stream after `header`, each linked to the one before."""
    prefix, head, recorded = encode_envelope(envelope), header.head, []
    for version, event in enumerate(events, header.version + 1):
        topic, state = TOPICS[type(event)], encode(prefix, event)
        if b"u0000" in state and _NUL.search(state):
            raise UnstorableText
        head = link(head, topic, state)
        recorded.append(
            Recorded(
                position=0,
                institution_id=header.institution_id,
                version=version,
                topic=topic,
                envelope=envelope,
                event=event,
                state=state,
                hash=head,
            )
        )
    return recorded
