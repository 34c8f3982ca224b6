"""Payment files that are recorded: made again from their events, the same bytes each time, whoever asks and when."""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import or_, select

from api.bankday.numbers import FileId
from api.bankday.pain001 import write_pain001
from api.bankday.payments import Payment, PaymentFile, institution_ref
from api.bankday.plans import END
from ledger import events as e
from ledger.application import Ledger
from ledger.serialization import TOPICS, Recorded, decode
from ledger.store.tables import commands, events
from projections.state import institution_event

_ABOUT = tuple(TOPICS[kind] for kind in (e.EscrowOpened, e.CustodianChanged, e.InstitutionRenamed))


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A payment file whose instructions stand in the log."""

    file: PaymentFile
    sha256: str
    """Of the file with references, pain.001, as it was when it was recorded: it stands in the events' source."""
    last: bool
    """Whether its run ends with it."""

    @property
    def as_recorded(self) -> bool:
        """Whether this program writes the file as it was written then."""
        return canonical_sha256(self.file) == self.sha256


def canonical_sha256(file: PaymentFile) -> str:
    """The hash that the events carry: of the pain.001 with references instead of account numbers.

    A hash over account numbers would give them away: there are few enough to try them all.
    """
    return sha256(write_pain001(file)).hexdigest()


def find_file(ledger: Ledger, institution_id: str, file_id: FileId) -> RecordedFile | None:
    """The file, or None where it is not recorded. A few look-ups and one range of the stream."""
    table = commands.c
    own = (table.institution_id == institution_id, table.command_id > file_id.key, table.command_id < f".{file_id}/")
    with ledger.engine.connect() as connection:
        versions = connection.execute(select(table.first_version, table.last_version).where(*own)).all()
    if not versions:
        return None
    first, last = min(row[0] for row in versions), max(row[1] for row in versions)
    instructed = [
        each
        for each in ledger.stream(institution_id, first - 1, last - first + 1)
        if each.envelope.command_id.startswith(file_id.key)
    ]
    source = instructed[0].envelope.source
    file = _file(ledger, institution_id, file_id, instructed)
    ends = any(each.envelope.command_id.endswith(END) for each in instructed)
    return RecordedFile(file, "" if source is None else source.sha256, ends)


def _file(ledger: Ledger, institution_id: str, file_id: FileId, instructed: list[Recorded]) -> PaymentFile:
    who = _Identity()
    for event in _about(ledger, institution_id, instructed[0].version):
        who.take(event)
    return PaymentFile(
        file_id=file_id,
        institution_id=institution_id,
        name=who.name,
        uscc=who.uscc,
        custodian=who.custodian,
        account_id=who.account_id,
        at=instructed[0].event.effective_at,
        payments=tuple(_payment(file_id, number, each.event, who) for number, each in enumerate(instructed, 1)),
    )


class _Identity:
    """Who the institution was, and where its account, at one version of its stream."""

    def __init__(self) -> None:
        self.name = self.uscc = self.custodian = self.account_id = ""

    def take(self, event: e.Event) -> None:
        """Fold one event."""
        match event:
            case e.EscrowOpened():
                self.name, self.uscc = event.name, event.uscc
                self.custodian, self.account_id = event.custodian, event.account_id
            case e.CustodianChanged():
                self.custodian, self.account_id = event.custodian, event.account_id
            case e.InstitutionRenamed():
                self.name, self.uscc = event.name, event.uscc
            case _:
                pass


def _about(ledger: Ledger, institution_id: str, before: int) -> list[e.Event]:
    """Events before a version that say who the institution is: the first one, and those the read models point at."""
    table, known = events.c, institution_event.c
    pointed_at = select(known.version).where(known.institution_id == institution_id)
    query = (
        select(table.topic, table.state)
        .where(
            table.originator_id == institution_id,
            or_(table.originator_version == 1, table.originator_version.in_(pointed_at)),
            table.originator_version < before,
            table.topic.in_(_ABOUT),
        )
        .order_by(table.originator_version)
    )
    with ledger.engine.connect() as connection:
        return [decode(topic, state)[1] for topic, state in connection.execute(query)]


def _payment(file_id: FileId, number: int, event: e.Event, who: _Identity) -> Payment:
    payment_id = file_id.payment_id(number)
    if isinstance(event, e.ReleaseInstructed):
        return Payment(number, payment_id, event.contract_id, None, event.amount_fen, institution_ref(who.uscc))
    assert isinstance(event, e.RefundInstructed), "a payment file holds instructions"
    return Payment(number, payment_id, event.contract_id, event.refund_id, event.amount_fen, event.payee_ref)
