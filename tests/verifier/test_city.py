"""A bundle of the demo city verifies with nothing but the verifier on another path; so does every part of it.

LEDGER_TAMPER_POSITIONS sets how many bundles are cut from it (twice as many; 100 and more for the long run).
"""

import json
import os
import random
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine, select

from api.demo.run import run as tell_city
from ledger.log.bundle import write_bundle
from ledger.log.inspection import inspect_log
from ledger.log.notary import Notary
from ledger.log.tables import checkpoints, directory
from ledger.serialization import TOPICS
from ledger.store.factory import open_engine
from tests.conftest import migrate
from tests.log.schools import KEY
from tests.verifier.forging import Bundle
from tests.verifier.test_verifier import run

SCALE = 0.05
BUNDLES = 2 * int(os.environ.get("LEDGER_TAMPER_POSITIONS", "3"))
MOMENTS = 40
"""The notary signs after so many moments of the story."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The demo city, signed all along."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'city.sqlite'}"
    migrate(url)
    engine = open_engine(url)
    notary, moments = Notary(engine, KEY, lambda: 1), 0

    def watch(*_: object) -> None:
        nonlocal moments
        moments += 1
        if moments % MOMENTS == 0:
            notary.run()

    tell_city(url, SCALE, 7, watch)
    notary.run()
    return engine


def test_the_demo_city_verifies_and_shows_most_kinds_of_event(city: Engine, tmp_path: Path) -> None:
    inspected = inspect_log(city, [KEY.public()])
    assert inspected.passed
    path = tmp_path / "city.bundle"
    summary = write_bundle(city, path, KEY)
    done = run("bundle", str(path), "--key", KEY.public().text(), "--json", folder=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["findings"]) == (0, [])
    assert report["events"] == summary.events == inspected.events
    assert report["institutions"] == summary.institutions
    bundle = Bundle.read(path)
    seen = {topic for name in bundle.institutions() for topic, _ in bundle.events(name)}
    assert len(seen) > len(TOPICS) * 0.7


def test_no_part_of_the_city_raises_an_alarm(city: Engine, verify: ModuleType, tmp_path: Path) -> None:
    dice, keys = random.Random(7), [verify.parse_key(KEY.public().text())]
    with city.connect() as connection:
        sizes = list(connection.scalars(select(directory.c.size).order_by(directory.c.size)))
        entries = connection.execute(select(checkpoints.c.number, checkpoints.c.institution_id)).all()
    assert len(sizes) > 10
    for number in range(BUNDLES):
        size, whole, part = dice.choice(sizes), tmp_path / f"{number}.whole", tmp_path / f"{number}.part"
        names = sorted({name for place, name in entries if place <= size})
        write_bundle(city, whole, KEY, directory_size=dice.choice([each for each in sizes if each <= size]))
        write_bundle(city, part, KEY, dice.sample(names, dice.randint(1, len(names))), directory_size=size)
        for path, held in ((whole, []), (part, [str(whole)])):
            report = verify.check_bundle(str(path), keys, held=held)
            assert (report.status, report.findings) == (verify.VERIFIED, [])
