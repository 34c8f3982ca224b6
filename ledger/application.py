"""The ledger: the door through which commands come in and events are read."""

from collections.abc import Iterator, Sequence

from eventsourcing.application import Application
from eventsourcing.utils import Environment, EnvType
from msgspec.structs import replace

from ledger.answers import Answer, Receipt
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.serialization import Recorded
from ledger.store.desk import TURN_ORDERS, Desks, Slip
from ledger.store.docket import Accepted, Clock, Decide, Docket, Repeated, Verdict
from ledger.store.factory import LedgerFactory
from ledger.store.failures import StoreUnavailable
from ledger.store.history import Head, History
from ledger.store.recorder import LedgerRecorder
from ledger.store.rows import Turn
from ledger.store.series import Outcome


class Ledger(Application[str]):
    """Judges orders and records their events; one stream per institution.

    Every method may raise StoreUnavailable. `clock` gives microseconds since the epoch, UTC.
    """

    def __init__(self, url: str, clock: Clock, decide: Decide) -> None:
        super().__init__(
            {
                "PERSISTENCE_MODULE": "ledger.store.factory:LedgerFactory",
                "MAPPER_TOPIC": "ledger.store.mapper:RecordMapper",
                LedgerFactory.DATABASE_URL: url,
            }
        )
        assert isinstance(self.factory, LedgerFactory)
        assert isinstance(self.recorder, LedgerRecorder)
        self._history = History(self.factory.engine)
        self._clerk = _Clerk(self, self._history, decide, clock)
        self._desks = Desks(self.factory.turns(), self._clerk)
        self.engine = self.factory.engine
        self.lanes = self.recorder.lane_count
        """How many lanes the log has; an institution's events are all in one."""
        self.lane_of = self.recorder.lane_of

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Only what was passed in counts: variables of the process must not redirect or encrypt a ledger."""
        return Environment(name, {f"{name.upper()}_{key}": value for key, value in (env or {}).items()})

    def submit(self, order: Order) -> Receipt:
        """Record what one command causes, once and for good.

        Raises the Rejection that was judged (CommandKeyReused and VersionConflict among them), OutcomeUnknown when the
        database was lost on the way: ask again with the same key.
        """
        (outcome,) = self._desks.desk_of(order.institution_id).submit(Slip([order]))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def submit_all(self, orders: Sequence[Order], *, atomic: bool = False) -> list[Answer]:
        """Record many commands, in their order within each institution; every one gets its own answer.

        With `atomic` all of them or none are recorded, also across institutions: where one is rejected, the others
        that would have been recorded answer BatchRefused. Raises what is not a rejection, after the rest was answered.
        """
        if not orders:
            return []
        outcomes = self._submit_together(orders) if atomic else self._submit_in_chunks(orders)
        return _answers(outcomes)

    def submit_series(self, institution_id: str, orders: Iterator[Order]) -> list[Answer]:
        """Record commands of one institution that follow each other, each judged while the one before is written.

        The answers of the first orders: a series ends with the first rejection, after a few turns, and when somebody
        else waits. What was taken from `orders` beyond them was not recorded: ask again. Raises like `submit_all`,
        and what `orders` raises; what was recorded before that is replayed under its key. While `orders` makes one, the
        desk is held: it may read, but not submit to this ledger.
        """
        return _answers(self._desks.desk_of(institution_id).submit(Slip([], series=orders)))

    def preview(self, order: Order) -> tuple[Recorded, ...]:
        """The events that `submit` would record now, recorded by nobody; their position is 0. Raises like `submit`."""
        (outcome,) = self._desks.desk_of(order.institution_id).submit(Slip([order], dry=True))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome.events

    def stream(self, institution_id: str, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        """Events of one institution after a version, in order."""
        return self._history.stream(institution_id, after_version, limit)

    def feed(self, after: int = 0, limit: int = 1000, lane: int = 0) -> list[Recorded]:
        """Events of the log after a position, in commit order; gapless within a lane."""
        return self._history.feed(after, limit, lane)

    def contract_events(self, institution_id: str, contract_id: str) -> list[Recorded]:
        """Every event that names the contract, in order."""
        return self._history.contract_events(institution_id, contract_id)

    def position(self, lane: int = 0) -> int:
        """The last position of the log (of a lane, where there are several); 0 for an empty ledger."""
        return self._history.position(lane)

    def head(self, institution_id: str) -> Head | None:
        """Version and hash at the end of a stream, or None for an unknown institution."""
        return self._history.head(institution_id)

    def institutions(self, after: str = "", limit: int = 1000) -> list[str]:
        """Ids of the institutions that have a stream, in order, after one of them."""
        return self._history.institutions(after, limit)

    def close(self) -> None:
        """Let go of every connection."""
        if hasattr(self, "_desks"):
            self._desks.close()
        super().close()

    def _submit_together(self, orders: Sequence[Order]) -> list[Outcome]:
        return self._desks.desk_of(orders[0].institution_id).submit(Slip(orders, atomic=True))

    def _submit_in_chunks(self, orders: Sequence[Order]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for desk in self._desks.desks:
            mine = [i for i, order in enumerate(orders) if self._desks.desk_of(order.institution_id) is desk]
            for start in range(0, len(mine), TURN_ORDERS):
                chunk = mine[start : start + TURN_ORDERS]
                outcomes.update(zip(chunk, desk.submit(Slip([orders[i] for i in chunk])), strict=True))
        return [outcomes[i] for i in range(len(orders))]


class _Clerk:
    """Judges orders by the rules and has the library save what is accepted."""

    def __init__(self, ledger: Ledger, history: History, decide: Decide, clock: Clock) -> None:
        self._ledger = ledger
        self._history = history
        self.decide = decide
        self._clock = clock

    def judge(self, turn: Turn, orders: Sequence[Order], before: Docket | None = None) -> Docket:
        docket = Docket(orders, self.decide, self._clock, before)
        docket.judge(turn)
        return docket

    def record(self, turn: Turn, docket: Docket, *, atomic: bool = False, dry: bool = False) -> list[Outcome]:
        refused = atomic and docket.refuse_all()
        recorded: Sequence[Recorded] = docket.recorded
        if recorded and not dry and not refused:
            recordings = self._ledger.save(docket, turn=turn, settlement=docket.settlement())
            recorded = [
                replace(event, position=recording.notification.id)
                for event, recording in zip(recorded, recordings, strict=True)
            ]
        return [self._outcome(verdict, recorded) for verdict in docket.verdicts if verdict is not None]

    def _outcome(self, verdict: Verdict, recorded: Sequence[Recorded]) -> Outcome:
        if isinstance(verdict, Accepted):
            return _receipt(verdict.order, recorded[verdict.first : verdict.last], replayed=False)
        if isinstance(verdict, Repeated):
            order, known = verdict.order, verdict.known
            try:
                events = self._history.versions(order.institution_id, known.first_version, known.last_version)
            except StoreUnavailable as failure:  # concerns this answer alone: the turn is written
                return failure
            return _receipt(order, events, replayed=True)
        return verdict


def _answers(outcomes: Sequence[Outcome]) -> list[Answer]:
    """The outcomes, where all are answers. Raises the first that is not."""
    answers: list[Answer] = []
    for outcome in outcomes:
        if not isinstance(outcome, Receipt | Rejection):
            raise outcome
        answers.append(outcome)
    return answers


def _receipt(order: Order, events: Sequence[Recorded], *, replayed: bool) -> Receipt:
    return Receipt(
        institution_id=order.institution_id,
        command_id=order.command_id,
        first_version=events[0].version,
        last_version=events[-1].version,
        position=events[-1].position,
        replayed=replayed,
        events=tuple(events),
    )


def open_ledger(url: str, clock: Clock) -> Ledger:
    """The ledger in the database at a SQLAlchemy URL, with the rules of this program.

    Raises SchemaMissing where the migrations have not run, StoreUnavailable where the database is away, ValueError for
    a database that is neither a SQLite file nor PostgreSQL.
    """
    from ledger.decisions import decide  # noqa: PLC0415 - only the default composition knows the rules

    return Ledger(url, clock, decide)
