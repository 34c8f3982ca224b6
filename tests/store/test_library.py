"""The eventsourcing library carries the write path and can read what was written."""

from collections.abc import Callable

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    NotSupportedError,
    ProgrammingError,
    Recording,
    StoredEvent,
)

from ledger.application import Ledger
from tests.conftest import Clock
from tests.store.savings import decide, pay


@pytest.fixture
def ledger(opened: Callable[..., Ledger], clock: Clock) -> Ledger:
    return opened(clock, decide)


class Watching(Ledger):
    """Listens at the place where the library tells an application what it has saved."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.heard: list[Recording[str]] = []
        super().__init__(url, clock, decide)

    def _notify(self, recordings: list[Recording[str]]) -> None:
        self.heard += recordings


def test_every_event_goes_through_the_librarys_save(database_url: str, clock: Clock) -> None:
    ledger = Watching(database_url, clock)
    ledger.submit(pay(times=2))
    ledger.submit_all([pay("b"), pay("c")])
    assert Watching.save is Application.save
    assert [recording.notification.id for recording in ledger.heard] == [1, 2, 3, 4]
    assert [recording.domain_event.originator_version for recording in ledger.heard] == [1, 2, 1, 1]
    assert [recording.notification.state for recording in ledger.heard] == [event.state for event in ledger.feed()]
    ledger.close()


def test_the_librarys_event_store_reads_streams(ledger: Ledger) -> None:
    ledger.submit(pay(times=5))
    read = [event.originator_version for event in ledger.events.get("school", gt=1, lte=4)]
    assert read == [2, 3, 4]
    assert [event.originator_version for event in ledger.events.get("school", desc=True, limit=2)] == [5, 4]
    assert list(ledger.events.get("nobody")) == []


def test_the_librarys_notification_log_reads_the_log_in_order(ledger: Ledger) -> None:
    ledger.submit_all([pay(f"school-{n % 3}") for n in range(12)])
    section = ledger.notification_log["1,10"]
    assert [item.id for item in section.items] == list(range(1, 11))
    assert section.next_id == "11,20"
    assert [item.id for item in ledger.notification_log[section.next_id].items] == [11, 12]
    assert ledger.recorder.max_notification_id() == 12
    chosen = ledger.recorder.select_notifications(3, 2, stop=9, topics=["deposit_received.1"], inclusive_of_start=False)
    assert [item.id for item in chosen] == [4, 5]
    assert ledger.recorder.select_notifications(1, 10, topics=["escrow_opened.1"]) == []


def test_a_subscription_sees_what_was_recorded_and_what_comes(ledger: Ledger) -> None:
    ledger.submit(pay(times=2))
    with ledger.recorder.subscribe(gt=1) as subscription:
        assert next(subscription).id == 2
        ledger.submit(pay())
        assert next(subscription).id == 3
        subscription.stop()
        assert list(subscription) == []


def test_the_recorder_takes_no_events_without_the_rows_that_belong_to_them(ledger: Ledger) -> None:
    assert isinstance(ledger.recorder, ApplicationRecorder)
    with pytest.raises(ProgrammingError):
        ledger.recorder.insert_events([StoredEvent("school", 1, "deposit_received.1", b"{}")])
    assert ledger.position() == 0


def test_what_headers_and_checkpoints_replace_is_refused(ledger: Ledger) -> None:
    with pytest.raises(NotSupportedError):
        ledger.factory.aggregate_recorder("snapshots")
    with pytest.raises(NotSupportedError):
        ledger.factory.tracking_recorder()
    with pytest.raises(NotSupportedError):
        ledger.factory.process_recorder()


def test_variables_of_the_process_do_not_redirect_a_ledger(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "sqlite:////nowhere/else.sqlite")
    monkeypatch.setenv("COMPRESSOR_TOPIC", "zlib")
    ledger = Ledger(database_url, clock, decide)
    ledger.submit(pay())
    assert ledger.feed()[0].state.startswith(b"{")
    ledger.close()
