"""A bundle of the demo verifies with nothing but the one file of the verifier, copied to another path."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.demo import OK, command
from api.settings import Settings
from tests.verifier.conftest import VERIFIER


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bundle of the demo, and the key it was told to be checked with."""
    folder = tmp_path_factory.mktemp("demo")
    settings = Settings(database_url=f"sqlite:///{folder / 'ledger.sqlite'}", log_key=None, log_name=None)
    capture = pytest.MonkeyPatch()
    told: list[str] = []
    capture.setattr(sys.stdout, "write", told.append)
    try:
        code = command(settings, scale=0.05, serve=False, json=True, bundle=folder / "demo.bundle")
    finally:
        capture.undo()
    assert code == OK
    signed = json.loads("".join(told))["signed"]
    assert signed["bundle"] == str(folder / "demo.bundle")
    return folder / "demo.bundle", signed["key"]


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the file in a folder of its own, without our packages and without anybody else's."""
    copied = folder / "verify.py"
    shutil.copy(VERIFIER, copied)
    return subprocess.run(
        [sys.executable, "-I", "-S", str(copied), *arguments],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_is_verified_by_one_file_on_another_path(demo: tuple[Path, str], tmp_path: Path) -> None:
    bundle, key = demo
    done = alone(tmp_path, "bundle", str(bundle), "--key", key, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert report["events"] > 5_000
    assert report["statements"] > 10
    assert "VERIFIED" in alone(tmp_path, "bundle", str(bundle), "--key", key).stdout.splitlines()


def test_the_demo_is_not_verified_under_another_key_or_with_another_byte(
    demo: tuple[Path, str], tmp_path: Path
) -> None:
    bundle, key = demo
    other = "demo.ledger+1ea36802+AdrDHryhWdKD+DQf2Q1/oc2Vv17Mq2V/eVJmLmflavvj"
    assert alone(tmp_path, "bundle", str(bundle), "--key", other).returncode != 0
    raw = bytearray(bundle.read_bytes())
    raw[len(raw) // 2] ^= 1
    changed = tmp_path / "changed.bundle"
    changed.write_bytes(raw)
    assert alone(tmp_path, "bundle", str(changed), "--key", key).returncode == 1
