"""One clean bundle for all, with its cosigned directory, and the verifier as auditors load it: from its file alone."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ledger.application import open_ledger
from ledger.log.bundle import write_bundle
from ledger.log.checkpoints import cosign
from ledger.log.cosigning import growth, keep_cosignature
from ledger.log.keys import COSIGNER
from ledger.log.notes import parse_note
from tests.conftest import Clock, migrate
from tests.log.schools import KEY, WITNESS, city
from tests.verifier.forging import Bundle

VERIFIER = Path(__file__).parents[2] / "verifier" / "verify.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_alone", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def verify() -> ModuleType:
    """The verifier."""
    return loaded()


@pytest.fixture(scope="session")
def ledger_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small city, its directory cosigned once it was complete."""
    url = f"sqlite:///{tmp_path_factory.mktemp('city') / 'ledger.sqlite'}"
    migrate(url)
    clock = Clock()
    ledger = open_ledger(url, clock)
    city(ledger, clock)
    asked = growth(ledger.engine, WITNESS.public(COSIGNER))
    answer = cosign(parse_note(asked.note).text, WITNESS, 1_790_000_000).line()
    keep_cosignature(ledger.engine, asked, answer, WITNESS.public(COSIGNER))
    ledger.close()
    return url


@pytest.fixture(scope="session")
def bundle_path(ledger_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of all of it."""
    ledger = open_ledger(ledger_url, Clock())
    path = tmp_path_factory.mktemp("bundle") / "all.bundle"
    write_bundle(ledger.engine, path, KEY)
    ledger.close()
    return path


@pytest.fixture
def bundle(bundle_path: Path) -> Bundle:
    """Its files, to be changed."""
    return Bundle.read(bundle_path)
