"""The evidence pack: events that hash to their chain, entries that balance, and only what the reader may see."""

import io
import json

import pytest

from api.packs.evidence import Subject, write_evidence_pack
from ledger import commands as c
from ledger.application import Ledger
from ledger.serialization import link
from projections.answers import UnknownRow
from projections.reader import ReadModels
from projections.runner import Runner
from tests import examples as x
from tests.closing.schools import SCHOOL, closed, drained, opened, tell
from tests.conftest import Clock
from tests.packs.opening import Opened


def packed(ledger: Ledger, contract_id: str | None = None, *, surroundings: bool = True) -> Opened:
    """The pack, as it is sent."""
    Runner(ledger.engine).catch_up()
    file = io.BytesIO()
    subject = Subject(SCHOOL, contract_id, surroundings=surroundings)
    write_evidence_pack(ReadModels(ledger.engine), subject, file)
    return Opened(file.getvalue())


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> Ledger:
    """Three families; the school ran away."""
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    drained(ledger, c3=3_000_00)
    closed(ledger, clock)
    return ledger


def test_an_institutions_events_chain_up_to_its_head(school: Ledger) -> None:
    pack = packed(school)
    pack.check_manifest()
    head = ""
    documents = pack.lines("events.ndjson")
    for document in documents:
        head = link(head, document["topic"], document["stored"].encode())
        assert head == document["hash"]
    found = school.head(SCHOOL)
    assert found is not None
    assert (len(documents), head) == (found.version, found.hash)
    assert [row["hash"] for row in pack.csv("events.csv")] == [each["hash"] for each in documents]


def test_a_contracts_pack_holds_its_own_events_and_no_other_familys(school: Ledger) -> None:
    pack = packed(school, "c1")
    named = {row["contract_id"] for row in pack.csv("events.csv")}
    assert named == {"c1", ""}
    topics = {row["topic"] for row in pack.csv("events.csv")}
    assert {"contract_registered.1", "deposit_received.1", "refund_ordered.1", "closure_declared.1"} <= topics
    everything = b"".join(text for name, text in pack.members.items() if name != "resolution.xlsx").decode("utf-8")
    for other in ("c2", "g2", "account-of-2", "c3", "g3"):
        assert f'"{other}"' not in everything
        assert f",{other}," not in everything


def test_a_family_does_not_see_what_concerns_the_institution_as_a_whole(school: Ledger) -> None:
    topics = {row["topic"] for row in packed(school, "c1", surroundings=False).csv("events.csv")}
    assert not topics & {"escrow_opened.1", "closure_declared.1", "escrow_frozen.1"}


def test_the_entries_of_a_contract_balance_and_name_their_events(school: Ledger) -> None:
    pack = packed(school, "c2")
    text = pack.members["journal.beancount"].decode()
    assert text.count(" CNY\n") > 4
    amounts = [line.split()[-2] for line in text.splitlines() if line.startswith("  ") and line.endswith(" CNY")]
    assert sum(round(float(each) * 100) for each in amounts) == 0
    hashes = {row["hash"] for row in pack.csv("events.csv")}
    named = {line.split('"')[1] for line in text.splitlines() if line.strip().startswith("hash:")}
    assert named <= hashes


def test_the_computation_is_that_of_the_debt(school: Ledger) -> None:
    pack = packed(school, "c2")
    (claim,) = pack.lines("claims.ndjson")
    assert (claim["contract_id"], claim["due_fen"]) == ("c2", 2_000_00)
    assert sum(int(line["amount_fen"]) for line in pack.csv("computation.csv")) == 2_000_00


def test_the_page_tells_what_is_in_it_and_runs_nothing(ledger: Ledger) -> None:
    opened(ledger, [1_000_00])
    tell(ledger, c.RenameInstitution(institution_name="<script>alert(1)</script>", uscc=x.USCC, licensed=True))
    page = packed(ledger, "c1").members["index.html"].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "证据包" in page
    assert "Evidence pack" in page
    assert "manifest.json" in page


def test_formulas_are_text_in_every_table_of_evidence(ledger: Ledger) -> None:
    opened(ledger, [1_000_00])
    tell(ledger, _asserted())
    for name, content in packed(ledger, "c1").members.items():
        if name.endswith(".csv"):
            assert ",=" not in content.decode(), name


def _asserted() -> c.AssertOffPlatformPayment:
    return c.AssertOffPlatformPayment(contract_id="c1", claim_id="a", amount_fen=1, evidence="=HYPERLINK(1)")


def test_a_contract_nobody_signed_has_no_pack(school: Ledger) -> None:
    with pytest.raises(UnknownRow):
        packed(school, "c9")


def test_the_manifest_says_what_the_pack_was_made_from(school: Ledger) -> None:
    manifest = packed(school, "c1").manifest
    assert (manifest["institution_id"], manifest["contract_id"]) == (SCHOOL, "c1")
    assert manifest["position"] == school.position()
    assert json.dumps(manifest["rule_sets"]) != "[]"
