"""Whatever is changed in a bundle is found; nothing is found in a clean one.

Three kinds of hands: somebody without keys; an operator who signs the changed files anew; an operator who redoes chain,
checkpoints and directory as well, whom only the rules of money or a checkpoint kept from before can convict.
LEDGER_TAMPER_POSITIONS sets how many places each kind is tried at (3; 50 for the long run).
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger.application import open_ledger
from ledger.log.bundle import write_bundle
from ledger.log.checkpoints import Checkpoint, cosign, parse_checkpoint, sign_checkpoint, with_signatures
from ledger.log.keys import COSIGNER, PrivateKey
from ledger.log.notes import parse_note
from tests.conftest import Clock
from tests.log.schools import KEY, WITNESS
from tests.verifier.forging import Bundle, Event, changed, place

POSITIONS = int(os.environ.get("LEDGER_TAMPER_POSITIONS", "3"))
STRANGER = PrivateKey(KEY.name, b"S" * 32)
SCHOOL = "school-2"
EVENTS, CHECKPOINTS = f"institutions/{SCHOOL}/events", f"institutions/{SCHOOL}/checkpoints"

Change = Callable[[Bundle, random.Random], None]
"""Changes something; what it changes it takes from the dice."""


def at(count: int, dice: random.Random) -> int:
    """A place: first, last, then anywhere."""
    return dice.choice([0, count - 1, dice.randrange(count), dice.randrange(count)])


# ── changes of the files ────────────────────────────────────────────────────────────────────────────────────


def flip_a_byte(bundle: Bundle, dice: random.Random) -> None:
    name = dice.choice(sorted(bundle.members))
    raw = bytearray(bundle.members[name])
    raw[at(len(raw), dice)] ^= 1 << dice.randrange(8)
    bundle.members[name] = bytes(raw)


def flip_a_byte_of_an_event(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = at(len(lines), dice)
    raw = bytearray(lines[number])
    raw[dice.randrange(len(raw) - 1)] ^= 1 << dice.randrange(8)
    lines[number] = bytes(raw)
    bundle.put(EVENTS, lines)


def raise_an_amount(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = dice.choice([i for i, line in enumerate(lines) if b'"amount_fen":' in line])
    lines[number] = lines[number].replace(b'"amount_fen":', b'"amount_fen":9')
    bundle.put(EVENTS, lines)


def delete_an_event(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    del lines[at(len(lines), dice)]
    bundle.put(EVENTS, lines)


def repeat_an_event(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = at(len(lines), dice)
    bundle.put(EVENTS, [*lines[: number + 1], *lines[number:]])


def swap_two_events(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = dice.randrange(len(lines) - 1)
    lines[number], lines[number + 1] = lines[number + 1], lines[number]
    bundle.put(EVENTS, lines)


def rename_an_event(bundle: Bundle, _: random.Random) -> None:
    bundle.members[EVENTS] = bundle.members[EVENTS].replace(b" release_settled.1 ", b" release_returned.1 ")


def renumber_an_event(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = at(len(lines), dice)
    lines[number] = b"0" + lines[number]
    bundle.put(EVENTS, lines)


def change_a_chain_hash(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    number = at(len(lines), dice)
    version, said, rest = lines[number].split(b" ", 2)
    lines[number] = b" ".join([version, said[:-1] + (b"0" if said[-1:] != b"0" else b"1"), rest])
    bundle.put(EVENTS, lines)


def cut_the_tail(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines(EVENTS)
    bundle.put(EVENTS, lines[: dice.randrange(len(lines))])


def append_an_event(bundle: Bundle, _: random.Random) -> None:
    events = bundle.events(SCHOOL)
    event = changed(events[-1], lambda envelope, _: envelope.update(command_id="forged"))
    bundle.put_events(SCHOOL, [*events, event])


def cut_the_last_newline(bundle: Bundle, _: random.Random) -> None:
    bundle.members[EVENTS] = bundle.members[EVENTS][:-1]


def break_a_signature(bundle: Bundle, dice: random.Random) -> None:
    name = dice.choice([CHECKPOINTS, "directory/checkpoints"])
    notes = bundle.notes(name)
    number = at(len(notes), dice)
    encoded = notes[number].splitlines()[4].split(" ")[2]
    notes[number] = notes[number].replace(encoded, encoded[:40] + ("A" if encoded[40] != "A" else "B") + encoded[41:])
    bundle.put_notes(name, notes)


def sign_a_checkpoint_with_another_key(bundle: Bundle, dice: random.Random) -> None:
    name = dice.choice([CHECKPOINTS, "directory/checkpoints"])
    notes = bundle.notes(name)
    number = at(len(notes), dice)
    notes[number] = sign_checkpoint(parse_checkpoint(parse_note(notes[number]).text), STRANGER)
    bundle.put_notes(name, notes)


def drop_a_checkpoint(bundle: Bundle, dice: random.Random) -> None:
    notes = bundle.notes(CHECKPOINTS)
    del notes[at(len(notes), dice)]
    bundle.put_notes(CHECKPOINTS, notes)


def take_anothers_checkpoint(bundle: Bundle, dice: random.Random) -> None:
    notes = bundle.notes(CHECKPOINTS)
    notes[at(len(notes), dice)] = bundle.notes("institutions/school-1/checkpoints")[-1]
    bundle.put_notes(CHECKPOINTS, notes)


def sign_another_root(bundle: Bundle, dice: random.Random) -> None:
    notes = bundle.notes(CHECKPOINTS)
    number = at(len(notes), dice)
    head = parse_checkpoint(parse_note(notes[number]).text)
    notes[number] = sign_checkpoint(Checkpoint(head.origin, head.size, bytes(32)), KEY)
    bundle.put_notes(CHECKPOINTS, notes)


def sign_a_size_that_is_not_there(bundle: Bundle, _: random.Random) -> None:
    notes = bundle.notes(CHECKPOINTS)
    head = parse_checkpoint(parse_note(notes[-1]).text)
    bundle.put_notes(CHECKPOINTS, [*notes, sign_checkpoint(Checkpoint(head.origin, head.size + 1, head.root), KEY)])


def swap_two_logs(bundle: Bundle, _: random.Random) -> None:
    other = "institutions/school-1/events"
    bundle.members[EVENTS], bundle.members[other] = bundle.members[other], bundle.members[EVENTS]


def drop_a_log(bundle: Bundle, _: random.Random) -> None:
    del bundle.members[EVENTS], bundle.members[CHECKPOINTS]


def drop_the_checkpoints_of_a_log(bundle: Bundle, _: random.Random) -> None:
    del bundle.members[CHECKPOINTS]


def add_a_log(bundle: Bundle, _: random.Random) -> None:
    bundle.members["institutions/school-9/events"] = bundle.members[EVENTS]


def change_a_directory_entry(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines("directory/entries")
    number = at(len(lines), dice)
    name, size, root = lines[number].split(b" ")
    lines[number] = b" ".join([name, str(int(size) + 1).encode(), root])
    bundle.put("directory/entries", lines)


def cut_the_directory(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines("directory/entries")
    bundle.put("directory/entries", lines[: dice.randrange(len(lines))])


def drop_an_institution_from_the_directory(bundle: Bundle, _: random.Random) -> None:
    lines = bundle.lines("directory/entries")
    bundle.put("directory/entries", [line for line in lines if not line.startswith(SCHOOL.encode())])
    drop_a_log(bundle, random.Random(0))


def drop_the_last_directory_checkpoint(bundle: Bundle, _: random.Random) -> None:
    bundle.put_notes("directory/checkpoints", bundle.notes("directory/checkpoints")[:-1])


def drop_a_rule_set(bundle: Bundle, dice: random.Random) -> None:
    lines = bundle.lines("rules")
    del lines[at(len(lines), dice)]
    bundle.put("rules", lines)


def edit_a_rule(bundle: Bundle, _: random.Random) -> None:
    bundle.members["rules"] = bundle.members["rules"].replace(b'"value":15', b'"value":16', 1)


def add_a_file(bundle: Bundle, _: random.Random) -> None:
    bundle.members["institutions/note"] = b"read me"


def write_a_file_twice(bundle: Bundle, dice: random.Random) -> None:
    name = dice.choice(sorted({*bundle.members} - {"manifest"}))
    bundle.doubled[name] = bundle.members[name] + b"\n"


FILE_CHANGES: list[Change] = [
    flip_a_byte, flip_a_byte_of_an_event, raise_an_amount, delete_an_event, repeat_an_event, swap_two_events,
    rename_an_event, renumber_an_event, change_a_chain_hash, cut_the_tail, append_an_event, cut_the_last_newline,
    break_a_signature, sign_a_checkpoint_with_another_key, drop_a_checkpoint, take_anothers_checkpoint,
    sign_another_root, sign_a_size_that_is_not_there, swap_two_logs, drop_a_log, drop_the_checkpoints_of_a_log,
    add_a_log, change_a_directory_entry, cut_the_directory, drop_an_institution_from_the_directory,
    drop_the_last_directory_checkpoint, drop_a_rule_set, edit_a_rule, add_a_file, write_a_file_twice,
]  # fmt: skip


def verdict(verify: ModuleType, path: Path, **options: object) -> tuple[int, set[str]]:
    """Exit status and what was found; a file that is no bundle any more counts as refused."""
    try:
        report = verify.check_bundle(str(path), [verify.parse_key(KEY.public().text())], jobs=1, **options)
    except (ValueError, OSError, verify.zipfile.BadZipFile):
        return verify.USAGE, set()
    return report.status, {each.code for each in report.findings}


@pytest.mark.parametrize("position", range(POSITIONS))
@pytest.mark.parametrize("change", FILE_CHANGES, ids=lambda change: change.__name__)
def test_a_change_without_the_key_is_found(
    verify: ModuleType, bundle: Bundle, tmp_path: Path, change: Change, position: int
) -> None:
    change(bundle, random.Random(f"{change.__name__} {position}"))
    status, _ = verdict(verify, bundle.write(tmp_path / "changed.bundle"))
    assert status in {verify.DIFFERS, verify.USAGE}


@pytest.mark.parametrize("position", range(POSITIONS))
@pytest.mark.parametrize(
    "change", [each for each in FILE_CHANGES if each not in {flip_a_byte, edit_a_rule}], ids=lambda c: c.__name__
)
def test_a_change_is_found_although_the_operator_signed_the_file_again(
    verify: ModuleType, bundle: Bundle, tmp_path: Path, change: Change, position: int
) -> None:
    change(bundle, random.Random(f"{change.__name__} {position}"))
    status, found = verdict(verify, bundle.sign().write(tmp_path / "changed.bundle"))
    assert status == verify.DIFFERS
    assert found - {"manifest_not_signed"}


def test_a_line_without_its_parts_is_found_and_reading_goes_on(
    verify: ModuleType, bundle: Bundle, tmp_path: Path
) -> None:
    for number, line in enumerate(lines := bundle.lines(EVENTS)):
        broken = bundle.copy()
        broken.put(EVENTS, [*lines[:number], line.replace(b" ", b"_"), *lines[number + 1 :]])
        status, found = verdict(verify, broken.sign().write(tmp_path / "broken.bundle"))
        assert status == verify.DIFFERS
        assert {"malformed_line", "root_differs"} <= found


# ── an operator who redoes everything ───────────────────────────────────────────────────────────────────────

History = Callable[[list[Event]], list[Event]]


def _with(topic: str, change: Callable[[dict[str, Any], dict[str, Any]], None], nth: int = 0) -> History:
    def edit(events: list[Event]) -> list[Event]:
        number = place(events, topic, nth)
        return [*events[:number], changed(events[number], change), *events[number + 1 :]]

    return edit


def _without(topic: str, nth: int = 0) -> History:
    def edit(events: list[Event]) -> list[Event]:
        number = place(events, topic, nth)
        return events[:number] + events[number + 1 :]

    return edit


def _more(topic: str, change: Callable[[dict[str, Any], dict[str, Any]], None], nth: int = 0) -> History:
    """One more event like that one, right after it, under another key."""

    def edit(events: list[Event]) -> list[Event]:
        number = place(events, topic, nth)
        more = changed(events[number], lambda envelope, _: envelope.update(command_id="one-more"))
        return [*events[: number + 1], changed(more, change), *events[number + 1 :]]

    return edit


def _frozen(events: list[Event]) -> list[Event]:
    number = place(events, "release_instructed")
    envelope = json.loads(events[number][1])["envelope"] | {"command_id": "frozen"}
    event = {"effective_at": envelope["recorded_at"], "authority": "court", "order_no": "1", "reason": "r"}
    text = json.dumps({"envelope": envelope, "event": event}, ensure_ascii=False, separators=(",", ":"))
    return [*events[:number], ("escrow_frozen.1", text), *events[number:]]


def _first_key_again(events: list[Event]) -> list[Event]:
    first = json.loads(events[0][1])["envelope"]["command_id"]
    return _with("refund_settled", lambda envelope, _: envelope.update(command_id=first))(events)


def _nothing(_envelope: dict[str, Any], _event: dict[str, Any]) -> None:
    """Changed in nothing."""


FORGED_HISTORIES: dict[str, tuple[History, str]] = {
    "a deposit never came": (_without("deposit_received"), "unknown_party"),
    "a contract was never signed": (_without("contract_registered"), "unknown_party"),
    "the escrow was never opened": (_without("escrow_opened"), "outside_its_life"),
    "a deposit came twice": (_more("deposit_received", _nothing), "begun_twice"),
    "a contract was signed twice": (_more("contract_registered", _nothing), "begun_twice"),
    "the escrow was opened twice": (_more("escrow_opened", _nothing), "outside_its_life"),
    "a release was paid that nobody ordered": (_without("release_instructed"), "balance_negative"),
    "more was released than earned": (
        _with("release_instructed", lambda _, event: event.update(amount_fen=500_000)), "balance_negative",
    ),
    "a deposit was larger": (_with("deposit_received", lambda _, e: e.update(amount_fen=777)), "balance_negative"),
    "an amount is negative": (_with("release_settled", lambda _, e: e.update(amount_fen=-1)), "amount_malformed"),
    "an amount is a fraction": (_with("release_settled", lambda _, e: e.update(amount_fen=1.5)), "unreadable_event"),
    "an amount is a word": (_with("release_settled", lambda _, e: e.update(amount_fen="1")), "amount_malformed"),
    "an amount is yes": (_with("release_settled", lambda _, e: e.update(amount_fen=True)), "amount_malformed"),
    "a refund was not paid from where it was promised": (
        _with("refund_approved", lambda _, event: event.update(unearned_fen=1)), "legs_unbalanced",
    ),
    "a deposit was taken back for less than it held": (
        _with("deposit_reversed", lambda _, event: event.update(amount_fen=1)), "legs_unbalanced",
    ),
    "a payment was left out of the sealed figures": (_without("release_settled"), "seal_differs"),
    "one more payment than was sealed": (
        _more("deposit_received", lambda _, e: e.update(deposit_id="d9", amount_fen=1), nth=3), "seal_differs",
    ),
    "sealed balances were changed": (
        _with("day_sealed", lambda _, e: e.update(balances_root="0" * 64)), "seal_differs",
    ),
    "a sealed statement was changed": (
        _with("day_sealed", lambda _, e: e.update(statements_root="0" * 64), nth=1), "seal_differs",
    ),
    "a family was left out of the sealed statements": (
        _with("day_sealed", lambda _, e: e.update(statements=e["statements"] - 1)), "seal_differs",
    ),
    "a seal speaks of another version": (
        _with("day_sealed", lambda _, e: e.update(stream_version=e["stream_version"] - 1)), "seal_differs",
    ),
    "a day was sealed twice": (
        _with("day_sealed", lambda _, e: e.update(business_on="2026-09-01"), nth=1), "seal_out_of_order",
    ),
    "something was posted into a sealed day": (
        _with("refund_settled", lambda _, e: e.update(effective_at=1_788_228_000_000_000)), "sealed_day_changed",
    ),
    "something was recorded before the event before it": (
        _with("refund_settled", lambda envelope, _: envelope.update(recorded_at=1_788_228_000_000_000)),
        "time_runs_backwards",
    ),
    "something was recorded before it happened": (
        _with("deposit_received", lambda _, e: e.update(effective_at=e["effective_at"] + 1)), "time_runs_backwards",
    ),
    "a command key was used twice": (_first_key_again, "command_twice"),
    "a frozen escrow released money": (_frozen, "frozen_and_released"),
    "an event that nobody knows": (
        lambda events: [("money_vanished.1", text) if topic == "release_settled.1" else (topic, text)
                        for topic, text in events],
        "unknown_event",
    ),
    "money of nobody's": (
        _with("class_consumption_confirmed", lambda _, e: e.pop("contract_id")), "nobodys_money",
    ),
    "a text that is no event": (lambda events: [*events[:-1], (events[-1][0], "[]")], "unreadable_event"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_HISTORIES)
def test_a_history_against_the_rules_of_money_is_found_although_everything_was_redone(
    verify: ModuleType, bundle: Bundle, tmp_path: Path, name: str
) -> None:
    edit, expected = FORGED_HISTORIES[name]
    bundle.put_events(SCHOOL, edit(bundle.events(SCHOOL)))
    if name == "a text that is no event":
        bundle.relist_rules = lambda: None  # type: ignore[method-assign] # it reads the events
    status, found = verdict(verify, bundle.redo().write(tmp_path / "forged.bundle"))
    assert status == verify.DIFFERS
    assert expected in found


PLAUSIBLE: dict[str, History] = {
    "another reason": _with("refund_settled", lambda _, event: event.update(bank_serial="B-2")),
    "another actor": _with("escrow_opened", lambda envelope, _: envelope.update(actor="regulator-9")),
    "the last event never happened": lambda events: events[:-1],
    "half of it never happened": lambda events: events[: len(events) // 2],
}


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_a_plausible_new_history_is_convicted_by_what_was_kept_from_before(
    verify: ModuleType, bundle: Bundle, bundle_path: Path, tmp_path: Path, name: str
) -> None:
    sizes = {
        each: [
            parse_checkpoint(parse_note(note).text).size for note in bundle.notes(f"institutions/{each}/checkpoints")
        ]
        for each in bundle.institutions()
    }
    bundle.put_events(SCHOOL, PLAUSIBLE[name](bundle.events(SCHOOL)))
    kept = len(bundle.events(SCHOOL))
    sizes[SCHOOL] = [size for size in sizes[SCHOOL] if size < kept] + [kept]
    forged = bundle.redo(sizes).write(tmp_path / "forged.bundle")
    status, found = verdict(verify, forged)
    assert (status, found) == (verify.VERIFIED, set()), "without anything kept from before nobody can tell"
    status, found = verdict(verify, forged, held=[str(bundle_path)])
    assert status == verify.DIFFERS
    assert found & {"root_differs", "entries_missing"}


def test_a_vanished_log_is_convicted_by_one_kept_checkpoint(verify: ModuleType, bundle: Bundle, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    kept.write_text(bundle.notes(CHECKPOINTS)[0])
    drop_a_log(bundle, random.Random(0))
    forged = bundle.redo().write(tmp_path / "forged.bundle")
    assert verdict(verify, forged)[0] == verify.VERIFIED
    assert verdict(verify, forged, held=[str(kept)]) == (verify.DIFFERS, {"log_missing"})


def test_what_a_stranger_signed_is_no_checkpoint_to_hold(
    verify: ModuleType, bundle_path: Path, bundle: Bundle, tmp_path: Path
) -> None:
    head = parse_checkpoint(parse_note(bundle.notes(CHECKPOINTS)[0]).text)
    kept = tmp_path / "kept.note"
    kept.write_text(sign_checkpoint(head, STRANGER))
    assert verdict(verify, bundle_path, held=[str(kept)]) == (verify.DIFFERS, {"held_not_signed"})


# ── witnesses ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_history_that_no_witness_saw_is_found(verify: ModuleType, bundle: Bundle, tmp_path: Path) -> None:
    witness = verify.parse_key(WITNESS.public(COSIGNER).text())
    clean = bundle.copy().write(tmp_path / "clean.bundle")
    assert verdict(verify, clean, witnesses=[witness]) == (verify.VERIFIED, set())
    redone = bundle.redo().write(tmp_path / "forged.bundle")
    assert verdict(verify, redone, witnesses=[witness]) == (verify.DIFFERS, {"not_witnessed"})


def test_a_forged_cosignature_is_found(verify: ModuleType, bundle: Bundle, tmp_path: Path) -> None:
    witness = verify.parse_key(WITNESS.public(COSIGNER).text())
    notes = bundle.notes("directory/checkpoints")
    earlier = parse_note(notes[0]).text
    forged = cosign(earlier, WITNESS, 1_790_000_000).line()
    notes[-1] = with_signatures(notes[-1].rsplit("—", 1)[0], [forged])
    bundle.put_notes("directory/checkpoints", notes)
    status, found = verdict(verify, bundle.sign().write(tmp_path / "x.bundle"), witnesses=[witness])
    assert status == verify.DIFFERS
    assert "checkpoint_not_signed" in found


def test_one_witness_is_not_two(verify: ModuleType, bundle_path: Path) -> None:
    witness = verify.parse_key(WITNESS.public(COSIGNER).text())
    other = verify.parse_key(STRANGER.public(COSIGNER).text())
    both = [witness, other]
    assert verdict(verify, bundle_path, witnesses=both)[1] == {"not_witnessed"}
    assert verdict(verify, bundle_path, witnesses=both, quorum=1)[0] == verify.VERIFIED
    assert verdict(verify, bundle_path, witnesses=[witness, witness], quorum=2)[1] == {"not_witnessed"}


# ── no false alarm ──────────────────────────────────────────────────────────────────────────────────────────


def _clean(ledger_url: str, folder: Path) -> Iterator[Path]:
    """Every moment of the directory, whole and in parts."""
    ledger = open_ledger(ledger_url, Clock())
    names = ledger.institutions()
    number = 0
    for size in range(1, 7):
        for chosen in (None, names[:1], names[1:], names):
            known = chosen is None or size >= len(names)
            if known:
                path = folder / f"{(number := number + 1)}.bundle"
                write_bundle(ledger.engine, path, KEY, chosen, directory_size=size)
                yield path
    ledger.close()


def test_clean_bundles_raise_no_alarm(verify: ModuleType, ledger_url: str, tmp_path: Path) -> None:
    paths = list(_clean(ledger_url, tmp_path))
    assert len(paths) == 18
    for newer in paths:
        assert verdict(verify, newer) == (verify.VERIFIED, set())
    whole = [path for path in paths if b"\nscope all\n" in Bundle.read(path).members["manifest"]]
    for older, newer in pairwise(whole):
        assert verdict(verify, newer, held=[str(older)]) == (verify.VERIFIED, set())


@pytest.mark.parametrize("seed", range(POSITIONS * 20))
def test_a_flipped_byte_of_the_file_is_found_or_changes_nothing(
    verify: ModuleType, bundle_path: Path, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    raw = bytearray(bundle_path.read_bytes())
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    path = tmp_path / "flipped.bundle"
    path.write_bytes(raw)
    status, _ = verdict(verify, path)
    if status == verify.VERIFIED:  # a date or an attribute in the zip's own tables
        assert Bundle.read(path) == Bundle.read(bundle_path)
