"""How the demo's story is closed: every escrow sealed with everybody's figure, all of it signed, and taken along."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from api.demo.days import LAST_DAY
from api.demo.telling import Tally
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.log.bundle import write_bundle
from ledger.log.keys import PrivateKey
from ledger.log.notary import Notary
from ledger.log.proving import sealing
from ledger.orders import Order
from ledger.rejections import EscrowNotOpen
from ledger.store.factory import open_engine

NAME = "demo.ledger"
"""What the ledger is called where no key is set: the key is thrown away after the run."""


class Signed(Struct, frozen=True):
    """What was signed, and the key to check it with."""

    key: str
    checkpoints: int
    directory_size: int
    bundle: str | None = None


def seal_the_last_day(ledger: Ledger, tally: Tally) -> None:
    """Seal the last day of every escrow that is still open, with the balances and every family's statement.

    A day is sealed once it is over: the clock of the ledger stands on the next.
    """
    for institution_id in ledger.institutions():
        seal = sealing(ledger.engine, institution_id, LAST_DAY)
        order = Order(institution_id, f"seal-{LAST_DAY}", seal, actor="officer-lin", role=Role.REGULATOR)
        try:
            tally.count(ledger.submit(order))
        except EscrowNotOpen:  # its story has ended
            continue


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
