"""How the demo's story is closed: all of it signed, and taken along."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ledger.log.bundle import write_bundle
from ledger.log.keys import PrivateKey
from ledger.log.notary import Notary
from ledger.store.factory import open_engine

NAME = "demo.ledger"
"""What the ledger is called where no key is set: the key is thrown away after the run."""


class Signed(Struct, frozen=True):
    """What was signed, and the key to check it with."""

    key: str
    checkpoints: int
    directory_size: int
    bundle: str | None = None


def sign(url: str, key: PrivateKey, clock: Callable[[], int], bundle: Path | None) -> Signed:
    """Sign everything that was told, and write the audit bundle where one is wanted. Raises OSError."""
    engine = open_engine(url)
    try:
        done = Notary(engine, key, clock).run()
        if bundle is not None:
            write_bundle(engine, bundle, key)
    finally:
        engine.dispose()
    return Signed(key.public().text(), done.checkpoints, done.directory_size, None if bundle is None else str(bundle))
