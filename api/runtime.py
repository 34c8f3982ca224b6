"""What one running program has: its settings, its clock, the ledger and what answers need."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from api.metrics import Metrics
from api.notarizing import Follower
from api.problems import Catalogue
from api.security.access_log import AccessLog
from api.security.grants import Grants
from api.security.guard import GuardedLedger
from api.security.limits import Throttle
from api.security.signatures import Signatures
from api.security.tokens import Tokens
from api.settings import Settings, master_keys
from api.vault.vault import Vault
from projections.reader import ReadModels
from projections.runner import Runner

Address = tuple[str, str]
"""Institution and command key."""


class InFlight:
    """The command keys that are being worked on in this process."""

    def __init__(self) -> None:
        self._held: set[Address] = set()
        self._lock = threading.Lock()

    @contextmanager
    def claim(self, addresses: Iterable[Address]) -> Iterator[set[Address]]:
        """Holds the addresses while the block runs; yields those that somebody else holds already."""
        wanted = set(addresses)
        with self._lock:
            taken = wanted & self._held
            self._held |= wanted
        try:
            yield taken
        finally:
            with self._lock:
                self._held -= wanted - taken


@dataclass(frozen=True)
class Runtime:
    """Made once by the composition root and handed to every route. `clock` gives µs since the epoch, UTC."""

    settings: Settings
    clock: Callable[[], int]
    ledger: GuardedLedger
    tokens: Tokens
    reader: ReadModels
    runner: Runner
    signatures: Signatures
    grants: Grants
    catalogue: Catalogue = field(default_factory=Catalogue)
    metrics: Metrics = field(default_factory=Metrics)
    in_flight: InFlight = field(default_factory=InFlight)
    notary: Follower | None = None
    """Where this program signs checkpoints."""

    @property
    def log_name(self) -> str | None:
        """What the ledger is called in its checkpoints; None where this program signs none."""
        return None if self.notary is None else self.notary.key.name

    def __post_init__(self) -> None:
        """Raises TypeError for a ledger without its guard, or tokens without the registry: nothing would hold them."""
        if not isinstance(self.ledger, GuardedLedger):
            raise TypeError("a GuardedLedger is needed")
        if self.tokens.directory is None:
            raise TypeError("tokens are held against the registry")

    @cached_property
    def access_log(self) -> AccessLog:
        """Where reads of a family's data are written down."""
        return AccessLog(self.ledger.engine, self.clock)

    @cached_property
    def throttle(self) -> Throttle:
        """Counts requests."""
        return Throttle(self.settings)

    @cached_property
    def vault(self) -> Vault:
        """Where personal data is kept; locked where no master key is set."""
        return Vault(self.ledger.engine, master_keys(self.settings), self.clock)
