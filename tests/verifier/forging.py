"""Changing bundles: without any key, as an operator who signs what he changed, and as one who redoes it all."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.log.checkpoints import Checkpoint, sign_checkpoint
from ledger.log.entries import directory_entry, directory_origin, entry_of, log_origin
from ledger.log.merkle import leaf_hash, root_of
from ledger.log.notes import sign
from ledger.serialization import link
from tests.log.schools import KEY

Event = tuple[str, str]
"""Stored name and text."""


@dataclass
class Bundle:
    """The files of a bundle, to be changed and written again."""

    members: dict[str, bytes]
    doubled: dict[str, bytes] = field(default_factory=dict)
    """Members that are written a second time under the same name."""

    @classmethod
    def read(cls, path: Path) -> "Bundle":
        """All of it."""
        with zipfile.ZipFile(path) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def copy(self) -> "Bundle":
        """One to change."""
        return Bundle(dict(self.members))

    def write(self, path: Path) -> Path:
        """As it is, whatever its manifest says."""
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
        if self.doubled:
            with zipfile.ZipFile(path, "a") as archive:
                for name, content in self.doubled.items():
                    archive.writestr(f"{name[:-1]}~", content)
            raw = path.read_bytes()
            for name in self.doubled:
                raw = raw.replace(f"{name[:-1]}~".encode(), name.encode())
            path.write_bytes(raw)
        return path

    def lines(self, name: str) -> list[bytes]:
        """The lines of a member."""
        return self.members[name].splitlines(keepends=True)

    def put(self, name: str, lines: list[bytes]) -> None:
        """Other lines."""
        self.members[name] = b"".join(lines)

    def notes(self, name: str) -> list[str]:
        """The checkpoints in a member."""
        return [json.loads(line) for line in self.lines(name)]

    def put_notes(self, name: str, notes: list[str]) -> None:
        """Other checkpoints."""
        self.put(name, [json.dumps(note, ensure_ascii=False).encode() + b"\n" for note in notes])

    def sign(self, **head: str) -> "Bundle":
        """A manifest over what is there now, signed with the ledger's own key; `head` overrides what it says."""
        scope = "scope part" if b"\nscope part\n" in self.members["manifest"] else "scope all"
        logs = [name for name in self.members if name.endswith("/events")]
        said = {
            "ledger": KEY.name,
            "directory": str(len(self.lines("directory/entries"))),
            "scope": scope.split()[1],
            "institutions": str(len(logs)),
            "events": str(sum(len(self.lines(name)) for name in logs)),
        } | head
        text = ["prepaid-ledger audit bundle 1", *(f"{name} {value}" for name, value in said.items())]
        text += [
            f"{sha256(content).hexdigest()} {len(content)} {name}"
            for name, content in self.members.items()
            if name != "manifest"
        ]
        self.members["manifest"] = sign("\n".join(text) + "\n", KEY).encode().encode()
        return self

    def events(self, institution: str) -> list[Event]:
        """The events of an institution."""
        lines = [line.rstrip(b"\n").decode() for line in self.lines(f"institutions/{institution}/events")]
        return [(parts[2], parts[3]) for parts in (line.split(" ", 3) for line in lines)]

    def institutions(self) -> list[str]:
        """Whose events are here."""
        return sorted(name.split("/")[1] for name in self.members if name.endswith("/events"))

    def put_events(self, institution: str, events: list[Event]) -> None:
        """Other events, with versions and a hash chain that fit them."""
        lines, head = [], ""
        for version, (topic, state) in enumerate(events, 1):
            head = link(head, topic, state.encode())
            lines.append(f"{version} {head} {topic} {state}\n".encode())
        self.put(f"institutions/{institution}/events", lines)

    def redo(self, sizes: dict[str, list[int]] | None = None) -> "Bundle":
        """Every checkpoint, the directory and the manifest anew, as if the changed history had always been there."""
        entries, heads = list[bytes](), list[str]()
        for name in self.institutions():
            leaves = [leaf_hash(entry_of(topic, state.encode())) for topic, state in self.events(name)]
            notes = []
            for size in (sizes or {}).get(name, [max(1, len(leaves) // 2), len(leaves)]):
                root = root_of(leaves[:size])
                notes.append(sign_checkpoint(Checkpoint(log_origin(KEY.name, name), size, root), KEY))
                entries.append(directory_entry(name, size, root))
                top = Checkpoint(directory_origin(KEY.name), len(entries), root_of(map(leaf_hash, entries)))
                heads.append(sign_checkpoint(top, KEY))
            self.put_notes(f"institutions/{name}/checkpoints", notes)
        self.put("directory/entries", [entry + b"\n" for entry in entries])
        self.put_notes("directory/checkpoints", heads)
        self.relist_rules()
        return self.sign()

    def relist_rules(self) -> None:
        """The list of rule sets that fits the events."""
        named = {
            value
            for name in self.institutions()
            for _, state in self.events(name)
            for value in (json.loads(state)["envelope"]["rules"], json.loads(state)["event"].get("rules"))
            if value is not None
        }
        listed = {json.loads(line)["id"]: line for line in self.lines("rules")}
        blank = b'{"id":"%b","sha256":null,"rows":[]}\n'
        self.put("rules", [listed.get(each, blank % each.encode()) for each in sorted(named)])


def changed(event: Event, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Event:
    """An event whose envelope and facts somebody edited."""
    topic, state = event
    document = json.loads(state)
    change(document["envelope"], document["event"])
    return topic, json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def place(events: list[Event], topic: str, nth: int = 0) -> int:
    """Where the nth event of this name stands."""
    return [index for index, (name, _) in enumerate(events) if name == f"{topic}.1"][nth]
