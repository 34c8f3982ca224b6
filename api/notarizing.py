"""The notary beside the program: of several processes one follows the log, signs, and asks the witnesses."""

import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.cosigning import WitnessRefused, ask_witness
from api.logs import described
from api.settings import Settings
from api.witnesses import WitnessAddress, parse_witnesses
from ledger.log.cosigning import WitnessAhead
from ledger.log.keys import MalformedKey, PrivateKey, parse_private_key
from ledger.log.lease import MICROSECONDS, Lease
from ledger.log.notary import Notary, StreamBroken
from ledger.log.notes import MalformedNote, NotSigned
from ledger.log.standing import standing
from ledger.store.failures import StoreUnavailable

log = structlog.get_logger("notary")


class LogKeyUnusable(Exception):
    """The file of LEDGER_LOG_KEY cannot be used; why, without what is in it."""


def log_key(settings: Settings) -> PrivateKey | None:
    """The key that signs checkpoints; None where no notary is wanted. Raises LogKeyUnusable."""
    path = settings.log_key
    if path is None:
        return None
    try:
        shared = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise LogKeyUnusable(f"LEDGER_LOG_KEY: {path}: {reason}") from None
    if shared:
        raise LogKeyUnusable(f"LEDGER_LOG_KEY: {path} is open to others than its owner: chmod 600")
    try:
        key = parse_private_key(text)
    except MalformedKey as error:
        raise LogKeyUnusable(f"LEDGER_LOG_KEY: {path}: {error}") from None
    if settings.log_name not in {None, key.name}:
        raise LogKeyUnusable(f"LEDGER_LOG_KEY: {path} is that of {key.name}, not of {settings.log_name}")
    return key


class Follower:
    """Follows the log of one ledger as long as its lease holds. `clock` gives µs since the epoch, UTC."""

    def __init__(
        self,
        engine: Engine,
        key: PrivateKey,
        clock: Callable[[], int],
        witnesses: Sequence[WitnessAddress] = (),
        witness_seconds: float = 60.0,
    ) -> None:
        self.key = key
        self.witnesses = tuple(witnesses)
        self.broken = False
        """The store holds something else than what must come next: nothing more is signed until somebody looked."""
        self.refusals: dict[str, str] = {}
        """Witness → why it did not cosign when it was asked last."""
        self._engine = engine
        self._clock = clock
        self._notary = Notary(engine, key, clock)
        self._lease = Lease(engine)
        self._pause = int(witness_seconds * MICROSECONDS)
        self._asked: dict[str, int] = {}

    def step(self) -> bool:
        """One round, if the lease is ours; whether it was. Raises StoreUnavailable."""
        if not self._lease.hold(self._clock()):
            return False
        try:
            self._notary.run()
        except StreamBroken:
            if not self.broken:
                log.error("the store is not what was signed; nothing more is signed")  # noqa: TRY400 - says what it is
            self.broken = True
            return True
        self.broken = False
        self._ask()
        return True

    def release(self) -> None:
        """Leave the log to another process. Raises StoreUnavailable."""
        self._lease.release()

    def _ask(self) -> None:
        now = self._clock()
        due = [each for each in self.witnesses if now - self._asked.get(each.key.name, -self._pause) >= self._pause]
        if not due:
            return
        here = standing(self._engine, self.key.name, [each.key for each in due])
        for each in due:
            if here.witnessed[each.key.name] < here.directory_size:
                self._asked[each.key.name] = now
                self._ask_one(each)

    def _ask_one(self, witness: WitnessAddress) -> None:
        name = witness.key.name
        try:
            ask_witness(self._engine, witness.url, witness.key)
        except (WitnessRefused, WitnessAhead, NotSigned, MalformedNote) as refusal:
            log.error("a witness did not cosign", witness=name, reason=str(refusal))  # noqa: TRY400 - its words say it
            self.refusals[name] = str(refusal)
        except (OSError, HTTPException) as failure:
            log.warning("a witness is away", witness=name, kind=type(failure).__name__)
            self.refusals[name] = "away"
        else:
            self.refusals.pop(name, None)


def follower(settings: Settings, engine: Engine, clock: Callable[[], int]) -> Follower | None:
    """The notary that the settings want; None where they name no key. Raises LogKeyUnusable."""
    key = log_key(settings)
    if key is None:
        return None
    return Follower(engine, key, clock, parse_witnesses(settings.witnesses or ""), settings.witness_seconds)


def follow(one: Follower, stop: threading.Event, pause_seconds: float) -> None:
    """Go round and round until told to stop; what fails once is tried again."""
    while not stop.is_set():
        try:
            one.step()
        except (StoreUnavailable, SQLAlchemyError) as failure:
            log.warning("the store cannot be asked", kind=type(failure).__name__)
        except Exception as error:  # noqa: BLE001 - a notary that died silently would be missed by nobody
            log.error("a round of the notary failed", **described(error))  # noqa: TRY400 - messages may quote
        stop.wait(pause_seconds)
    try:
        one.release()
    except (StoreUnavailable, SQLAlchemyError) as failure:
        log.warning("the lease could not be given back", kind=type(failure).__name__)


@contextmanager
def following(one: Follower | None, pause_seconds: float) -> Iterator[None]:
    """A thread that follows while the block runs."""
    if one is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(one, stop, pause_seconds), name="notary", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
