"""A reader that always gives the same reading, so that many pages, or many sums, are of one state."""

from collections.abc import Iterator
from contextlib import contextmanager

from projections.answers import NOW, Moment
from projections.reading import Reading


class PinnedReader:
    """Takes the place of a reader where a reading is open already; the moment is that of the reading."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @contextmanager
    def open(
        self,
        moment: Moment = NOW,  # noqa: ARG002 - the reading has its own
        institution_id: str | None = None,  # noqa: ARG002 - same
        contract_id: str | None = None,  # noqa: ARG002 - same
    ) -> Iterator[Reading]:
        """The reading."""
        yield self._reading

    @contextmanager
    def open_log(
        self,
        moment: Moment = NOW,  # noqa: ARG002 - the reading has its own
        institution_id: str | None = None,  # noqa: ARG002 - same
    ) -> Iterator[Reading]:
        """The reading."""
        yield self._reading
