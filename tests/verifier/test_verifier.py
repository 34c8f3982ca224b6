"""The verifier shares nothing with the ledger, agrees with it about money, and says what it covered and what not."""

import ast
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import open_ledger
from ledger.log.bundle import NothingSigned, NotInDirectory, write_bundle
from ledger.log.keys import COSIGNER, PrivateKey
from ledger.log.notes import sign
from ledger.log.proving import NotSealed, NotYetSigned, prove_checkpoint, prove_event, prove_statement
from ledger.log.records import raw_events, reading
from ledger.postings import ACCOUNTS, POSTINGS
from ledger.serialization import TOPICS
from tests.conftest import Clock, migrate
from tests.log.schools import KEY, WITNESS
from tests.verifier.conftest import VERIFIER, loaded
from tests.verifier.forging import Bundle

BOTH_KEYS = ["--key", KEY.public().text(), "--witness", WITNESS.public(COSIGNER).text()]

# RFC 8032, 7.1: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
            "55141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
            "00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
            "027beceea1ec40a"
        ),
    ),
]


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A copy of the verifier somewhere else, without this project's packages or any other."""
    copy = folder / "verify.py"
    copy.write_bytes(VERIFIER.read_bytes())
    command = [sys.executable, "-I", "-S", str(copy), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_it_is_one_file_that_imports_nothing_of_ours() -> None:
    assert [path.name for path in VERIFIER.parent.glob("*.py")] == ["verify.py"]
    imported = set()
    for node in ast.walk(ast.parse(VERIFIER.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
    assert imported - {"cryptography"} <= sys.stdlib_module_names


def test_it_knows_every_event_and_reads_every_posting_as_the_ledger_does(verify: ModuleType) -> None:
    assert {*verify.LEGS, *verify.SILENT} == set(TOPICS.values())
    assert not {*verify.LEGS} & verify.SILENT
    for kind, topic in TOPICS.items():
        ours = sorted((leg.account, leg.sign, leg.amount, leg.party) for leg in POSTINGS.get(kind, ()))
        theirs = [(leg.account, leg.sign, leg.amount, leg.whose) for leg in verify.LEGS.get(topic, ())]
        assert sorted(theirs) == ours
    assert {(account.name, account.asset) for account in ACCOUNTS} == {
        (name, side > 0) for name, side in verify.SIDE.items()
    }
    assert set(verify.OF_CONTRACT) == {account.name for account in ACCOUNTS if account.by_contract}


def test_a_bundle_verifies_on_another_path_with_nothing_installed(bundle_path: Path, tmp_path: Path) -> None:
    done = run("bundle", str(bundle_path), *BOTH_KEYS, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "VERIFIED"
    for line in ("institutions      3 (all)", "seals             6, with statements 6"):
        assert line in done.stdout
    assert "directory         6 entries, 6 of them witnessed" in done.stdout
    assert "not covered       whether history was replaced before you looked" in done.stdout


def test_the_report_can_be_read_by_a_program(bundle_path: Path, tmp_path: Path) -> None:
    done = run("bundle", str(bundle_path), *BOTH_KEYS, "--json", "--held", str(bundle_path), folder=tmp_path)
    report = json.loads(done.stdout)
    assert (report["status"], report["findings"], report["found"]) == (0, [], 0)
    assert (report["institutions"], report["events"], report["held"]) == (3, 75, 12)
    assert not any("--held" in text for text in report["not_covered"])


def test_without_the_ledger_s_key_nothing_is_verified(bundle_path: Path, tmp_path: Path) -> None:
    assert run("bundle", str(bundle_path), folder=tmp_path).returncode == 2
    assert run("bundle", str(bundle_path), "--key", "nonsense", folder=tmp_path).returncode == 2
    other = PrivateKey(KEY.name, b"S" * 32).public().text()
    done = run("bundle", str(bundle_path), "--key", other, folder=tmp_path)
    assert done.returncode == 1
    assert "WRONG             manifest_not_signed" in done.stdout
    assert done.stdout.splitlines()[-1] == "NOT VERIFIED"


def test_a_witness_s_key_is_not_the_ledger_s(bundle_path: Path, tmp_path: Path) -> None:
    assert run("bundle", str(bundle_path), "--key", KEY.public(COSIGNER).text(), folder=tmp_path).returncode == 1


def test_a_bundle_without_events_is_no_pass(verify: ModuleType, tmp_path: Path) -> None:
    empty = Bundle({"directory/entries": b"", "directory/checkpoints": b"", "rules": b"", "manifest": b""})
    path = empty.sign().write(tmp_path / "empty.bundle")
    report = verify.check_bundle(str(path), [verify.parse_key(KEY.public().text())])
    assert (report.status, report.events, report.findings) == (verify.NOTHING, 0, [])
    done = run("bundle", str(path), "--key", KEY.public().text(), folder=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "NOTHING INSPECTED"


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.bundle"
    path.write_bytes(content)
    assert run("bundle", str(path), "--key", KEY.public().text(), folder=tmp_path).returncode == 2
    assert run("bundle", str(tmp_path / "missing"), "--key", KEY.public().text(), folder=tmp_path).returncode == 2


def test_another_format_is_refused(verify: ModuleType, bundle: Bundle, tmp_path: Path) -> None:
    text = bundle.members["manifest"].decode().rpartition("\n\n")[0].replace("bundle 1", "bundle 2")
    bundle.members["manifest"] = sign(text + "\n", KEY).encode().encode()
    with pytest.raises(verify.Refused, match="format"):
        verify.check_bundle(str(bundle.write(tmp_path / "x")), [verify.parse_key(KEY.public().text())])


def test_no_more_is_read_than_was_promised(verify: ModuleType, bundle: Bundle, tmp_path: Path) -> None:
    name = "institutions/school-1/events"
    bundle.members[name] += b"x" * 50_000_000
    path = bundle.write(tmp_path / "bomb.bundle")
    report = verify.check_bundle(str(path), [verify.parse_key(KEY.public().text())], jobs=1)
    assert {each.code for each in report.findings} >= {"manifest_differs"}
    assert report.events <= 76


def test_processes_and_one_process_say_the_same(verify: ModuleType, bundle_path: Path) -> None:
    keys = [verify.parse_key(KEY.public().text())]
    assert verify.check_bundle(str(bundle_path), keys, jobs=1) == verify.check_bundle(str(bundle_path), keys, jobs=2)


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_arithmetic_passes_the_vectors_of_the_rfc(
    verify: ModuleType, public: str, message: str, signature: str
) -> None:
    parts = [bytes.fromhex(each) for each in (public, message, signature)]
    assert verify.slow_ed25519_verify(*parts)
    assert not verify.slow_ed25519_verify(parts[0], parts[1] + b"x", parts[2])
    high = int.from_bytes(parts[2][32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not verify.slow_ed25519_verify(parts[0], parts[1], parts[2][:32] + high.to_bytes(32, "little"))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
def test_the_arithmetic_agrees_with_the_library(seed: bytes, message: bytes, bit: int) -> None:
    verify = sys.modules.get("verify_alone") or loaded()
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    for candidate, expected in ((signature, True), (bytes(flipped), False)):
        assert verify.slow_ed25519_verify(public, message, candidate) is expected
        assert verify.ed25519_verify(public, message, candidate) is expected


def test_points_that_are_none_are_refused(verify: ModuleType) -> None:
    signature = bytes.fromhex(RFC_8032[0][2])
    for public in (b"\xff" * 32, b"\x02" + bytes(31), b"", b"x" * 31):
        assert not verify.slow_ed25519_verify(public, b"", signature)


# ── proofs of one event, one checkpoint, one family ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", [1, 2, 13, 25])
def test_the_proof_of_an_event_verifies_offline(ledger_url: str, tmp_path: Path, version: int) -> None:
    ledger = open_ledger(ledger_url, Clock())
    proof, state = tmp_path / "event.tlog-proof", tmp_path / "state"
    proof.write_text(prove_event(ledger.engine, "school-1", version))
    event = ledger.stream("school-1", version - 1, 1)[0]
    state.write_bytes(event.state)
    ledger.close()
    options = ["--key", KEY.public().text(), "--topic", event.topic, "--state", str(state)]
    done = run("proof", str(proof), *options, folder=tmp_path)
    assert done.returncode == 0
    assert "ledger.example/institution/school-1" in done.stdout
    state.write_bytes(event.state.replace(b"17", b"18", 1))
    assert run("proof", str(proof), *options, folder=tmp_path).returncode == 1
    proof.write_text("c2sp.org/tlog-proof@v1\n")
    assert run("proof", str(proof), *options, folder=tmp_path).returncode == 1


def test_a_checkpoint_is_proven_to_stand_in_the_witnessed_directory(
    verify: ModuleType, ledger_url: str, bundle: Bundle
) -> None:
    ledger = open_ledger(ledger_url, Clock())
    lines = bundle.lines("directory/entries")
    for line in lines:
        name, size, _ = line.decode().split(" ")
        proof = prove_checkpoint(ledger.engine, name, int(size))
        head = verify.check_proof(
            proof,
            line.rstrip(b"\n"),
            [verify.parse_key(KEY.public().text())],
            [verify.parse_key(WITNESS.public(COSIGNER).text())],
            1,
        )
        assert (head.origin, head.size) == ("ledger.example/directory", len(lines))
    with pytest.raises(NotYetSigned):
        prove_checkpoint(ledger.engine, "school-1", 3)
    with pytest.raises(NotYetSigned):
        prove_event(ledger.engine, "school-1", 26)
    ledger.close()


@pytest.mark.parametrize("key", ["contract c1", "contract c2", "contract c3", "deposit 6222000001.20260825.loose"])
@pytest.mark.parametrize("day", [1, 10])
def test_a_family_proves_its_sealed_figure_and_shows_nobody_else_s(
    ledger_url: str, tmp_path: Path, key: str, day: int
) -> None:
    ledger = open_ledger(ledger_url, Clock())
    proof = prove_statement(ledger.engine, "school-2", key, date(2026, 9, day))
    others = ledger.stream("school-2")
    ledger.close()
    path = tmp_path / "mine.statement-proof"
    path.write_bytes(proof.encode())
    done = run("statement", str(path), "--key", KEY.public().text(), folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"sealed for 2026-09-{day:02d}" in done.stdout
    assert proof.line in done.stdout
    shown = path.read_text()
    ids = {getattr(each.event, "contract_id", None) for each in others} - {None, key.split()[1]}
    assert not [each for each in ids if f"contract {each} " in shown]
    amount = proof.line.split(" ")[2]
    forged = json.loads(shown)
    forged["line"] = proof.line.replace(f" {amount} ", f" {int(amount) + 1} ", 1)
    path.write_text(json.dumps(forged))
    assert run("statement", str(path), "--key", KEY.public().text(), folder=tmp_path).returncode == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"line":1}', '{"state":"{}"}'])
def test_what_is_no_statement_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.statement-proof"
    path.write_text(text)
    assert run("statement", str(path), "--key", KEY.public().text(), folder=tmp_path).returncode == 1


def test_there_is_no_statement_of_a_day_that_was_not_sealed_or_a_family_that_is_not_there(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url, Clock())
    with pytest.raises(NotSealed):
        prove_statement(ledger.engine, "school-2", "contract c1", date(2026, 9, 5))
    with pytest.raises(NotSealed):
        prove_statement(ledger.engine, "school-2", "contract c", date(2026, 9, 1))
    ledger.close()


# ── writing bundles ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_checkpoint_gives_the_same_bytes(ledger_url: str, bundle_path: Path, tmp_path: Path) -> None:
    ledger = open_ledger(ledger_url, Clock())
    counted: list[int] = []
    summary = write_bundle(ledger.engine, tmp_path / "again.bundle", KEY, progress=counted.append)
    assert (tmp_path / "again.bundle").read_bytes() == bundle_path.read_bytes()
    assert (summary.institutions, summary.events, summary.directory_size) == (3, 75, 6)
    assert sum(counted) == 75
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.bundle"]
    ledger.close()


def test_a_bundle_holds_the_exact_stored_bytes(ledger_url: str, bundle: Bundle) -> None:
    ledger = open_ledger(ledger_url, Clock())
    with reading(ledger.engine) as connection:
        for name in bundle.institutions():
            stored = [(raw.topic, raw.state.decode()) for raw in raw_events(connection, name)]
            assert bundle.events(name) == stored
    ledger.close()


def test_a_part_says_what_it_leaves_out(verify: ModuleType, ledger_url: str, tmp_path: Path) -> None:
    ledger = open_ledger(ledger_url, Clock())
    path = tmp_path / "part.bundle"
    write_bundle(ledger.engine, path, KEY, ["school-3"])
    report = verify.check_bundle(str(path), [verify.parse_key(KEY.public().text())])
    assert (report.status, report.scope, report.institutions, report.events) == (0, "part", 1, 25)
    assert "2 institutions of the directory that are not in this bundle" in report.not_covered
    with pytest.raises(NotInDirectory):
        write_bundle(ledger.engine, path, KEY, ["nobody"])
    with pytest.raises(NothingSigned):
        write_bundle(ledger.engine, path, KEY, directory_size=99)
    assert [each.name for each in tmp_path.iterdir()] == ["part.bundle"]
    ledger.close()


def test_there_is_no_bundle_before_the_first_checkpoint(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    migrate(url)
    ledger = open_ledger(url, Clock())
    with pytest.raises(NothingSigned):
        write_bundle(ledger.engine, tmp_path / "x.bundle", KEY)
    ledger.close()
