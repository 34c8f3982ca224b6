"""One disaster: a ledger is backed up while people post, goes on, is lost, and comes back as of the backup.

`strike` is one round, the same for the same dice; whoever drills calls it as often as it wants.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from api.backup.restoring import TargetNotEmpty, restore
from api.backup.writing import backup
from api.witness import Witness
from ledger.answers import Receipt
from ledger.application import Ledger, open_ledger
from ledger.audit import audit
from ledger.log.bundle import write_bundle
from ledger.log.checkpoints import open_checkpoint
from ledger.log.cosigning import WitnessAhead, growth, keep_cosignature
from ledger.log.inspection import inspect_log
from ledger.log.keys import COSIGNER
from ledger.log.standing import newest_directory
from ledger.orders import Order
from ledger.serialization import Recorded
from ledger.store.epochs import current_epoch, feed_footing
from projections.rebuild import rebuild
from projections.runner import Runner
from tests import examples as x
from tests.conftest import Clock
from tests.log.schools import KEY, WITNESS, notary, open_school, order

SCHOOLS = ("school-1", "school-2")
LEAST, MOST = 5, 20
"""So many commands come before, while and after the backup is made."""


@dataclass
class Disaster:
    """What one round came to."""

    acknowledged: int = 0
    lost_with_the_machine: int = 0
    """Commands after the backup: what a backup alone cannot bring back, sent again by those who posted them."""
    restore_seconds: float = 0.0
    lost: int = 0
    doubled: int = 0
    undetected: int = 0


@dataclass
class Consumer:
    """Reads the feed as a program elsewhere does: keeps what it read, names its epoch, goes back when told."""

    epoch: str = ""
    after: int = 0
    rewound_to: int | None = None
    read: dict[int, str] = field(default_factory=dict)

    def follow(self, ledger: Ledger) -> None:
        footing = feed_footing(ledger.engine, 0, self.after, self.epoch or None)
        if footing.rewind_to is not None:
            self.rewound_to = self.after = footing.rewind_to
            self.read = {position: hash_ for position, hash_ in self.read.items() if position <= self.after}
        self.epoch = footing.epoch
        while found := ledger.feed(self.after):
            self.read |= {each.position: each.hash for each in found}
            self.after = found[-1].position


def strike(url: str, empty_url: str, folder: Path, dice: Random, verify: ModuleType) -> Disaster:
    """Back up, go on, lose, restore into `empty_url`, and see who notices what."""
    clock, done = Clock(), Disaster()
    witness = Witness(folder / "witness.sqlite", WITNESS, [KEY.public()], lambda: 1_790_000_000)
    consumer = Consumer()
    posted: list[tuple[Order, Receipt]] = []
    before = _before(url, clock, folder, dice, witness, consumer, posted)
    done.acknowledged = sum(len(receipt.events) for _, receipt in posted)
    clock.advance(hours=1)  # what is posted again later is another event, although it says the same
    began = time.perf_counter()
    restored = restore(before.backup, empty_url, clock, [KEY.public()])
    done.restore_seconds = time.perf_counter() - began
    with _opened(empty_url, clock) as ledger:
        assert restored.manifest is not None
        head = ledger.position()
        assert head == restored.manifest.facts.heads[0]
        assert before.certain <= head, "what was acknowledged before the backup began is in it"
        assert {each.position: each.hash for each in _all(ledger)} == {
            position: hash_ for position, hash_ in consumer.read.items() if position <= head
        }
        done.undetected += _unseen(ledger, witness, before, folder, verify)
        seen = consumer.after
        consumer.follow(ledger)
        done.undetected += consumer.rewound_to != min(seen, head)
        done.lost_with_the_machine = sum(receipt.position > head for _, receipt in posted)
        _again(ledger, posted, head, done)
        consumer.follow(ledger)
        assert consumer.read == {each.position: each.hash for each in _all(ledger)}
        done.undetected += not _forks(ledger, clock, witness)
        _readers(ledger)
    with pytest.raises(TargetNotEmpty):
        restore(before.backup, empty_url, clock)
    return done


@dataclass(frozen=True)
class Before:
    """What is left of the lost machine: the backup, the last checkpoint somebody kept, its epoch."""

    backup: Path
    certain: int
    """Everything up to this position was acknowledged before the backup began."""
    kept: str
    epoch: str


def _before(
    url: str,
    clock: Clock,
    folder: Path,
    dice: Random,
    witness: Witness,
    consumer: Consumer,
    posted: list[tuple[Order, Receipt]],
) -> Before:
    with _opened(url, clock) as ledger:
        for name in SCHOOLS:
            open_school(ledger, name, families=1)
        _post(ledger, posted, dice, dice.randint(LEAST, MOST))
        _signed(ledger, clock, witness)
        certain, pause = ledger.position(), threading.Event()
        others = Random(dice.random())
        writer = threading.Thread(target=_post, args=(ledger, posted, others, MOST, pause.set))
        writer.start()
        pause.wait(60)
        path, _ = backup(ledger.engine, folder / "ledger.backup", clock)
        writer.join()
        _post(ledger, posted, dice, dice.randint(LEAST, MOST))
        _signed(ledger, clock, witness)
        Runner(ledger.engine).catch_up()
        consumer.follow(ledger)
        return Before(path, certain, newest_directory(ledger.engine), current_epoch(ledger.engine).name)


def _post(
    ledger: Ledger,
    posted: list[tuple[Order, Receipt]],
    dice: Random,
    count: int,
    begun: Callable[[], None] = lambda: None,
) -> None:
    for number in range(count):
        deposit = x.deposit(f"d{len(posted)}-{dice.getrandbits(32)}", dice.randint(1, 10**7), None)
        one = order(dice.choice(SCHOOLS), deposit)
        posted.append((one, ledger.submit(one)))
        if number == count // 4:
            begun()


def _signed(ledger: Ledger, clock: Clock, witness: Witness) -> None:
    notary(ledger, clock).run()
    public = WITNESS.public(COSIGNER)
    asked = growth(ledger.engine, public)
    reply = witness.add(asked.encode())
    assert reply.status == 200, reply
    keep_cosignature(ledger.engine, asked, reply.text, public)


def _unseen(ledger: Ledger, witness: Witness, before: Before, folder: Path, verify: ModuleType) -> int:
    """How many of those who could see that history is shorter now did not; what is left of it verifies."""
    unseen = int(current_epoch(ledger.engine).name == before.epoch)
    shorter = inspect_log(ledger.engine, [KEY.public()], [before.kept])
    unseen += not {each.code for each in shorter.findings} & {"entries_missing", "root_differs"}
    (seen,) = witness.kept()
    try:
        asked = growth(ledger.engine, WITNESS.public(COSIGNER), open_checkpoint(seen, KEY.public()).size)
        unseen += witness.add(asked.encode()).status == 200
    except WitnessAhead:
        pass
    path = folder / "restored.bundle"
    write_bundle(ledger.engine, path, KEY)
    key = verify.parse_key(KEY.public().text())
    report = verify.check_bundle(str(path), [key], jobs=1)
    assert (report.status, report.findings) == (verify.VERIFIED, [])
    (folder / "kept").write_text(before.kept)
    unseen += verify.check_bundle(str(path), [key], held=[str(folder / "kept")], jobs=1).status != verify.DIFFERS
    return unseen


def _again(ledger: Ledger, posted: list[tuple[Order, Receipt]], head: int, done: Disaster) -> None:
    """Everybody sends again what they sent: what the backup holds is answered as before, the rest is recorded once."""
    places: set[tuple[str, int]] = set()
    for one, receipt in posted:
        answer = ledger.submit(one)
        done.lost += answer.replayed != (receipt.position <= head)
        done.doubled += (one.institution_id, answer.first_version) in places
        places.add((one.institution_id, answer.first_version))
    assert all(ledger.submit(one).replayed for one, _ in posted)


def _forks(ledger: Ledger, clock: Clock, witness: Witness) -> bool:
    """Whether the witness refuses the other history however long it grows, until its people let it begin anew."""
    notary(ledger, clock).run()
    for _ in range(3):
        open_school(ledger, f"new-{ledger.position()}", families=1)
        notary(ledger, clock).run()
    (seen,) = witness.kept()
    checkpoint = open_checkpoint(seen, KEY.public())
    asked = growth(ledger.engine, WITNESS.public(COSIGNER), checkpoint.size)
    refused = witness.add(asked.encode()).status in {409, 422}
    witness.restart(checkpoint.origin, "drill")
    asked = growth(ledger.engine, WITNESS.public(COSIGNER), 0)
    return refused and witness.add(asked.encode()).status == 200 and witness.ended() == [seen]


def _readers(ledger: Ledger) -> None:
    """Read models, rows and log agree after all of it."""
    Runner(ledger.engine).catch_up()
    report = rebuild(ledger.engine, dry=True)
    assert (report.differences, report.parked) == ((), ())
    assert audit(ledger).passed
    assert inspect_log(ledger.engine, [KEY.public()]).passed


def _all(ledger: Ledger) -> Iterator[Recorded]:
    after = 0
    while found := ledger.feed(after):
        yield from found
        after = found[-1].position


@contextmanager
def _opened(url: str, clock: Clock) -> Iterator[Ledger]:
    ledger = open_ledger(url, clock)
    try:
        yield ledger
    finally:
        ledger.close()
