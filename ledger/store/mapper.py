"""Between the ledger's recorded events and the library's stored events."""

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, Notification, StoredEvent

from ledger.serialization import Recorded, decode
from ledger.store.rows import ChainedEvent


class RecordMapper(Mapper[str]):
    """Keeps the exact text that was hashed; decodes by stored name instead of by module path."""

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The stored form of an event that a command is about to record."""
        assert isinstance(domain_event, Recorded)
        return ChainedEvent(
            originator_id=domain_event.institution_id,
            originator_version=domain_event.version,
            topic=domain_event.topic,
            state=domain_event.state,
            hash=domain_event.hash,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        """The recorded event. Raises UnknownEvent or UnreadableEvent."""
        envelope, event = decode(stored_event.topic, stored_event.state)
        return Recorded(
            position=stored_event.id if isinstance(stored_event, Notification) else 0,
            institution_id=str(stored_event.originator_id),
            version=stored_event.originator_version,
            topic=stored_event.topic,
            envelope=envelope,
            event=event,
            state=stored_event.state,
            hash=stored_event.hash if isinstance(stored_event, ChainedEvent) else "",
        )
