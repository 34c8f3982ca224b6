"""Forgetting a person: every institution lets go in the log, then key and fields are destroyed, then again on restore.

The order closes the race with a new contract: the mark comes first (from then on the API registers no contract for the
id), then each stream says so at the very version that was looked at (from then on the core refuses it there), then
everybody is looked at once more, and only then the key is destroyed.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from msgspec import Struct, field
from sqlalchemy import select

from api.problems import Problem
from api.vault.contracts import contracts_of
from api.vault.vault import Vault
from ledger.answers import BatchRefused, Receipt
from ledger.application import Ledger
from ledger.commands import ForgetSubject
from ledger.events import SubjectForgotten
from ledger.orders import Order
from ledger.rejections import EscrowNotOpen, ForgettingOutdated, Rejection, SubjectIsForgotten
from ledger.serialization import TOPICS, decode
from ledger.store.tables import events
from projections.reader import ReadModels
from projections.runner import Runner

LOOKS = 8
"""So often a busy institution is looked at again before it is given up."""

MakeOrder = Callable[[str, str, ForgetSubject], Order]
"""Institution, command key and command → the order of whoever asks."""


@dataclass(frozen=True)
class Tools:
    """What forgetting works with. `erasures` is a file outside the database that lists who was forgotten."""

    ledger: Ledger
    reader: ReadModels
    runner: Runner
    vault: Vault
    erasures: Path | None = None


class Reconciled(Struct, kw_only=True):
    """What a reconciliation did: people destroyed again, and what it found and cannot mend."""

    looked_at: int
    destroyed: int
    recorded: int
    findings: list[str] = field(default_factory=list)
    """`still_needed ID`, `contract_after_forgetting ID INSTITUTION`."""


def forget(tools: Tools, subject_id: str, order: MakeOrder, actor: str) -> list[str]:
    """Forget a person everywhere; the institutions that let go now or before.

    Raises the Rejection that keeps the person (SubjectStillNeeded among them), Problem subject_held_elsewhere,
    LookupError for somebody nobody knows. Nothing is destroyed then. Repeating it finishes what a crash interrupted.
    """
    known = tools.vault.find(subject_id)
    home = None if known is None else known.institution_id
    if known is not None and known.state == "forgotten":
        return []
    tools.runner.catch_up()
    if known is None and not contracts_of(tools.reader, subject_id):
        raise LookupError(subject_id)
    tools.vault.begin_forgetting(subject_id, home, actor)
    try:
        done: set[str] = set()
        while missing := _concerned(tools, subject_id, home) - done:
            _let_go(tools, subject_id, sorted(missing), order)
            done |= missing
    except (Rejection, Problem):
        tools.vault.keep_after_all(subject_id)
        raise
    _list(tools, subject_id)  # first: what is destroyed and not listed would come back with an old backup
    tools.vault.destroy(subject_id)
    return sorted(done)


def _concerned(tools: Tools, subject_id: str, home: str | None) -> set[str]:
    """Institutions with contracts of the person, and the one that made the id."""
    tools.runner.catch_up()
    at_home = {home} if home is not None and tools.ledger.head(home) is not None else set()
    return set(contracts_of(tools.reader, subject_id)) | at_home


def _let_go(tools: Tools, subject_id: str, institutions: list[str], order: MakeOrder) -> None:
    """Record it at all of these institutions or at none."""
    for _ in range(LOOKS):
        orders = [order(each, *_command(tools, subject_id, each)) for each in institutions]
        fresh = [each for each in orders if not _has_let_go(tools, each)]
        answers = tools.ledger.submit_all(fresh, atomic=True)
        refused = [each for each in answers if isinstance(each, Rejection) and not isinstance(each, BatchRefused)]
        if not refused and all(isinstance(each, Receipt) for each in answers):
            return
        others = [each for each in refused if not isinstance(each, ForgettingOutdated)]
        if others:
            raise others[0]
    raise Problem("store_unavailable", headers={"Retry-After": "1"})


def _has_let_go(tools: Tools, order: Order) -> bool:
    """Whether the institution let go before. Raises the Rejection that keeps the person, but not for a moved stream."""
    try:
        tools.ledger.preview(order)
    except SubjectIsForgotten:
        return True
    except ForgettingOutdated:
        return False
    except EscrowNotOpen:
        raise Problem("subject_held_elsewhere") from None
    return False


def _command(tools: Tools, subject_id: str, institution_id: str) -> tuple[str, ForgetSubject]:
    head = tools.ledger.head(institution_id)
    assert head is not None
    (last,) = tools.ledger.stream(institution_id, head.version - 1, 1)
    tools.runner.wait_for(last.position)
    ids = contracts_of(tools.reader, subject_id).get(institution_id, [])
    key = f"forget-{sha256(subject_id.encode()).hexdigest()[:32]}-{head.version}"
    return key, ForgetSubject(subject_id=subject_id, stream_version=head.version, contract_ids=ids)


def contracts_named(tools: Tools, institution_id: str, command: ForgetSubject) -> bool:
    """Whether a command names every contract of the person at an institution: the core cannot look that up."""
    tools.runner.catch_up()
    return contracts_of(tools.reader, command.subject_id).get(institution_id, []) == sorted(command.contract_ids)


def _list(tools: Tools, subject_id: str) -> None:
    """Add to the list outside the database: an old backup knows nothing of it."""
    if tools.erasures is None:
        return
    line = json.dumps({"subject_id": subject_id, "forgotten_at": tools.vault.clock()}) + "\n"
    descriptor = os.open(tools.erasures, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_erasures(path: Path | None) -> list[str]:
    """The ids in such a list, none where there is none; a last line that was cut by a crash is left out."""
    ids: list[str] = []
    if path is None or not path.is_file():
        return ids
    for line in path.read_text().splitlines():
        try:
            ids.append(str(json.loads(line)["subject_id"]))
        except (ValueError, KeyError, TypeError):
            continue
    return ids


def reconcile(tools: Tools, listed: list[str], order: MakeOrder) -> Reconciled:
    """Destroy again whatever log and list say is forgotten: after a restore of an older backup, and as a check."""
    let_go = _in_log(tools)
    tools.runner.catch_up()
    report = Reconciled(looked_at=len({*let_go, *listed}), destroyed=0, recorded=0)
    for subject_id in sorted({*let_go, *listed}):
        holding = set(contracts_of(tools.reader, subject_id)) - let_go.get(subject_id, set())
        known = tools.vault.find(subject_id)
        kept = known is not None and known.state != "forgotten"
        if subject_id in listed:
            report.destroyed += tools.vault.destroy(subject_id) if kept else 0
            _record_again(tools, subject_id, sorted(holding), order, report)
        elif kept and not holding:
            report.destroyed += tools.vault.destroy(subject_id)
            _list(tools, subject_id)
        elif known is not None and known.state == "forgotten":
            report.findings += [f"contract_after_forgetting {subject_id} {each}" for each in sorted(holding)]
    return report


def remembered_again(tools: Tools, listed: list[str]) -> list[str]:
    """Who was forgotten, as log or list says, and is kept all the same: an older backup brought them back.

    Changes nothing: `reconcile` forgets them again.
    """
    let_go, kept = _in_log(tools), set[str]()
    for subject_id in {*let_go, *listed}:
        known = tools.vault.find(subject_id)
        if known is None or known.state == "forgotten":
            continue
        elsewhere = set(contracts_of(tools.reader, subject_id)) - let_go.get(subject_id, set())
        if subject_id in listed or not elsewhere:
            kept.add(subject_id)
    return sorted(kept)


def _record_again(tools: Tools, subject_id: str, institutions: list[str], order: MakeOrder, report: Reconciled) -> None:
    """The log was restored to a time before the forgetting: say it again."""
    for each in institutions:
        try:
            _let_go(tools, subject_id, [each], order)
        except (Rejection, Problem):
            report.findings.append(f"still_needed {subject_id} {each}")
        else:
            report.recorded += 1


def _in_log(tools: Tools) -> dict[str, set[str]]:
    """Who was let go of, by which institutions, as the log says."""
    topic = TOPICS[SubjectForgotten]
    found: dict[str, set[str]] = {}
    with tools.ledger.engine.connect() as connection:
        for row in connection.execute(select(events.c.originator_id, events.c.state).where(events.c.topic == topic)):
            _, event = decode(topic, row.state)
            assert isinstance(event, SubjectForgotten)
            found.setdefault(event.subject_id, set()).add(row.originator_id)
    return found
