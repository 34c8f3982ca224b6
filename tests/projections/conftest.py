"""Fixtures of the read models."""

import pytest

from ledger.application import Ledger
from projections.reader import ReadModels
from projections.runner import Runner


@pytest.fixture
def runner(ledger: Ledger) -> Runner:
    """Takes in small batches, so that histories are cut in many places."""
    return Runner(ledger.engine, batch=37)


@pytest.fixture
def reader(ledger: Ledger) -> ReadModels:
    """The read models of the ledger."""
    return ReadModels(ledger.engine)
