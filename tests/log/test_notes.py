"""Keys, signed notes, checkpoints, cosignatures and proofs are those of C2SP, byte for byte."""
# ruff: noqa: E501 - a signature line is as long as it is

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from ledger.log.checkpoints import (
    Checkpoint,
    cosign,
    cosignature_message,
    cosigned_at,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    with_signatures,
)
from ledger.log.keys import COSIGNER, MalformedKey, PrivateKey, parse_private_key, parse_public_key
from ledger.log.merkle import inclusion_proof, leaf_hash, root_of
from ledger.log.notes import MalformedNote, NotSigned, check_signed, parse_note, sign
from ledger.log.proofs import MalformedProof, NotProven, Proof, parse_proof, verify_proof

# The key and the note of the reference implementation of signed notes.
REFERENCE_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
REFERENCE_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
REFERENCE_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
REFERENCE_NOTE = (
    REFERENCE_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# The examples in the texts of signed-note, tlog-checkpoint and tlog-cosignature.
NOTE_EXAMPLE = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""
CHECKPOINT_EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""

# A checkpoint of a public certificate log, signed by the log and cosigned by public witnesses.
PUBLIC_CHECKPOINT = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
PUBLIC_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
PUBLIC_WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
)

LEDGER = PrivateKey("ledger.example", b"L" * 32)
WITNESS = PrivateKey("bank.example/witness", b"W" * 32)
ORIGIN = "ledger.example/institution/school-1"


def test_the_reference_key_signs_the_reference_note() -> None:
    key = parse_private_key(REFERENCE_PRIVATE)
    assert key.public().text() == REFERENCE_PUBLIC
    assert key.text() == REFERENCE_PRIVATE
    assert sign(REFERENCE_TEXT, key).encode() == REFERENCE_NOTE
    check_signed(parse_note(REFERENCE_NOTE), parse_public_key(REFERENCE_PUBLIC))


def test_a_key_hides_its_secret() -> None:
    key = parse_private_key(REFERENCE_PRIVATE)
    assert repr(key) == "PrivateKey('PeterNeumann')"
    broken = REFERENCE_PRIVATE.replace("c74f20a3", "c74f20a4")
    with pytest.raises(MalformedKey) as refused:
        parse_private_key(broken)
    assert broken[-20:] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+!!!!",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
    ],
)
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedKey):
        parse_public_key(text)


@pytest.mark.parametrize(
    "text", ["", "PRIVATE+KEY+a", REFERENCE_PUBLIC, REFERENCE_PRIVATE[:-4], "PRIVATE+KEY+a+b+Ag=="]
)
def test_a_malformed_private_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedKey):
        parse_private_key(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb"])
def test_a_key_cannot_be_called_what_a_note_cannot_hold(name: str) -> None:
    with pytest.raises(MalformedKey):
        PrivateKey(name, b"x" * 32)


def test_the_examples_of_the_specification_are_read_and_written_as_they_are() -> None:
    note = parse_note(NOTE_EXAMPLE)
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert note.signatures[0].name == "quasimodo.example/salvatore"
    assert note.encode() == NOTE_EXAMPLE
    checkpoint = parse_checkpoint(parse_note(CHECKPOINT_EXAMPLE).text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == "".join(CHECKPOINT_EXAMPLE.splitlines(keepends=True)[:3])
    cosignature = parse_note(CHECKPOINT_EXAMPLE).signatures[1]
    assert cosignature.key_id.hex() == "8d66cf3f"
    assert int.from_bytes(cosignature.value[:8], "big") == 1679315147
    assert cosignature_message(checkpoint.text(), 1679315147).decode() == (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_public_log_and_its_witnesses_verify() -> None:
    note = parse_note(PUBLIC_CHECKPOINT)
    check_signed(note, parse_public_key(PUBLIC_LOG))
    for text in PUBLIC_WITNESSES:
        witness = parse_public_key(text)
        assert witness.text() == text
        assert cosigned_at(note, witness) == 0x6A122120


@pytest.mark.parametrize("text", PUBLIC_WITNESSES)
def test_a_cosignature_of_another_size_is_wrong(text: str) -> None:
    changed = parse_note(PUBLIC_CHECKPOINT.replace("1432088532", "1432088533"))
    with pytest.raises(NotSigned):
        cosigned_at(changed, parse_public_key(text))
    with pytest.raises(NotSigned):
        check_signed(changed, parse_public_key(PUBLIC_LOG))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n— name AAAA\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n— na+me AAAAAAAA\n",
        "text\n\n— name AAAAAAA!\n",
        "text\n\n— name AAAAAAAA",
        "te\txt\n\n— name AAAAAAAA\n",
        "te\x00xt\n\n— name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        "te\ud800xt\n\n— name AAAAAAAA\n",
        "text\n\n" + "— name AAAAAAAA\n" * 101,
        "x" * 1_000_001,
    ],
)
def test_what_is_no_signed_note_is_refused(raw: str | bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_note(raw)


def test_sixteen_signatures_are_no_problem() -> None:
    assert len(parse_note("text\n\n" + "— name AAAAAAAA\n" * 16).signatures) == 16


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        f"\n1\n{b64encode(bytes(32)).decode()}\n",
        f"o\n01\n{b64encode(bytes(32)).decode()}\n",
        f"o\n-1\n{b64encode(bytes(32)).decode()}\n",
        f"o\n²\n{b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{b64encode(bytes(31)).decode()}\n",
        "o\n1\nroot\n",
        f"o\n1\n{b64encode(bytes(32)).decode()}\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint(text)


def test_extension_lines_are_allowed_and_covered_by_the_signature() -> None:
    text = f"{ORIGIN}\n0\n{b64encode(sha256(b'').digest()).decode()}\nextension\n"
    note = sign(text, LEDGER, ORIGIN).encode()
    assert open_checkpoint(note, LEDGER.public()).size == 0
    with pytest.raises(NotSigned):
        open_checkpoint(note.replace("extension", "intension"), LEDGER.public())


def test_a_checkpoint_is_signed_in_the_name_of_its_log_by_the_ledger_s_key() -> None:
    checkpoint = Checkpoint(ORIGIN, 3, root_of([leaf_hash(b"a")] * 3))
    note = sign_checkpoint(checkpoint, LEDGER)
    assert f"\n— {ORIGIN} " in note
    assert open_checkpoint(note, LEDGER.public()) == checkpoint
    check_signed(parse_note(note), parse_public_key(LEDGER.public().named(ORIGIN).text()))
    with pytest.raises(NotSigned):
        open_checkpoint(note, PrivateKey("ledger.example", b"X" * 32).public())
    with pytest.raises(NotSigned):
        open_checkpoint(note, PrivateKey("ledger.example/institution/school-1", b"L" * 32).public())


def test_a_second_wrong_signature_in_the_same_name_spoils_a_note() -> None:
    note = sign(REFERENCE_TEXT, LEDGER)
    forged = re.sub(r"\n\n(.*\n)", lambda m: m[0] + m[1].replace(m[1][-9:-2], "AAAAAA="), note.encode())
    assert len(parse_note(forged).signatures) == 2
    with pytest.raises(NotSigned):
        check_signed(parse_note(forged), LEDGER.public())


def test_a_witness_signs_the_text_with_the_time_and_under_an_id_of_its_own() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"a")), LEDGER)
    text = parse_note(note).text
    cosigned = with_signatures(note, [cosign(text, WITNESS, 1_790_000_000).line()])
    assert cosigned == with_signatures(cosigned, [cosign(text, WITNESS, 1_790_000_000).line()])
    assert cosigned_at(parse_note(cosigned), WITNESS.public(COSIGNER)) == 1_790_000_000
    assert cosigned_at(parse_note(cosigned), PrivateKey("other", b"O" * 32).public(COSIGNER)) is None
    assert open_checkpoint(cosigned, LEDGER.public()).size == 1
    assert WITNESS.public(COSIGNER).key_id != WITNESS.public().key_id


def _proof(entries: list[bytes], index: int, *, extra: bytes | None = None) -> Proof:
    leaves = [leaf_hash(entry) for entry in entries]
    note = sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root_of(leaves)), LEDGER)
    return Proof(index, tuple(inclusion_proof(leaves, index)), note, extra)


def test_a_proof_has_the_lines_of_the_specification() -> None:
    one, two = sha256(b"hash1").digest(), sha256(b"hash2").digest()
    lines = f"{b64encode(one).decode()}\n{b64encode(two).decode()}\n"
    assert Proof(5, (one, two), "test checkpoint\n").encode() == (
        f"c2sp.org/tlog-proof@v1\nindex 5\n{lines}\ntest checkpoint\n"
    )
    assert Proof(10, (one,), "c\n", b"extra information").encode() == (
        f"c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n{b64encode(one).decode()}\n\nc\n"
    )
    assert Proof(0, (), "checkpoint\n").encode() == "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"


@pytest.mark.parametrize("extra", [None, b"", b"context"])
@pytest.mark.parametrize(("size", "index"), [(1, 0), (7, 0), (7, 6), (8, 3)])
def test_a_proof_is_read_as_it_was_written_and_verifies(size: int, index: int, extra: bytes | None) -> None:
    entries = [b"entry %d" % number for number in range(size)]
    proof = parse_proof(_proof(entries, index, extra=extra).encode())
    assert proof == _proof(entries, index, extra=extra)
    assert verify_proof(proof, entries[index], LEDGER.public()).size == size
    with pytest.raises(NotProven):
        verify_proof(proof, b"another entry", LEDGER.public())
    with pytest.raises(NotSigned):
        verify_proof(proof, entries[index], PrivateKey("ledger.example", b"X" * 32).public())


def test_a_proof_counts_each_witness_once_and_needs_its_quorum() -> None:
    proof = _proof([b"a", b"b"], 1)
    text = parse_note(proof.checkpoint).text
    twice = [cosign(text, WITNESS, at).line() for at in (1, 2)]
    cosigned = Proof(1, proof.path, with_signatures(proof.checkpoint, twice))
    witnesses = [WITNESS.public(COSIGNER), PrivateKey("other.example", b"O" * 32).public(COSIGNER)]
    assert verify_proof(cosigned, b"b", LEDGER.public(), witnesses, quorum=1).size == 2
    with pytest.raises(NotProven, match="1 of the 2"):
        verify_proof(cosigned, b"b", LEDGER.public(), witnesses, quorum=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex one\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nnot base64\n\nx\n",
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(MalformedProof):
        parse_proof(text)
