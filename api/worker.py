"""Keeping the read models up to date beside the routes, or in a process of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from projections.catch_up import DATABASE
from projections.rebuild import rewind
from projections.runner import Runner

PAUSE_SECONDS = 1.0
log = structlog.get_logger("worker")


def keep_up(runner: Runner, stop: threading.Event) -> None:
    """Catch up until told to stop; a database that is away or full is asked again after a pause.

    Read models that are ahead of a log that was put back are built again first.
    """

    def rest(seconds: float) -> None:
        stop.wait(seconds)

    while not stop.is_set():
        try:
            if rewind(runner.engine) is not None:
                log.warning("the read models were ahead of the log and were built again")
            runner.work(rest, stop.is_set)
        except DATABASE as failure:
            log.warning("the store cannot be asked", kind=type(failure).__name__)
            rest(PAUSE_SECONDS)


@contextmanager
def projector(runner: Runner) -> Iterator[None]:
    """A thread that keeps up while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=keep_up, args=(runner, stop), name="projector", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
