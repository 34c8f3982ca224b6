#!/usr/bin/env python3
"""Checks an audit bundle, a proof or a family's statement without trusting, or sharing a line with, who made it.

One file, Python 3.11 or later and nothing else; Ed25519 comes from `cryptography` where it is installed and from the
slow arithmetic at the end of this file where it is not. README.md says what each check means.

    python verify.py bundle FILE --key KEY [--witness KEY]… [--quorum N] [--held FILE]… [--jobs N] [--json]
    python verify.py proof FILE --key KEY --topic NAME --state FILE [--witness KEY]… [--quorum N]
    python verify.py statement FILE --key KEY [--witness KEY]… [--quorum N]

Exit status: 0 verified · 1 something does not agree · 2 wrong usage or not a file of this kind · 3 nothing to inspect.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import re
import sys
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256, sha512
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

VERIFIED, DIFFERS, USAGE, NOTHING = 0, 1, 2, 3
FORMAT = "prepaid-ledger audit bundle 1"
PROOF = "c2sp.org/tlog-proof@v1"
MEMBER = re.compile(
    r"manifest|rules|directory/(entries|checkpoints)|institutions/[A-Za-z0-9_.-]{1,128}/(events|checkpoints)"
)
CHUNK = 1 << 20
MOST_FINDINGS = 20
"""So many findings are told for one log, and the first of every kind; they are all counted."""

# ── what events do to money: this program's own reading of the published posting rules ──────────────────────

ASSETS = ("custody_cash", "risk_deposit_cash", "institution_receivable")
LIABILITIES = (
    "unapplied", "unearned", "earned", "release_in_transit", "refund_payable", "refund_in_transit", "risk_deposit",
)  # fmt: skip
ACCOUNTS = (*ASSETS, *LIABILITIES)
SIDE = {**dict.fromkeys(ASSETS, 1), **dict.fromkeys(LIABILITIES, -1)}
"""Assets grow by debits (+), liabilities by credits (-)."""
OF_CONTRACT = {"unearned": 0, "earned": 1, "refund_payable": 2, "institution_receivable": 3}

_AGREED = (
    "unapplied:unapplied unearned:unearned earned:earned institution_receivable:receivable > refund_payable:amount"
)
MONEY = {
    "deposit_received.1": "custody_cash:amount > unapplied:amount",
    "deposit_applied.1": "unapplied:amount > unearned:amount",
    "deposit_reversed.1": (
        "unapplied:unapplied unearned:unearned refund_payable:payable institution_receivable:receivable"
        " > custody_cash:amount"
    ),
    "shortfall_repaid.1": "custody_cash:amount > institution_receivable:amount",
    "lessons_transferred.1": "unearned:amount > unearned:amount:to_contract_id",
    "class_consumption_confirmed.1": "unearned:amount > earned:amount",
    "class_consumption_reversed.1": "earned:earned institution_receivable:receivable > unearned:amount",
    "release_instructed.1": "earned:amount > release_in_transit:amount",
    "release_settled.1": "release_in_transit:amount > custody_cash:amount",
    "release_returned.1": "release_in_transit:amount > earned:amount",
    "release_settlement_reversed.1": "custody_cash:amount > release_in_transit:amount",
    "refund_approved.1": _AGREED,
    "refund_deemed_agreed.1": _AGREED,
    "refund_ordered.1": _AGREED,
    "refund_instructed.1": "refund_payable:amount > refund_in_transit:amount",
    "refund_settled.1": "refund_in_transit:amount > custody_cash:amount",
    "refund_returned.1": "refund_in_transit:amount > refund_payable:amount",
    "refund_settlement_reversed.1": "custody_cash:amount > refund_in_transit:amount",
    "deduction_retained.1": "unearned:amount > earned:amount",
    "off_platform_refund_acknowledged.1": "unearned:unearned refund_payable:payable > earned:amount",
    "risk_deposit_placed.1": "risk_deposit_cash:amount > risk_deposit:amount",
    "risk_deposit_drawn.1": (
        "risk_deposit:amount custody_cash:amount > risk_deposit_cash:amount institution_receivable:amount"
    ),
    "risk_deposit_returned.1": "risk_deposit:amount > risk_deposit_cash:amount",
}
"""Debits > credits, each `account:amount field[:whose contract]`. What is debited equals what is credited."""

_SILENT = """
    escrow_opened custodian_changed escrow_frozen escrow_unfrozen attachment_recorded attachment_lifted
    institution_renamed institution_succeeded closure_declared escrow_closed day_sealed contract_registered
    contract_amended contract_ended subject_forgotten off_platform_payment_asserted class_consumption_claimed
    class_consumption_disputed class_consumption_upheld refund_requested refund_refused refund_withdrawn
    payee_substituted mediation_opened mediation_accepted mediation_extended settlement_agreed instalment_performed
    settlement_breached mediation_failed mediation_withdrawn mediation_expired judicial_confirmation_recorded
    award_recorded distribution_ordered distribution_share_approved distribution_completed distribution_cancelled
    statement_recorded statement_line_matched reconciliation_break_opened reconciliation_break_resolved
"""
SILENT = frozenset(f"{name}.1" for name in _SILENT.split())
"""Events that move no money."""

AGREEMENTS = ("refund_approved.1", "refund_deemed_agreed.1", "refund_ordered.1")
NOTED = frozenset(
    (*AGREEMENTS, "contract_registered.1", "deposit_received.1", "release_instructed.1", "day_sealed.1",
     "escrow_frozen.1", "escrow_unfrozen.1")
)  # fmt: skip
"""Events that mean something to the books besides their legs."""


class Leg(NamedTuple):
    """One side of a posting: +1 debits, -1 credits the account with the event's amount."""

    account: str
    sign: int
    amount: str
    whose: str
    """The field that names the contract."""
    side: int
    """On which side the account grows."""
    place: int | None
    """Which figure of a contract it is, where contracts have it."""


def _legs(rule: str) -> list[Leg]:
    legs = []
    for half, sign in zip(rule.split(" > "), (1, -1), strict=True):
        for text in half.split():
            account, amount, *whose = text.split(":")
            party = whose[0] if whose else "contract_id"
            legs.append(Leg(account, sign, f"{amount}_fen", party, SIDE[account], OF_CONTRACT.get(account)))
    return legs


LEGS = {topic: _legs(rule) for topic, rule in MONEY.items()}

# ── hash trees (RFC 6962, RFC 9162) ─────────────────────────────────────────────────────────────────────────


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def add_leaf(peaks: list[bytes], size: int, leaf: bytes) -> None:
    """Grow a tree of `size` leaves, kept as the roots of its perfect subtrees."""
    while size & 1:
        leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
        size >>= 1
    peaks.append(leaf)


def root_of_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree."""
    if not peaks:
        return sha256(b"").digest()
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    peaks: list[bytes] = []
    for size, leaf in enumerate(leaves):
        add_leaf(peaks, size, leaf)
    return root_of_peaks(peaks)


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    for step in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = node_hash(step, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = node_hash(leaf, step)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root


# ── signed notes, checkpoints, cosignatures (C2SP) ──────────────────────────────────────────────────────────


class Refused(ValueError):
    """What was given is not what it must be."""


class Key(NamedTuple):
    """Somebody's public key: kind 1 signs logs, kind 4 is a witness."""

    name: str
    kind: int
    raw: bytes

    def key_id(self, name: str) -> bytes:
        """The four bytes that a signature line under this name begins with."""
        return sha256(name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()[:4]


def parse_key(text: str) -> Key:
    """The key in `name+id+base64`."""
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    raw = unbase64(material)
    if len(raw) != 33 or raw[0] not in (1, 4) or not name:
        raise Refused(f"{text!r} is no Ed25519 key of a log or a witness")
    if is_weak(raw[1:]):
        raise Refused(f"under {text!r} anybody could sign, or nobody: it is no point, or one of small order")
    key = Key(name, raw[0], raw[1:])
    if key.key_id(name).hex() != key_id:
        raise Refused(f"the id in {text!r} is not that of the key")
    return key


def unbase64(text: str) -> bytes:
    """Strict standard base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("not base64") from error


class Note(NamedTuple):
    """A text and its signatures: name, key id, signature."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]


def parse_note(raw: str) -> Note:
    """Text and signatures, nothing verified."""
    text, blank, tail = raw.rpartition("\n\n")
    if not blank or not tail.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", raw):
        raise Refused("not a signed note")
    signatures = []
    for line in tail[:-1].split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})", line)
        if match is None or len(value := unbase64(match[2])) < 5:
            raise Refused("a malformed signature line")
        signatures.append((match[1], value[:4], value[4:]))
    return Note(text + "\n", signatures)


def signed(note: Note, key: Key, name: str) -> bool:
    """Whether the key signed the note under this name; a wrong signature in its name is refused."""
    mine = [value for who, key_id, value in note.signatures if (who, key_id) == (name, key.key_id(name))]
    if not all(ed25519_verify(key.raw, note.text.encode(), value) for value in mine):
        raise Refused(f"the signature of {name} is wrong")
    return bool(mine)


def cosigned(note: Note, witness: Key) -> bool:
    """Whether the witness cosigned the note; a wrong cosignature in its name is refused."""
    found = False
    for who, key_id, value in note.signatures:
        if (who, key_id) != (witness.name, witness.key_id(witness.name)):
            continue
        at = int.from_bytes(value[:8], "big")
        message = f"cosignature/v1\ntime {at}\n{note.text}".encode()
        if not ed25519_verify(witness.raw, message, value[8:]):
            raise Refused(f"the cosignature of {witness.name} is wrong")
        found = True
    return found


class Head(NamedTuple):
    """A signed checkpoint."""

    origin: str
    size: int
    root: bytes
    witnesses: int


def open_head(raw: str, keys: Sequence[Key], witnesses: Sequence[Key] = ()) -> Head:
    """The checkpoint in a note that one of the ledger's keys signed in the name of the log."""
    note = parse_note(raw)
    lines = note.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
        raise Refused("not a checkpoint")
    origin, size, root = lines[0], int(lines[1]), unbase64(lines[2])
    mine = [key for key in keys if key.kind == 1 and origin.startswith(f"{key.name}/")]
    if len(root) != 32 or not any([signed(note, key, origin) for key in mine]):  # noqa: C419 - all are checked
        raise Refused(f"no trusted key signed the checkpoint of {origin}")
    return Head(origin, size, root, len({each.raw for each in witnesses if cosigned(note, each)}))


# ── one institution's log ───────────────────────────────────────────────────────────────────────────────────


class Finding(NamedTuple):
    """Something that does not agree. `code` is stable."""

    code: str
    where: str
    detail: str


@dataclass
class Log:
    """What came of reading one log."""

    name: str
    events: int = 0
    roots: int = 0
    commands: int = 0
    seals: int = 0
    statements: int = 0
    """Seals whose root over everybody's statements was recomputed."""
    contracts: int = 0
    moved_fen: int = 0
    digest: str = ""
    bytes: int = 0
    rules: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    found: int = 0

    def find(self, code: str, version: int, detail: str) -> None:
        """Note a finding."""
        self.found += 1
        if self.found <= MOST_FINDINGS or code not in {each.code for each in self.findings}:
            self.findings.append(Finding(code, f"{self.name}/{version}", detail))


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no integer")


_decode = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number).raw_decode
DAY, SHANGHAI = 86_400_000_000, 8 * 3_600_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Books:
    """The money of one escrow, folded from its events by this program's own rules. Debits are positive."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.balance = dict.fromkeys(ACCOUNTS, 0)
        self.contracts: dict[str, list[int]] = {}
        self.deposits: dict[str, list[int]] = {}
        self.refunds: dict[str, str] = {}
        self.nonces: dict[tuple[str, str], bytes] = {}
        self.lines: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self.stale: set[tuple[str, str]] = set()
        self.frozen = False
        self.sealed_until = 0
        self.sealed_on = ""

    def fold(self, version: int, topic: str, event: dict[str, Any], entry: bytes) -> None:
        """Take one event in."""
        if topic in NOTED:
            self.note(version, topic, event, entry)
        legs = LEGS.get(topic)
        if legs is not None:
            self.post(version, topic, event, legs)
        elif topic not in SILENT:
            self.log.find("unknown_event", version, f"{topic}: this program does not know what it moves")

    def note(self, version: int, topic: str, event: dict[str, Any], entry: bytes) -> None:
        """What an event means besides its legs."""
        if topic == "contract_registered.1":
            self.begin(version, self.contracts, "contract", event.get("contract_id"), [0, 0, 0, 0], entry)
            self.log.contracts += 1
        elif topic == "deposit_received.1":
            self.begin(version, self.deposits, "deposit", event.get("deposit_id"), [0, 0], entry)
        elif topic == "release_instructed.1":
            if self.frozen:
                self.log.find("frozen_and_released", version, "a frozen escrow releases nothing")
        elif topic == "day_sealed.1":
            self.check_seal(version, event)
        elif topic in AGREEMENTS:
            if event.get("deposit_id") is not None:
                self.refunds[str(event.get("refund_id"))] = event["deposit_id"]
        else:
            self.frozen = topic == "escrow_frozen.1"

    def begin(
        self, version: int, table: dict[str, list[int]], kind: str, name: object, new: list[int], entry: bytes
    ) -> None:
        """A contract or a deposit comes into being, once."""
        if not isinstance(name, str) or name in table:
            self.log.find("begun_twice", version, f"{kind} {name}")
            return
        table[name] = new
        self.nonces[kind, name] = sha256(b"\2" + entry).digest()
        self.stale.add((kind, name))

    def post(self, version: int, topic: str, event: dict[str, Any], legs: list[Leg]) -> None:
        """Post the legs of one event and hold the books against their invariants."""
        log, balance, total, debited = self.log, self.balance, 0, 0
        for account, sign, name, whose, side, place in legs:
            fen = event.get(name, 0)
            if type(fen) is not int or fen < 0:
                log.find("amount_malformed", version, f"{name} = {fen!r}")
                return
            if not fen:
                continue
            debited += fen
            fen *= sign
            total += fen
            after = balance[account] = balance[account] + fen
            if after * side < 0:
                log.find("balance_negative", version, f"{account} is below zero")
            party = event.get(whose) if place is not None else None
            if place is not None and party is not None:
                self.change(version, self.contracts, "contract", party, place, fen * side)
            elif side < 0:
                self.change_deposit(version, event, account, -fen)
        log.moved_fen += debited // 2
        if total:
            log.find("legs_unbalanced", version, f"{topic}: debits and credits differ by {total} fen")
        if balance["risk_deposit_cash"] + balance["risk_deposit"]:
            log.find("security_not_backed", version, "the security is not what lies in its account")

    def change_deposit(self, version: int, event: dict[str, Any], account: str, fen: int) -> None:
        """A leg that belongs to no contract belongs to a deposit, or to nobody in particular."""
        if account == "unapplied":
            self.change(version, self.deposits, "deposit", event.get("deposit_id"), 0, fen)
        elif account == "refund_payable":
            deposit_id = event.get("deposit_id") or self.refunds.get(str(event.get("refund_id")))
            self.change(version, self.deposits, "deposit", deposit_id, 1, fen)
        elif account in OF_CONTRACT:
            self.log.find("nobodys_money", version, f"{account} without a contract")

    def change(self, version: int, table: dict[str, list[int]], kind: str, name: object, place: int, fen: int) -> None:
        """Change one figure of a contract or of a deposit."""
        if not isinstance(name, str) or (figures := table.get(name)) is None:
            self.log.find("unknown_party", version, f"there is no {kind} {name}")
            return
        figures[place] += fen
        self.stale.add((kind, name))
        if figures[place] < 0:
            self.log.find("balance_negative", version, f"{kind} {name} falls below zero")

    def check_seal(self, version: int, event: dict[str, Any]) -> None:
        """A seal says what the books say, and days are sealed in their order."""
        self.log.seals += 1
        if event.get("stream_version") != version - 1:
            self.log.find("seal_differs", version, "the seal is not over everything before it")
        lines = [f"{name} {self.balance[name] * SIDE[name]}".encode() for name in sorted(ACCOUNTS)]
        if event.get("balances_root") != root_of(map(leaf_hash, lines)).hex():
            self.log.find("seal_differs", version, "the sealed balances are not those of the events")
        if event.get("statements_root") is not None:
            self.check_statements(version, event)
        on = str(event.get("business_on"))
        if on <= self.sealed_on:
            self.log.find("seal_out_of_order", version, f"{on} after {self.sealed_on}")
        try:
            self.sealed_until = (date.fromisoformat(on).toordinal() + 1 - _EPOCH_DAY) * DAY - SHANGHAI
        except ValueError:
            self.log.find("seal_out_of_order", version, f"{on} is no day")
        self.sealed_on = on

    def check_statements(self, version: int, event: dict[str, Any]) -> None:
        """The sealed root is over the statements of every contract and of every deposit that holds something."""
        self.log.statements += 1
        for key in self.stale:
            kind, name = key
            figures = self.contracts[name] if kind == "contract" else self.deposits[name]
            if kind == "deposit" and not any(figures):
                self.lines.pop(key, None)
            else:
                line = " ".join([kind, name, *map(str, figures), self.nonces[key].hex()]).encode()
                self.lines[key] = line, leaf_hash(line)
        self.stale.clear()
        root = root_of(leaf for _, leaf in sorted(self.lines.values())).hex()
        if event.get("statements") != len(self.lines) or event["statements_root"] != root:
            self.log.find("seal_differs", version, "the sealed statements are not those of the events")


class Reader:
    """One institution's events, line by line: bytes, chain, tree, envelopes, money."""

    def __init__(self, name: str, wanted: dict[int, list[tuple[bytes, str]]]) -> None:
        self.log = Log(name)
        self.books = Books(self.log)
        self.wanted = wanted
        """Size → the roots it must have, and who says so."""
        self.version = 0
        self.chain = b""
        self.peaks: list[bytes] = []
        self.keys: set[str] = set()
        self.command = ""
        self.envelope: dict[str, Any] = {}
        self.recorded_at = 0
        self.closed = False

    def read(self, chunks: Iterable[bytes]) -> Log:
        """The whole log."""
        hasher, rest, log = sha256(), b"", self.log
        for chunk in chunks:
            hasher.update(chunk)
            log.bytes += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.take(line)
        if rest:
            log.find("malformed_line", self.version + 1, "the last line does not end")
        for size in sorted(each for each in self.wanted if not 0 < each <= self.version):
            sources = ", ".join(sorted({source for _, source in self.wanted[size]}))
            log.find("entries_missing", self.version, f"{sources}: {size} were signed, {self.version} are here")
        log.events, log.commands, log.digest = self.version, len(self.keys), hasher.hexdigest()
        return log

    def take(self, line: bytes) -> None:
        """One event: its line is version, chain hash, stored name and exact stored text."""
        self.version = version = self.version + 1
        log = self.log
        try:
            number, said, topic_bytes, state = line.split(b" ", 3)
            topic, text = topic_bytes.decode("ascii"), state.decode("utf-8")
        except ValueError:
            log.find("malformed_line", version, "not: version, hash, name, text")
            add_leaf(self.peaks, version - 1, leaf_hash(line))
            self.compare(version)
            return
        if number != b"%d" % version:
            log.find("index_not_dense", version, f"the line says {number[:20].decode('ascii', 'replace')}")
        entry = topic_bytes + b"\0" + state
        self.chain = sha256(self.chain + entry).digest()
        if said != self.chain.hex().encode():
            log.find("chain_broken", version, "the text is not what was hashed")
            if re.fullmatch(rb"[0-9a-f]{64}", said):
                self.chain = bytes.fromhex(said.decode())
        leaf, peaks, size = sha256(b"\0" + entry).digest(), self.peaks, version - 1
        while size & 1:  # as add_leaf, without the call
            leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.compare(version)
        try:
            document, end = _decode(text)
            envelope, event = document["envelope"], document["event"]
            if end != len(text) or len(document) != 2 or type(event["effective_at"]) is not int:
                raise ValueError("not an envelope and an event")
            self.follow(version, topic, envelope, event)
            self.books.fold(version, topic, event, entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.find("unreadable_event", version, repr(error)[:80])

    def compare(self, version: int) -> None:
        """The root over everything so far is the one that was signed, where one was."""
        if version not in self.wanted:
            return
        root = root_of_peaks(self.peaks)
        for expected, source in self.wanted[version]:
            self.log.roots += 1
            if root != expected:
                self.log.find("root_differs", version, f"{source} has another root")

    def follow(self, version: int, topic: str, envelope: dict[str, Any], event: dict[str, Any]) -> None:
        """Who recorded it, when, under which command: keys are used once, time goes on, an escrow opens and closes."""
        log, command, at, effective = self.log, envelope["command_id"], envelope["recorded_at"], event["effective_at"]
        if command == self.command:
            if envelope != self.envelope:
                log.find("command_twice", version, f"the key {command} stands for two commands")
        else:
            if type(command) is not str or command in self.keys:
                log.find("command_twice", version, f"the key {command} was used before")
            self.keys.add(command)
            self.command, self.envelope = command, envelope
            log.rules.add(envelope["rules"])
        if "rules" in event:
            log.rules.add(event["rules"])
        if at < self.recorded_at or effective > at:
            log.find("time_runs_backwards", version, "recorded before the event before it, or before it happened")
        if effective < self.books.sealed_until:
            log.find("sealed_day_changed", version, f"posted into a day sealed through {self.books.sealed_on}")
        if self.closed or (topic == "escrow_opened.1") is not (version == 1):
            log.find("outside_its_life", version, f"{topic} where an escrow is not open, or open already")
        self.recorded_at = at
        self.closed = topic == "escrow_closed.1"


# ── a bundle ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Report:
    """What was covered, what was not, and what does not agree."""

    ledger: str = ""
    scope: str = ""
    institutions: int = 0
    events: int = 0
    commands: int = 0
    contracts: int = 0
    seals: int = 0
    statements: int = 0
    checkpoints: int = 0
    directory_size: int = 0
    directory_checkpoints: int = 0
    roots: int = 0
    held: int = 0
    witnessed_size: int = 0
    rule_sets: int = 0
    moved_fen: int = 0
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    not_covered: list[str] = field(default_factory=list)

    def find(self, code: str, where: str, detail: str) -> None:
        """Note a finding."""
        self.found += 1
        self.findings.append(Finding(code, where, detail))

    @property
    def status(self) -> int:
        """The exit status."""
        if self.found:
            return DIFFERS
        return VERIFIED if self.events and self.roots else NOTHING


class Member(NamedTuple):
    """A file in the bundle, as the signed manifest promises it."""

    digest: str
    size: int


class Bundle:
    """A bundle being checked."""

    def __init__(self, path: str, keys: Sequence[Key], witnesses: Sequence[Key], quorum: int, held: list[str]) -> None:
        self.path, self.keys, self.witnesses, self.quorum, self.held = path, keys, witnesses, quorum, held
        self.report = Report()
        self.archive = zipfile.ZipFile(path)
        self.members: dict[str, Member] = {}
        self.wanted: dict[str, dict[int, list[tuple[bytes, str]]]] = {}
        self.last: dict[str, int] = {}
        self.signed: dict[str, set[tuple[int, bytes]]] = {}
        self.kept: dict[str, list[Head]] = {}

    def run(self, jobs: int) -> Report:
        """Check everything there is."""
        head = self.read_manifest()
        self.take_held()
        self.read_directory(head)
        self.read_checkpoints()
        self.read_logs(jobs)
        self.read_rules()
        for what, counted in (("institutions", self.report.institutions), ("events", self.report.events)):
            if head.get(what) != str(counted):
                self.report.find("manifest_differs", what, f"the manifest says {head.get(what)}, {counted} are here")
        self.tell_limits()
        return self.report

    def read_manifest(self) -> dict[str, str]:
        """The signed list of everything in the file; nothing may be missing, nothing may be added."""
        names = [info.filename for info in self.archive.infolist()]
        if len(names) != len(set(names)):
            self.report.find("manifest_differs", "manifest", "a name stands twice in the file")
        note = parse_note(self.archive.read("manifest").decode("utf-8"))
        lines = note.text[:-1].split("\n")
        if lines[0] != FORMAT:
            raise Refused(f"not a bundle of this format: {lines[0]!r}")
        head = dict(line.split(" ", 1) for line in lines[1:6])
        self.report.ledger, self.report.scope = head.get("ledger", ""), head.get("scope", "")
        mine = [key for key in self.keys if key.kind == 1 and key.name == self.report.ledger]
        if not any([signed(note, key, key.name) for key in mine]):  # noqa: C419 - all are checked
            self.report.find("manifest_not_signed", "manifest", f"no trusted key of {self.report.ledger} signed it")
        for line in lines[6:]:
            digest, size, name = line.split(" ", 2)
            self.members[name] = Member(digest, int(size))
        for name in sorted({*self.members, "manifest"} ^ set(names)):
            self.report.find("manifest_differs", name, "promised and not there, or there and not promised")
        for name in sorted(each for each in names if not MEMBER.fullmatch(each)):
            self.report.find("manifest_differs", name, "no part of a bundle")
        self.members = {name: member for name, member in self.members.items() if name in names}
        return head

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a member; no more than was promised."""
        yield from member_chunks(self.archive, name, self.members[name].size)

    def text(self, name: str) -> str:
        """The whole of a small member, held against the manifest."""
        raw = b"".join(self.chunks(name))
        self.check_member(name, sha256(raw).hexdigest(), len(raw))
        return raw.decode("utf-8")

    def check_member(self, name: str, digest: str, size: int) -> None:
        """The content is what the manifest promises."""
        if self.members[name] != (digest, size):
            self.report.find("manifest_differs", name, "the content is not what was signed")

    def take_held(self) -> None:
        """Checkpoints that the auditor kept from before."""
        for raw in self.held:
            try:
                head = open_head(raw, self.keys)
            except Refused as refusal:
                self.report.find("held_not_signed", "held", str(refusal))
                continue
            self.kept.setdefault(head.origin, []).append(head)
            self.report.held += 1

    def heads(self, name: str, origin: str) -> list[Head]:
        """The checkpoints in a member."""
        heads = []
        for line in self.text(name).splitlines():
            try:
                head = open_head(json.loads(line), self.keys, self.witnesses)
                if head.origin != origin:
                    raise Refused(f"a checkpoint of {head.origin}")
            except (Refused, ValueError, TypeError) as refusal:
                self.report.find("checkpoint_not_signed", name, str(refusal)[:200])
                continue
            heads.append(head)
        return heads

    def read_directory(self, head: dict[str, str]) -> None:
        """The log over all checkpoints: no log can vanish from it."""
        report, leaves = self.report, list[bytes]()
        for number, line in enumerate(self.text("directory/entries").splitlines()):
            parts = re.fullmatch(r"([A-Za-z0-9_.-]{1,128}) ([1-9][0-9]{0,17}) ([0-9a-f]{64})", line)
            leaves.append(leaf_hash(line.encode()))
            if parts is None:
                report.find("directory_malformed", f"directory/{number}", line[:80])
                continue
            institution, size, root = parts[1], int(parts[2]), bytes.fromhex(parts[3])
            if size <= self.last.get(institution, 0):
                report.find("directory_malformed", f"directory/{number}", f"{institution} does not grow")
            self.want(institution, size, root, f"directory entry {number}")
            self.last[institution] = size
        report.directory_size = len(leaves)
        if head.get("directory") != str(len(leaves)):
            report.find("directory_cut", "directory", f"the manifest says {head.get('directory')}, not {len(leaves)}")
        self.check_directory(leaves)

    def check_directory(self, leaves: list[bytes]) -> None:
        """The directory's own checkpoints, those kept from before, and the witnesses."""
        origin, report = f"{self.report.ledger}/directory", self.report
        heads = self.heads("directory/checkpoints", origin)
        report.directory_checkpoints = len(heads)
        roots: dict[int, list[tuple[bytes, str]]] = {}
        for each in heads:
            roots.setdefault(each.size, []).append((each.root, "a checkpoint"))
        for each in self.kept.pop(origin, ()):
            roots.setdefault(each.size, []).append((each.root, "a checkpoint kept from before"))
        sizes = [each.size for each in heads]
        if sizes != sorted(set(sizes)) or (sizes or [0])[-1] != len(leaves):
            report.find("directory_cut", "directory", "its checkpoints do not lead up to its last entry")
        self.compare_directory(leaves, roots)
        if self.witnesses:
            report.witnessed_size = max((h.size for h in heads if h.witnesses >= self.quorum), default=0)
            if report.witnessed_size != len(leaves):
                detail = f"{self.quorum} witnesses saw {report.witnessed_size} of {len(leaves)} entries"
                report.find("not_witnessed", "directory", detail)

    def compare_directory(self, leaves: list[bytes], roots: dict[int, list[tuple[bytes, str]]]) -> None:
        """Every signed root of the directory is the one over its entries."""
        report, peaks = self.report, list[bytes]()
        for size in range(len(leaves) + 1):
            for root, source in roots.pop(size, ()):
                report.roots += 1
                if root != root_of_peaks(peaks):
                    report.find("root_differs", f"directory/{size}", f"{source} has another root")
            if size < len(leaves):
                add_leaf(peaks, size, leaves[size])
        for size in roots:
            report.find("entries_missing", "directory", f"{size} entries were signed, {len(leaves)} are here")

    def want(self, institution: str, size: int, root: bytes, source: str) -> None:
        """Remember what root a log must have at a size."""
        self.wanted.setdefault(institution, {}).setdefault(size, []).append((root, source))
        if source.startswith("directory"):
            self.signed.setdefault(institution, set()).add((size, root))

    def logs(self) -> list[str]:
        """Institutions whose events are in the bundle, the longest first."""
        found = [name for name in self.members if name.startswith("institutions/") and name.endswith("/events")]
        found.sort(key=lambda name: (-self.members[name].size, name))
        return [name.split("/")[1] for name in found]

    def read_checkpoints(self) -> None:
        """Every institution's checkpoints: those of the directory, one for one."""
        here = set(self.logs())
        for institution in here:
            origin = f"{self.report.ledger}/institution/{institution}"
            name = f"institutions/{institution}/checkpoints"
            heads = self.heads(name, origin) if name in self.members else []
            self.report.checkpoints += len(heads)
            for head in heads:
                self.want(institution, head.size, head.root, "a checkpoint")
            if {(head.size, head.root) for head in heads} != self.signed.get(institution, set()):
                self.report.find("directory_differs", institution, "its checkpoints are not those of the directory")
            for head in self.kept.pop(origin, ()):
                self.want(institution, head.size, head.root, "a checkpoint kept from before")
        missing = set(self.last) - here
        if self.report.scope == "all":
            for institution in missing:
                self.report.find("log_missing", institution, "the directory knows it, its events are not here")
        elif missing:
            self.report.not_covered.append(f"{len(missing)} institutions of the directory that are not in this bundle")
        for origin, heads in self.kept.items():
            if self.report.scope == "all" or not origin.startswith(f"{self.report.ledger}/institution/"):
                self.report.find("log_missing", origin, "a checkpoint is kept from before, and no such log is here")
            else:
                self.report.not_covered.append(f"{len(heads)} held checkpoints of {origin}, not in this bundle")

    def read_logs(self, jobs: int) -> None:
        """Every event of every institution, several at once where that pays."""
        work = [
            (self.path, name, self.members[f"institutions/{name}/events"].size, self.wanted.get(name, {}))
            for name in self.logs()
        ]
        rules: set[str] = set()
        if jobs > 1 and len(work) > 1 and sum(each[2] for each in work) > 8 * CHUNK:
            with ProcessPoolExecutor(min(jobs, len(work))) as pool:
                logs = list(pool.map(_check_member, work))
        else:
            logs = list(map(_check_member, work))
        for log in logs:
            self.take(log)
            rules |= log.rules
        self.rules = rules

    def take(self, log: Log) -> None:
        """Add one log to the report."""
        report = self.report
        report.institutions += 1
        for name in ("events", "commands", "contracts", "seals", "statements", "roots", "moved_fen", "found"):
            setattr(report, name, getattr(report, name) + getattr(log, name))
        report.findings += log.findings
        self.check_member(f"institutions/{log.name}/events", log.digest, log.bytes)
        if log.events != self.last.get(log.name):
            detail = f"{log.events} events are here, {self.last.get(log.name, 0)} are signed"
            report.find("entries_differ", log.name, detail)

    def read_rules(self) -> None:
        """Every rule set that an event names is listed, no other is, and each digest is that of its rows."""
        listed = set()
        for line in self.text("rules").splitlines():
            row = json.loads(line)
            listed.add(row["id"])
            text = json.dumps(row["rows"], ensure_ascii=False, separators=(",", ":"))
            if row["sha256"] is None:
                self.report.not_covered.append(f"the text of rule set {row['id']}, which the ledger did not know")
            elif row["sha256"] != sha256(text.encode()).hexdigest():
                self.report.find("rules_differ", row["id"], "the digest is not that of the rows")
        for each in listed ^ self.rules:
            self.report.find("rules_differ", each, "named and not listed, or listed and not named")
        self.report.rule_sets = len(listed)

    def tell_limits(self) -> None:
        """What a pass does not say."""
        report = self.report
        if report.seals > report.statements:
            report.not_covered.append(f"{report.seals - report.statements} seals that carry no root over statements")
        if not self.held:
            report.not_covered.append("whether history was replaced before you looked: bring checkpoints (--held)")
        if not self.witnesses:
            report.not_covered.append("whether others were shown another history: name witnesses (--witness)")
        report.not_covered += [
            "events after the last checkpoint of this bundle",
            "whether a command was allowed, and whether an entitlement follows from its rules",
            "request signatures of banks and clients, and whether money moved at the bank",
        ]


def member_chunks(archive: zipfile.ZipFile, name: str, most: int) -> Iterator[bytes]:
    """The content of a member in pieces; stops right after more than was promised."""
    left = most + 1
    with archive.open(name) as member:
        while left > 0 and (chunk := member.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _check_member(work: tuple[str, str, int, dict[int, list[tuple[bytes, str]]]]) -> Log:
    path, institution, size, wanted = work
    with zipfile.ZipFile(path) as archive:
        return Reader(institution, wanted).read(member_chunks(archive, f"institutions/{institution}/events", size))


# ── proofs and statements ───────────────────────────────────────────────────────────────────────────────────


def check_proof(text: str, entry: bytes, keys: Sequence[Key], witnesses: Sequence[Key], quorum: int) -> Head:
    """The checkpoint under which a .tlog-proof proves the entry. Raises Refused."""
    top, blank, note = text.partition("\n\n")
    first, *lines = top.split("\n")
    if first != PROOF or not blank:
        raise Refused(f"it does not begin with {PROOF}")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    index = re.fullmatch(r"index (0|[1-9][0-9]{0,17})", lines[0]) if lines else None
    if index is None:
        raise Refused("no index")
    head = open_head(note, keys, witnesses)
    if not included(leaf_hash(entry), int(index[1]), head.size, [unbase64(line) for line in lines[1:]], head.root):
        raise Refused("the path does not lead from the entry to the signed root")
    if head.witnesses < quorum:
        raise Refused(f"{head.witnesses} of the {quorum} witnesses needed cosigned")
    return head


def check_statement(
    text: str, keys: Sequence[Key], witnesses: Sequence[Key], quorum: int
) -> tuple[Head, dict[str, Any]]:
    """The seal under which a .statement-proof proves its line, and the checkpoint above. Raises Refused."""
    try:
        proof = json.loads(text)
        event = json.loads(proof["state"])["event"]
        path = [bytes.fromhex(step) for step in proof["path"]]
        line, index, size = proof["line"].encode(), int(proof["index"]), int(proof["size"])
        entry = proof["topic"].encode() + b"\0" + proof["state"].encode()
        root = bytes.fromhex(event["statements_root"])
        if not proof["topic"].startswith("day_sealed.") or size != event["statements"]:
            raise Refused("not the event of a seal over so many statements")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"not a proof of a statement: {error!r}") from error
    head = check_proof(proof["proof"], entry, keys, witnesses, quorum)
    if not included(leaf_hash(line), index, size, path, root):
        raise Refused("the path does not lead from the statement to the sealed root")
    return head, event


# ── Ed25519 (RFC 8032), verification only ───────────────────────────────────────────────────────────────────

_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _point(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def is_weak(public: bytes) -> bool:
    """Whether these 32 bytes are no key: no point of the curve in its one form, or one of small order."""
    point = _point(public)
    return point is None or _multiply(8, point)[0] == 0


_BASE: Point = _point(bytes.fromhex("58" + "66" * 31)) or (0, 1, 1, 0)


def slow_ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is by this key over this message, in a few milliseconds."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= _Q:
        return False
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _Q
    left, right = _multiply(s, _BASE), _add(r, _multiply(h, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


def _primitive() -> Callable[[bytes, bytes, bytes], bool]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return slow_ed25519_verify

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


ed25519_verify = _primitive()

# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────


def held_notes(paths: Iterable[str]) -> list[str]:
    """Signed checkpoints in files kept from before: notes, proofs, lists of either as JSON lines, whole bundles."""
    notes: list[str] = []
    for path in paths:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith("/checkpoints")]
                notes += [json.loads(line) for name in names for line in archive.read(name).decode().splitlines()]
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        found = [json.loads(line) for line in text.splitlines()] if text.startswith('"') else [text]
        notes += [each.partition("\n\n")[2] if each.startswith(PROOF) else each for each in found]
    return notes


def check_bundle(
    path: str,
    keys: Sequence[Key],
    witnesses: Sequence[Key] = (),
    quorum: int | None = None,
    held: Iterable[str] = (),
    jobs: int | None = None,
) -> Report:
    """Check a bundle. Raises Refused, OSError or BadZipFile where the file is none."""
    needed = len(witnesses) if quorum is None else quorum
    bundle = Bundle(path, keys, witnesses, needed, held_notes(held))
    with bundle.archive:
        try:
            return bundle.run(jobs or os.cpu_count() or 1)
        except (KeyError, ValueError, zlib.error, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
            if not bundle.members:
                raise Refused(f"not a bundle: {error}") from error
            bundle.report.find("damaged", "bundle", f"{type(error).__name__}: {str(error)[:200]}")
            return bundle.report


def tell(report: Report, out: Callable[[str], object]) -> None:
    """Print what was covered, what was not, and what does not agree."""
    out(f"ledger            {report.ledger}")
    out(f"institutions      {report.institutions} ({report.scope})")
    out(f"events            {report.events} by {report.commands} commands, {report.contracts} contracts")
    out(f"money moved       {report.moved_fen // 100}.{report.moved_fen % 100:02d} yuan, debits equal credits")
    out(f"checkpoints       {report.checkpoints} of institutions, {report.directory_checkpoints} of the directory")
    out(f"directory         {report.directory_size} entries, {report.witnessed_size} of them witnessed")
    out(f"roots recomputed  {report.roots}, of them held from before {report.held}")
    out(f"seals             {report.seals}, with statements {report.statements}")
    out(f"rule sets         {report.rule_sets}")
    for text in report.not_covered:
        out(f"not covered       {text}")
    for code, where, detail in report.findings:
        out(f"WRONG             {code} {where}: {detail}")
    if report.found > len(report.findings):
        out(f"WRONG             and {report.found - len(report.findings)} more")
    words = {VERIFIED: "VERIFIED", DIFFERS: "NOT VERIFIED", NOTHING: "NOTHING INSPECTED"}
    out(words[report.status])


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verify.py", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("bundle", "an audit bundle"),
        ("proof", "a .tlog-proof of one event"),
        ("statement", "a .statement-proof of one family"),
    ):
        one = commands.add_parser(name, help=help_text)
        one.add_argument("file")
        one.add_argument("--key", action="append", required=True, type=parse_key, help="key of the ledger, from it")
        one.add_argument("--witness", action="append", default=[], type=parse_key, help="key of a witness, from it")
        one.add_argument("--quorum", type=int, default=None, help="so many witnesses must have cosigned (all)")
        if name == "bundle":
            one.add_argument("--held", action="append", default=[], help="checkpoints or a bundle kept from before")
            one.add_argument("--jobs", type=int, default=None, help="processes (one for each processor)")
            one.add_argument("--json", action="store_true", help="the report as JSON")
        if name == "proof":
            one.add_argument("--topic", required=True, help="stored name of the event")
            one.add_argument("--state", required=True, help="file with the exact stored text of the event")
    return parser.parse_args(argv)


def _one_proof(args: argparse.Namespace, text: str) -> None:
    quorum = len(args.witness) if args.quorum is None else args.quorum
    if args.command == "proof":
        with open(args.state, "rb") as file:
            entry = args.topic.encode() + b"\0" + file.read()
        head = check_proof(text, entry, args.key, args.witness, quorum)
        print(f"the event stands in {head.origin}")
    else:
        head, event = check_statement(text, args.key, args.witness, quorum)
        print(f"sealed for {event['business_on']} in {head.origin}: {json.loads(text)['line']}")
    print(f"signed at {head.size} entries, {head.witnesses} witnesses\nVERIFIED")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    try:
        args = _arguments(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:
        return USAGE if stop.code else VERIFIED
    try:
        if args.command == "bundle":
            report = check_bundle(args.file, args.key, args.witness, args.quorum, args.held, args.jobs)
            if args.json:
                rows = [each._asdict() for each in report.findings]
                print(json.dumps({**report.__dict__, "findings": rows, "status": report.status}, ensure_ascii=False))
            else:
                tell(report, print)
            return report.status
        with open(args.file, encoding="utf-8") as file:
            text = file.read()
        try:
            _one_proof(args, text)
        except Refused as refusal:
            print(f"WRONG: {refusal}\nNOT VERIFIED")
            return DIFFERS
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"cannot be checked: {error}", file=sys.stderr)
        return USAGE
    return VERIFIED


if __name__ == "__main__":
    sys.exit(main())
